//! Words to guess with: a short list that comes with the program.

use std::sync::LazyLock;

static BUILTIN: LazyLock<Vec<String>> =
    LazyLock::new(|| include_str!("../data/words.txt").lines().map(str::to_owned).collect());

/// The list that comes with the program: common passwords and common English words.
pub fn builtin() -> &'static [String] {
    &BUILTIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_list_is_a_word_a_line_and_none_twice() {
        let mut words = builtin().to_vec();
        assert!(words.len() > 400 && words.iter().all(|word| !word.trim().is_empty()));
        words.sort();
        words.dedup();
        assert_eq!(words.len(), builtin().len());
    }
}
