//! Certificates of the JSON kind: a name and a public key, signed by a certificate authority.
//! X.509, users, and what people keep in files have files of their own.

pub mod armour;
pub mod users;
pub mod x509;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::crypto::rsa::{PrivateKey, PublicKey, RsaError};
use crate::crypto::sha256;

/// How a certificate's PEM text must begin. A PEM reader skips text before this line; the
/// signature covers name and PEM without a border between them, so text skipped here could be the
/// tail of another name ("device" with "-2-----BEGIN" reads as "device-2").
const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";

/// A name and its public key, with the authority's signature over both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// Whose key it is.
    pub common_name: String,
    /// The key as PEM `PUBLIC KEY`, byte for byte as it was signed.
    pub public_key: String,
    /// PKCS#1 v1.5-SHA256 by the authority over name and PEM.
    pub signature: Vec<u8>,
}

/// Why a certificate is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateError {
    /// It is not JSON of the declared form.
    Form,
    /// The authority did not sign it.
    Signature,
    /// It holds no usable RSA key.
    Key,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a JSON certificate",
            Self::Signature => "not signed by the authority",
            Self::Key => "no usable RSA key inside",
        })
    }
}

impl std::error::Error for CertificateError {}

#[derive(Deserialize)]
struct Outer {
    certificate: Inner,
    signature: String,
}

#[derive(Deserialize)]
struct Inner {
    common_name: String,
    public_key: String,
}

impl Certificate {
    /// Issue a certificate with the authority's key. The same arguments give the same bytes.
    ///
    /// # Errors
    /// [`RsaError::Size`] if the authority's key is too small to sign.
    pub fn issue(
        authority: &PrivateKey,
        common_name: &str,
        public_key: &str,
    ) -> Result<Self, RsaError> {
        let signature = authority.sign_pkcs1v15(&signed(common_name, public_key))?;
        Ok(Self { common_name: common_name.into(), public_key: public_key.into(), signature })
    }

    /// Write as JSON, with a space after every comma and colon.
    pub fn encode(&self) -> Vec<u8> {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        format!(
            r#"{{"certificate": {{"common_name": {}, "public_key": {}}}, "signature": "{}"}}"#,
            text(&self.common_name),
            text(&self.public_key),
            STANDARD.encode(&self.signature),
        )
        .into_bytes()
    }

    /// Read JSON, however it is spaced.
    ///
    /// # Errors
    /// [`CertificateError::Form`].
    pub fn decode(json: &[u8]) -> Result<Self, CertificateError> {
        let outer: Outer = serde_json::from_slice(json).map_err(|_| CertificateError::Form)?;
        let signature = STANDARD.decode(outer.signature).map_err(|_| CertificateError::Form)?;
        let Inner { common_name, public_key } = outer.certificate;
        Ok(Self { common_name, public_key, signature })
    }

    /// Check the authority's signature and return the key.
    ///
    /// # Errors
    /// [`CertificateError::Signature`] before [`CertificateError::Key`].
    pub fn verify(&self, authority: &PublicKey) -> Result<PublicKey, CertificateError> {
        authority
            .verify_pkcs1v15(&signed(&self.common_name, &self.public_key), &self.signature)
            .map_err(|_| CertificateError::Signature)?;
        if !self.public_key.starts_with(PEM_BEGIN) {
            return Err(CertificateError::Key);
        }
        PublicKey::from_pem(&self.public_key).map_err(|_| CertificateError::Key)
    }
}

/// The digest the authority signs.
fn signed(common_name: &str, public_key: &str) -> [u8; 32] {
    sha256(&[common_name.as_bytes(), public_key.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE_2: &str = include_str!("../../lab/helo/device-2_public_key.pem");

    fn authority() -> PrivateKey {
        PrivateKey::from_pem(include_str!("../../lab/helo/ca_private_key.pem")).unwrap()
    }

    #[test]
    fn an_issued_certificate_verifies_after_a_round_trip() {
        let authority = authority();
        let issued = Certificate::issue(&authority, "device-2", DEVICE_2).unwrap();
        let read = Certificate::decode(&issued.encode()).unwrap();
        assert_eq!(read, issued);
        let key = read.verify(&authority.public_key()).unwrap();
        assert_eq!(key, PublicKey::from_pem(DEVICE_2).unwrap());
        assert_eq!(key.to_pem().unwrap(), DEVICE_2);
        let json = String::from_utf8(issued.encode()).unwrap();
        let head = r#"{"certificate": {"common_name": "device-2", "public_key": "-----BEGIN PUBLIC KEY-----\nM"#;
        assert!(json.starts_with(head), "{json}");
    }

    #[test]
    fn another_authority_or_name_is_refused() {
        let authority = authority();
        let mut issued = Certificate::issue(&authority, "device-2", DEVICE_2).unwrap();
        let other =
            PublicKey::from_pem(include_str!("../../lab/helo/server_public_key.pem")).unwrap();
        assert_eq!(issued.verify(&other), Err(CertificateError::Signature));
        issued.common_name = "device".into();
        assert_eq!(issued.verify(&authority.public_key()), Err(CertificateError::Signature));
    }

    #[test]
    fn the_border_between_name_and_key_cannot_be_moved() {
        let authority = authority();
        let mut issued = Certificate::issue(&authority, "device-2", DEVICE_2).unwrap();
        issued.common_name = "device".into();
        issued.public_key = format!("-2{DEVICE_2}");
        assert_eq!(issued.verify(&authority.public_key()), Err(CertificateError::Key));
    }

    #[test]
    fn other_spacing_and_unknown_keys_are_read_and_nonsense_is_not() {
        let spaced = br#" {"signature":"AA==","extra":1,
            "certificate":{"public_key":"k","common_name":"n"}} "#;
        let read = Certificate::decode(spaced).unwrap();
        assert_eq!((read.common_name.as_str(), read.signature), ("n", vec![0]));
        for bad in [&b""[..], b"{}", b"[]", b"\xff", br#"{"certificate": 1, "signature": ""}"#] {
            assert_eq!(Certificate::decode(bad), Err(CertificateError::Form));
        }
    }
}
