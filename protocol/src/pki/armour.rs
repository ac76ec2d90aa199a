//! Keys, requests and certificates as people keep them in files: PEM (RFC 7468) with lines of any length, blanks and
//! text around it, or DER. The systems themselves are stricter with what comes over a wire; nothing here reads that.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey};
use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, PrivateKeyInfoRef};
use rsa::{RsaPrivateKey, RsaPublicKey};
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::db::DB;
use x509_cert::der::pem::{self, LineEnding};
use zeroize::Zeroizing;

use crate::pki::x509::{Certificate, Request};

/// A private key that says which kind it is (PKCS#8).
pub const PRIVATE: &str = "PRIVATE KEY";
/// An RSA private key (PKCS#1).
pub const RSA_PRIVATE: &str = "RSA PRIVATE KEY";
/// A public key that says which kind it is (SPKI).
pub const PUBLIC: &str = "PUBLIC KEY";
/// An RSA public key (PKCS#1).
pub const RSA_PUBLIC: &str = "RSA PUBLIC KEY";
/// A request for an X.509 certificate (PKCS#10).
pub const REQUEST: &str = "CERTIFICATE REQUEST";
/// An X.509 certificate.
pub const CERTIFICATE: &str = "CERTIFICATE";

/// `rsaEncryption` (RFC 8017 appendix C).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The alphabet of RFC 4648; what the last character has too many bits is not looked at, as other programs do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// One thing in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    /// What it says it is, by the newer of two names: `CERTIFICATE`.
    pub label: String,
    /// It is encrypted with a password, by its label or its header (RFC 1421).
    pub encrypted: bool,
    /// Its bytes, wiped when dropped: they may be a private key.
    pub der: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({}, {} bytes)", self.label, self.der.len())
    }
}

impl Block {
    /// The same as PEM with lines of 64 characters; nothing for a label or a size that PEM does not allow.
    pub fn to_pem(&self) -> Option<Zeroizing<String>> {
        pem::encode_string(&self.label, LineEnding::LF, &self.der).ok().map(Zeroizing::new)
    }

    /// Why it is not what its label says, or not usable here; nothing if it is, or if the label is none of those known.
    pub fn problem(&self) -> Option<String> {
        let of_kind = |oid: ObjectIdentifier| {
            let name = DB.by_oid(&oid).map_or_else(|| oid.to_string(), str::to_owned);
            (oid != RSA).then(|| format!("a key for another algorithm: {name}"))
        };
        match self.label.as_str() {
            PRIVATE => match PrivateKeyInfoRef::from_der(&self.der) {
                Ok(info) => of_kind(info.algorithm.oid).or_else(|| {
                    RsaPrivateKey::from_pkcs8_der(&self.der).err().map(|why| why.to_string())
                }),
                Err(why) => Some(why.to_string()),
            },
            PUBLIC => match SubjectPublicKeyInfoRef::from_der(&self.der) {
                Ok(info) => of_kind(info.algorithm.oid).or_else(|| {
                    RsaPublicKey::from_public_key_der(&self.der).err().map(|why| why.to_string())
                }),
                Err(why) => Some(why.to_string()),
            },
            RSA_PRIVATE => {
                RsaPrivateKey::from_pkcs1_der(&self.der).err().map(|why| why.to_string())
            }
            RSA_PUBLIC => RsaPublicKey::from_pkcs1_der(&self.der).err().map(|why| why.to_string()),
            REQUEST => Request::read_der(&self.der).err().map(|why| why.to_string()),
            CERTIFICATE => Certificate::read_der(&self.der).err().map(|why| why.to_string()),
            _ => None,
        }
    }
}

/// Why a file cannot be taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArmourError {
    /// Neither PEM nor DER is in it.
    Nothing,
    /// It is DER of none of the kinds that are known here.
    Der,
    /// The block that begins in this line has no end.
    NoEnd(usize),
    /// What stands in the block that begins in this line is not Base64.
    Base64(usize),
}

impl fmt::Display for ArmourError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("neither PEM nor DER is in it"),
            Self::Der => f.write_str(
                "DER, but no unencrypted RSA key, certificate request or X.509 certificate",
            ),
            Self::NoEnd(line) => write!(f, "the PEM that begins in line {line} has no END line"),
            Self::Base64(line) => write!(f, "the PEM that begins in line {line} is not Base64"),
        }
    }
}

impl std::error::Error for ArmourError {}

