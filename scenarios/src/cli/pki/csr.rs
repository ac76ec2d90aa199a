//! `scenarios pki csr`: a request for an X.509 certificate (PKCS#10).

use std::path::PathBuf;

use accounts::pem_files::private_key;
use anyhow::Result;
use protocol::pki::x509::Request;

use super::How;
use super::how::{large_enough, unmakeable};
use crate::cli::done::Done;
use crate::cli::output::Output;

/// Options of `csr`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The private key to ask for
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// For whom, most specific part first, such as "CN=ann,O=Lab,C=TR"
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// The request
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    how: How,
}

/// Make it.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let key = private_key(&args.key)?;
    large_enough(&key, &args.key)?;
    let request = Request::new(&args.subject, &key).and_then(|request| request.to_pem());
    let request = request.map_err(|error| unmakeable(error, &args.subject))?;
    args.how.write(&args.out, &request, output)?;
    Ok(Done::Expected)
}
