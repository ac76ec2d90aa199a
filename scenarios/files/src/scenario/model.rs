//! A scenario as data.

use std::path::PathBuf;
use std::sync::Arc;

use judge::Scope;
use judge::expect::Expect;
use judge::{self, Plan};
use protocol::system::System;
use protocol::weakness::Weakness;

use crate::family::Family;
use crate::layout_file::LayoutFile;
use crate::target_file::Target;

/// One attack: what honest clients do, what the attacker does, and what the judge is expected to say.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, which is also its file name without `.toml`.
    pub name: String,
    /// What kind of attack it is.
    pub family: Family,
    /// One line: what the attacker does.
    pub summary: String,
    /// A few sentences: what there is to learn.
    pub teaches: String,
    /// The systems it runs on; none where it is for somebody's own programs.
    pub systems: Vec<&'static System>,
    /// What it runs on instead.
    pub target_set: Option<TargetSet>,
    /// Decides every random byte.
    pub seed: u64,
    /// The weaknesses without which there is no violation; may be empty.
    pub needs: Vec<Weakness>,
    /// What the honest endpoints send, and what the attacker does. Client 1 is always there and does something; the
    /// server's script is there only where its application sends messages.
    pub plan: Plan,
    /// What the judge is expected to say.
    pub expect: Expect,
    /// The file it was read from, as it is shown.
    pub path: String,
    /// The same as the system has it; none in the catalogue.
    pub file: Option<PathBuf>,
    /// Somebody's own input stands in place of what the script sends. It may be too short to say anything of
    /// secrecy, and that is then no surprise.
    pub replaced: bool,
    /// Remarks on that input, such as a text that a system cannot send.
    pub notes: Vec<String>,
}

/// What is attacked in place of a system.
#[derive(Clone, Debug)]
pub struct TargetSet {
    /// The frames it speaks.
    pub layout: Arc<LayoutFile>,
    /// The programs, one pair or several.
    pub targets: Vec<Target>,
    /// What of them is judged.
    pub scope: Scope,
}
