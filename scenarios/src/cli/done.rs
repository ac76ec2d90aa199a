//! How a command ended.

/// How a command ended, when it could run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Done {
    /// All as expected.
    Expected,
    /// A verdict differs.
    Unexpected,
    /// A signal; what there was up to then was reported.
    Interrupted,
}
