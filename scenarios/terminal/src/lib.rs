//! Standard output whose reader may leave, and what the terminal can do, if there is one.

use std::io::{self, IsTerminal};

use console::Term;

pub mod stdout;

/// How many columns standard output has; none if it is no terminal.
pub fn columns() -> Option<u16> {
    let (_, columns) = Term::stdout().size_checked().filter(|_| io::stdout().is_terminal())?;
    Some(columns)
}

/// Whether something on standard error can be drawn anew, such as a bar: a terminal that calls itself dumb only writes on.
pub fn draws() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}
