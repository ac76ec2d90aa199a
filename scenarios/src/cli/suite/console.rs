//! Questions on standard error, answers from standard input, a line each.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::{Result, anyhow, bail};

use crate::cli::output::print;
use crate::cli::password::secret;

/// The longest answer, in bytes.
const LONGEST: u64 = 1 << 20;

/// There is no more to read, or no more is wanted; or reading or printing fails, now and from here on.
#[derive(Debug)]
pub(crate) struct Over(pub(super) Option<io::Error>);

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the menu is over")
    }
}

impl std::error::Error for Over {}

impl From<io::Error> for Over {
    fn from(error: io::Error) -> Self {
        Self(Some(error))
    }
}

/// Print a result.
///
/// # Errors
/// [`Over`].
pub(super) fn say(text: &str) -> Result<()> {
    Ok(print(text).map_err(Over::from)?)
}

/// Where questions are asked and answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    /// Whether somebody types the answers.
    terminal: bool,
}

impl Console {
    /// The terminal, or whatever standard input is.
    pub(super) fn new() -> Self {
        Self { terminal: io::stdin().is_terminal() }
    }

    /// Ask for a line.
    ///
    /// # Errors
    /// [`Over`]; a line too long, which is skipped, or not UTF-8.
    pub(super) fn ask(self, question: &str) -> Result<String> {
        let mut errors = io::stderr().lock();
        let _ = write!(errors, "{question}");
        if !self.terminal {
            // Nobody's answer ends the line.
            let _ = writeln!(errors);
        }
        let _ = errors.flush();
        drop(errors);
        read_line(&mut io::stdin().lock())
    }

    /// Ask for a line that is not shown.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) fn ask_secret(self, question: &str) -> Result<String> {
        if self.terminal {
            return secret(question)?.ok_or_else(|| Over(None).into());
        }
        self.ask(question)
    }

    /// Whether somebody may mistype what is not shown.
    pub(super) fn is_terminal(self) -> bool {
        self.terminal
    }
}

fn read_line(input: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    input.take(LONGEST + 1).read_until(b'\n', &mut line).map_err(Over::from)?;
    if line.is_empty() {
        return Err(Over(None).into());
    }
    // Where its end was read, the next line is another answer.
    if line.len() as u64 > LONGEST && !line.ends_with(b"\n") {
        input.skip_until(b'\n').map_err(Over::from)?;
        bail!("a line of more than {LONGEST} bytes");
    }
    let line = String::from_utf8(line).map_err(|_| anyhow!("a line that is not UTF-8"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_up_to_a_bound_and_what_is_longer_is_skipped() {
        let longest = "x".repeat(1 << 20);
        let text = format!("one\r\n\n{longest}\n{longest}x\nthree\n\u{e9}four");
        let mut input = text.as_bytes();
        assert_eq!(read_line(&mut input).unwrap(), "one");
        assert_eq!(read_line(&mut input).unwrap(), "");
        assert_eq!(read_line(&mut input).unwrap(), longest);
        assert!(read_line(&mut input).unwrap_err().to_string().contains("more than"));
        assert_eq!(read_line(&mut input).unwrap(), "three");
        assert_eq!(read_line(&mut input).unwrap(), "éfour");
        assert!(read_line(&mut input).unwrap_err().is::<Over>());
        assert!(read_line(&mut &b"caf\xe9\n"[..]).unwrap_err().to_string().contains("UTF-8"));
    }
}