/// Everything in a file, in order; at least one thing. Text between PEM blocks is for people, in whatever encoding.
///
/// # Errors
/// [`ArmourError`], also where only one block is broken.
pub fn read(file: &[u8]) -> Result<Vec<Block>, ArmourError> {
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(rest) = file.get(at..).filter(|rest| !rest.is_empty()) {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let end = end.unwrap_or(rest.len());
        let (text, _) = rest.split_at(end);
        if let Some((label, body)) = begin(text) {
            let offset = at + (text.len() - body.len());
            let body = file.get(offset..).unwrap_or_default();
            let (block, length) = block(label, body, line)?;
            found.push(block);
            line += lines(body.get(..length).unwrap_or_default());
            at = offset + length;
        } else {
            let ended =
                if rest.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n")) { 2 } else { 1 };
            at += end + ended;
            line += 1;
        }
    }
    if found.is_empty() { Ok(vec![bare(file)?]) } else { Ok(found) }
}

/// How many lines end in a text, whichever way they end.
fn lines(text: &[u8]) -> usize {
    let ended = text.iter().zip(text.iter().skip(1).chain([&0]));
    ended.filter(|(byte, next)| **byte == b'\n' || (**byte == b'\r' && **next != b'\n')).count()
}

/// The label of a line that begins a block, and what stands behind it in the line.
fn begin(line: &[u8]) -> Option<(&str, &[u8])> {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let rest = line.trim_ascii_start().strip_prefix(b"-----BEGIN ")?;
    let end = find(rest, b"-----")?;
    let label = std::str::from_utf8(rest.get(..end)?).ok()?;
    Some((label, rest.get(end + 5..)?))
}

/// The block with this label, of whose body this is the beginning, and how many bytes it has to its end.
fn block(label: &str, rest: &[u8], line: usize) -> Result<(Block, usize), ArmourError> {
    let end = format!("-----END {label}-----");
    let length = find(rest, end.as_bytes()).ok_or(ArmourError::NoEnd(line))?;
    let body = rest.get(..length).unwrap_or_default();
    if find(body, b"-----BEGIN ").is_some() {
        return Err(ArmourError::NoEnd(line));
    }
    let (header, content) = headers(body);
    let old = find(header, b"ENCRYPTED").is_some();
    let content: Zeroizing<Vec<u8>> = Zeroizing::new(
        content.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect(),
    );
    let der = BASE64.decode(&*content).map_err(|_| ArmourError::Base64(line))?;
    let label = match label {
        // Other names for the same, which older programs write.
        "NEW CERTIFICATE REQUEST" => REQUEST,
        "X509 CERTIFICATE" => CERTIFICATE,
        label => label,
    };
    let encrypted = old || label == "ENCRYPTED PRIVATE KEY";
    let block = Block { label: label.to_owned(), encrypted, der: Zeroizing::new(der) };
    Ok((block, length + end.len()))
}

/// The header fields of RFC 1421, which end with an empty line, and the rest; without a colon there are none.
fn headers(body: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr::memrchr(b':', body) else { return (&[], body) };
    let behind = body.get(colon..).unwrap_or_default();
    let ends = [find(behind, b"\n\n"), find(behind, b"\r\n\r\n"), find(behind, b"\r\r")];
    let end = ends.into_iter().flatten().min().map_or(body.len(), |end| colon + end);
    body.split_at(end)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

/// A file that is DER from its first byte to its last.
fn bare(file: &[u8]) -> Result<Block, ArmourError> {
    // Everything that is read here is a sequence.
    if file.first() != Some(&0x30) {
        return Err(ArmourError::Nothing);
    }
    let label = if Certificate::read_der(file).is_ok() {
        CERTIFICATE
    } else if Request::read_der(file).is_ok() {
        REQUEST
    } else if PrivateKeyInfoRef::from_der(file).is_ok() {
        PRIVATE
    } else if RsaPrivateKey::from_pkcs1_der(file).is_ok() {
        RSA_PRIVATE
    } else if SubjectPublicKeyInfoRef::from_der(file).is_ok() {
        PUBLIC
    } else if RsaPublicKey::from_pkcs1_der(file).is_ok() {
        RSA_PUBLIC
    } else {
        return Err(ArmourError::Der);
    };
    let der = Zeroizing::new(file.to_vec());
    Ok(Block { label: label.to_owned(), encrypted: false, der })
}

#[cfg(test)]
mod tests;
