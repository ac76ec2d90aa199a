//! The names that scenarios, layouts and targets can have.

/// Whether a scenario, layout or target can have this name: words of small letters and digits with single hyphens between them, at
/// most 100 characters.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 100 && name.split('-').all(|word| !word.is_empty() && word.bytes().all(plain))
}
