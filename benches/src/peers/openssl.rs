//! The machine's `openssl`, through the crate of that name. Symmetric work goes from one buffer into another.

use openssl::cipher::{Cipher as Algorithm, CipherRef};
use openssl::cipher_ctx::CipherCtx;
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::md::Md;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha;
use openssl::sign::{RsaPssSaltlen, Signer};

use crate::ours::{self, DIGEST, IV, KEY, NONCE};
use crate::runner::{Runner, repeat};
use crate::work::{Cipher, P256, Rsa, Work};

/// What goes wrong here is a mistake in this file.
const FITS: &str = "keys and sizes fit";

#[expect(clippy::unnecessary_wraps, reason = "others cannot do everything")]
pub(super) fn runner(work: Work) -> Option<Runner> {
    Some(match work {
        Work::Encrypt(cipher, bytes) => {
            let (mut symmetric, plaintext) = (Symmetric::new(cipher, bytes), crate::file(bytes));
            repeat(move || symmetric.encrypt(&plaintext).expect(FITS).len())
        }
        Work::Decrypt(cipher, bytes) => {
            let mut symmetric = Symmetric::new(cipher, bytes);
            let (sealed, tag) = ours::encrypted(cipher, bytes);
            repeat(move || symmetric.decrypt(&sealed, &tag).expect(FITS))
        }
        Work::Hmac(bytes) => {
            let (key, message) = (PKey::hmac(&KEY).expect(FITS), crate::file(bytes));
            repeat(move || hmac(&key, &[&message]).expect(FITS))
        }
        Work::Hash(bytes) => {
            let message = crate::file(bytes);
            repeat(move || sha::sha256(&message))
        }
        Work::Hkdf => repeat(|| hkdf().expect(FITS)),
        Work::Rsa(rsa) => rsa_2048(rsa).expect(FITS),
        Work::P256(operation) => p256(operation).expect(FITS),
        Work::Seal(record, bytes) => {
            let cipher = record.cipher()?;
            let (mut symmetric, plaintext) = (Symmetric::new(cipher, bytes), crate::file(bytes));
            let (key, header) = (PKey::hmac(&KEY).expect(FITS), record.header(bytes));
            repeat(move || {
                let sealed = symmetric.encrypt(&plaintext).expect(FITS);
                let tagged = cipher == Cipher::Aes256Ccm;
                (!tagged).then(|| hmac(&key, &[&header, sealed]).expect(FITS))
            })
        }
        Work::Open(record, bytes) => {
            let cipher = record.cipher()?;
            let mut symmetric = Symmetric::new(cipher, bytes);
            let (sealed, tag) = ours::encrypted(cipher, bytes);
            let (key, header) = (PKey::hmac(&KEY).expect(FITS), record.header(bytes));
            repeat(move || {
                let tagged = cipher == Cipher::Aes256Ccm;
                let mac = (!tagged).then(|| hmac(&key, &[&header, &sealed]).expect(FITS));
                (mac, symmetric.decrypt(&sealed, &tag).expect(FITS))
            })
        }
    })
}

struct Symmetric {
    algorithm: &'static CipherRef,
    key: &'static [u8],
    vector: &'static [u8],
    is_ccm: bool,
    context: CipherCtx,
    out: Vec<u8>,
}

impl Symmetric {
    fn new(cipher: Cipher, bytes: usize) -> Self {
        let (algorithm, len, vector) = match cipher {
            Cipher::Aes128Cbc => (Algorithm::aes_128_cbc(), 16, &IV[..]),
            Cipher::Aes256Cbc => (Algorithm::aes_256_cbc(), 32, &IV[..]),
            Cipher::Aes256Ccm => (Algorithm::aes_256_ccm(), 32, &NONCE[..]),
        };
        let key = KEY.get(..len).unwrap_or_default();
        let is_ccm = cipher == Cipher::Aes256Ccm;
        let context = CipherCtx::new().expect(FITS);
        Self { algorithm, key, vector, is_ccm, context, out: vec![0; bytes + 32] }
    }

    /// The ciphertext, and for CCM the tag behind it.
    fn encrypt(&mut self, plaintext: &[u8]) -> Result<&[u8], ErrorStack> {
        let Self { algorithm, key, vector, context, out, .. } = self;
        context.encrypt_init(Some(*algorithm), None, None)?;
        if self.is_ccm {
            context.set_tag_length(16)?;
            context.set_iv_length(vector.len())?;
        }
        context.encrypt_init(None, Some(*key), Some(*vector))?;
        if self.is_ccm {
            context.set_data_len(plaintext.len())?;
        }
        let begun = context.cipher_update(plaintext, Some(&mut *out))?;
        let rest = out.get_mut(begun..).unwrap_or_default();
        let end = if self.is_ccm {
            context.tag(rest.get_mut(..16).unwrap_or_default())?;
            begun + 16
        } else {
            begun + context.cipher_final(rest)?
        };
        Ok(out.get(..end).unwrap_or_default())
    }

