//! X.509 (RFC 5280) as a small certificate authority uses it: requests (PKCS#10, RFC 2986),
//! certificates, and a chain check whose parts can be left out one by one. Everything is signed with
//! RSA PKCS#1 v1.5 and SHA-256, so the same arguments give the same bytes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rsa::pkcs1v15::Signature;
use x509_cert::Certificate as Parsed;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::UtcTime;
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::pem::{self, LineEnding, PemLabel};
use x509_cert::der::{Decode, Encode, EncodePem};
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, RequestBuilder};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::crypto::sha256;
use crate::entropy::Entropy;

mod details;

pub use details::{Details, Said};

/// `sha256WithRSAEncryption` (RFC 8017 appendix C).
const SHA256_WITH_RSA: &str = "1.2.840.113549.1.1.11";

/// Why a request or certificate is not made or not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum X509Error {
    /// It is not PEM or DER of the declared form.
    Form,
    /// It names another issuer.
    Issuer,
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
        let time = |seconds| {
            UtcTime::from_unix_duration(Duration::from_secs(seconds))
                .map(Time::UtcTime)
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

/// Tells the builder whose certificate it makes.
struct Issuing {
    issuer: Name,
    subject: Name,
    kind: Kind,
}

impl BuilderProfile for Issuing {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let (ca, usage): (bool, FlagSet<KeyUsages>) = match self.kind {
            Kind::Bare => return Ok(Vec::new()),
            Kind::Authority => (true, KeyUsages::KeyCertSign.into()),
            Kind::Party => (false, KeyUsages::DigitalSignature.into()),
        };
        let constraints = BasicConstraints { ca, path_len_constraint: None };
        let first = constraints.to_extension(tbs.subject(), &[])?;
        let second = KeyUsage(usage).to_extension(tbs.subject(), &[])?;
        Ok(vec![first, second])
    }
}

/// A certificate signing request: a name and a key, signed with that key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request(CertReq);

impl Request {
    /// Ask for a certificate for `subject`.
    ///
    /// # Errors
    /// [`X509Error::Name`] for a subject that is no distinguished name, [`X509Error::Key`] for a key too
    /// small to sign.
    pub fn new(subject: Subject<'_>, key: &PrivateKey) -> Result<Self, X509Error> {
        let subject = Name::from_str(subject).map_err(|_| X509Error::Name)?;
        RequestBuilder::new(subject)
            .and_then(|request| request.build::<_, Signature>(&key.signer()))
            .map(Self)
            .map_err(|_| X509Error::Key)
    }

    /// Read a PEM `CERTIFICATE REQUEST`.
    ///
    /// # Errors
    /// [`X509Error::Form`].
    pub fn from_pem(pem: &str) -> Result<Self, X509Error> {
        let der = der_of(pem, CertReq::PEM_LABEL)?;
        CertReq::from_der(&der).map(Self).map_err(|_| X509Error::Form)
    }

    /// Write a PEM `CERTIFICATE REQUEST`.
    ///
    /// # Errors
    /// [`X509Error::Form`] if it is too large for DER.
    pub fn to_pem(&self) -> Result<String, X509Error> {
        self.0.to_pem(LineEnding::LF).map_err(|_| X509Error::Form)
    }

    /// Check that whoever asks holds the key; return the key.
    ///
    /// # Errors
    /// [`X509Error::Key`], then [`X509Error::Signature`].
    pub fn verify(&self) -> Result<PublicKey, X509Error> {
        let key = public_key(&self.0.info.public_key)?;
        let signed = self.0.info.to_der().map_err(|_| X509Error::Form)?;
        let algorithm = self.0.algorithm.oid.to_string();
        verify(&key, &algorithm, &signed, self.0.signature.as_bytes())?;
        Ok(key)
    }
}

/// A certificate authority at work: whose name and key it signs with.
#[derive(Debug)]
pub struct Issuer<'a> {
    /// Its own name.
    pub subject: Subject<'a>,
    /// Its key.
    pub key: &'a PrivateKey,
    /// Gives serial numbers.
    pub entropy: Entropy,
}

impl Issuer<'_> {
    /// The authority's certificate for itself.
    ///
    /// # Errors
    /// As [`Request::new`], and [`X509Error::Validity`] for a period outside 1970 to 2049.
    pub fn certify_itself(&mut self, period: Period, kind: Kind) -> Result<Certificate, X509Error> {
        let request = Request::new(self.subject, self.key)?;
        self.sign(&request, period, kind)
    }

    /// Sign a request, once its own signature is checked.
    ///
    /// # Errors
    /// As [`Request::verify`], and [`X509Error::Validity`] for a period outside 1970 to 2049.
    pub fn sign(
        &mut self,
        request: &Request,
        period: Period,
        kind: Kind,
    ) -> Result<Certificate, X509Error> {
        let issuer = Name::from_str(self.subject).map_err(|_| X509Error::Name)?;
        certify((issuer, self.key), request, (period, kind), &mut self.entropy)
    }
}

