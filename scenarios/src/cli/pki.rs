//! `scenarios pki`: keys, requests and certificates.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Subcommand;
use protocol::entropy::Entropy;
use protocol::keyfiles::Wanted;
use protocol::systems::SYSTEMS;

use super::Done;
use super::live::now;
use super::output::Output;
use super::select::check;
use crate::files::{Existing, write};

/// Options of `pki`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand, Clone, Debug)]
enum Commands {
    /// Make all keys and certificates of a system: a folder for `--keys`
    Init(Init),
}

#[derive(clap::Args, Clone, Debug)]
struct Init {
    /// The system
    #[arg(value_name = "SYSTEM")]
    system: String,
    /// The folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// For how many clients
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    clients: u32,
    /// Decides every key, to make the same again: for tests only
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// Run one of the commands.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    match &args.command {
        Commands::Init(args) => init(args, output),
    }
}

fn init(args: &Init, output: Output) -> Result<Done> {
    let known: Vec<&str> = SYSTEMS.iter().map(|system| system.name).collect();
    check("system", &args.system, &known)?;
    let system = SYSTEMS.iter().find(|system| system.name == args.system);
    let system = system.ok_or_else(|| anyhow!("unknown system"))?;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    // Better to say so before minutes of making keys.
    if existing == Existing::Keep
        && let Some((path, _)) =
            system.keys.files.iter().find(|(path, _)| args.out.join(path).exists())
    {
        return Err(crate::files::WriteError::Exists(args.out.join(path)).into());
    }
    let mut entropy = entropy(args.seed)?;
    let mut wanted = Wanted { entropy: &mut entropy, from: now(), clients: args.clients };
    for (path, content) in (system.keys.generate)(&mut wanted)? {
        let path = args.out.join(path);
        write(&path, content.as_bytes(), existing)?;
        output.remark(&format!("wrote {}", path.display()));
    }
    Ok(Done::Expected)
}

/// Randomness of the system, or the same every time.
fn entropy(seed: Option<u64>) -> Result<Entropy> {
    Ok(if let Some(seed) = seed {
        Entropy::new(seed, "pki")
    } else {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness: {error}"))?;
        Entropy::from_key(key)
    })
}
