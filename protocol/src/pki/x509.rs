//! X.509 (RFC 5280) as a small certificate authority uses it: certificates, and a chain check whose parts can be left
//! out one by one. What is made here is signed with RSA PKCS#1 v1.5 and SHA-256, so the same arguments give the same bytes.

use std::fmt;
use std::time::Duration;

use x509_cert::Certificate as Parsed;
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::pem::{self, LineEnding, PemLabel};
use x509_cert::der::{self, DateTime, Decode, Encode, Header, Reader, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::entropy::Entropy;

mod alternative;
mod details;
mod name;
mod request;
mod signature;

pub use details::{Details, Said};
pub use request::{Issuer, Request};
pub use signature::Algorithm;

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

/// A distinguished name as text, most specific part first (RFC 4514): `CN=Device 001,O=MyDevice,C=TR`.
pub type Subject<'a> = &'a str;

/// When a certificate is valid: seconds since 1970-01-01, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    /// The first second.
    pub from: u64,
    /// The last second.
    pub until: u64,
}

impl Period {
    /// `days` days from a second on.
    pub const fn days(from: u64, days: u64) -> Self {
        Self { from, until: from.saturating_add(days.saturating_mul(24 * 60 * 60)) }
    }

    fn to_validity(self) -> Result<Validity, X509Error> {
        // UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5).
        let time = |seconds| {
            DateTime::from_unix_duration(Duration::from_secs(seconds))
                .map(Time::from)
                .map_err(|_| X509Error::Validity)
        };
        Ok(Validity::new(time(self.from)?, time(self.until)?))
    }
}

/// The extensions a certificate is issued with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// None at all: it could be anything.
    Bare,
    /// A certificate authority: `basicConstraints` CA:TRUE, `keyUsage` keyCertSign.
    Authority,
    /// A party: `basicConstraints` CA:FALSE, `keyUsage` digitalSignature.
    Party,
}

/// Which parts of a chain check are made. All of them, unless a weakness says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Checks<'a> {
    /// The time, in seconds since 1970-01-01; without it, dates are not looked at.
    pub now: Option<u64>,
    /// Who may be the authority and who may not; without it, extensions are not looked at.
    pub authority: Option<Roles>,
    /// Whose certificate it should be; without it, the subject is not looked at.
    pub common_name: Option<&'a str>,
    /// How strictly it is read.
    pub reading: Reading,
}

/// How strictly a certificate is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// As endpoints read what comes over a wire: PKCS#1 v1.5 with SHA-256 over DER without any liberty, names equal
    /// byte for byte.
    Strict,
    /// As people expect of a file: RSA with any hash that is known here, and names in any string type.
    Tolerant,
}

/// That an authority is marked as one, and a party is not marked as an authority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roles;

/// An X.509 certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    parsed: Parsed,
    /// As it was read, byte for byte.
    der: Vec<u8>,
}

impl Certificate {
    /// Read a PEM `CERTIFICATE`.
    ///
    /// # Errors
    /// [`X509Error::Form`].
    pub fn from_pem(pem: &str) -> Result<Self, X509Error> {
        let der = der_of(pem, Parsed::PEM_LABEL)?;
        let parsed = Parsed::from_der(&der).map_err(|_| X509Error::Form)?;
        Ok(Self { parsed, der })
    }

