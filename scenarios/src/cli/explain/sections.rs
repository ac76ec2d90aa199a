//! What `scenarios explain` prints.

/// Titles and texts, in order.
pub(super) type Sections = Vec<(&'static str, String)>;
