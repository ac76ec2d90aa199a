//! AES-CBC with PKCS#7 padding (NIST SP 800-38A, RFC 5652 section 6.3), in place, with
//! AES-128 or AES-256. Encryption chains the blocks itself, over the block cipher of the `aes` crate: each
//! block waits for the one before, so what else a record needs, its MAC, is computed while the cipher waits.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::consts::U16;
use aes::cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt,
    BlockModeDecrypt, BlockSizeUser, InnerIvInit,
};
use aes::{Aes128, Aes256};

use crate::crypto::Authenticator;
use crate::crypto::key::Key;

/// The block size, which is also the size of the initialization vector, in bytes.
pub const BLOCK: usize = 16;
/// How many blocks are encrypted before what is in front of them is authenticated: as many as SHA-256 compresses at once, few
/// enough that a processor has both in flight.
const GROUP: usize = 4;

/// The padding of a decrypted message is not PKCS#7, or its length is not a positive multiple of
/// 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaddingError;

/// The ciphertext's length in bytes for a plaintext of `len` bytes.
pub const fn padded(len: usize) -> usize {
    len / BLOCK * BLOCK + BLOCK
}

/// AES under a key: what chains blocks.
pub trait Cipher: BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt {}

impl Cipher for Aes128 {}
impl Cipher for Aes256 {}

/// A key of AES-128.
pub type Key128 = Key<16, Aes128>;
/// A key of AES-256.
pub type Key256 = Key<32, Aes256>;

/// Encrypt `buffer[from..]` in place; the buffer grows by the padding, 1 to 16 bytes.
pub fn encrypt(cipher: &impl Cipher, iv: &[u8; 16], buffer: &mut Vec<u8>, from: usize) {
    let blocks = pad(buffer, from);
    cipher.encrypt_with_backend(Chain { vector: &mut { *iv }, blocks });
}

/// The same as [`encrypt`], and `mac` is told the ciphertext. It takes hardly longer than encryption alone.
pub fn encrypt_then_mac(
    cipher: &impl Cipher,
    iv: &[u8; 16],
    mac: &mut Authenticator,
    buffer: &mut Vec<u8>,
    from: usize,
) {
    let (mut vector, mut told) = (*iv, 0);
    let blocks = pad(buffer, from);
    for begin in (0..blocks.len()).step_by(GROUP) {
        let end = blocks.len().min(begin + GROUP);
        let group = blocks.get_mut(begin..end).unwrap_or_default();
        cipher.encrypt_with_backend(Chain { vector: &mut vector, blocks: group });
        // Only what was encrypted before this group, and whole blocks of the hash, wherever they begin: then neither waits for
        // the other, and nothing is copied together first.
        let before = blocks.as_flattened().get(told..begin * BLOCK).unwrap_or_default();
        told += mac.absorb_blocks(before);
    }
    mac.absorb(blocks.as_flattened().get(told..).unwrap_or_default());
}

/// Pad `buffer[from..]`; its blocks.
fn pad(buffer: &mut Vec<u8>, from: usize) -> &mut [[u8; BLOCK]] {
    let len = buffer.len().saturating_sub(from);
    let missing = u8::try_from(padded(len) - len).unwrap_or_default();
    buffer.resize(from + padded(len), missing);
    let (blocks, rest) = buffer.get_mut(from..).unwrap_or_default().as_chunks_mut();
    debug_assert!(rest.is_empty(), "padded to whole blocks");
    blocks
}

/// Blocks to encrypt, and what the first of them is chained to; afterwards, what follows them is.
struct Chain<'a> {
    vector: &'a mut [u8; BLOCK],
    blocks: &'a mut [[u8; BLOCK]],
}

impl BlockSizeUser for Chain<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Chain<'_> {
    #[expect(
        clippy::inline_always,
        reason = "compiled with the processor's features, like its caller"
    )]
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        // A local, or it would go through memory from each block to the next; bytes, since integers of 16 bytes leave the vector
        // registers to be XORed.
        let mut vector = *self.vector;
        for bytes in self.blocks {
            vector.iter_mut().zip(*bytes).for_each(|(vector, byte)| *vector ^= byte);
            let mut block: Block<Self> = vector.into();
            backend.encrypt_block((&mut block).into());
            vector = block.into();
            *bytes = vector;
        }
        *self.vector = vector;
    }
}

