//! Names and bytes from files, kept for as long as the program runs.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
static BYTES: Mutex<BTreeSet<&'static [u8]>> = Mutex::new(BTreeSet::new());
static NAMES: Mutex<BTreeSet<&'static [&'static str]>> = Mutex::new(BTreeSet::new());

/// The same text, forever. Fields and frames are declared with static names, so those of a file are leaked: each
/// distinct one once, however often the file is read again.
pub fn intern(text: &str) -> &'static str {
    let mut known = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = known.get(text) {
        return text;
    }
    let text: &'static str = Box::leak(text.into());
    known.insert(text);
    text
}

/// The same for bytes: tags and delimiters.
pub fn intern_bytes(bytes: &[u8]) -> &'static [u8] {
    let mut known = BYTES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bytes) = known.get(bytes) {
        return bytes;
    }
    let bytes: &'static [u8] = Box::leak(bytes.into());
    known.insert(bytes);
    bytes
}

/// The same for a set of names.
pub(crate) fn intern_names(names: BTreeSet<&'static str>) -> &'static [&'static str] {
    let names: Vec<&'static str> = names.into_iter().collect();
    let mut known = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(names) = known.get(&names[..]) {
        return names;
    }
    let names: &'static [&'static str] = names.leak();
    known.insert(names);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once() {
        assert!(std::ptr::eq(intern("sequence number"), intern(&["sequence", "number"].join(" "))));
        assert!(std::ptr::eq(intern_bytes(b"\r\n"), intern_bytes(&[13, 10])));
    }
}
