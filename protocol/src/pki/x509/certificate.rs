//! A certificate, and a chain check whose parts can be left out one by one.

use x509_cert::Certificate as Parsed;
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::pem::{self, LineEnding, PemLabel};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::time::Validity;

use super::name;
use super::reading::{Malformed, Reading, X509Error, der_of, public_key, signed_part, tolerant};
use super::signature::Algorithm;
use crate::crypto::rsa::PublicKey;

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

/// That an authority is marked as one, and a party is not marked as an authority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roles;

/// An X.509 certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    pub(super) parsed: Parsed,
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
    pub(super) fn made(parsed: Parsed) -> Result<Self, X509Error> {
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
