//! `scenarios pki show`: what is in a file, and no private part of it.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use accounts::pem_files::{Credential, Encoding, read};
use anyhow::Result;
use files::diagnostic::escape;
use protocol::crypto::checksum::hex;
use protocol::crypto::rsa::PublicKey;
use protocol::crypto::sha256;
use protocol::pki::x509::{Certificate, X509Error};
use serde_json::{Map, Value, json};

use crate::cli::done::Done;
use crate::cli::output::{Format, Output, print};

/// Options of `show`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// A key, a request or a certificate
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Show everything that is in the file.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let shown: Vec<_> = read(&args.file)?.iter().map(facts).collect();
    if output.format == Format::Json {
        let objects = shown.into_iter().map(|facts| Value::Object(object(facts)));
        print(&format!("{:#}\n", Value::from(objects.collect::<Vec<_>>())))?;
        return Ok(Done::Expected);
    }
    let texts: Vec<String> = shown.iter().map(text).collect();
    print(&texts.join("\n"))?;
    Ok(Done::Expected)
}

/// What there is to say about something, in order.
pub(in crate::cli) type Facts = Vec<(&'static str, Value)>;

/// As lines for people. What is in a file may have been put there to mislead them.
pub(in crate::cli) fn text(facts: &Facts) -> String {
    let mut text = String::new();
    for (title, value) in facts {
        let lines = match value {
            Value::String(line) => vec![line.clone()],
            Value::Array(lines) => lines.iter().map(line).collect(),
            other => vec![other.to_string()],
        };
        for (at, line) in lines.iter().enumerate() {
            let title = if at == 0 { *title } else { "" };
            let _ = writeln!(text, "{title:<17} {}", escape(line));
        }
    }
    text
}

/// An extension in a line.
fn line(extension: &Value) -> String {
    let word = |key| extension.get(key).and_then(Value::as_str).unwrap_or_default();
    let critical = extension.get("critical") == Some(&Value::Bool(true));
    let critical = if critical { ", critical" } else { "" };
    format!("{}{critical}: {}", word("name"), word("value"))
}

fn object(facts: Facts) -> Map<String, Value> {
    facts.into_iter().map(|(title, value)| (title.replace(' ', "_"), value)).collect()
}

/// What there is to say about one thing.
pub(in crate::cli) fn facts(credential: &Credential) -> Facts {
    let mut facts = vec![("kind", json!(credential.kind()))];
    match credential {
        Credential::Private(key, encoding) => {
            facts.push(("encoding", json!(encoded(*encoding))));
            facts.extend(of_key(Some(&key.public_key())));
        }
        Credential::Public(key, encoding) => {
            let encoded = match encoding {
                Encoding::Pkcs8 => "SPKI",
                Encoding::Pkcs1 => "PKCS#1",
            };
            facts.push(("encoding", json!(encoded)));
            facts.extend(of_key(Some(key)));
        }
        Credential::Request(request) => {
            facts.push(("subject", json!(request.subject())));
            let verified = request.verify();
            facts.push((
                "signature",
                json!(match &verified {
                    Ok(_) => "made with the key it asks for".to_owned(),
                    Err(X509Error::Signature) => {
                        "WRONG: not made with the key it asks for".to_owned()
                    }
                    Err(X509Error::Key) => {
                        format!("not checked: its key is for {}", request.key_algorithm())
                    }
                    Err(why) => format!("not checked: {why}"),
                }),
            ));
            facts.push(("algorithm", json!(request.algorithm().to_string())));
            facts.extend(of_subject(request.public_key().ok().as_ref(), &request.key_algorithm()));
        }
        Credential::Certificate(certificate) => facts.extend(of_certificate(certificate)),
        Credential::Named(certificate) => {
            facts.push(("name", json!(certificate.common_name)));
            facts.push(("signature", json!(format!("{} bytes", certificate.signature.len()))));
            facts.extend(of_key(PublicKey::from_pem(&certificate.public_key).ok().as_ref()));
        }
    }
    facts
}

fn encoded(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Pkcs8 => "PKCS#8",
        Encoding::Pkcs1 => "PKCS#1",
    }
}

fn of_certificate(certificate: &Certificate) -> Facts {
    let details = certificate.details();
    let extensions = details.extensions.iter().map(
        |said| json!({ "name": said.extension, "critical": said.critical, "value": said.what }),
    );
    let issuer = if details.subject == details.issuer { "itself" } else { &details.issuer };
    let mut facts = vec![
        ("subject", json!(details.subject)),
        ("issuer", json!(issuer)),
        ("valid from", json!(time(details.period.from))),
        ("valid until", json!(time(details.period.until))),
        ("serial", json!(details.serial)),
        ("version", json!(details.version)),
        ("algorithm", json!(details.algorithm)),
        ("extensions", Value::from(extensions.collect::<Vec<_>>())),
    ];
    facts.push(("sha256", json!(hex(&certificate.fingerprint()))));
    let key = certificate.public_key();
    facts.extend(of_subject(key.ok().as_ref(), &certificate.key_algorithm()));
    facts
}

/// The key of a subject, which may be for another algorithm.
fn of_subject(key: Option<&PublicKey>, algorithm: &str) -> Facts {
    if key.is_none() {
        return vec![("key", json!(format!("no usable RSA key, but one for {algorithm}")))];
    }
    of_key(key)
}

/// What tells keys apart, also from other programs: SHA-256 over `SubjectPublicKeyInfo`.
fn of_key(key: Option<&PublicKey>) -> Facts {
    let Some(key) = key else { return vec![("key", json!("no usable RSA key"))] };
    let mut facts = vec![("bits", json!(key.bits()))];
    if let Ok(spki) = key.to_spki() {
        facts.push(("key sha256", json!(hex(&sha256(&[&spki])))));
    }
    facts
}

/// Seconds since 1970 as people write them.
pub(super) fn time(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}
