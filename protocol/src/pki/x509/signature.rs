//! How requests and certificates are signed: what an algorithm identifier says.

use std::fmt;

use x509_cert::der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier};
use x509_cert::der::oid::db::DB;
use x509_cert::der::{Decode, DecodeValue, Encode, Header, Reader, SliceReader, TagNumber};
use x509_cert::spki::{
    AlgorithmIdentifierOwned, AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned,
};

use crate::crypto::rsa::scheme::{Hash, Scheme};

/// RSASSA-PSS (RFC 8017 appendix C).
const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
/// MGF1 (RFC 8017 appendix C).
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
/// PKCS#1 v1.5 with a hash (RFC 8017 appendix C).
const PKCS1V15: [(ObjectIdentifier, Hash); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), Hash::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), Hash::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), Hash::Sha512),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.14"), Hash::Sha224),
];
/// Hash functions by themselves (RFC 8017 appendix C).
const HASHES: [(ObjectIdentifier, Hash); 4] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), Hash::Sha256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"), Hash::Sha224),
];

/// How something is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Algorithm {
    oid: ObjectIdentifier,
    pub(super) scheme: Option<Scheme>,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(self.oid))?;
        match self.scheme {
            Some(Scheme::Pss { hash, salt }) => write!(f, " ({hash}, a salt of {salt} bytes)"),
            None if self.oid == PSS => f.write_str(" (with parameters that are not known here)"),
            _ => Ok(()),
        }
    }
}

impl Algorithm {
    /// What an identifier says.
    pub(super) fn of(identifier: &AlgorithmIdentifierOwned) -> Self {
        let oid = identifier.oid;
        let plain = PKCS1V15.into_iter().find(|(known, _)| *known == oid);
        let scheme = if oid == PSS {
            identifier.parameters.as_ref().and_then(|any| pss(&any.to_der().ok()?))
        } else {
            plain.map(|(_, hash)| Scheme::Pkcs1v15(hash))
        };
        Self { oid, scheme }
    }
}

/// The name of an algorithm, or its object identifier.
fn name(oid: ObjectIdentifier) -> String {
    DB.by_oid(&oid).map_or_else(|| oid.to_string(), str::to_owned)
}

/// The name of the algorithm that a key is for.
pub(super) fn key_algorithm(info: &SubjectPublicKeyInfoOwned) -> String {
    name(info.algorithm.oid)
}

/// `RSASSA-PSS-params` (RFC 8017 appendix A.2.3). Where nothing is said, SHA-1 is meant, which is not known here.
fn pss(der: &[u8]) -> Option<Scheme> {
    let mut outer = SliceReader::new(der).ok()?;
    let header = Header::decode(&mut outer).ok()?;
    let body = AnyRef::decode_value(&mut outer, header).ok()?;
    let mut reader = SliceReader::new(body.value()).ok()?;
    let explicit = |reader: &mut SliceReader<'_>, number| -> Option<Option<Vec<u8>>> {
        let any = ContextSpecific::<AnyRef<'_>>::decode_explicit(reader, TagNumber(number)).ok()?;
        any.map(|any| any.value.to_der()).transpose().ok()
    };
    let hash = explicit(&mut reader, 0)??;
    let mask = explicit(&mut reader, 1)??;
    let salt = explicit(&mut reader, 2)?;
    let trailer = explicit(&mut reader, 3)?;
    reader.finish().ok()?;
    let hash = AlgorithmIdentifierRef::from_der(&hash).ok()?.oid;
    let mask = AlgorithmIdentifierRef::from_der(&mask).ok()?;
    let mask_hash = mask.parameters?.decode_as::<AlgorithmIdentifierRef<'_>>().ok()?.oid;
    let salt = salt.map_or(Some(20), |salt| u16::from_der(&salt).ok())?;
    let trailer = trailer.map_or(Some(1), |trailer| u8::from_der(&trailer).ok())?;
    if mask.oid != MGF1 || mask_hash != hash || trailer != 1 {
        return None;
    }
    let (_, hash) = HASHES.into_iter().find(|(known, _)| *known == hash)?;
    Some(Scheme::Pss { hash, salt: salt.into() })
}