    /// The length of the plaintext.
    fn decrypt(&mut self, ciphertext: &[u8], tag: &[u8; 16]) -> Result<usize, ErrorStack> {
        let Self { algorithm, key, vector, context, out, .. } = self;
        context.decrypt_init(Some(*algorithm), None, None)?;
        if self.is_ccm {
            context.set_iv_length(vector.len())?;
            context.set_tag(tag)?;
        }
        context.decrypt_init(None, Some(*key), Some(*vector))?;
        if self.is_ccm {
            context.set_data_len(ciphertext.len())?;
            return context.cipher_update(ciphertext, Some(&mut *out));
        }
        let begun = context.cipher_update(ciphertext, Some(&mut *out))?;
        Ok(begun + context.cipher_final(out.get_mut(begun..).unwrap_or_default())?)
    }
}

fn hmac(key: &PKey<Private>, parts: &[&[u8]]) -> Result<[u8; 32], ErrorStack> {
    let (mut tag, mut signer) = ([0; 32], Signer::new(MessageDigest::sha256(), key)?);
    parts.iter().try_for_each(|part| signer.update(part))?;
    signer.sign(&mut tag)?;
    Ok(tag)
}

fn hkdf() -> Result<[u8; 32], ErrorStack> {
    let mut out = [0; 32];
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(Md::sha256())?;
    context.set_hkdf_key(&KEY)?;
    context.add_hkdf_info(b"bench")?;
    context.derive(Some(&mut out))?;
    Ok(out)
}

fn rsa_key() -> Result<PKey<Private>, ErrorStack> {
    PKey::private_key_from_pkcs8(&super::key::rsa_der())
}

/// An operation of the key, begun by `init`, with the padding of `rsa`.
fn context(
    key: &PKey<Private>,
    rsa: Rsa,
    init: fn(&mut PkeyCtx<Private>) -> Result<(), ErrorStack>,
) -> Result<PkeyCtx<Private>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    init(&mut context)?;
    match rsa {
        Rsa::Encrypt | Rsa::Decrypt => {
            context.set_rsa_padding(Padding::PKCS1_OAEP)?;
            context.set_rsa_oaep_md(Md::sha256())?;
            context.set_rsa_mgf1_md(Md::sha256())?;
        }
        Rsa::SignPss | Rsa::VerifyPss => {
            context.set_rsa_padding(Padding::PKCS1_PSS)?;
            context.set_signature_md(Md::sha256())?;
            context.set_rsa_pss_saltlen(RsaPssSaltlen::MAXIMUM_LENGTH)?;
        }
        Rsa::SignPkcs1 | Rsa::VerifyPkcs1 | Rsa::Generate => {
            context.set_rsa_padding(Padding::PKCS1)?;
            context.set_signature_md(Md::sha256())?;
        }
    }
    Ok(context)
}

fn rsa_2048(rsa: Rsa) -> Result<Runner, ErrorStack> {
    let key = rsa_key()?;
    let encrypt = |key: &_, out: &mut Vec<u8>| {
        context(key, Rsa::Encrypt, |it| it.encrypt_init())?.encrypt_to_vec(&DIGEST, out)
    };
    let sign = move |key: &_, out: &mut Vec<u8>| {
        context(key, rsa, |it| it.sign_init())?.sign_to_vec(&DIGEST, out)
    };
    let mut made = Vec::new();
    Ok(match rsa {
        Rsa::Generate => repeat(|| openssl::rsa::Rsa::generate(2048).expect(FITS)),
        Rsa::Encrypt => repeat(move || {
            made.clear();
            encrypt(&key, &mut made).expect(FITS)
        }),
        Rsa::Decrypt => {
            encrypt(&key, &mut made)?;
            repeat(move || {
                let mut opened = Vec::with_capacity(256);
                let mut context = context(&key, rsa, |it| it.decrypt_init()).expect(FITS);
                context.decrypt_to_vec(&made, &mut opened).expect(FITS)
            })
        }
        Rsa::SignPss | Rsa::SignPkcs1 => repeat(move || {
            made.clear();
            sign(&key, &mut made).expect(FITS)
        }),
        Rsa::VerifyPss | Rsa::VerifyPkcs1 => {
            sign(&key, &mut made)?;
            repeat(move || {
                let mut context = context(&key, rsa, |it| it.verify_init()).expect(FITS);
                assert!(context.verify(&DIGEST, &made).expect(FITS), "it was signed");
            })
        }
    })
}

fn p256(operation: P256) -> Result<Runner, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    if operation == P256::Generate {
        return Ok(repeat(move || EcKey::generate(&group).expect(FITS)));
    }
    let own = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let peer = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let agree = move || {
        let mut deriver = Deriver::new(&own)?;
        deriver.set_peer(&peer)?;
        let mut secret = [0; 32];
        deriver.derive(&mut secret)?;
        Ok::<_, ErrorStack>(secret)
    };
    Ok(repeat(move || agree().expect(FITS)))
}