    /// Read DER.
    ///
    /// # Errors
    /// [`X509Error::Form`], also for what another writer would spell differently.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        let read = Self::made(Parsed::from_der(der).map_err(|_| X509Error::Form)?)?;
        if read.der == der { Ok(read) } else { Err(X509Error::Form) }
    }

    /// Read the DER of a file.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read_der(der: &[u8]) -> Result<Self, Malformed> {
        Ok(Self { parsed: tolerant(der)?, der: der.to_vec() })
    }

    /// What was made here.
    fn made(parsed: Parsed) -> Result<Self, X509Error> {
        let der = parsed.to_der().map_err(|_| X509Error::Form)?;
        Ok(Self { parsed, der })
    }

    /// Write a PEM `CERTIFICATE`.
    ///
    /// # Errors
    /// [`X509Error::Form`] if it is too large for PEM.
    pub fn to_pem(&self) -> Result<String, X509Error> {
        pem::encode_string(Parsed::PEM_LABEL, LineEnding::LF, &self.der)
            .map_err(|_| X509Error::Form)
    }

    /// Its DER, as it was read.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Sign a request in the name of the authority whose certificate this is, with its key. The name goes over
    /// byte for byte, however it was written.
    ///
    /// # Errors
    /// [`X509Error::Key`] if the key is another, [`X509Error::Authority`] if the certificate allows no signing,
    /// and as [`Issuer::sign`].
    pub fn sign(
        &self,
        key: &PrivateKey,
        request: &Request,
        terms: (Period, Kind),
        entropy: &mut Entropy,
    ) -> Result<Certificate, X509Error> {
        if self.public_key()? != key.public_key() {
            return Err(X509Error::Key);
        }
        if !self.may_sign() {
            return Err(X509Error::Authority);
        }
        request::certify(
            (self.parsed.tbs_certificate().subject().clone(), key),
            request,
            terms,
            entropy,
        )
    }

    /// Whether it is that of an authority and excludes no signing of certificates with its key.
    pub fn may_sign(&self) -> bool {
        may_sign(self.parsed.tbs_certificate())
    }

    /// The subject's common name; nothing if it has none, or several.
    pub fn common_name(&self) -> Option<String> {
        let subject = self.parsed.tbs_certificate().subject();
        let own = subject.common_name().ok()??;
        let names = subject.iter().filter(|part| part.oid == name::COMMON_NAME).count();
        (names == 1).then(|| own.value().into_owned())
    }

    /// The same, also where it is a string of a type that endpoints do not accept.
    pub fn readable_common_name(&self) -> Option<String> {
        name::common_name(self.parsed.tbs_certificate().subject())
    }

    /// The subject's key.
    ///
    /// # Errors
    /// [`X509Error::Key`].
    pub fn public_key(&self) -> Result<PublicKey, X509Error> {
        public_key(self.parsed.tbs_certificate().subject_public_key_info())
    }

    /// Whether this certificate says that `authority` issued it. That proves nothing: anyone can write a name.
    pub fn names_as_issuer(&self, authority: &Certificate) -> bool {
        self.parsed.tbs_certificate().issuer() == authority.parsed.tbs_certificate().subject()
    }

    /// Check that `authority`, which is trusted, issued this certificate, and return its key. The
    /// signature and the issuer's name are always checked; see [`Checks`] for the rest.
    ///
    /// # Errors
    /// In this order: issuer, signature, validity (of both certificates), authority, extension, name, key.
    pub fn verify(
        &self,
        authority: &Certificate,
        checks: Checks<'_>,
    ) -> Result<PublicKey, X509Error> {
        self.is_issued_by(authority, checks.reading)?;
        let (own, issuer) = (self.parsed.tbs_certificate(), authority.parsed.tbs_certificate());
        if let Some(now) = checks.now
            && ![own, issuer].iter().all(|certificate| is_valid(certificate, now))
        {
            return Err(X509Error::Validity);
        }
        if let Some(Roles) = checks.authority
            && (!may_sign(issuer) || is_authority(own))
        {
            return Err(X509Error::Authority);
        }
        if checks.authority.is_some() && ![own, issuer].iter().all(|it| is_understood(it)) {
            return Err(X509Error::Extension);
        }
        let common_name = match checks.reading {
            Reading::Strict => self.common_name(),
            Reading::Tolerant => self.readable_common_name(),
        };
        if checks.common_name.is_some() && common_name.as_deref() != checks.common_name {
            return Err(X509Error::Name);
        }
        self.public_key()
    }

    /// Check that it names `authority` as its issuer and is signed with its key. Nothing else is looked at.
    ///
    /// # Errors
    /// In this order: issuer, key (the authority's is no RSA key), algorithm, signature.
    pub fn is_issued_by(&self, authority: &Certificate, reading: Reading) -> Result<(), X509Error> {
        let (own, issuer) = (self.parsed.tbs_certificate(), authority.parsed.tbs_certificate());
        let named = match reading {
            Reading::Strict => own.issuer() == issuer.subject(),
            Reading::Tolerant => name::same(own.issuer(), issuer.subject()),
        };
        if !named {
            return Err(X509Error::Issuer);
        }
        if self.parsed.signature_algorithm() != own.signature() {
            return Err(X509Error::Signature);
        }
        let key = authority.public_key()?;
        let signature = self.parsed.signature().as_bytes();
        let strict;
        let signed = match reading {
            Reading::Strict => {
                strict = own.to_der().map_err(|_| X509Error::Form)?;
                &strict
            }
            Reading::Tolerant => signed_part(&self.der)?,
        };
        self.algorithm().verify(&key, signed, signature, reading)
    }

    /// How it is signed.
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::of(self.parsed.signature_algorithm())
    }
}

