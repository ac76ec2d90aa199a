//! Mistakes in a file somebody wrote, and how they are shown: file, line and column, the text underlined,
//! what was expected instead.
//!
//! Files come from anywhere. Nothing in them reaches a terminal unescaped: control characters and those
//! that reorder text are made visible, and long lines are cut.

use std::fmt::{self, Display, Write as _};
use std::ops::Range;
use std::path::Path;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// How many mistakes are shown at once.
const SHOWN: usize = 20;

/// How many characters of one line are underlined, and how many are shown after that.
const UNDERLINED: usize = 100;

/// The last column of a line that is shown; of what is beyond, only the place is told.
const FARTHEST: usize = 1000;

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes of the source. Empty where something is missing.
    pub span: Range<usize>,
    /// What stands beside the underlined text; may be empty.
    pub label: String,
    /// What would be right.
    pub help: Option<String>,
}

/// All mistakes of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostics {
    /// The file.
    pub path: String,
    /// Its content.
    pub source: String,
    /// The mistakes, in the order of the file.
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// All mistakes as text for people, without a final line break. At most 20 are shown.
    pub fn render(&self, color: Color) -> String {
        let renderer = match color {
            Color::Plain => Renderer::plain(),
            Color::Ansi => Renderer::styled(),
        };
        let renderer = renderer.term_width(DEFAULT_TERM_WIDTH);
        let mut text = String::new();
        for diagnostic in self.list.iter().take(SHOWN) {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&self.render_one(diagnostic, &renderer));
        }
        if let Some(more @ 1..) = self.list.len().checked_sub(SHOWN) {
            let _ = write!(text, "\n\n… and {more} more in {}", escape(&self.path));
        }
        text
    }

    /// Line and column of a byte of the source, both from 1; columns count characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let before = self.source.get(..self.floor(at)).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before.get(start..).unwrap_or_default().chars().count() + 1)
    }

    fn render_one(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        let (number, column) = self.position(diagnostic.span.start);
        let path = escape(&self.path);
        let label = escape(&diagnostic.label);
        let title = Level::ERROR.primary_title(escape(&diagnostic.message));
        let mut group: Group<'_> = if column > FARTHEST {
            title.element(Origin::path(path).line(number).char_column(column))
        } else {
            title.element(self.snippet(diagnostic.span.clone(), path, label))
        };
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(escape(help)));
        }
        renderer.render(&[group])
    }

    /// The line a span begins in, with the span underlined.
    fn snippet(
        &self,
        span: Range<usize>,
        path: String,
        label: String,
    ) -> Snippet<'static, Annotation<'static>> {
        let from = self.floor(span.start);
        let to = self.floor(span.end).max(from);
        let before = self.source.get(..from).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = self.source.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let (line, span) = visible(line, from - start..to - start);
        let mut annotation = AnnotationKind::Primary.span(span);
        if !label.is_empty() {
            annotation = annotation.label(label);
        }
        let number = self.position(from).0;
        Snippet::source(line).line_start(number).path(path).annotation(annotation)
    }

    /// The last place at or before `at` where a character begins.
    fn floor(&self, at: usize) -> usize {
        self.source.floor_char_boundary(at)
    }
}

/// Whether a text may contain colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Color {
    /// No escape sequence at all.
    Plain,
    /// ANSI escape sequences, for a terminal.
    Ansi,
}

impl Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Color::Plain))
    }
}

impl std::error::Error for Diagnostics {}

/// A line of source as it may be shown, and where the span lies in that. Every character stands for one
/// character, so columns stay what they are; what is far behind the span is cut.
fn visible(line: &str, span: Range<usize>) -> (String, Range<usize>) {
    let mut shown = String::new();
    let (mut start, mut end) = (None, None);
    let mut after = 0;
    for (at, c) in line.char_indices() {
        if at >= span.start && start.is_none() {
            start = Some(shown.len());
        }
        if start.is_some() {
            after += 1;
        }
        if (at >= span.end || after > UNDERLINED) && end.is_none() {
            end = Some(shown.len());
        }
        if after > 2 * UNDERLINED {
            shown.push('…');
            break;
        }
        shown.push(match c {
            '\t' => ' ',
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\x7f' => '␡',
            c if is_hidden(c) => '\u{fffd}',
            c => c,
        });
    }
    let start = start.unwrap_or(shown.len());
    let end = end.unwrap_or(shown.len()).max(start);
    (shown, start..end)
}

/// The same text with every character visible: control characters, and those that hide or reorder others, are
/// escaped as `\u{1b}`.
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Line feeds and all that reports do not show as it is.
pub(crate) fn is_hidden(c: char) -> bool {
    c == '\n' || reports::plain::is_hidden(c)
}

