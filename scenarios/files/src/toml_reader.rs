//! Walking a TOML document: typed access to its values, with a note of every mistake on the way.

use std::ops::Range;

use protocol::registry::Registry;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::diagnostic::{Diagnostic, is_hidden, list, near, quote};

/// A value and its place.
pub(crate) type Node<'t> = Spanned<DeValue<'t>>;

/// A key and its place.
pub(crate) type Key<'t> = Spanned<toml::de::DeString<'t>>;

/// After this many mistakes nothing is suggested any more: it takes time, and nobody reads that far.
const MANY: usize = 1000;

/// The document in a file of at most `most` bytes.
///
/// # Errors
/// It is larger, or no TOML.
pub(crate) fn document(source: &str, most: usize) -> Result<Spanned<DeTable<'_>>, Vec<Diagnostic>> {
    if source.len() > most {
        let message = format!("the file has {} bytes, at most {most} are read", source.len());
        let label = String::new();
        return Err(vec![Diagnostic { message, span: 0..0, label, help: None }]);
    }
    let (document, errors) = DeTable::parse_recoverable(source);
    let syntax = |error: &toml::de::Error| Diagnostic {
        message: error.message().to_owned(),
        span: error.span().unwrap_or(0..0),
        label: "not TOML".to_owned(),
        help: None,
    };
    match errors.as_slice() {
        [] => Ok(document),
        errors => Err(in_order(errors.iter().map(syntax).collect())),
    }
}

/// Mistakes in the order of the file.
pub(crate) fn in_order(mut mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    mistakes.sort_by_key(|mistake| mistake.span.start);
    mistakes
}

/// Notes mistakes while a document is walked.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Every mistake so far.
    pub(crate) mistakes: Vec<Diagnostic>,
    /// The systems that a file can name.
    pub(crate) registry: Registry,
    /// The offset each line begins at.
    line_starts: Vec<usize>,
}

/// A table whose keys have been checked.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// Where the table, or its header, stands.
    pub(crate) span: Range<usize>,
    /// Keys that were probably meant by unknown ones: they are not missing as well.
    misspelt: Vec<String>,
}

impl<'t> Table<'t> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'t Node<'t>> {
        self.entries.get(key)
    }

    /// Where a key stands.
    pub(crate) fn key_span(&self, key: &str) -> Range<usize> {
        self.entries.get_key_value(key).map_or(self.span.clone(), |(key, _)| key.span())
    }

    /// Whether the key is there, if only under a wrong name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some() || self.misspelt.iter().any(|meant| meant == key)
    }

    /// Every key and value, known or not.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'t Key<'t>, &'t Node<'t>)> + use<'t> {
        self.entries.iter()
    }
}

impl Reader {
    pub(crate) fn new(source: &str, registry: Registry) -> Self {
        let newlines = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { mistakes: Vec::new(), registry, line_starts }
    }

    /// The line of an offset, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// Note a mistake.
    pub(crate) fn mistake(&mut self, span: Range<usize>, message: String, label: &str) {
        let label = label.to_owned();
        self.mistakes.push(Diagnostic { message, span, label, help: None });
    }

    /// Note a mistake and what would be right.
    pub(crate) fn mistake_with_help(
        &mut self,
        span: Range<usize>,
        message: String,
        label: &str,
        help: String,
    ) {
        let label = label.to_owned();
        self.mistakes.push(Diagnostic { message, span, label, help: Some(help) });
    }

    /// Note a word that is not one of those allowed.
    pub(crate) fn unknown(
        &mut self,
        span: Range<usize>,
        what: &str,
        found: &str,
        allowed: &[&str],
    ) {
        self.refuse(span, format!("unknown {what} {}", quote(found)), found, allowed);
    }

