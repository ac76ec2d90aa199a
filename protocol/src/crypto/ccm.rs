//! AES in counter mode with CBC-MAC (NIST SP 800-38C), with tags of 16 bytes. The size of the nonce decides how
//! long a message can be: 12 bytes leave room for less than 16 MiB, 11 bytes for 4 GiB.

use aes::{Aes128, Aes192, Aes256};
use ccm::aead::AeadInOut;
use ccm::consts::{U11, U12, U16};
use ccm::{Ccm, KeyInit};

use crate::endpoint::{Check, Reject};

/// The size of a tag in bytes.
pub const TAG: usize = 16;

/// Why a message is not encrypted or decrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CcmError {
    /// The key has none of 16, 24 and 32 bytes.
    Key,
    /// The nonce has neither 11 nor 12 bytes, or the message is too long for it.
    Size,
    /// The tag is wrong.
    Tag,
}

/// A wrong tag is refused by `mac`, and everything else by `length`.
impl From<CcmError> for Reject {
    fn from(error: CcmError) -> Self {
        match error {
            CcmError::Tag => Self::new(Check::Mac, "tag"),
            CcmError::Key => Self::new(Check::Length, "key"),
            CcmError::Size => Self::new(Check::Length, "message"),
        }
    }
}

/// Run `$body` with the cipher for the sizes of key and nonce.
macro_rules! with_cipher {
    ($key:expr, $nonce:expr, |$cipher:ident, $fixed:ident| $body:expr) => {{
        macro_rules! of {
            ($aes:ty, $size:ty) => {{
                let $cipher =
                    Ccm::<$aes, U16, $size>::new_from_slice($key).map_err(|_| CcmError::Key)?;
                let $fixed = $nonce.try_into().map_err(|_| CcmError::Size)?;
                $body
            }};
        }
        match ($key.len(), $nonce.len()) {
            (16, 12) => of!(Aes128, U12),
            (24, 12) => of!(Aes192, U12),
            (32, 12) => of!(Aes256, U12),
            (16, 11) => of!(Aes128, U11),
            (24, 11) => of!(Aes192, U11),
            (32, 11) => of!(Aes256, U11),
            (16 | 24 | 32, _) => Err(CcmError::Size),
            _ => Err(CcmError::Key),
        }
    }};
}

/// Encrypt `message` in place and authenticate it with `header`; the tag.
///
/// # Errors
/// [`CcmError::Key`], [`CcmError::Size`].
pub fn seal(
    key: &[u8],
    nonce: &[u8],
    header: &[u8],
    message: &mut [u8],
) -> Result<[u8; TAG], CcmError> {
    with_cipher!(key, nonce, |cipher, nonce| {
        let tag = cipher.encrypt_inout_detached(nonce, header, message.into());
        tag.map(Into::into).map_err(|_| CcmError::Size)
    })
}

/// Decrypt `message` in place. After an error it holds nothing of use.
///
/// # Errors
/// [`CcmError`].
pub fn open(
    key: &[u8],
    nonce: &[u8],
    header: &[u8],
    message: &mut [u8],
    tag: &[u8; TAG],
) -> Result<(), CcmError> {
    with_cipher!(key, nonce, |cipher, nonce| {
        let opened = cipher.decrypt_inout_detached(nonce, header, message.into(), tag.into());
        opened.map_err(|_| CcmError::Tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting<const N: usize>(from: u8) -> [u8; N] {
        let mut next = from;
        [0; N].map(|_: u8| (next, next += 1).0)
    }

    /// NIST SP 800-38C example 3 has a tag of 8 bytes, so this one was computed with another implementation
    /// (the `cryptography` package of Python) from its key, nonce, header and message.
    #[test]
    fn as_another_implementation_has_it() {
        let (key, nonce) = (counting::<16>(0x40), counting::<12>(0x10));
        let mut message = counting::<24>(0x20);
        let header = counting::<20>(0);
        let tag = seal(&key, &nonce, &header, &mut message).unwrap();
        assert_eq!(message[..4], [0xe3, 0xb2, 0x01, 0xa9]);
        assert_eq!(tag, PYTHON_TAG);
        assert_eq!(open(&key, &nonce, &header, &mut message, &tag), Ok(()));
        assert_eq!(message, counting(0x20));
    }

    const PYTHON_TAG: [u8; TAG] = [
        0xc8, 0x7a, 0xe4, 0x88, 0x91, 0x8d, 0xe9, 0x3f, 0x17, 0xdd, 0x3e, 0x49, 0x34, 0x34, 0x7f,
        0x44,
    ];

    #[test]
    fn every_size_opens_what_it_sealed_and_nothing_else() {
        for key in [&counting::<16>(0)[..], &counting::<24>(0), &counting::<32>(0)] {
            for nonce in [&counting::<11>(7)[..], &counting::<12>(7)] {
                let mut message = *b"pay bob 100";
                let mut tag = seal(key, nonce, b"header", &mut message).unwrap();
                let sealed = message;
                assert_eq!(open(key, nonce, b"header", &mut message, &tag), Ok(()));
                assert_eq!(&message, b"pay bob 100");
                message = sealed;
                assert_eq!(open(key, nonce, b"heater", &mut message, &tag), Err(CcmError::Tag));
                message = sealed;
                tag[15] ^= 1;
                assert_eq!(open(key, nonce, b"header", &mut message, &tag), Err(CcmError::Tag));
            }
        }
    }

    #[test]
    fn other_sizes_are_refused() {
        assert_eq!(seal(b"", &[0; 12], b"", &mut []), Err(CcmError::Key));
        assert_eq!(seal(&[0; 17], &[0; 12], b"", &mut []), Err(CcmError::Key));
        assert_eq!(seal(&[0; 16], &[0; 13], b"", &mut []), Err(CcmError::Size));
        let mut long = vec![0; 1 << 24];
        assert_eq!(seal(&[0; 16], &[0; 12], b"", &mut long), Err(CcmError::Size));
        assert!(seal(&[0; 16], &[0; 11], b"", &mut long).is_ok());
    }
}
