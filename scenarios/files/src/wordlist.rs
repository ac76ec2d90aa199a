//! Words to guess with, from the user's own file.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::diagnostic::quote_path;

/// The largest word list, in bytes.
pub const MAX_WORDS: u64 = 256 << 20;

/// The longest word, in bytes.
pub const MAX_WORD: usize = 1024;

/// The words of a file, a line each; empty lines do not count.
///
/// # Errors
/// Why they cannot be used, in a line that names the file.
pub fn read(path: &Path) -> Result<Vec<String>, String> {
    let shown = quote_path(path);
    let failed = |error: std::io::Error| format!("{shown} cannot be read: {}", error.kind());
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(format!("{shown} is not a regular file"));
    }
    if about.len() > MAX_WORDS {
        let len = about.len();
        return Err(format!("{shown} has {len} bytes, a word list at most {MAX_WORDS}"));
    }
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_WORDS).read_to_end(&mut content))
        .map_err(failed)?;
    parse(&content).map_err(|why| format!("{shown}{why}"))
}

fn parse(content: &[u8]) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for (number, line) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_WORD {
            return Err(format!(", line {number}: longer than {MAX_WORD} bytes"));
        }
        match std::str::from_utf8(line) {
            Ok("") => {}
            Ok(word) => words.push(word.to_owned()),
            Err(_) => return Err(format!(", line {number}: not UTF-8 text")),
        }
    }
    if words.is_empty() {
        return Err(" has no words".to_owned());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_is_refused_by_line() {
        assert_eq!(parse(b"one\r\n\ntwo\n").unwrap(), ["one", "two"]);
        assert_eq!(parse(b"one\n\xff\n").unwrap_err(), ", line 2: not UTF-8 text");
        assert_eq!(parse(b"\n\n").unwrap_err(), " has no words");
        let long = [b"x\n", &[b'y'; 2000][..]].concat();
        assert_eq!(parse(&long).unwrap_err(), ", line 2: longer than 1024 bytes");
    }
}