/// The DER of a PEM file with this label. What reads PEM and DER in one step does not look at what comes behind the DER.
fn der_of(pem: &str, label: &str) -> Result<Vec<u8>, X509Error> {
    match pem::decode_vec(pem.as_bytes()) {
        Ok((found, der)) if found == label => Ok(der),
        _ => Err(X509Error::Form),
    }
}

/// Whether `now`, in seconds since 1970-01-01, lies in a certificate's period.
fn is_valid(certificate: &TbsCertificate, now: u64) -> bool {
    let Validity { not_before, not_after, .. } = *certificate.validity();
    let (from, until) = (not_before.to_unix_duration(), not_after.to_unix_duration());
    (from.as_secs()..=until.as_secs()).contains(&now)
}

/// Whether everything it marks as critical is known here: what is not may restrict it (RFC 5280 section 4.2).
fn is_understood(certificate: &TbsCertificate) -> bool {
    let known = [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, SubjectAltName::OID];
    let mut extensions = certificate.extensions().into_iter().flatten();
    extensions.all(|extension| !extension.critical || known.contains(&extension.extn_id))
}

fn is_authority(certificate: &TbsCertificate) -> bool {
    matches!(certificate.get_extension::<BasicConstraints>(), Ok(Some((_, basic))) if basic.ca)
}

/// An authority says so, and says nothing of its key that excludes signing certificates: without `keyUsage`, the
/// key is for everything (RFC 5280 sections 4.2.1.3, 4.2.1.9 and 6.1.4 (n)).
fn may_sign(certificate: &TbsCertificate) -> bool {
    let key_signs = match certificate.get_extension::<KeyUsage>() {
        Ok(None) => true,
        Ok(Some((_, usage))) => usage.key_cert_sign(),
        // Two of them, or one that cannot be read.
        Err(_) => false,
    };
    is_authority(certificate) && key_signs
}

fn public_key(info: &SubjectPublicKeyInfoOwned) -> Result<PublicKey, X509Error> {
    let der = info.to_der().map_err(|_| X509Error::Key)?;
    PublicKey::from_spki(&der).map_err(|_| X509Error::Key)
}

/// What is read of the DER of a file, also where its names have strings of a type that the parser does not know.
fn tolerant<T: for<'a> Decode<'a, Error = der::Error>>(der: &[u8]) -> Result<T, Malformed> {
    T::from_der(der)
        .or_else(|error| T::from_der(&name::stand_in(der)).map_err(|_| Malformed(error)))
}

/// The first part of a request or certificate, which the signature is over, as it was read.
fn signed_part(der: &[u8]) -> Result<&[u8], X509Error> {
    let part = |der| {
        let mut reader = SliceReader::new(der)?;
        Header::decode(&mut reader)?;
        reader.tlv_bytes()
    };
    part(der).map_err(|_: der::Error| X509Error::Form)
}

#[cfg(test)]
mod tests;
