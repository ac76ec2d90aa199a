//! What every command prints with: format, colour, quiet.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use reports::text::Paint;

pub(super) use crate::stdout::print;

/// How to print.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Output {
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    pub(super) format: Format,
    /// Print only what is not as expected, and the counts
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// When to colour; `auto` is on a terminal, unless `NO_COLOR` is set
    #[arg(long, value_enum, default_value_t = Colour::Auto, global = true, visible_alias = "colour")]
    pub(super) color: Colour,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Colour {
    Auto,
    Always,
    Never,
}

impl Output {
    /// Whether to colour standard output.
    pub(super) fn paint(self) -> Paint {
        paint(self.color, io::stdout().is_terminal())
    }

    /// Whether to colour standard error.
    pub(super) fn paint_errors(self) -> Paint {
        paint(self.color, io::stderr().is_terminal())
    }

    /// A remark for people, on standard error.
    pub(super) fn remark(self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

fn paint(wanted: Colour, terminal: bool) -> Paint {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match wanted {
        Colour::Always => Paint::Colour,
        Colour::Auto if terminal && !forbidden => Paint::Colour,
        Colour::Auto | Colour::Never => Paint::Plain,
    }
}

/// Everything was tried, one after the other; what failed is told together.
pub(super) fn all_of(tried: impl IntoIterator<Item = Result<()>>) -> Result<()> {
    let failed: Vec<String> =
        tried.into_iter().filter_map(|one| Some(format!("{:#}", one.err()?))).collect();
    if failed.is_empty() { Ok(()) } else { Err(anyhow!(failed.join("\n"))) }
}

/// So many things, in words: `1 file`, `2 files`.
pub(super) fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
