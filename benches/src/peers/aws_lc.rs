//! `aws-lc-rs`: no CCM.

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey,
};
use aws_lc_rs::signature::{
    self, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, RsaParameters,
};
use aws_lc_rs::{digest, hmac};

use crate::ours::{self, DIGEST, IV, KEY};
use crate::runner::{Runner, consume, repeat};
use crate::work::{Cipher, P256, Rsa, Work};

pub(super) fn runner(work: Work) -> Option<Runner> {
    Some(match work {
        Work::Encrypt(cipher, bytes) => {
            let (key, plaintext) = (encrypting(cipher)?, crate::file(bytes));
            consume(
                bytes,
                move || ours::roomy(&plaintext),
                move |mut buffer| {
                    encrypt(&key, &mut buffer);
                    buffer
                },
            )
        }
        Work::Decrypt(cipher, bytes) => {
            let (key, sealed) = (decrypting(cipher)?, ours::encrypted(cipher, bytes).0);
            consume(
                bytes,
                move || sealed.clone(),
                move |mut buffer| (decrypt(&key, &mut buffer), buffer),
            )
        }
        Work::Hmac(bytes) => {
            let message = crate::file(bytes);
            repeat(move || hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &KEY), &message))
        }
        Work::Hash(bytes) => {
            let message = crate::file(bytes);
            repeat(move || digest::digest(&digest::SHA256, &message))
        }
        Work::Hkdf => repeat(|| {
            let mut out = [0; 32];
            let secret = Salt::new(HKDF_SHA256, &[]).extract(&KEY);
            let expanded = secret.expand(&[b"bench"], HKDF_SHA256);
            expanded.and_then(|okm| okm.fill(&mut out)).map(|()| out)
        }),
        Work::Rsa(rsa) => rsa_2048(rsa),
        Work::P256(P256::Generate) => repeat(|| {
            let own = generate();
            let share = own.compute_public_key();
            (own, share)
        }),
        Work::P256(P256::Agree) => {
            let own = generate();
            let peer = generate().compute_public_key().expect("a key has a share");
            repeat(move || {
                let peer = UnparsedPublicKey::new(&ECDH_P256, &peer);
                agreement::agree(&own, peer, (), |secret| Ok::<_, ()>(secret.first().copied()))
            })
        }
        Work::Seal(record, bytes) => {
            let (cipher, header) = (record.cipher()?, record.header(bytes));
            let rekeys = record.rekeys();
            let (mut key, plaintext) = (encrypting(cipher)?, crate::file(bytes));
            let mut mac = authenticating();
            consume(
                bytes,
                move || ours::roomy(&plaintext),
                move |mut buffer| {
                    if rekeys {
                        key = encrypting(cipher).expect("it was one before");
                        mac = authenticating();
                    }
                    encrypt(&key, &mut buffer);
                    (tag(&mac, &header, &buffer), buffer)
                },
            )
        }
        Work::Open(record, bytes) => {
            let (cipher, header) = (record.cipher()?, record.header(bytes));
            let rekeys = record.rekeys();
            let (mut key, mut mac) = (decrypting(cipher)?, authenticating());
            let sealed = ours::encrypted(cipher, bytes).0;
            let sent = tag(&mac, &header, &sealed);
            consume(
                bytes,
                move || sealed.clone(),
                move |mut buffer| {
                    if rekeys {
                        key = decrypting(cipher).expect("it was one before");
                        mac = authenticating();
                    }
                    let tag = tag(&mac, &header, &buffer);
                    verify_slices_are_equal(tag.as_ref(), sent.as_ref()).expect("it was sent");
                    (decrypt(&key, &mut buffer), buffer)
                },
            )
        }
    })
}

fn unbound(cipher: Cipher) -> Option<UnboundCipherKey> {
    let (algorithm, key) = match cipher {
        Cipher::Aes128Cbc => (&AES_128, KEY.get(..16)?),
        Cipher::Aes256Cbc => (&AES_256, &KEY[..]),
        Cipher::Aes256Ccm => return None,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

fn authenticating() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &KEY)
}

fn tag(key: &hmac::Key, header: &[u8], ciphertext: &[u8]) -> hmac::Tag {
    let mut mac = hmac::Context::with_key(key);
    mac.update(header);
    mac.update(ciphertext);
    mac.sign()
}

fn encrypting(cipher: Cipher) -> Option<PaddedBlockEncryptingKey> {
    PaddedBlockEncryptingKey::cbc_pkcs7(unbound(cipher)?).ok()
}

fn decrypting(cipher: Cipher) -> Option<PaddedBlockDecryptingKey> {
    PaddedBlockDecryptingKey::cbc_pkcs7(unbound(cipher)?).ok()
}

fn encrypt(key: &PaddedBlockEncryptingKey, buffer: &mut Vec<u8>) {
    let context = EncryptionContext::Iv128((&IV).into());
    key.less_safe_encrypt(buffer, context).expect("there is room");
}

fn decrypt(key: &PaddedBlockDecryptingKey, buffer: &mut [u8]) -> usize {
    let context = DecryptionContext::Iv128((&IV).into());
    key.decrypt(buffer, context).expect("it was encrypted").len()
}

fn generate() -> PrivateKey {
    PrivateKey::generate(&ECDH_P256).expect("there is randomness")
}

fn rsa_2048(rsa: Rsa) -> Runner {
    if rsa == Rsa::Generate {
        return repeat(|| RsaKeyPair::generate(KeySize::Rsa2048));
    }
    let private = PrivateDecryptingKey::from_pkcs8(&super::key::rsa_der()).expect("it is a key");
    let public = OaepPublicEncryptingKey::new(private.public_key()).expect("it is a key");
    let encrypt = move || {
        let mut out = vec![0; public.ciphertext_size()];
        let sealed = public.encrypt(&OAEP_SHA256_MGF1SHA256, &DIGEST, &mut out, None);
        sealed.expect("32 bytes fit").to_vec()
    };
    match rsa {
        Rsa::Encrypt => repeat(encrypt),
        Rsa::Decrypt => {
            let key = OaepPrivateDecryptingKey::new(private).expect("it is a key");
            let ciphertext = encrypt();
            repeat(move || {
                let mut out = vec![0; key.min_output_size()];
                let opened = key.decrypt(&OAEP_SHA256_MGF1SHA256, &ciphertext, &mut out, None);
                opened.expect("it was encrypted").len()
            })
        }
        Rsa::SignPss => sign(&RSA_PSS_SHA256),
        Rsa::SignPkcs1 | Rsa::Generate => sign(&RSA_PKCS1_SHA256),
        Rsa::VerifyPss => verify(&RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256),
        Rsa::VerifyPkcs1 => verify(&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256),
    }
}

fn key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(&super::key::rsa_der()).expect("it is a key")
}

fn signed(key: &RsaKeyPair, scheme: &'static dyn RsaEncoding) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    let signed = key.sign(scheme, &SystemRandom::new(), &DIGEST, &mut signature);
    signed.expect("a digest fits");
    signature
}

fn sign(scheme: &'static dyn RsaEncoding) -> Runner {
    let key = key();
    repeat(move || signed(&key, scheme))
}

fn verify(scheme: &'static dyn RsaEncoding, parameters: &'static RsaParameters) -> Runner {
    let key = key();
    let signature = signed(&key, scheme);
    let public = key.public_key().as_ref().to_vec();
    repeat(move || {
        let public = signature::UnparsedPublicKey::new(parameters, &public);
        public.verify(&DIGEST, &signature).expect("it was signed");
    })
}
