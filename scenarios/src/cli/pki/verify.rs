//! `scenarios pki verify`: whether a certificate is valid, and the first check it failed.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use anyhow::{Result, bail};
use protocol::pki::x509::{Certificate, Checks, Said, X509Error};
use protocol::pki::{self, CertificateError};
use serde_json::json;

use super::show::time;
use crate::cli::Done;
use crate::cli::live::now;
use crate::cli::output::{Format, Output, print};
use crate::credential::{Credential, certificate, public_key, read};
use crate::diagnostic::{escape, quote, quote_path};

/// Options of `verify`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The certificate: X.509 or JSON
    #[arg(value_name = "CERT")]
    cert: PathBuf,
    /// The authority: its certificate for X.509, its key for a JSON certificate
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Whose it should be: the common name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// When, such as 2026-06-01T12:00:00Z or 2026-06-01 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// A check that failed: its name, and in words.
type Failed = (&'static str, String);

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
            (own.details().subject, check_x509(&own, &certificate(&args.ca)?, args, at).err())
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

fn check_x509(
    own: &Certificate,
    authority: &Certificate,
    args: &Args,
    at: u64,
) -> Result<(), Failed> {
    // An authority may be checked here like any other subject: who signs is what counts.
    let checks = Checks { now: None, authority: None, common_name: None };
    let (said, issuer) = (own.details(), authority.details());
    own.verify(authority, checks).map_err(|error| match error {
        X509Error::Issuer => {
            ("issuer", format!("issued by {}, and this is {}", said.issuer, issuer.subject))
        }
        X509Error::Key => ("key", "no usable RSA key inside, or in the authority's".to_owned()),
        _ if said.algorithm != "sha256WithRSAEncryption" => {
            ("signature", format!("signed in a way not known here: {}", said.algorithm))
        }
        _ => ("signature", "not signed with the authority's key".to_owned()),
    })?;
    if !authority.may_sign() {
        let why = format!("{} may not sign certificates", issuer.subject);
        return Err(("authority", why));
    }
    for (whose, period) in [("", said.period), ("the authority's own: ", issuer.period)] {
        if at < period.from {
            return Err(("validity", format!("{whose}not before {}", time(period.from))));
        }
        if at > period.until {
            return Err(("validity", format!("{whose}expired {}", time(period.until))));
        }
    }
    // What is not understood may restrict the certificate (RFC 5280 section 4.2).
    let unknown = |said: &&Said| said.critical && said.extension.starts_with(char::is_numeric);
    for (whose, details) in [("", said), ("the authority's own: ", issuer)] {
        if let Some(said) = details.extensions.iter().find(unknown) {
            let why = format!("{whose}{} is critical, and not known here", said.extension);
            return Err(("extension", why));
        }
    }
    check_name(own.common_name().as_deref(), args.name.as_deref())
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
    check_name(Some(&own.common_name), name)
}

fn check_name(own: Option<&str>, wanted: Option<&str>) -> Result<(), Failed> {
    if wanted.is_none() || own == wanted {
        return Ok(());
    }
    let own = own.map_or("without exactly one common name".to_owned(), |own| format!("for {own}"));
    Err(("name", format!("{own}, not for {}", wanted.unwrap_or_default())))
}