/// Decrypt `ciphertext` in place and return the plaintext at its front.
///
/// # Errors
/// [`PaddingError`]; the buffer then holds what was decrypted.
pub fn decrypt<'a>(
    cipher: &impl Cipher,
    iv: &[u8; 16],
    ciphertext: &'a mut [u8],
) -> Result<&'a [u8], PaddingError> {
    if ciphertext.is_empty() {
        return Err(PaddingError);
    }
    let mode = cbc::Decryptor::inner_iv_init(cipher, iv.into());
    mode.decrypt_padded::<Pkcs7>(ciphertext).map_err(|_| PaddingError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret;
    use crate::crypto::key::Algorithm;

    #[test]
    fn sp_800_38a_f_2_1_first_block() {
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let iv = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes();
        let mut buffer = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes().to_vec();
        encrypt(&Aes128::under(&key), &iv, &mut buffer, 0);
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
        let key = Key256::from(Secret(key));
        encrypt(key.ready(), &iv, &mut buffer, 0);
        let expected = 0xf58c_4c04_d6e5_f1ba_779e_abfb_5f7b_fbd6_u128.to_be_bytes();
        assert_eq!(buffer[..16], expected);
        assert_eq!(decrypt(key.ready(), &iv, &mut buffer).unwrap().len(), 16);
    }

    #[test]
    fn round_trips_at_every_length_and_keeps_what_stands_before() {
        let cipher = Aes128::under(&[1; 16]);
        for len in 0..50 {
            let mut buffer = b"head".to_vec();
            buffer.extend(vec![0xab; len]);
            encrypt(&cipher, &[2; 16], &mut buffer, 4);
            assert_eq!(buffer[..4], *b"head");
            assert_eq!(buffer.len(), 4 + padded(len));
            assert_eq!(decrypt(&cipher, &[2; 16], &mut buffer[4..]), Ok(&vec![0xab; len][..]));
        }
    }

    /// The mode as the `cbc` crate has it, and HMAC afterwards.
    fn plainly(key: [u8; 16], iv: [u8; 16], head: &[u8], plaintext: &[u8]) -> (Vec<u8>, [u8; 32]) {
        use aes::cipher::{BlockModeEncrypt, KeyIvInit};
        let cipher = cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into());
        let sealed = cipher.encrypt_padded_vec::<Pkcs7>(plaintext);
        let tag = crate::crypto::hmac_sha256(&key, &[head, &sealed]);
        (sealed, tag)
    }

    proptest::proptest! {
        #[test]
        fn chained_here_is_as_chained_by_the_crate(
            key: [u8; 16],
            iv: [u8; 16],
            head in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..130),
            plaintext in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        ) {
            let (sealed, tag) = plainly(key, iv, &head, &plaintext);
            let cipher = Aes128::under(&key);
            let mut alone = plaintext.clone();
            encrypt(&cipher, &iv, &mut alone, 0);
            assert_eq!(alone, sealed);
            let mut both = [head.clone(), plaintext].concat();
            let mut mac = Authenticator::new(&key, &[&head]);
            encrypt_then_mac(&cipher, &iv, &mut mac, &mut both, head.len());
            assert_eq!(both, [head, sealed].concat());
            assert_eq!(mac.tag(), tag);
        }
    }

    #[test]
    fn refuses_what_is_not_padded() {
        let cipher = Aes128::under(&[1; 16]);
        assert_eq!(decrypt(&cipher, &[2; 16], &mut []), Err(PaddingError));
        assert_eq!(decrypt(&cipher, &[2; 16], &mut [0; 15]), Err(PaddingError));
        assert_eq!(decrypt(&cipher, &[2; 16], &mut [0; 16]), Err(PaddingError));
    }
}
