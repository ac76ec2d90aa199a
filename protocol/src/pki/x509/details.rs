//! What certificates and requests say, in words for people. Nothing here believes it.

use x509_cert::der::Decode;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};

use super::certificate::Certificate;
use super::reading::{X509Error, public_key};
use super::request::{Period, Request};
use super::{alternative, name, signature};
use crate::crypto::checksum::hex;
use crate::crypto::rsa::PublicKey;
use crate::crypto::sha256;

/// What a certificate says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Details {
    /// 1 or 3; extensions came with 3.
    pub version: u8,
    /// The serial number, in hexadecimal digits.
    pub serial: String,
    /// Whose it is, most specific part first (RFC 4514).
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// When it is valid.
    pub period: Period,
    /// How it is signed.
    pub algorithm: String,
    /// Its extensions, in order.
    pub extensions: Vec<Said>,
}

/// What one extension says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The extension: a name of RFC 5280, or an object identifier.
    pub extension: String,
    /// Whether a reader that does not know it must refuse the certificate.
    pub critical: bool,
    /// What it says.
    pub what: String,
}

impl Certificate {
    /// What it says.
    pub fn details(&self) -> Details {
        let own = self.parsed.tbs_certificate();
        let [from, until] = [own.validity().not_before, own.validity().not_after]
            .map(|time| time.to_unix_duration().as_secs());
        Details {
            version: own.version() as u8 + 1,
            serial: hex(own.serial_number().as_bytes()),
            subject: name::text(own.subject()),
            issuer: name::text(own.issuer()),
            period: Period { from, until },
            algorithm: self.algorithm().to_string(),
            extensions: own.extensions().into_iter().flatten().map(said).collect(),
        }
    }

    /// SHA-256 over its DER.
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(&[self.der()])
    }

    /// What the subject's key is for: `rsaEncryption`, or the name of another algorithm.
    pub fn key_algorithm(&self) -> String {
        signature::key_algorithm(self.parsed.tbs_certificate().subject_public_key_info())
    }
}

impl Request {
    /// The extensions it asks for, by name, but for the alternative names: those are kept when it is signed.
    pub fn unkept(&self) -> Vec<String> {
        let asked = self.extensions().into_iter();
        let others = asked.filter(|extension| extension.extn_id != SubjectAltName::OID);
        others.map(|extension| said(&extension).extension).collect()
    }

    /// For whom it asks, most specific part first (RFC 4514).
    pub fn subject(&self) -> String {
        name::text(&self.parsed.info.subject)
    }

    /// What the key is for: `rsaEncryption`, or the name of another algorithm.
    pub fn key_algorithm(&self) -> String {
        signature::key_algorithm(&self.parsed.info.public_key)
    }

    /// The key it asks for; [`Request::verify`] says whether whoever asks holds it.
    ///
    /// # Errors
    /// [`X509Error::Key`].
    pub fn public_key(&self) -> Result<PublicKey, X509Error> {
        public_key(&self.parsed.info.public_key)
    }
}

/// The extensions that are common, in words; of others, the size.
fn said(extension: &Extension) -> Said {
    let value = extension.extn_value.as_bytes();
    let known = [
        (BasicConstraints::OID, "basicConstraints", constraints as fn(&[u8]) -> Option<String>),
        (KeyUsage::OID, "keyUsage", usage),
        (ExtendedKeyUsage::OID, "extendedKeyUsage", extended),
        (SubjectAltName::OID, "subjectAltName", names),
        (SubjectKeyIdentifier::OID, "subjectKeyIdentifier", subject_key),
        (AuthorityKeyIdentifier::OID, "authorityKeyIdentifier", authority_key),
    ];
    let found = known.into_iter().find(|(oid, ..)| *oid == extension.extn_id);
    let name = found.map_or_else(|| extension.extn_id.to_string(), |(_, name, _)| name.to_owned());
    let what = match found {
        Some((.., read)) => read(value).unwrap_or_else(|| "cannot be read".to_owned()),
        None => format!("{} bytes", value.len()),
    };
    Said { extension: name, critical: extension.critical, what }
}

fn constraints(der: &[u8]) -> Option<String> {
    let BasicConstraints { ca, path_len_constraint } = BasicConstraints::from_der(der).ok()?;
    let ca = if ca { "CA:TRUE" } else { "CA:FALSE" };
    Some(path_len_constraint.map_or(ca.to_owned(), |most| format!("{ca}, path length {most}")))
}

fn usage(der: &[u8]) -> Option<String> {
    let KeyUsage(usages) = KeyUsage::from_der(der).ok()?;
    let word = |usage| match usage {
        KeyUsages::DigitalSignature => "digitalSignature",
        KeyUsages::NonRepudiation => "nonRepudiation",
        KeyUsages::KeyEncipherment => "keyEncipherment",
        KeyUsages::DataEncipherment => "dataEncipherment",
        KeyUsages::KeyAgreement => "keyAgreement",
        KeyUsages::KeyCertSign => "keyCertSign",
        KeyUsages::CRLSign => "cRLSign",
        KeyUsages::EncipherOnly => "encipherOnly",
        KeyUsages::DecipherOnly => "decipherOnly",
    };
    Some(joined(usages.into_iter().map(word)))
}

fn extended(der: &[u8]) -> Option<String> {
    let ExtendedKeyUsage(purposes) = ExtendedKeyUsage::from_der(der).ok()?;
    // RFC 5280 section 4.2.1.12.
    Some(joined(purposes.iter().map(|oid| match oid.to_string().as_str() {
        "1.3.6.1.5.5.7.3.1" => "serverAuth".to_owned(),
        "1.3.6.1.5.5.7.3.2" => "clientAuth".to_owned(),
        "1.3.6.1.5.5.7.3.3" => "codeSigning".to_owned(),
        "1.3.6.1.5.5.7.3.4" => "emailProtection".to_owned(),
        "1.3.6.1.5.5.7.3.8" => "timeStamping".to_owned(),
        other => other.to_owned(),
    })))
}

fn names(der: &[u8]) -> Option<String> {
    alternative::texts(der).map(|names| names.join(", "))
}

fn subject_key(der: &[u8]) -> Option<String> {
    Some(hex(SubjectKeyIdentifier::from_der(der).ok()?.0.as_bytes()))
}

fn authority_key(der: &[u8]) -> Option<String> {
    let read = AuthorityKeyIdentifier::from_der(der).ok()?;
    let key = read.key_identifier.map(|key| hex(key.as_bytes()));
    Some(key.unwrap_or_else(|| "issuer and serial number".to_owned()))
}

fn joined(words: impl Iterator<Item = impl AsRef<str>>) -> String {
    let words: Vec<_> = words.map(|word| word.as_ref().to_owned()).collect();
    words.join(", ")
}
