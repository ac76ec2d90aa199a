//! Text from outside made harmless to look at: whatever a name or a payload holds, no character of it hides, moves or reverses others.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character would not be seen as itself: controls, but for the line feed, and what changes the direction or the shape of
/// its neighbours.
pub fn is_hidden(character: char) -> bool {
    let formats = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'
    );
    formats || character != '\n' && character.is_control()
}

/// The text with every hidden character as `\u{202e}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// The text on one line, hidden characters visible, and no more than `most` columns wide; `…` stands for the rest. A wide character takes two
/// columns.
pub fn line(text: &str, most: usize) -> String {
    let text = text.replace('\n', " ");
    let text = visible(&text);
    let width = |character: char| if u32::from(character) < 0x1100 { 1 } else { 2 };
    let mut columns = 0;
    let mut shown = String::new();
    for character in text.chars() {
        columns += width(character);
        if columns > most {
            shown.pop();
            shown.push('…');
            break;
        }
        shown.push(character);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_stays_and_what_hides_is_named() {
        assert!(matches!(visible("plain ✓ text\n"), Cow::Borrowed(_)));
        assert_eq!(visible("a\u{202e}b\u{1b}[31m\0"), "a\\u{202e}b\\u{1b}[31m\\u{0}");
        assert_eq!(visible("tab\there"), "tab\\u{9}here");
    }

    #[test]
    fn a_line_is_never_too_wide() {
        assert_eq!(line("abc\ndef", 7), "abc def");
        assert_eq!(line("abcdefgh", 4), "abc…");
        assert_eq!(line("漢字漢字", 5), "漢…");
        assert_eq!(line("", 5), "");
    }
}
