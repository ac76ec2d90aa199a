//! Targets as files declare them: somebody's own programs as victims, how they are started, and what tells what they accepted. The
//! crate `targets` runs them.

mod model;
mod observe;
mod placeholders;
mod read;
mod scope;

pub use model::{
    Channel, DEFAULT_LIMIT, DEFAULT_QUIET, DEFAULT_START, JudgedFrom, Observation, Observed,
    Program, Ready, Sign, Target,
};
pub use observe::{limits, named_end};
pub use placeholders::{fill, is_placeholder};
pub(crate) use read::{Found, read};
pub use read::{TargetsFile, targets};
pub(crate) use scope::read as read_scope;
