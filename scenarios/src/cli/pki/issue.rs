//! `scenarios pki issue`: a JSON certificate, as `helo` has them.

use std::path::PathBuf;

use accounts::pem_files::{private_key, public_key};
use anyhow::{Result, bail};
use protocol::pki::Certificate;

use super::How;
use super::how::large_enough;
use crate::cli::done::Done;
use crate::cli::output::Output;

/// Options of `issue`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Whose certificate it is, such as `device` or `server`
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The key to certify: public, or the private key it belongs to
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The authority's private key
    #[arg(long, value_name = "FILE")]
    ca_key: PathBuf,
    /// The certificate
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    how: How,
}

/// Make it.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    if args.name.is_empty() || args.name.chars().any(char::is_control) {
        bail!("--name: a name is not empty, and has no control characters");
    }
    let (key, authority) = (public_key(&args.key)?, private_key(&args.ca_key)?);
    large_enough(&authority, &args.ca_key)?;
    let certificate = Certificate::issue(&authority, &args.name, &key.to_pem()?)?;
    let json = String::from_utf8_lossy(&certificate.encode()).into_owned();
    args.how.write(&args.out, &(json + "\n"), output)?;
    Ok(Done::Expected)
}
