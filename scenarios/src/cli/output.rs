//! What every command prints with: format, colour, quiet.

use std::io::{self, Write};

use anstream::ColorChoice;
use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use files::catalogue::Catalogue;
use reports::text::{Page, Paint};
use terminal;

pub(super) use terminal::stdout::print;

/// How to print.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Output {
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    pub(super) format: Format,
    /// Print only what is not as expected, and the counts
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// When to colour; `auto` is on a terminal that can, unless `NO_COLOR` is set
    #[arg(long, value_enum, default_value_t = Colour::Auto, global = true, visible_alias = "colour")]
    pub(super) color: Colour,
    /// The scenarios and systems of the program.
    #[arg(skip)]
    pub(super) catalogue: Catalogue,
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
        paint(self.color, anstream::AutoStream::choice(&io::stdout()))
    }

    /// What text on standard output is made for.
    pub(super) fn page(self) -> Page {
        Page { paint: self.paint(), columns: terminal::columns() }
    }

    /// Whether to colour standard error.
    pub(super) fn paint_errors(self) -> Paint {
        paint(self.color, anstream::AutoStream::choice(&io::stderr()))
    }

    /// A remark for people, on standard error.
    pub(super) fn remark(self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

fn paint(wanted: Colour, found: ColorChoice) -> Paint {
    match wanted {
        Colour::Always => Paint::Colour,
        Colour::Auto if found != ColorChoice::Never => Paint::Colour,
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
