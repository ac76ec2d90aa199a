//! The work as the systems do it: the keys of a session are made ready once, others with every call.

use std::sync::{LazyLock, OnceLock};

use protocol::crypto::cbc::{self, Key128, Key256};
use protocol::crypto::ecdh::Ephemeral;
use protocol::crypto::rsa::PrivateKey;
use protocol::crypto::{Secret, ccm, hkdf_sha256, hmac_sha256, sha256};
use protocol::entropy::Entropy;

use crate::runner::{Runner, consume, repeat};
use crate::work::{Cipher, Implementation, P256, Record, Rsa, Work};

/// Us.
pub const OURS: Implementation = Implementation { name: "protocol", runner };

/// The key of symmetric work; shorter ones are its beginning.
pub const KEY: [u8; 32] = [1; 32];
/// The initialization vector.
pub const IV: [u8; 16] = [2; 16];
/// The nonce of CCM.
pub const NONCE: [u8; 11] = [3; 11];
/// What is signed, and what is encrypted with RSA.
pub const DIGEST: [u8; 32] = [4; 32];
static SHORT: LazyLock<Key128> = LazyLock::new(|| Secret([1; 16]).into());
static LONG: LazyLock<Key256> = LazyLock::new(|| Secret(KEY).into());

/// The key of all work with RSA, 2048 bits.
pub fn rsa_key() -> PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    let generate =
        || PrivateKey::generate(&mut Entropy::new(7, "bench"), 2048).expect("2048 bits are enough");
    KEY.get_or_init(generate).clone()
}

/// How we do it. Nothing for a record that the system does not carry.
pub fn runner(work: Work) -> Option<Runner> {
    Some(match work {
        Work::Encrypt(cipher, bytes) => encrypt(cipher, bytes),
        Work::Decrypt(cipher, bytes) => decrypt(cipher, bytes),
        Work::Hmac(bytes) => {
            let message = crate::file(bytes);
            repeat(move || hmac_sha256(&KEY, &[&message]))
        }
        Work::Hash(bytes) => {
            let message = crate::file(bytes);
            repeat(move || sha256(&[&message]))
        }
        Work::Hkdf => repeat(|| hkdf_sha256::<32>(&KEY, &[b"bench"])),
        Work::Rsa(rsa) => rsa_2048(rsa),
        Work::P256(P256::Generate) => {
            let mut entropy = Entropy::new(1, "bench");
            repeat(move || Ephemeral::generate(&mut entropy))
        }
        Work::P256(P256::Agree) => {
            let mut entropy = Entropy::new(1, "bench");
            let own = Ephemeral::generate(&mut entropy);
            let peer = *Ephemeral::generate(&mut entropy).share();
            repeat(move || own.agree(&peer))
        }
        Work::Seal(record, bytes) => return seal(record, bytes),
        Work::Open(record, bytes) => return open(record, bytes),
    })
}

/// A buffer with `plaintext`, and room for padding.
pub fn roomy(plaintext: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(cbc::padded(plaintext.len()));
    buffer.extend_from_slice(plaintext);
    buffer
}

fn encrypt(cipher: Cipher, bytes: usize) -> Runner {
    let plaintext = crate::file(bytes);
    let make = move || roomy(&plaintext);
    match cipher {
        Cipher::Aes128Cbc => consume(bytes, make, |mut buffer| {
            cbc::encrypt(SHORT.ready(), &IV, &mut buffer, 0);
            buffer
        }),
        Cipher::Aes256Cbc => consume(bytes, make, |mut buffer| {
            cbc::encrypt(LONG.ready(), &IV, &mut buffer, 0);
            buffer
        }),
        Cipher::Aes256Ccm => consume(bytes, make, |mut buffer| {
            let tag = ccm::seal(&KEY, &NONCE, &[], &mut buffer);
            (tag, buffer)
        }),
    }
}

