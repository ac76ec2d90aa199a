//! `scenarios pki verify`: whether a certificate is valid, and the first check it failed.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use accounts::pem_files::{Credential, certificate, public_key, read};
use anyhow::{Result, bail};
use files::diagnostic::{escape, quote, quote_path};
use protocol::pki::x509::{Certificate, Reading, Said, X509Error};
use protocol::pki::{self, CertificateError};
use serde_json::json;

use super::show::time;
use crate::cli::clock::now;
use crate::cli::done::Done;
use crate::cli::output::{Format, Output, print};

/// Options of `verify`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The certificate: X.509 or JSON
    #[arg(value_name = "CERT")]
    cert: PathBuf,
    /// The authority: its certificate for X.509, its key for a JSON certificate
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Whose it should be: the common name, or a subject alternative name such as a.example or 192.0.2.1
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// When, such as 2026-06-01T12:00:00Z or 2026-06-01 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// A check that failed: its name, and in words.
type Failed = (&'static str, String);

/// Why a certificate is not said to be valid.
enum Failure<'a> {
    /// It is not: this check failed.
    Not(&'static str, String),
    /// That could not be found out, because of what is in this file.
    Unchecked(&'a Path, String),
}

/// Check it.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let at = match args.at.as_deref() {
        None | Some("now") => now(),
        Some(text) => seconds(text)?,
    };
    // A file may hold a key beside its certificate.
    let mut subject = None;
    for credential in read(&args.cert)? {
        subject = match credential {
            Credential::Certificate(_) | Credential::Named(_) => Some(credential),
            _ => continue,
        };
        break;
    }
    let (whose, failed) = match subject {
        Some(Credential::Certificate(own)) => {
            let authority = certificate(&args.ca)?;
            let failed = match check_x509(&own, &authority, args, at) {
                Ok(()) => None,
                Err(Failure::Not(check, why)) => Some((check, why)),
                Err(Failure::Unchecked(which, why)) => {
                    bail!("{}: could not be checked: {why}", quote_path(which))
                }
            };
            (own.details().subject, failed)
        }
        Some(Credential::Named(own)) => {
            if args.at.is_some() {
                bail!("--at: a JSON certificate has no dates");
            }
            let authority = public_key(&args.ca)?;
            let failed = check_json(&own, &authority, args.name.as_deref()).err();
            (own.common_name, failed)
        }
        _ => bail!("{}: holds no certificate", quote_path(&args.cert)),
    };
    let done = if failed.is_none() { Done::Expected } else { Done::Unexpected };
    if output.format == Format::Json {
        let (check, why) = failed.unzip();
        let valid = done == Done::Expected;
        let line = json!({ "valid": valid, "subject": whose, "failed": check, "why": why });
        print(&format!("{line:#}\n"))?;
        return Ok(done);
    }
    print(&match failed {
        None => format!("valid: {}\n", escape(&whose)),
        Some((check, why)) => format!("not valid: {check}: {}\n", escape(&why)),
    })?;
    Ok(done)
}

fn seconds(text: &str) -> Result<u64> {
    let read = humantime::parse_rfc3339_weak(text)
        .or_else(|_| humantime::parse_rfc3339_weak(&format!("{text}T00:00:00Z")))
        .ok();
    match read.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
        Some(since) => Ok(since.as_secs()),
        None => bail!("--at {}: expected such as 2026-06-01T12:00:00Z, or now", quote(text)),
    }
}

fn check_x509<'a>(
    own: &Certificate,
    authority: &Certificate,
    args: &'a Args,
    at: u64,
) -> Result<(), Failure<'a>> {
    let (said, issuer) = (own.details(), authority.details());
    // An authority may be checked here like any other subject: who signs is what counts.
    own.is_issued_by(authority, Reading::Tolerant).map_err(|error| match error {
        X509Error::Issuer => {
            let why = format!("issued by {}, and this is {}", said.issuer, issuer.subject);
            Failure::Not("issuer", why)
        }
        X509Error::Key => {
            let algorithm = authority.key_algorithm();
            Failure::Unchecked(&args.ca, format!("its key is no RSA key, but one for {algorithm}"))
        }
        X509Error::Algorithm(_) => Failure::Unchecked(&args.cert, error.to_string()),
        _ => Failure::Not("signature", "not signed with the authority's key".to_owned()),
    })?;
    if !authority.may_sign() {
        let why = format!("{} may not sign certificates", issuer.subject);
        return Err(Failure::Not("authority", why));
    }
    for (whose, period) in [("", said.period), ("the authority's own: ", issuer.period)] {
        if at < period.from {
            let why = format!("{whose}not before {}", time(period.from));
            return Err(Failure::Not("validity", why));
        }
        if at > period.until {
            let why = format!("{whose}expired {}", time(period.until));
            return Err(Failure::Not("validity", why));
        }
    }
    // What is not understood may restrict the certificate (RFC 5280 section 4.2).
    let unknown = |said: &&Said| said.critical && said.extension.starts_with(char::is_numeric);
    for (whose, details) in [("", said), ("the authority's own: ", issuer)] {
        if let Some(said) = details.extensions.iter().find(unknown) {
            let why = format!("{whose}{} is critical, and not known here", said.extension);
            return Err(Failure::Not("extension", why));
        }
    }
    match args.name.as_deref() {
        Some(wanted) if !own.is_for(wanted) => {
            let common = own.readable_common_name();
            let names: Vec<_> = common.into_iter().chain(own.alternatives()).collect();
            let own = if names.is_empty() {
                "without exactly one common name".to_owned()
            } else {
                format!("for {}", names.join(", "))
            };
            Err(Failure::Not("name", format!("{own}, not for {wanted}")))
        }
        _ => Ok(()),
    }
}

fn check_json(
    own: &pki::Certificate,
    authority: &protocol::crypto::rsa::PublicKey,
    name: Option<&str>,
) -> Result<(), Failed> {
    own.verify(authority).map_err(|error| match error {
        CertificateError::Signature => {
            ("signature", "not signed with the authority's key".to_owned())
        }
        CertificateError::Key | CertificateError::Form => {
            ("key", "no usable RSA key inside".to_owned())
        }
    })?;
    match name {
        Some(wanted) if own.common_name != wanted => {
            Err(("name", format!("for {}, not for {wanted}", own.common_name)))
        }
        _ => Ok(()),
    }
}
