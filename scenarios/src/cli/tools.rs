//! What strategies are given: words, a budget, full size; and a bar that shows how far they are.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mitm_proxy::strategies::{Progress, Tools};

use super::output::Output;
use crate::words;

/// Options for strategies.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ToolArgs {
    /// Guess with the words of this file, a line each, instead of the list that comes with the program
    #[arg(long, value_name = "PATH")]
    words: Option<PathBuf>,
    /// The most a strategy may ask or try, instead of the scenario's limit
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    budget: Option<u64>,
    /// Strategies in full size, such as a 2048-bit modulus, however long that takes
    #[arg(long)]
    full: bool,
}

/// The words to guess with, and where to show how far a strategy is.
#[derive(Debug)]
pub(super) struct Kit {
    words: Option<Vec<String>>,
    args: ToolArgs,
    bar: Bar,
}

impl Kit {
    /// Read what there is to read.
    pub(super) fn new(args: &ToolArgs, output: Output) -> Result<Self> {
        let words =
            args.words.as_deref().map(words::read).transpose().map_err(|why| anyhow!(why))?;
        Ok(Self { words, args: args.clone(), bar: Bar::new(output) })
    }

    /// The same for strategies.
    pub(super) fn tools(&self) -> Tools<'_> {
        Tools {
            words: self.words.as_deref().unwrap_or(words::builtin()),
            budget: self.args.budget,
            full: self.args.full,
            progress: &self.bar,
        }
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        self.bar.0.finish_and_clear();
    }
}

/// One bar for whichever strategy told last; only on a terminal.
#[derive(Debug)]
struct Bar(ProgressBar);

impl Bar {
    fn new(output: Output) -> Self {
        let shown = io::stderr().is_terminal() && !output.quiet;
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }
}

impl Progress for Bar {
    fn tell(&self, strategy: &'static str, done: u64, total: u64, queries: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
        self.0.set_message(format!("{strategy}: {queries} queries"));
    }
}
