//! `ring`: no CBC, no CCM, no encryption with RSA and no making of its keys.

use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::SystemRandom;
use ring::signature::{
    self, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair, RsaParameters,
};
use ring::{digest, hmac};

use crate::ours::{DIGEST, KEY};
use crate::runner::{Runner, consume, repeat};
use crate::work::{P256, Rsa, Work};

pub(super) fn runner(work: Work) -> Option<Runner> {
    match work {
        Work::Hmac(bytes) => {
            let message = crate::file(bytes);
            Some(repeat(move || hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &KEY), &message)))
        }
        Work::Hash(bytes) => {
            let message = crate::file(bytes);
            Some(repeat(move || digest::digest(&digest::SHA256, &message)))
        }
        Work::Hkdf => Some(repeat(|| {
            let mut out = [0; 32];
            let secret = Salt::new(HKDF_SHA256, &[]).extract(&KEY);
            let expanded = secret.expand(&[b"bench"], HKDF_SHA256);
            expanded.and_then(|okm| okm.fill(&mut out)).map(|()| out)
        })),
        Work::Rsa(Rsa::SignPss) => Some(sign(&RSA_PSS_SHA256)),
        Work::Rsa(Rsa::SignPkcs1) => Some(sign(&RSA_PKCS1_SHA256)),
        Work::Rsa(Rsa::VerifyPss) => Some(verify(&RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256)),
        Work::Rsa(Rsa::VerifyPkcs1) => Some(verify(&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256)),
        Work::P256(P256::Generate) => Some(repeat(|| {
            let own = generate();
            let share = own.compute_public_key();
            (own, share)
        })),
        Work::P256(P256::Agree) => {
            let peer = generate().compute_public_key().expect("a key has a share");
            Some(consume(64, generate, move |own| {
                let peer = UnparsedPublicKey::new(&ECDH_P256, &peer);
                agreement::agree_ephemeral(own, &peer, |secret| <[u8; 32]>::try_from(secret))
            }))
        }
        _ => None,
    }
}

fn generate() -> EphemeralPrivateKey {
    EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).expect("there is randomness")
}

fn key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(&super::key::rsa_der()).expect("it is a key")
}

fn signed(key: &RsaKeyPair, scheme: &'static dyn RsaEncoding) -> Vec<u8> {
    let mut signature = vec![0; key.public().modulus_len()];
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
    let public = key.public().as_ref().to_vec();
    repeat(move || {
        let public = signature::UnparsedPublicKey::new(parameters, &public);
        public.verify(&DIGEST, &signature).expect("it was signed");
    })
}
