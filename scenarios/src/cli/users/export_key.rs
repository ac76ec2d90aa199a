//! `scenarios users export-key`.

use std::path::PathBuf;

use accounts::user_files::{Existing, write};
use anyhow::Result;

use super::Place;
use crate::cli::done::Done;
use crate::cli::output::Output;
use crate::cli::pki::Encoding;

/// Options of `export-key`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Whose key
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only the public key, as `PUBLIC KEY`
    #[arg(long)]
    public: bool,
    /// How a private key is written: `PRIVATE KEY`, or `RSA PRIVATE KEY`
    #[arg(long, value_enum, default_value_t = Encoding::Pkcs8)]
    encoding: Encoding,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

/// Copy it.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let people = args.place.people()?;
    people.must_be_registered(&args.user)?;
    let pem = if args.public {
        people.public_key(&args.user)?.to_pem()?
    } else {
        args.encoding.pem(&people.private_key(&args.user)?)?
    };
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    write(&args.out, pem.as_bytes(), existing)?;
    output.remark(&format!("wrote {}", args.out.display()));
    Ok(Done::Expected)
}
