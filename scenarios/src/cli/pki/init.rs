//! `scenarios pki init SYSTEM`: all keys and certificates of a system, as a folder for `--keys`.

use std::path::PathBuf;

use accounts::user_files::{Existing, WriteError, write};
use anyhow::{Result, anyhow};
use protocol::system::Wanted;

use super::How;
use crate::cli::clock::now;
use crate::cli::done::Done;
use crate::cli::output::Output;
use crate::cli::select::check;

/// Options of `init`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The system
    #[arg(value_name = "SYSTEM")]
    system: String,
    /// The folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// For how many clients
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    clients: u32,
    #[command(flatten)]
    how: How,
}

/// Make them.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let registry = output.catalogue.registry;
    let known = registry.names();
    check("system", &args.system, &known)?;
    let system = registry.system(&args.system);
    let system = system.ok_or_else(|| anyhow!("unknown system"))?;
    let existing = args.how.existing();
    // Better to say so before minutes of making keys.
    if existing == Existing::Keep
        && let Some((path, _)) =
            system.keys.files.iter().find(|(path, _)| args.out.join(path).exists())
    {
        return Err(WriteError::Exists(args.out.join(path)).into());
    }
    let mut entropy = args.how.entropy("pki")?;
    let mut wanted = Wanted { entropy: &mut entropy, from: now(), clients: args.clients };
    for (path, content) in (system.keys.generate)(&mut wanted)? {
        let path = args.out.join(path);
        write(&path, content.as_bytes(), existing)?;
        output.remark(&format!("wrote {}", path.display()));
    }
    Ok(Done::Expected)
}