/// Sign a request, once its own signature is checked.
fn certify(
    (issuer, key): (Name, &PrivateKey),
    request: &Request,
    (period, kind): (Period, Kind),
    entropy: &mut Entropy,
) -> Result<Certificate, X509Error> {
    request.verify()?;
    let issuing = Issuing { issuer, subject: request.0.info.subject.clone(), kind };
    let mut serial: [u8; 16] = entropy.bytes();
    // A serial number is positive and its first byte is not zero (RFC 5280 section 4.1.2.2).
    let [first, ..] = &mut serial;
    *first = *first & 0x3f | 0x40;
    let serial = SerialNumber::new(&serial).map_err(|_| X509Error::Form)?;
    let certified = request.0.info.public_key.clone();
    CertificateBuilder::new(issuing, serial, period.to_validity()?, certified)
        .and_then(|builder| builder.build::<_, Signature>(&key.signer()))
        .map(Certificate)
        .map_err(|_| X509Error::Form)
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
}

/// That an authority is marked as one, and a party is not marked as an authority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roles;

/// An X.509 certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate(Parsed);

impl Certificate {
    /// Read a PEM `CERTIFICATE`.
    ///
    /// # Errors
    /// [`X509Error::Form`].
    pub fn from_pem(pem: &str) -> Result<Self, X509Error> {
        let der = der_of(pem, Parsed::PEM_LABEL)?;
        Parsed::from_der(&der).map(Self).map_err(|_| X509Error::Form)
    }

    /// Read DER.
    ///
    /// # Errors
    /// [`X509Error::Form`], also for what another writer would spell differently.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        let read = Self(Parsed::from_der(der).map_err(|_| X509Error::Form)?);
        if read.to_der()? == der { Ok(read) } else { Err(X509Error::Form) }
    }

    /// Write a PEM `CERTIFICATE`.
    ///
    /// # Errors
    /// [`X509Error::Form`] if it is too large for DER.
    pub fn to_pem(&self) -> Result<String, X509Error> {
        self.0.to_pem(LineEnding::LF).map_err(|_| X509Error::Form)
    }

    /// Write DER.
    ///
    /// # Errors
    /// [`X509Error::Form`] if it is too large for DER.
    pub fn to_der(&self) -> Result<Vec<u8>, X509Error> {
        self.0.to_der().map_err(|_| X509Error::Form)
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
        certify((self.0.tbs_certificate().subject().clone(), key), request, terms, entropy)
    }

    /// Whether it is that of an authority and excludes no signing of certificates with its key.
    pub fn may_sign(&self) -> bool {
        may_sign(self.0.tbs_certificate())
    }

    /// The subject's common name; nothing if it has none, or several.
    pub fn common_name(&self) -> Option<String> {
        let subject = self.0.tbs_certificate().subject();
        let own = subject.common_name().ok()??;
        let names = subject.iter().filter(|part| part.oid.to_string() == "2.5.4.3").count();
        (names == 1).then(|| own.value().into_owned())
    }

    /// The subject's key.
    ///
    /// # Errors
    /// [`X509Error::Key`].
    pub fn public_key(&self) -> Result<PublicKey, X509Error> {
        public_key(self.0.tbs_certificate().subject_public_key_info())
    }

    /// Whether this certificate says that `authority` issued it. That proves nothing: anyone can write a name.
    pub fn names_as_issuer(&self, authority: &Certificate) -> bool {
        self.0.tbs_certificate().issuer() == authority.0.tbs_certificate().subject()
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
        let (own, issuer) = (self.0.tbs_certificate(), authority.0.tbs_certificate());
        if own.issuer() != issuer.subject() {
            return Err(X509Error::Issuer);
        }
        let algorithm = self.0.signature_algorithm();
        if algorithm != own.signature() {
            return Err(X509Error::Signature);
        }
        let signed = own.to_der().map_err(|_| X509Error::Form)?;
        let signature = self.0.signature().as_bytes();
        verify(&authority.public_key()?, &algorithm.oid.to_string(), &signed, signature)?;
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
        if checks.common_name.is_some() && self.common_name().as_deref() != checks.common_name {
            return Err(X509Error::Name);
        }
        self.public_key()
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

fn verify(
    key: &PublicKey,
    algorithm: &str,
    signed: &[u8],
    signature: Option<&[u8]>,
) -> Result<(), X509Error> {
    let signature = signature.filter(|_| algorithm == SHA256_WITH_RSA);
    key.verify_pkcs1v15(&sha256(&[signed]), signature.unwrap_or_default())
        .map_err(|_| X509Error::Signature)
}

#[cfg(test)]
mod tests;
