//! Where programs cannot be started.

use std::sync::Arc;

use files::target_file::Target;

use crate::{Interrupt, Prompt, Run, TargetError};

/// Run it once with this attacker in the middle.
///
/// # Errors
/// Always: programs are only started on Unix.
pub fn run(
    _: &Target,
    _: Arc<protocol::layout::Layout>,
    _: &[String],
    _: mitm_proxy::attacker::Attacker,
    _: Prompt,
    _: &Interrupt,
) -> Result<Run, TargetError> {
    Err(TargetError::NotHere)
}
