//! Requests for certificates (PKCS#10, RFC 2986), and an authority that signs them.

use std::str::FromStr;
use std::time::Duration;

use rsa::pkcs1v15::Signature;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::pem::{self, LineEnding, PemLabel};
use x509_cert::der::{DateTime, Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, ExtensionReq, RequestBuilder};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoRef;
use x509_cert::time::{Time, Validity};

use super::certificate::Certificate;
use super::name;
use super::reading::{Malformed, Reading, X509Error, der_of, public_key, signed_part, tolerant};
use super::signature::Algorithm;
use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::entropy::Entropy;

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

/// A certificate signing request: a name and a key, signed with that key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub(super) parsed: CertReq,
    /// As it was read, byte for byte: the signature is over a part of it.
    der: Vec<u8>,
}

impl Request {
    /// Ask for a certificate for `subject`.
    ///
    /// # Errors
    /// [`X509Error::Name`] for a subject that is no distinguished name, [`X509Error::Key`] for a key too
    /// small to sign.
    pub fn new(subject: Subject<'_>, key: &PrivateKey) -> Result<Self, X509Error> {
        let subject = Name::from_str(subject).map_err(|_| X509Error::Name)?;
        let parsed = RequestBuilder::new(subject)
            .and_then(|request| request.build::<_, Signature>(&key.signer()))
            .map_err(|_| X509Error::Key)?;
        let der = parsed.to_der().map_err(|_| X509Error::Form)?;
        Ok(Self { parsed, der })
    }

    /// Read a PEM `CERTIFICATE REQUEST`.
    ///
    /// # Errors
    /// [`X509Error::Form`].
    pub fn from_pem(pem: &str) -> Result<Self, X509Error> {
        let der = der_of(pem, CertReq::PEM_LABEL)?;
        let parsed = CertReq::from_der(&der).map_err(|_| X509Error::Form)?;
        Ok(Self { parsed, der })
    }

    /// Read the DER of a file.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read_der(der: &[u8]) -> Result<Self, Malformed> {
        Ok(Self { parsed: tolerant(der)?, der: der.to_vec() })
    }

    /// Write a PEM `CERTIFICATE REQUEST`.
    ///
    /// # Errors
    /// [`X509Error::Form`] if it is too large for DER.
    pub fn to_pem(&self) -> Result<String, X509Error> {
        pem::encode_string(CertReq::PEM_LABEL, LineEnding::LF, &self.der)
            .map_err(|_| X509Error::Form)
    }

    /// Check that whoever asks holds the key; return the key.
    ///
    /// # Errors
    /// [`X509Error::Key`], then [`X509Error::Algorithm`], then [`X509Error::Signature`].
    pub fn verify(&self) -> Result<PublicKey, X509Error> {
        let key = public_key(&self.parsed.info.public_key)?;
        let signed = signed_part(&self.der)?;
        let signature = self.parsed.signature.as_bytes();
        self.algorithm().verify(&key, signed, signature, Reading::Tolerant)?;
        Ok(key)
    }

    /// How it is signed.
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::of(&self.parsed.algorithm)
    }

    /// The extensions it asks for (RFC 2985 section 5.4.2).
    pub(super) fn extensions(&self) -> Vec<Extension> {
        let all = self.parsed.info.attributes.iter();
        let asked = all.filter(|attribute| attribute.oid == ExtensionReq::OID);
        let values = asked.flat_map(|attribute| attribute.values.iter());
        values.filter_map(|value| value.decode_as::<Vec<Extension>>().ok()).flatten().collect()
    }

    /// The extension with the alternative names it asks for.
    fn alternatives(&self) -> Option<Extension> {
        self.extensions().into_iter().find(|extension| extension.extn_id == SubjectAltName::OID)
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
    /// As [`Request::new`], and [`X509Error::Validity`] for a period outside the years 1970 to 9999.
    pub fn certify_itself(&mut self, period: Period, kind: Kind) -> Result<Certificate, X509Error> {
        let request = Request::new(self.subject, self.key)?;
        self.sign(&request, period, kind)
    }

    /// Sign a request, once its own signature is checked. Of the extensions it asks for, the alternative names are kept.
    ///
    /// # Errors
    /// As [`Request::verify`], and [`X509Error::Validity`] for a period outside the years 1970 to 9999.
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

impl Certificate {
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
        certify((self.parsed.tbs_certificate().subject().clone(), key), request, terms, entropy)
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
    let subject = name::written(request.parsed.info.subject.clone());
    let alternatives = request.alternatives();
    let issuing = Issuing { issuer: name::written(issuer), subject, kind, alternatives };
    let mut serial: [u8; 16] = entropy.bytes();
    // A serial number is positive and its first byte is not zero (RFC 5280 section 4.1.2.2).
    let [first, ..] = &mut serial;
    *first = *first & 0x3f | 0x40;
    let serial = SerialNumber::new(&serial).map_err(|_| X509Error::Form)?;
    let certified = request.parsed.info.public_key.clone();
    CertificateBuilder::new(issuing, serial, period.to_validity()?, certified)
        .and_then(|builder| builder.build::<_, Signature>(&key.signer()))
        .map_err(|_| X509Error::Form)
        .and_then(Certificate::made)
}

/// Tells the builder whose certificate it makes.
struct Issuing {
    issuer: Name,
    subject: Name,
    kind: Kind,
    alternatives: Option<Extension>,
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
            Kind::Bare => return Ok(self.alternatives.iter().cloned().collect()),
            Kind::Authority => (true, KeyUsages::KeyCertSign.into()),
            Kind::Party => (false, KeyUsages::DigitalSignature.into()),
        };
        let constraints = BasicConstraints { ca, path_len_constraint: None };
        let first = constraints.to_extension(tbs.subject(), &[])?;
        let second = KeyUsage(usage).to_extension(tbs.subject(), &[])?;
        Ok([first, second].into_iter().chain(self.alternatives.clone()).collect())
    }
}