/// Words of a file for use in a message: in backticks, cut after 60 characters.
pub fn quote(text: &str) -> String {
    let head: String = text.chars().take(60).collect();
    let cut = if head.len() < text.len() { "…" } else { "" };
    format!("`{}{cut}`", escape(&head))
}

/// A path for use in a message, as [`quote`].
pub fn quote_path(path: &Path) -> String {
    quote(&path.display().to_string())
}

/// Several words in backticks, with commas.
pub fn list<T: AsRef<str>>(words: &[T]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    quoted.join(", ")
}

/// How often: "once", or "3 times".
pub fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// The word somebody may have meant who wrote `word`.
pub fn near<'w>(word: &str, allowed: &[&'w str]) -> Option<&'w str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    // The distance takes time in proportion to both lengths; nobody mistypes that much.
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let word = plain(word);
    let closest = allowed
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| {
            let len = word.chars().count().max(candidate.chars().count());
            *distance <= (len / 3).max(1) && *distance < len
        });
    if let Some((_, candidate)) = closest {
        return Some(candidate);
    }
    // `DATA` for `CLIENT_DATA`, if only one can be meant.
    let mut longer = allowed.iter().filter(|candidate| plain(candidate).contains(&word));
    match (longer.next(), longer.next()) {
        (Some(only), None) if word.len() >= 3 => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: &str, span: Range<usize>) -> Diagnostics {
        let diagnostic = Diagnostic {
            message: "wrong".into(),
            span,
            label: "here".into(),
            help: Some("do better".into()),
        };
        Diagnostics { path: "a.toml".into(), source: source.into(), list: vec![diagnostic] }
    }

    #[test]
    fn a_mistake_is_underlined_at_its_line_and_column() {
        let shown = at("one\n  twö three\nfour", 11..16).to_string();
        let expected = [
            "error: wrong",
            " --> a.toml:2:7",
            "  |",
            "2 |   twö three",
            "  |       ^^^^^ here",
            "  |",
            "  = help: do better",
        ];
        // Columns count characters: `ö` has two bytes.
        assert_eq!(shown, expected.join("\n"));
    }

    #[test]
    fn any_span_in_any_text_can_be_shown() {
        for source in ["", "\n", "ä", "a\r\nb\r\n", "\u{feff}a", "\t\tx"] {
            for start in 0..source.len() + 2 {
                for end in start..source.len() + 3 {
                    assert!(at(source, start..end).to_string().contains("wrong"));
                }
            }
        }
    }

    #[test]
    fn a_long_line_is_cut_and_quick_to_show() {
        let shown = at(&"x".repeat(1 << 20), (1 << 19)..(1 << 20)).to_string();
        assert!(shown.len() < 2000, "{}", shown.len());
        assert!(shown.contains("a.toml:1:524289"));
    }

    #[test]
    fn only_twenty_are_shown() {
        let mut all = at("x", 0..1);
        let one = all.list.first().unwrap().clone();
        all.list = vec![one; 23];
        let shown = all.to_string();
        assert_eq!(shown.matches("error: wrong").count(), 20);
        assert!(shown.ends_with("… and 3 more in a.toml"));
    }

    #[test]
    fn nothing_hidden_reaches_a_terminal() {
        let mut all = at("a = \u{1b}[31m\u{202e}\u{9b}x\u{7f}", 4..16);
        all.path = "\u{1b}]0;x\u{7}.toml".into();
        if let Some(one) = all.list.first_mut() {
            one.message = "\u{1b}[2J\r\n".into();
            one.label = "\u{200b}".into();
            one.help = Some("\u{1b}c".into());
        }
        let shown = all.to_string();
        assert!(!shown.chars().any(|c| c != '\n' && is_hidden(c)), "{shown:?}");
        assert!(shown.contains(r"error: \u{1b}[2J\u{d}\u{a}"));
    }

    #[test]
    fn colour_is_there_only_when_asked_for() {
        assert!(at("x", 0..1).render(Color::Ansi).contains('\u{1b}'));
        assert!(!at("x", 0..1).render(Color::Plain).contains('\u{1b}'));
    }

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let types = ["CLIENT_HELLO", "CLIENT_DATA", "TERMINATE"];
        assert_eq!(near("CLIENT-DATA", &types), Some("CLIENT_DATA"));
        assert_eq!(near("client_dta", &types), Some("CLIENT_DATA"));
        assert_eq!(near("DATA", &types), Some("CLIENT_DATA"));
        assert_eq!(near("CLIENT", &types), None);
        assert_eq!(near("nonsense", &types), None);
        assert_eq!(near("", &types), None);
        assert_eq!(near("x", &["y"]), None);
    }
}
