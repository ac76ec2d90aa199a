//! `scenarios new NAME`: write a commented starter file, for a system of the lab or for somebody's own programs.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use files::diagnostic::quote;
use files::layout_file;
use files::starter::{self, starter};

use super::done::Done;
use super::output::{Output, print};

/// Options of `new`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The scenario's name: lower-case words joined by `-`
    #[arg(value_name = "NAME")]
    name: String,
    /// For your own programs: write `NAME.toml` to fill in, and the layout `NAME-layout.toml`
    #[arg(long)]
    target: bool,
}

/// Write `NAME.toml` into the current folder. A file that is there stays as it is.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    if args.target {
        let path = write(&args.name, "scenario", "my-channel", starter::target)?;
        let layout = format!("{}-layout", args.name);
        write(&layout, "layout", "my-channel-layout", layout_file::starter)?;
        let path = path.display();
        output.remark(&format!("fill it in, then: scenarios check {path}, scenarios run {path}"));
        return Ok(Done::Expected);
    }
    let path = write(&args.name, "scenario", "my-first-replay", starter)?;
    output.remark(&format!("run it: scenarios run {}", path.display()));
    Ok(Done::Expected)
}

/// Write a starter file of this name into the current folder.
pub(super) fn write(
    name: &str,
    what: &str,
    example: &str,
    starter: fn(&str) -> String,
) -> Result<PathBuf> {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if !name.split('-').all(word) || name.len() > 100 {
        let name = quote(name);
        bail!(
            "{name} is no {what} name: expected lower-case words joined by `-`, such as `{example}`"
        );
    }
    let path = PathBuf::from(format!("{name}.toml"));
    let opened = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already; nothing was written", path.display());
        }
        other => other.with_context(|| format!("{} cannot be written", path.display()))?,
    };
    file.write_all(starter(name).as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    print(&format!("{}\n", path.display()))?;
    Ok(path)
}
