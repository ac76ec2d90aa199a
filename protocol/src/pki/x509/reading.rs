//! What certificates and requests have in common when they are read: how strictly, what can be wrong with them, and the check of
//! a signature.

use std::fmt;

use x509_cert::der::pem;
use x509_cert::der::{self, Decode, Encode, Header, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::name;
use super::signature::Algorithm;
use crate::crypto::rsa::PublicKey;
use crate::crypto::rsa::scheme::{Hash, Scheme};
use crate::endpoint::{Check, Reject};

/// Why a request or certificate is not made or not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum X509Error {
    /// It is not PEM or DER of the declared form.
    Form,
    /// It names another issuer.
    Issuer,
    /// It is signed in a way that is not known here, or not accepted.
    Algorithm(Algorithm),
    /// It is not signed with the key it should be signed with.
    Signature,
    /// It is not valid yet, or no longer.
    Validity,
    /// The issuer may not sign certificates, or the subject may.
    Authority,
    /// Something in it is marked as critical and not known here.
    Extension,
    /// It belongs to somebody else.
    Name,
    /// It holds no usable RSA key.
    Key,
}

/// The check a certificate failed.
impl From<X509Error> for Reject {
    fn from(error: X509Error) -> Self {
        match error {
            X509Error::Name => Self::new(Check::Name, "common_name"),
            X509Error::Validity => Self::new(Check::Validity, "validity"),
            X509Error::Form
            | X509Error::Issuer
            | X509Error::Algorithm(_)
            | X509Error::Signature
            | X509Error::Authority
            | X509Error::Extension
            | X509Error::Key => Self::new(Check::Certificate, "certificate"),
        }
    }
}

impl fmt::Display for X509Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm(algorithm) => {
                return write!(f, "signed in a way not known here: {algorithm}");
            }
            Self::Form => "not PEM or DER of the declared form",
            Self::Issuer => "another issuer",
            Self::Signature => "not signed with the issuer's key",
            Self::Validity => "not valid at this time",
            Self::Authority => "issued by, or belonging to, the wrong kind of subject",
            Self::Extension => "a critical extension that is not known",
            Self::Name => "somebody else's name",
            Self::Key => "no usable RSA key inside",
        })
    }
}

impl std::error::Error for X509Error {}

/// Why the DER of a file is not a request or a certificate: what is wrong with it, and at which byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed(der::Error);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Malformed {}

/// How strictly a certificate is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// As endpoints read what comes over a wire: PKCS#1 v1.5 with SHA-256 over DER without any liberty, names equal
    /// byte for byte.
    Strict,
    /// As people expect of a file: RSA with any hash that is known here, and names in any string type.
    Tolerant,
}

impl Algorithm {
    /// Check a signature by this algorithm.
    pub(super) fn verify(
        self,
        key: &PublicKey,
        signed: &[u8],
        signature: Option<&[u8]>,
        reading: Reading,
    ) -> Result<(), X509Error> {
        let scheme = self.scheme.filter(|scheme| match reading {
            Reading::Strict => *scheme == Scheme::Pkcs1v15(Hash::Sha256),
            Reading::Tolerant => true,
        });
        let scheme = scheme.ok_or(X509Error::Algorithm(self))?;
        key.verify(scheme, signed, signature.unwrap_or_default()).map_err(|_| X509Error::Signature)
    }
}

/// The DER of a PEM file with this label. What reads PEM and DER in one step does not look at what comes behind the DER.
pub(super) fn der_of(pem: &str, label: &str) -> Result<Vec<u8>, X509Error> {
    match pem::decode_vec(pem.as_bytes()) {
        Ok((found, der)) if found == label => Ok(der),
        _ => Err(X509Error::Form),
    }
}

pub(super) fn public_key(info: &SubjectPublicKeyInfoOwned) -> Result<PublicKey, X509Error> {
    let der = info.to_der().map_err(|_| X509Error::Key)?;
    PublicKey::from_spki(&der).map_err(|_| X509Error::Key)
}

/// What is read of the DER of a file, also where its names have strings of a type that the parser does not know.
pub(super) fn tolerant<T: for<'a> Decode<'a, Error = der::Error>>(
    der: &[u8],
) -> Result<T, Malformed> {
    T::from_der(der)
        .or_else(|error| T::from_der(&name::stand_in(der)).map_err(|_| Malformed(error)))
}

/// The first part of a request or certificate, which the signature is over, as it was read.
pub(super) fn signed_part(der: &[u8]) -> Result<&[u8], X509Error> {
    let part = |der| {
        let mut reader = SliceReader::new(der)?;
        Header::decode(&mut reader)?;
        reader.tlv_bytes()
    };
    part(der).map_err(|_: der::Error| X509Error::Form)
}
