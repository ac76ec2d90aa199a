//! Checksums by name, as `suite` offers them to its users: SHA-256 (FIPS 180-4) and MD5 (RFC 1321). Neither has
//! a key, so a checksum finds accidents and never an attacker; MD5 does not even find two files made to
//! collide.

use std::fmt::{self, Write};

use md5::Md5;
use sha2::{Digest, Sha256};

crate::named_enum! {
    /// A hash function by the name its users know.
    Algorithm {
        /// SHA-256, 32 bytes.
        Sha256 = "sha256",
        /// MD5, 16 bytes: broken, for old files only.
        Md5 = "md5",
    }
}

/// There is no hash function of that name here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownAlgorithm(pub String);

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no hash algorithm `{}`; there are `sha256` and `md5`", self.0)
    }
}

impl std::error::Error for UnknownAlgorithm {}

/// The checksum of `data` in lower-case hexadecimal digits.
pub fn checksum(data: &[u8], algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::Sha256 => hex(&Sha256::digest(data)),
        Algorithm::Md5 => hex(&Md5::digest(data)),
    }
}

/// Whether `hash`, in hexadecimal digits of either case, is the checksum of `data`.
///
/// # Errors
/// [`UnknownAlgorithm`].
pub fn verify_hash(data: &[u8], hash: &str, algorithm: &str) -> Result<bool, UnknownAlgorithm> {
    let known = Algorithm::named(algorithm);
    let algorithm = known.ok_or_else(|| UnknownAlgorithm(algorithm.to_owned()))?;
    Ok(checksum(data, algorithm).eq_ignore_ascii_case(hash))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that hexadecimal digits of either case stand for; nothing for anything else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    pairs.iter().map(|[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_bytes() {
        assert_eq!(from_hex(&hex(&[0, 0x7f, 0xff])), Some(vec![0, 0x7f, 0xff]));
        assert_eq!(from_hex("AbC"), None);
        assert_eq!(from_hex("AbCd"), Some(vec![0xab, 0xcd]));
        assert_eq!((from_hex("0x"), from_hex("é")), (None, None));
    }

    /// FIPS 180-4 and RFC 1321 appendix A.5.
    #[test]
    fn the_published_checksums() {
        for (algorithm, hash) in [
            ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ] {
            assert_eq!(verify_hash(b"abc", hash, algorithm), Ok(true));
            assert_eq!(verify_hash(b"abc", &hash.to_uppercase(), algorithm), Ok(true));
            assert_eq!(verify_hash(b"abd", hash, algorithm), Ok(false));
            assert_eq!(verify_hash(b"abc", &hash[1..], algorithm), Ok(false));
        }
        assert_eq!(verify_hash(b"abc", "", "crc32"), Err(UnknownAlgorithm("crc32".into())));
    }
}
