//! `scenarios pki authority`: an X.509 certificate that a key signs for itself.

use std::path::PathBuf;

use accounts::pem_files::private_key;
use anyhow::Result;
use protocol::pki::x509::{Issuer, Kind};

use super::How;
use super::how::{large_enough, period, unmakeable};
use crate::cli::done::Done;
use crate::cli::output::Output;

/// Options of `authority`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The authority's private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Its name, most specific part first, such as "CN=My CA,O=Lab,C=TR"
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// The certificate
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// For how many days, from now on
    #[arg(long, value_name = "NUMBER", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    #[command(flatten)]
    how: How,
}

/// Make it.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let key = private_key(&args.key)?;
    large_enough(&key, &args.key)?;
    let entropy = args.how.entropy("pki serial")?;
    let mut issuer = Issuer { subject: &args.subject, key: &key, entropy };
    let certificate = issuer.certify_itself(period(args.days), Kind::Authority);
    let certificate = certificate.and_then(|certificate| certificate.to_pem());
    let certificate = certificate.map_err(|error| unmakeable(error, &args.subject))?;
    args.how.write(&args.out, &certificate, output)?;
    Ok(Done::Expected)
}