/// Bytes encrypted by us, with the tag where there is one.
pub fn encrypted(cipher: Cipher, bytes: usize) -> (Vec<u8>, [u8; ccm::TAG]) {
    let mut buffer = roomy(&crate::file(bytes));
    let mut tag = [0; ccm::TAG];
    match cipher {
        Cipher::Aes128Cbc => cbc::encrypt(SHORT.ready(), &IV, &mut buffer, 0),
        Cipher::Aes256Cbc => cbc::encrypt(LONG.ready(), &IV, &mut buffer, 0),
        Cipher::Aes256Ccm => {
            tag = ccm::seal(&KEY, &NONCE, &[], &mut buffer).expect("the sizes fit");
        }
    }
    (buffer, tag)
}

fn decrypt(cipher: Cipher, bytes: usize) -> Runner {
    let (sealed, tag) = encrypted(cipher, bytes);
    let make = move || sealed.clone();
    match cipher {
        Cipher::Aes128Cbc => consume(bytes, make, |mut buffer| {
            let opened = cbc::decrypt(SHORT.ready(), &IV, &mut buffer).map(<[u8]>::len);
            (opened.expect("it was encrypted"), buffer)
        }),
        Cipher::Aes256Cbc => consume(bytes, make, |mut buffer| {
            let opened = cbc::decrypt(LONG.ready(), &IV, &mut buffer).map(<[u8]>::len);
            (opened.expect("it was encrypted"), buffer)
        }),
        Cipher::Aes256Ccm => consume(bytes, make, move |mut buffer| {
            ccm::open(&KEY, &NONCE, &[], &mut buffer, &tag).expect("it was encrypted");
            buffer
        }),
    }
}

fn rsa_2048(rsa: Rsa) -> Runner {
    let mut entropy = Entropy::new(7, "bench");
    if rsa == Rsa::Generate {
        return repeat(move || PrivateKey::generate(&mut entropy, 2048));
    }
    let key = rsa_key();
    let public = key.public_key();
    match rsa {
        Rsa::Encrypt => repeat(move || public.encrypt_oaep(&mut entropy, &DIGEST)),
        Rsa::Decrypt => {
            let ciphertext = public.encrypt_oaep(&mut entropy, &DIGEST).expect("32 bytes fit");
            repeat(move || key.decrypt_oaep(&ciphertext))
        }
        Rsa::SignPss => repeat(move || key.sign_pss(&mut entropy, &DIGEST)),
        Rsa::VerifyPss => {
            let signature = key.sign_pss(&mut entropy, &DIGEST).expect("a digest fits");
            repeat(move || public.verify_pss(&DIGEST, &signature))
        }
        Rsa::SignPkcs1 | Rsa::Generate => repeat(move || key.sign_pkcs1v15(&DIGEST)),
        Rsa::VerifyPkcs1 => {
            let signature = key.sign_pkcs1v15(&DIGEST).expect("a digest fits");
            repeat(move || public.verify_pkcs1v15(&DIGEST, &signature))
        }
    }
}

fn seal(record: Record, bytes: usize) -> Option<Runner> {
    let mut layer = (record.system.records.expect("it has one"))(record.profile());
    let content = crate::file(bytes);
    layer.seal(&content).ok()?;
    Some(repeat(move || layer.seal(&content)))
}

fn open(record: Record, bytes: usize) -> Option<Runner> {
    let mut layer = (record.system.records.expect("it has one"))(record.profile());
    let content = crate::file(bytes);
    // As built, a record of `ccm` with a delimiter in its ciphertext does not open; the next one has another nonce.
    let sealed = (0..64).find_map(|_| {
        let sealed = layer.seal(&content).ok()?;
        layer.open(sealed.clone(), &mut |_| ()).ok()?;
        Some(sealed)
    })?;
    let run = move |received| {
        layer.open(received, &mut |content| {
            std::hint::black_box(content);
        })
    };
    Some(consume(bytes, move || sealed.clone(), run))
}
