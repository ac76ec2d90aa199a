//! What strategies are given: words, a budget, full size.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use files::wordlist;
use mitm_proxy::strategy::{Progress, Tools};

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

/// The words to guess with, and how much.
#[derive(Debug)]
pub(super) struct Kit {
    words: Option<Vec<String>>,
    args: ToolArgs,
}

impl Kit {
    /// Read what there is to read.
    pub(super) fn new(args: &ToolArgs) -> Result<Self> {
        let words =
            args.words.as_deref().map(wordlist::read).transpose().map_err(|why| anyhow!(why))?;
        Ok(Self { words, args: args.clone() })
    }

    /// The same for strategies, who tell how far they are.
    pub(super) fn tools<'a>(&'a self, progress: &'a dyn Progress) -> Tools<'a> {
        Tools {
            words: self.words.as_deref().unwrap_or(judge::wordlist::builtin()),
            budget: self.args.budget,
            full: self.args.full,
            progress,
        }
    }
}
