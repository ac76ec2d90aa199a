//! Signatures as files of other programs bear them: PKCS#1 v1.5 and PSS, each with one of several hashes. The systems
//! themselves sign with SHA-256 alone.

use std::fmt;

use rsa::{Pkcs1v15Sign, Pss};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::{PublicKey, RsaError};

/// A hash function of the SHA-2 family (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hash {
    /// SHA-224, 28 bytes.
    Sha224,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// How a message is signed with RSA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// PKCS#1 v1.5 (RFC 8017 section 8.2).
    Pkcs1v15(Hash),
    /// PSS (RFC 8017 section 8.1), with MGF1 over the same hash.
    Pss {
        /// The hash.
        hash: Hash,
        /// The length of the salt, in bytes.
        salt: usize,
    },
}

impl PublicKey {
    /// Check a signature over a message.
    ///
    /// # Errors
    /// [`RsaError::Signature`].
    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), RsaError> {
        let key = &self.0;
        let verified = match scheme {
            Scheme::Pkcs1v15(hash) => {
                let padding = match hash {
                    Hash::Sha224 => Pkcs1v15Sign::new::<Sha224>(),
                    Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
                    Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
                    Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
                };
                key.verify(padding, &digest(hash, message), signature)
            }
            Scheme::Pss { hash, salt } => {
                let digest = digest(hash, message);
                match hash {
                    Hash::Sha224 => {
                        key.verify(Pss::<Sha224>::new_with_salt(salt), &digest, signature)
                    }
                    Hash::Sha256 => {
                        key.verify(Pss::<Sha256>::new_with_salt(salt), &digest, signature)
                    }
                    Hash::Sha384 => {
                        key.verify(Pss::<Sha384>::new_with_salt(salt), &digest, signature)
                    }
                    Hash::Sha512 => {
                        key.verify(Pss::<Sha512>::new_with_salt(salt), &digest, signature)
                    }
                }
            }
        };
        verified.map_err(|_| RsaError::Signature)
    }
}

fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha224 => Sha224::digest(message).to_vec(),
        Hash::Sha256 => Sha256::digest(message).to_vec(),
        Hash::Sha384 => Sha384::digest(message).to_vec(),
        Hash::Sha512 => Sha512::digest(message).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rsa::PrivateKey;
    use crate::crypto::sha256;
    use crate::entropy::Entropy;

    #[test]
    fn a_scheme_holds_for_its_own_signatures_only() {
        let key =
            PrivateKey::from_pem(include_str!("../../../lab/helo/device_private_key.pem")).unwrap();
        let public = key.public_key();
        let plain = key.sign_pkcs1v15(&sha256(&[b"message"])).unwrap();
        let salted = key.sign_pss(&mut Entropy::new(1, "pss"), &sha256(&[b"message"])).unwrap();
        let pss = |salt| Scheme::Pss { hash: Hash::Sha256, salt };
        for (scheme, signature, valid) in [
            (Scheme::Pkcs1v15(Hash::Sha256), &plain, true),
            (Scheme::Pkcs1v15(Hash::Sha512), &plain, false),
            (Scheme::Pkcs1v15(Hash::Sha256), &salted, false),
            (pss(222), &salted, true),
            (pss(32), &salted, false),
            (pss(usize::MAX / 2), &salted, false),
            (pss(222), &plain, false),
        ] {
            assert_eq!(public.verify(scheme, b"message", signature).is_ok(), valid, "{scheme:?}");
            assert!(public.verify(scheme, b"massage", signature).is_err(), "{scheme:?}");
        }
    }
}
