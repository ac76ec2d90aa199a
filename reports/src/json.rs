//! JSON: an object with `cases` and `summary`, as the view model has them.

use crate::view::Report;

/// The report as pretty-printed JSON, with a newline at the end.
///
/// # Errors
/// Never in practice: the view model has nothing that JSON cannot say.
pub fn render(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report).map(|json| json + "\n")
}
