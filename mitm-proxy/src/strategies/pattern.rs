//! Patterns of passwords: `{word}` stands for every word of a list, `{number}` for every number.

/// What stands in a pattern for every word of a list.
pub(super) const WORD: &str = "{word}";
/// What stands in a pattern for every number.
pub(super) const NUMBER: &str = "{number}";

/// Everything a pattern can make, words outside and numbers inside.
pub(super) fn expand<'a>(
    pattern: &'a str,
    words: &'a [String],
    numbers: u64,
) -> impl Iterator<Item = String> + 'a {
    let count = if pattern.contains(WORD) { words.len() } else { 1 };
    let numbers = if pattern.contains(NUMBER) { numbers } else { 1 };
    (0..count).flat_map(move |at| {
        let word = words.get(at).map_or("", String::as_str);
        (0..numbers)
            .map(move |number| pattern.replace(WORD, word).replace(NUMBER, &number.to_string()))
    })
}
