//! `scenarios pki sign`: an X.509 certificate from a request.

use std::path::PathBuf;

use accounts::pem_files::{certificate, private_key, request};
use anyhow::{Result, bail};
use files::diagnostic::quote_path;
use protocol::pki::x509::{Kind, X509Error};

use super::How;
use super::how::{large_enough, period, unmakeable};
use crate::cli::done::Done;
use crate::cli::output::Output;

/// Options of `sign`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The request
    #[arg(long, value_name = "FILE")]
    csr: PathBuf,
    /// The authority's private key
    #[arg(long, value_name = "FILE")]
    ca_key: PathBuf,
    /// The authority's certificate
    #[arg(long, value_name = "FILE")]
    ca_cert: PathBuf,
    /// The certificate
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// For how many days, from now on
    #[arg(long, value_name = "NUMBER", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// Certify an authority, which may sign certificates itself
    #[arg(long)]
    authority: bool,
    #[command(flatten)]
    how: How,
}

/// Make it.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let (key, authority) = (private_key(&args.ca_key)?, certificate(&args.ca_cert)?);
    let request = request(&args.csr)?;
    large_enough(&key, &args.ca_key)?;
    // Said here, because a certificate that cannot be made has several reasons of the same name.
    match request.verify() {
        Err(X509Error::Key) => {
            let (csr, algorithm) = (quote_path(&args.csr), request.key_algorithm());
            bail!("{csr}: asks for a key that is no RSA key, but one for {algorithm}")
        }
        Err(X509Error::Signature) => {
            bail!("{}: not signed with the key it asks for", quote_path(&args.csr))
        }
        Err(why) => bail!("{}: could not be checked: {why}", quote_path(&args.csr)),
        Ok(_) => {}
    }
    let period = period(args.days);
    let own = authority.details().period;
    if !(own.from..=own.until).contains(&period.from) {
        bail!("{}: the authority's certificate is not valid now", quote_path(&args.ca_cert));
    }
    let kind = if args.authority { Kind::Authority } else { Kind::Party };
    let mut entropy = args.how.entropy("pki serial")?;
    let signed = authority.sign(&key, &request, (period, kind), &mut entropy);
    let signed = match signed {
        Err(X509Error::Key) => {
            let (cert, key) = (quote_path(&args.ca_cert), quote_path(&args.ca_key));
            bail!("{cert}: not the certificate of the key in {key}");
        }
        Err(X509Error::Authority) => {
            bail!("{}: not the certificate of an authority", quote_path(&args.ca_cert));
        }
        signed => signed.and_then(|signed| signed.to_pem()),
    };
    let signed = signed.map_err(|error| unmakeable(error, &request.subject()))?;
    args.how.write(&args.out, &signed, output)?;
    let unkept = request.unkept();
    if !unkept.is_empty() {
        let unkept = files::diagnostic::escape(&unkept.join(", "));
        output.remark(&format!("warning: not kept of what the request asks for: {unkept}"));
    }
    if period.until > own.until {
        output.remark("warning: it is valid for longer than the authority's own certificate");
    }
    Ok(Done::Expected)
}
