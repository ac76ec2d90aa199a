//! AES-CBC with PKCS#7 padding (NIST SP 800-38A, RFC 5652 section 6.3), in place. The size of the key
//! chooses between AES-128 and AES-256.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aes::{Aes128, Aes256};

/// The block size, which is also the size of the initialization vector, in bytes.
pub const BLOCK: usize = 16;

/// The padding of a decrypted message is not PKCS#7, or its length is not a positive multiple of
/// 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaddingError;

/// The ciphertext's length in bytes for a plaintext of `len` bytes.
pub const fn padded(len: usize) -> usize {
    len / BLOCK * BLOCK + BLOCK
}

/// A key of 16 or 32 bytes.
pub trait Key: Sized {
    /// Encrypt the first `len` bytes of `room`, which has space for the padding.
    fn seal(&self, iv: &[u8; 16], room: &mut [u8], len: usize);

    /// Decrypt all of `ciphertext`, which is not empty.
    ///
    /// # Errors
    /// [`PaddingError`].
    fn open<'a>(&self, iv: &[u8; 16], ciphertext: &'a mut [u8]) -> Result<&'a [u8], PaddingError>;
}

macro_rules! keys {
    ($($size:literal $cipher:ty;)+) => {$(
        impl Key for [u8; $size] {
            fn seal(&self, iv: &[u8; 16], room: &mut [u8], len: usize) {
                let cipher = cbc::Encryptor::<$cipher>::new(self.into(), iv.into());
                let sealed = cipher.encrypt_padded::<Pkcs7>(room, len);
                debug_assert!(sealed.is_ok(), "there is room for the padding");
            }

            fn open<'a>(
                &self,
                iv: &[u8; 16],
                ciphertext: &'a mut [u8],
            ) -> Result<&'a [u8], PaddingError> {
                let cipher = cbc::Decryptor::<$cipher>::new(self.into(), iv.into());
                cipher.decrypt_padded::<Pkcs7>(ciphertext).map_err(|_| PaddingError)
            }
        }
    )+};
}

keys! {
    16 Aes128;
    32 Aes256;
}

/// Encrypt `buffer[from..]` in place; the buffer grows by the padding, 1 to 16 bytes.
pub fn encrypt(key: &impl Key, iv: &[u8; 16], buffer: &mut Vec<u8>, from: usize) {
    let len = buffer.len().saturating_sub(from);
    buffer.resize(from + padded(len), 0);
    key.seal(iv, buffer.get_mut(from..).unwrap_or_default(), len);
}

/// Decrypt `ciphertext` in place and return the plaintext at its front.
///
/// # Errors
/// [`PaddingError`]; the buffer then holds what was decrypted.
pub fn decrypt<'a>(
    key: &impl Key,
    iv: &[u8; 16],
    ciphertext: &'a mut [u8],
) -> Result<&'a [u8], PaddingError> {
    if ciphertext.is_empty() { Err(PaddingError) } else { key.open(iv, ciphertext) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sp_800_38a_f_2_1_first_block() {
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let iv = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes();
        let mut buffer = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes().to_vec();
        encrypt(&key, &iv, &mut buffer, 0);
        let expected = 0x7649_abac_8119_b246_cee9_8e9b_12e9_197d_u128.to_be_bytes();
        assert_eq!(buffer[..16], expected);
        assert_eq!(buffer.len(), 32);
    }

    #[test]
    fn sp_800_38a_f_2_5_first_block() {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&0x603d_eb10_15ca_71be_2b73_aef0_857d_7781_u128.to_be_bytes());
        key[16..].copy_from_slice(&0x1f35_2c07_3b61_08d7_2d98_10a3_0914_dff4_u128.to_be_bytes());
        let iv = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes();
        let mut buffer = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes().to_vec();
        encrypt(&key, &iv, &mut buffer, 0);
        let expected = 0xf58c_4c04_d6e5_f1ba_779e_abfb_5f7b_fbd6_u128.to_be_bytes();
        assert_eq!(buffer[..16], expected);
        assert_eq!(decrypt(&key, &iv, &mut buffer).unwrap().len(), 16);
    }

    #[test]
    fn round_trips_at_every_length_and_keeps_what_stands_before() {
        for len in 0..50 {
            let mut buffer = b"head".to_vec();
            buffer.extend(vec![0xab; len]);
            encrypt(&[1; 16], &[2; 16], &mut buffer, 4);
            assert_eq!(buffer[..4], *b"head");
            assert_eq!(buffer.len(), 4 + padded(len));
            assert_eq!(decrypt(&[1; 16], &[2; 16], &mut buffer[4..]), Ok(&vec![0xab; len][..]));
        }
    }

    #[test]
    fn refuses_what_is_not_padded() {
        assert_eq!(decrypt(&[1; 16], &[2; 16], &mut []), Err(PaddingError));
        assert_eq!(decrypt(&[1; 16], &[2; 16], &mut [0; 15]), Err(PaddingError));
        assert_eq!(decrypt(&[1; 16], &[2; 16], &mut [0; 16]), Err(PaddingError));
    }
}
