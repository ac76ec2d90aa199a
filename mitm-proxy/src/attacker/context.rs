//! What the attacker is lent while it does something.

use protocol::endpoint::Tick;

use super::effect::Effect;
use crate::trace::Trace;

/// The time, the trace to write into, and where to put what a back end has to do. A back end lends these for one call; the attacker
/// keeps none of them.
#[derive(Debug)]
pub struct StepContext<'a> {
    /// The time.
    pub now: Tick,
    /// What happened so far. The attacker reads it, and adds what it does.
    pub trace: &'a mut Trace,
    /// What the attacker wants done, in order.
    pub effects: &'a mut Vec<Effect>,
}