    /// The same, with a message of its own.
    pub(crate) fn refuse(
        &mut self,
        span: Range<usize>,
        message: String,
        found: &str,
        allowed: &[&str],
    ) {
        let label = match self.near(found, allowed) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "not one of those allowed".to_owned(),
        };
        let help = match allowed {
            [] => "none is allowed here".to_owned(),
            _ => format!("allowed: {}", list(allowed)),
        };
        self.mistake_with_help(span, message, &label, help);
    }

    /// What may have been meant, as long as somebody may still read it.
    fn near<'w>(&self, found: &str, allowed: &[&'w str]) -> Option<&'w str> {
        if self.mistakes.len() > MANY { None } else { near(found, allowed) }
    }

    fn wrong_type(&mut self, node: &Node<'_>, what: &str, expected: &str) {
        let found = type_name(node.get_ref());
        let message = format!("{} must be {expected}, found {found}", quote(what));
        self.mistake(node.span(), message, &format!("expected {expected}"));
    }

    /// A table with none but these keys.
    pub(crate) fn table<'t>(
        &mut self,
        node: &'t Node<'t>,
        what: &str,
        allowed: &[&str],
    ) -> Option<Table<'t>> {
        let mut table = self.open_table(node, what)?;
        self.check_keys(&mut table, allowed);
        Some(table)
    }

    /// A table with any keys.
    pub(crate) fn open_table<'t>(&mut self, node: &'t Node<'t>, what: &str) -> Option<Table<'t>> {
        if let DeValue::Table(entries) = node.get_ref() {
            return Some(Table { entries, span: node.span(), misspelt: Vec::new() });
        }
        self.wrong_type(node, what, "a table");
        None
    }

    /// The whole document as a table.
    pub(crate) fn root<'t>(&mut self, entries: &'t DeTable<'t>, allowed: &[&str]) -> Table<'t> {
        let mut table = Table { entries, span: 0..0, misspelt: Vec::new() };
        self.check_keys(&mut table, allowed);
        table
    }

    fn check_keys(&mut self, table: &mut Table<'_>, allowed: &[&str]) {
        for (key, _) in table.entries() {
            if !allowed.contains(&key.get_ref().as_ref()) {
                self.unknown(key.span(), "key", key.get_ref(), allowed);
                // A misspelt key is one mistake, not an unknown key and a missing one.
                if let Some(meant) = self.near(key.get_ref(), allowed) {
                    table.misspelt.push(meant.to_owned());
                }
            }
        }
    }

    /// Note which of these keys are missing.
    pub(crate) fn require(&mut self, table: &Table<'_>, what: &str, keys: &[&str]) {
        let missing: Vec<&str> = keys.iter().filter(|key| !table.has(key)).copied().collect();
        if !missing.is_empty() {
            let keys = if missing.len() == 1 { "key" } else { "keys" };
            let message = format!("missing {keys} {}", list(&missing));
            self.mistake(table.span.clone(), message, &format!("{what} needs it"));
            if let (Some(last), true) = (self.mistakes.last_mut(), missing.len() > 1) {
                last.label = format!("{what} needs them");
            }
        }
    }

    pub(crate) fn string<'t>(&mut self, node: &'t Node<'t>, what: &str) -> Option<&'t str> {
        let text = node.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(node, what, "a string");
        }
        text
    }

    /// A string that says something.
    pub(crate) fn text<'t>(&mut self, node: &'t Node<'t>, what: &str) -> Option<&'t str> {
        let text = self.string(node, what)?;
        if text.trim().is_empty() {
            self.mistake(node.span(), format!("`{what}` is empty"), "say something here");
            return None;
        }
        // It is shown on a terminal.
        if let Some(hidden) = text.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\t')) {
            let message =
                format!("`{what}` has a character that does not show: {}", hidden.escape_unicode());
            self.mistake(node.span(), message, "text that people can read");
            return None;
        }
        Some(text)
    }

    /// One of these words.
    pub(crate) fn word<'w>(
        &mut self,
        node: &Node<'_>,
        key: &str,
        what: &str,
        allowed: &[&'w str],
    ) -> Option<&'w str> {
        let found = self.string(node, key)?;
        let word = allowed.iter().find(|word| **word == found).copied();
        if word.is_none() {
            self.unknown(node.span(), what, found, allowed);
        }
        word
    }

    pub(crate) fn flag(&mut self, node: &Node<'_>, what: &str) -> Option<bool> {
        let flag = node.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(node, what, "`true` or `false`");
        }
        flag
    }

    pub(crate) fn array<'t>(
        &mut self,
        node: &'t Node<'t>,
        what: &str,
        of: &str,
    ) -> Option<&'t [Node<'t>]> {
        if let DeValue::Array(array) = node.get_ref() {
            return Some(array);
        }
        self.wrong_type(node, what, &format!("an array of {of}"));
        None
    }

    /// A string, or an array of them.
    pub(crate) fn one_or_more<'t>(
        &mut self,
        node: &'t Node<'t>,
        what: &str,
    ) -> Option<&'t [Node<'t>]> {
        match node.get_ref() {
            DeValue::String(_) => Some(std::slice::from_ref(node)),
            DeValue::Array(array) if array.is_empty() => {
                self.mistake(node.span(), format!("`{what}` is empty"), "name at least one");
                None
            }
            DeValue::Array(array) => Some(array),
            _ => {
                self.wrong_type(node, what, "a string or an array of strings");
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number(
        &mut self,
        node: &Node<'_>,
        what: &str,
        (low, high): (u64, u64),
    ) -> Option<u64> {
        let Some(integer) = node.get_ref().as_integer() else {
            self.wrong_type(node, what, "a whole number");
            return None;
        };
        let number = whole(integer).filter(|number| (low..=high).contains(number));
        if number.is_none() {
            let message = format!("{} is out of bounds", quote(what));
            let label = match high {
                u64::MAX => format!("at least {low}, at most 2^64 - 1"),
                _ => format!("at least {low}, at most {high}"),
            };
            self.mistake(node.span(), message, &label);
        }
        number
    }

    /// The same, for numbers that count something: at least 1, at most 2^32 - 1.
    pub(crate) fn ordinal(&mut self, node: &Node<'_>, what: &str) -> Option<u32> {
        let number = self.number(node, what, (1, u64::from(u32::MAX)))?;
        u32::try_from(number).ok()
    }

    /// Hexadecimal digits, two for each byte; white space does not count.
    pub(crate) fn hex(&mut self, node: &Node<'_>, what: &str, text: &str) -> Option<Vec<u8>> {
        let mut digits = Vec::with_capacity(text.len());
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            let Some(digit) = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
                let message = format!("{} is not a hexadecimal digit", quote(&c.to_string()));
                let label = format!("`{what}` takes 0 to 9 and a to f");
                self.mistake(node.span(), message, &label);
                return None;
            };
            digits.push(digit);
        }
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() {
            let message = format!("`{what}` has an odd number of hexadecimal digits");
            self.mistake(node.span(), message, "two for each byte");
            return None;
        }
        Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
    }
}

/// The value of an integer that is not negative and fits into 64 bits.
pub(crate) fn whole(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
