//! The style classes and the words of verdicts.

/// A verdict as a class of the style sheet.
pub(crate) fn class_of(verdict: &str) -> &'static str {
    match verdict {
        "violated" => "v",
        "held" => "h",
        _ => "i",
    }
}

/// A violation must be seen without colour.
pub(crate) fn shout(verdict: &str) -> &str {
    if verdict == "violated" { "VIOLATED" } else { verdict }
}
