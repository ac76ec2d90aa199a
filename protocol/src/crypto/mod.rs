//! Compositions of RustCrypto primitives, as the systems use them. No primitive is implemented here.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

pub mod cbc;
pub mod ccm;
pub mod checksum;
pub mod ecdh;
pub mod key;
pub mod rsa;
pub mod x25519;

/// A secret of `N` bytes: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq, Hash, Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(pub [u8; N]);

impl<const N: usize> AsRef<[u8]> for Secret<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// SHA-256 over the concatenation of `parts` (FIPS 180-4).
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// The first `N` bytes of SHA-256 over `parts`, `N` at most 32.
pub fn sha256_truncated<const N: usize>(parts: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 32, "SHA-256 has 32 bytes") };
    let digest = sha256(parts);
    let mut secret = Secret([0; N]);
    secret.0.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = digest);
    secret
}

/// HMAC-SHA256 (RFC 2104) over what comes piece by piece.
#[derive(Clone, Debug)]
pub struct Authenticator {
    mac: Hmac<Sha256>,
    /// The bytes that wait for the rest of their block.
    waiting: usize,
}

/// The bytes that SHA-256 compresses at once.
const HASH_BLOCK: usize = 64;

impl Authenticator {
    /// Begin with the concatenation of `parts`. A key of any length.
    pub fn new(key: &[u8], parts: &[&[u8]]) -> Self {
        Self::after(hmac(key), parts)
    }

    /// The same under a key that is ready.
    fn after(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> Self {
        let mut len = 0;
        for part in parts {
            mac.update(part);
            len += part.len();
        }
        Self { mac, waiting: len % HASH_BLOCK }
    }

    /// Go on with these bytes.
    pub fn absorb(&mut self, bytes: &[u8]) {
        self.mac.update(bytes);
        self.waiting = (self.waiting + bytes.len()) % HASH_BLOCK;
    }

    /// Go on with the first of these bytes, so that none waits for the rest of its block; how many those were.
    #[inline]
    pub(crate) fn absorb_blocks(&mut self, bytes: &[u8]) -> usize {
        let whole = (self.waiting + bytes.len()) / HASH_BLOCK * HASH_BLOCK;
        let Some(now) = whole.checked_sub(self.waiting) else { return 0 };
        self.mac.update(bytes.get(..now).unwrap_or_default());
        self.waiting = 0;
        now
    }

    /// The tag, 32 bytes.
    pub fn tag(self) -> [u8; 32] {
        self.mac.finalize().into_bytes().into()
    }

    /// Whether this is the tag, compared in constant time.
    pub fn verifies(self, tag: &[u8]) -> bool {
        self.mac.verify_slice(tag).is_ok()
    }
}

/// HMAC-SHA256 over the concatenation of `parts` (RFC 2104).
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    Authenticator::new(key, parts).tag()
}

/// Whether `tag` is HMAC-SHA256 over `parts`, compared in constant time.
pub fn hmac_sha256_verifies(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    Authenticator::new(key, parts).verifies(tag)
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    // RFC 2104 gives HMAC a key of any length; the error arm of the trait cannot happen.
    <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

/// HKDF-SHA256 without salt, extract and expand (RFC 5869), of `N` bytes, `N` at most 8160.
pub fn hkdf_sha256<const N: usize>(secret: &[u8], info: &[&[u8]]) -> Secret<N> {
    hkdf_sha256_salted(&[], secret, info)
}

/// The same with a salt. An empty one is none (RFC 5869 section 2.2).
pub fn hkdf_sha256_salted<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32, "HKDF-SHA256 gives at most 8160 bytes") };
    let mut out = Secret([0; N]);
    let expanded =
        hkdf::Hkdf::<Sha256>::new(Some(salt), secret).expand_multi_info(info, &mut out.0);
    debug_assert!(expanded.is_ok(), "the length was checked at compile time");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn hmac_sha256_rfc_4231_case_2() {
        let tag = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&tag), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(hmac_sha256_verifies(b"Jefe", &[b"what do ya want for nothing?"], &tag));
        assert!(!hmac_sha256_verifies(b"Jefe", &[b"what do ya want for nothing!"], &tag));
        assert!(!hmac_sha256_verifies(b"Jefe", &[b"what do ya want for nothing?"], &tag[..31]));
    }

    #[test]
    fn hkdf_sha256_rfc_5869_case_3() {
        let okm = hkdf_sha256::<42>(&[0x0b; 22], &[]);
        assert_eq!(
            hex(&okm.0),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }

    #[test]
    fn hkdf_sha256_rfc_5869_case_1() {
        let salt: Vec<u8> = (0..13).collect();
        let info: Vec<u8> = (0xf0..0xfa).collect();
        let okm = hkdf_sha256_salted::<42>(&salt, &[0x0b; 22], &[&info]);
        assert_eq!(
            hex(&okm.0),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert_eq!(format!("{:?}", Secret([7u8; 4])), "Secret(redacted)");
    }
}
