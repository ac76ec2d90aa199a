//! RSA as the systems use it (RFC 8017): OAEP and PSS with SHA-256 and MGF1-SHA-256, PKCS#1 v1.5
//! signatures with SHA-256, PKCS#1 v1.5 encryption as a victim of Bleichenbacher 1998 does it, and PEM. Signatures take the digest, so a large file is hashed once and
//! never copied. Private operations cost about a millisecond and are not blinded: the lab has no
//! timing to protect, and blinding would spend entropy.

use std::fmt;
use std::hash::{self, Hasher};

use rsa::pkcs1::{
    DecodeRsaPrivateKey, DecodeRsaPublicKey, EncodeRsaPrivateKey, EncodeRsaPublicKey,
};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding,
};
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Oaep, Pkcs1v15Encrypt, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha2::Sha256;

use crate::crypto::sha256;
use crate::entropy::Entropy;

pub mod scheme;

/// The DER prefix of a SHA-256 digest in a PKCS#1 v1.5 signature (RFC 8017 section 9.2, note 1).
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// Why an RSA operation did not succeed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RsaError {
    /// The PEM text is not a usable RSA key.
    Key,
    /// The message does not fit the key.
    Size,
    /// The ciphertext does not decrypt.
    Decryption,
    /// What was decrypted has not the padding of an encrypted message.
    Padding,
    /// The signature is wrong.
    Signature,
}

impl fmt::Display for RsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "not a usable RSA key",
            Self::Size => "the message does not fit the key",
            Self::Decryption => "the ciphertext does not decrypt",
            Self::Padding => "the padding is wrong",
            Self::Signature => "the signature is wrong",
        })
    }
}

impl std::error::Error for RsaError {}

/// An RSA public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(RsaPublicKey);

impl PublicKey {
    /// Read a PEM `PUBLIC KEY` (SPKI, RFC 5280) or `RSA PUBLIC KEY` (PKCS#1, RFC 8017).
    pub fn from_pem(pem: &str) -> Result<Self, RsaError> {
        RsaPublicKey::from_public_key_pem(pem)
            .or_else(|_| RsaPublicKey::from_pkcs1_pem(pem))
            .map(Self)
            .map_err(|_| RsaError::Key)
    }

    /// Write a PEM `PUBLIC KEY`, lines ended by `\n`.
    pub fn to_pem(&self) -> Result<String, RsaError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| RsaError::Key)
    }

    /// Write a PEM `RSA PUBLIC KEY` (PKCS#1), lines ended by `\n`.
    pub fn to_pkcs1_pem(&self) -> Result<String, RsaError> {
        self.0.to_pkcs1_pem(LineEnding::LF).map_err(|_| RsaError::Key)
    }

    /// Write a DER `SubjectPublicKeyInfo`: what key fingerprints are commonly over.
    pub fn to_spki(&self) -> Result<Vec<u8>, RsaError> {
        self.0.to_public_key_der().map(rsa::pkcs8::Document::into_vec).map_err(|_| RsaError::Key)
    }

    /// Read a DER `SubjectPublicKeyInfo` (RFC 5280), as it stands in certificates.
    pub fn from_spki(der: &[u8]) -> Result<Self, RsaError> {
        RsaPublicKey::from_public_key_der(der).map(Self).map_err(|_| RsaError::Key)
    }

    /// The size of the modulus, and so of a ciphertext or signature, in bytes.
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// The length of the modulus in bits.
    pub fn bits(&self) -> u32 {
        let modulus = self.0.n_bytes();
        let zeros = modulus.first().map_or(0, |first| first.leading_zeros());
        u32::try_from(modulus.len()).map_or(0, |bytes| bytes * 8).saturating_sub(zeros)
    }

    /// The modulus, big-endian, without zeros in front.
    pub fn modulus(&self) -> Vec<u8> {
        self.0.n_bytes().into_vec()
    }

    /// The public exponent, big-endian, without zeros in front.
    pub fn exponent(&self) -> Vec<u8> {
        self.0.e_bytes().into_vec()
    }

    /// SHA-256 over modulus and exponent.
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(&[&self.0.n_bytes(), &self.0.e_bytes()])
    }

    /// Encrypt with OAEP (RFC 8017 section 7.1), no label.
    pub fn encrypt_oaep(&self, entropy: &mut Entropy, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        self.0.encrypt(entropy, Oaep::<Sha256>::new(), message).map_err(|_| RsaError::Size)
    }

    /// Encrypt with the padding of PKCS#1 v1.5 (RFC 8017 section 7.2).
    pub fn encrypt_pkcs1v15(
        &self,
        entropy: &mut Entropy,
        message: &[u8],
    ) -> Result<Vec<u8>, RsaError> {
        self.0.encrypt(entropy, Pkcs1v15Encrypt, message).map_err(|_| RsaError::Size)
    }

    /// Check a PSS signature (RFC 8017 section 8.1) of maximum salt length over a SHA-256 digest.
    pub fn verify_pss(&self, digest: &[u8; 32], signature: &[u8]) -> Result<(), RsaError> {
        let scheme = Pss::<Sha256>::new_with_salt(max_salt(self.size()));
        self.0.verify(scheme, digest, signature).map_err(|_| RsaError::Signature)
    }

    /// Check a PKCS#1 v1.5 signature (RFC 8017 section 8.2) over a SHA-256 digest.
    pub fn verify_pkcs1v15(&self, digest: &[u8; 32], signature: &[u8]) -> Result<(), RsaError> {
        self.0.verify(pkcs1v15(), digest, signature).map_err(|_| RsaError::Signature)
    }
}

impl hash::Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint().hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits)", self.size() * 8)
    }
}

/// An RSA private key.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(RsaPrivateKey);

impl PrivateKey {
    /// Generate a key of `bits`, at least 1024. The same entropy gives the same key.
    pub fn generate(entropy: &mut Entropy, bits: usize) -> Result<Self, RsaError> {
        RsaPrivateKey::new(entropy, bits).map(Self).map_err(|_| RsaError::Key)
    }

    /// Read a PEM `PRIVATE KEY` (PKCS#8, RFC 5208) or `RSA PRIVATE KEY` (PKCS#1, RFC 8017),
    /// unencrypted.
    pub fn from_pem(pem: &str) -> Result<Self, RsaError> {
        RsaPrivateKey::from_pkcs8_pem(pem)
            .or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem))
            .map(Self)
            .map_err(|_| RsaError::Key)
    }

    /// What signs certificates and requests: PKCS#1 v1.5 with SHA-256.
    pub(crate) fn signer(&self) -> SigningKey<Sha256> {
        SigningKey::new(self.0.clone())
    }

    /// Write a PEM `PRIVATE KEY`, unencrypted.
    pub fn to_pem(&self) -> Result<String, RsaError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| RsaError::Key)?;
        Ok(pem.to_string())
    }

    /// Write a PEM `RSA PRIVATE KEY` (PKCS#1), unencrypted.
    pub fn to_pkcs1_pem(&self) -> Result<String, RsaError> {
        let pem = self.0.to_pkcs1_pem(LineEnding::LF).map_err(|_| RsaError::Key)?;
        Ok(pem.to_string())
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.to_public_key())
    }

    /// Decrypt with OAEP (RFC 8017 section 7.1), no label.
    pub fn decrypt_oaep(&self, ciphertext: &[u8]) -> Result<Vec<u8>, RsaError> {
        self.0.decrypt(Oaep::<Sha256>::new(), ciphertext).map_err(|_| RsaError::Decryption)
    }

    /// Decrypt with the padding of PKCS#1 v1.5 (RFC 8017 section 7.2), and say so when the padding is wrong: whoever
    /// passes that on is an oracle (Bleichenbacher 1998). The crate's own decryption hides it, which is what a
    /// defender wants and this victim must not have.
    ///
    /// # Errors
    /// [`RsaError::Decryption`] for what is no ciphertext of this key, [`RsaError::Padding`].
    pub fn decrypt_pkcs1v15(&self, ciphertext: &[u8]) -> Result<Vec<u8>, RsaError> {
        let bits = u32::try_from(self.0.size() * 8).map_err(|_| RsaError::Key)?;
        if ciphertext.len() != self.0.size() {
            return Err(RsaError::Decryption);
        }
        let number =
            BoxedUint::from_be_slice(ciphertext, bits).map_err(|_| RsaError::Decryption)?;
        let decrypted = rsa::hazmat::rsa_decrypt(None::<&mut Entropy>, &self.0, &number);
        let block = decrypted.map_err(|_| RsaError::Decryption)?.to_be_bytes();
        unpad_pkcs1v15(&block).map(<[u8]>::to_vec).ok_or(RsaError::Padding)
    }

    /// Sign a SHA-256 digest with PSS (RFC 8017 section 8.1) and the longest salt that fits: 222
    /// bytes under a 2048-bit key.
    pub fn sign_pss(&self, entropy: &mut Entropy, digest: &[u8; 32]) -> Result<Vec<u8>, RsaError> {
        let salt_len = Some(max_salt(self.0.size()));
        let scheme = Pss { blinded: false, digest: Sha256::default(), salt_len };
        self.0.sign_with_rng(entropy, scheme, digest).map_err(|_| RsaError::Size)
    }

    /// Sign a SHA-256 digest with PKCS#1 v1.5 (RFC 8017 section 8.2): no randomness.
    pub fn sign_pkcs1v15(&self, digest: &[u8; 32]) -> Result<Vec<u8>, RsaError> {
        self.0.sign(pkcs1v15(), digest).map_err(|_| RsaError::Size)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

fn pkcs1v15() -> Pkcs1v15Sign {
    Pkcs1v15Sign { hash_len: Some(32), prefix: Box::new(SHA256_PREFIX) }
}

/// The message in a block of PKCS#1 v1.5: 0, 2, at least eight bytes that are not zero, 0, message.
fn unpad_pkcs1v15(block: &[u8]) -> Option<&[u8]> {
    let padded = block.strip_prefix(&[0, 2])?;
    let end = padded.iter().position(|byte| *byte == 0).filter(|end| *end >= 8)?;
    padded.get(end + 1..)
}

/// The longest PSS salt, in bytes, for a modulus of `size` bytes and SHA-256.
const fn max_salt(size: usize) -> usize {
    size.saturating_sub(32 + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PrivateKey {
        PrivateKey::from_pem(include_str!("../../lab/helo/device_private_key.pem")).unwrap()
    }

    #[test]
    fn what_is_encrypted_decrypts_and_nothing_else_does() {
        let key = key();
        let mut entropy = Entropy::new(1, "oaep");
        let mut ciphertext = key.public_key().encrypt_oaep(&mut entropy, b"CERT_RECEIVED").unwrap();
        assert_eq!(ciphertext.len(), 256);
        assert_eq!(key.decrypt_oaep(&ciphertext).unwrap(), b"CERT_RECEIVED");
        ciphertext[255] ^= 1;
        assert_eq!(key.decrypt_oaep(&ciphertext), Err(RsaError::Decryption));
        assert_eq!(key.decrypt_oaep(&[0xff; 256]), Err(RsaError::Decryption));
        assert_eq!(key.decrypt_oaep(&[]), Err(RsaError::Decryption));
    }

    #[test]
    fn the_padding_of_pkcs1v15_is_looked_at() {
        let key = key();
        let mut entropy = Entropy::new(1, "pkcs1v15");
        let mut ciphertext = key.public_key().encrypt_pkcs1v15(&mut entropy, b"a key").unwrap();
        assert_eq!(key.decrypt_pkcs1v15(&ciphertext).unwrap(), b"a key");
        ciphertext[255] ^= 1;
        assert_eq!(key.decrypt_pkcs1v15(&ciphertext), Err(RsaError::Padding));
        assert_eq!(key.decrypt_pkcs1v15(&[0xff; 256]), Err(RsaError::Decryption));
        assert_eq!(key.decrypt_pkcs1v15(&ciphertext[1..]), Err(RsaError::Decryption));
        let short = [&[0, 2][..], &[1; 7], &[0], b"message"].concat();
        let long = [&[0, 2][..], &[1; 8], &[0], b"message"].concat();
        assert_eq!(unpad_pkcs1v15(&long), Some(&b"message"[..]));
        for wrong in [&short[..], &long[1..], &[0, 1, 1], &[0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]] {
            assert_eq!(unpad_pkcs1v15(wrong), None);
        }
    }

    #[test]
    fn signatures_hold_for_their_digest_only() {
        let key = key();
        let public = key.public_key();
        let mut entropy = Entropy::new(1, "pss");
        let pss = key.sign_pss(&mut entropy, &[1; 32]).unwrap();
        assert_eq!(public.verify_pss(&[1; 32], &pss), Ok(()));
        assert_eq!(public.verify_pss(&[2; 32], &pss), Err(RsaError::Signature));
        assert_eq!(public.verify_pss(&[1; 32], &pss[1..]), Err(RsaError::Signature));
        assert_ne!(key.sign_pss(&mut entropy, &[1; 32]).unwrap(), pss);
        let signature = key.sign_pkcs1v15(&[1; 32]).unwrap();
        assert_eq!(public.verify_pkcs1v15(&[1; 32], &signature), Ok(()));
        assert_eq!(public.verify_pkcs1v15(&[2; 32], &signature), Err(RsaError::Signature));
    }

    /// 1024 bits, so that the test is quick; the code path is the one of every size.
    #[test]
    fn the_same_seed_generates_the_same_key() {
        let generate = || PrivateKey::generate(&mut Entropy::new(7, "rsa key"), 1024).unwrap();
        let key = generate();
        assert_eq!(key.public_key().fingerprint(), generate().public_key().fingerprint());
        assert_eq!(PrivateKey::from_pem(&key.to_pem().unwrap()).as_ref(), Ok(&key));
        let public = key.public_key();
        assert_eq!(public.fingerprint()[..4], [0x3f, 0x37, 0x30, 0x8e]);
        assert_eq!(public.bits(), 1024);
        for pem in [public.to_pem().unwrap(), public.to_pkcs1_pem().unwrap()] {
            assert_eq!(PublicKey::from_pem(&pem).as_ref(), Ok(&public));
        }
        assert_eq!(PublicKey::from_spki(&public.to_spki().unwrap()), Ok(public));
    }

    #[test]
    fn nonsense_is_no_key() {
        assert_eq!(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----"), Err(RsaError::Key));
        assert_eq!(PrivateKey::from_pem("").err(), Some(RsaError::Key));
    }

    /// Made with another implementation (OpenSSL), over `raw file bytes`.
    #[test]
    fn reads_what_another_implementation_wrote() {
        use base64::Engine;
        let bytes = |text| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let (key, digest) = (key(), sha256(&[b"raw file bytes"]));
        assert_eq!(key.decrypt_oaep(&bytes(OPENSSL_OAEP)).unwrap(), b"CERT_RECEIVED");
        assert_eq!(key.public_key().verify_pss(&digest, &bytes(OPENSSL_PSS)), Ok(()));
        assert_eq!(key.sign_pkcs1v15(&digest).unwrap(), bytes(OPENSSL_PKCS1V15));
    }

    const OPENSSL_OAEP: &str = "n9V1yNbcppaSVLG4AK0A57niFBDqcOHDe81FyLTBqKUt6sswqX9Ab7Vrwl5d3IjQd0SH4XN8nAYGiVA/\
         GNY7lsRzRHq8X25rWNngMx3E47uoDRi92/yCYZTTn7DhGONikQbOCOC4X3c63v13tGnGGF1CvDd7fVfq\
         ooGBpoMcxA8CjX/kCa6dG1uv4p/HawkAxuVNQu++2Dg7TUTdfFD+AaXCUaddY6ChxdND+e66tIH+N9/d\
         KD/gHXmwI7dHjHxQgY9HEQnWazmd6mL1AZvmKX022HqhOuySclkC6RHSZcnojPTLxdxtsT1Z3SCEOHaI\
         Rs3EiRj02KdsGv4lit89Jw==";
    const OPENSSL_PSS: &str = "xWv0L4zc4LOwEm0x7kb1YlBi4GZMkDh68DTg4YbygsgicRSVupQ6ud82o+L+GsAQC/MEz1PMxC7lQuqz\
         uM6cjVNjmg9dFXIngtE2V+BKs/6J52PbUBI6JVOgb8k8strYYHl1vaG8k5UILfwginlTG9iLI1hEtNf3\
         OwQQuiE0Z6/EGpn2VPVrziZmqesGRTbXfvKgTuh8YCCd3yxQ+5s7A5A3+5SR+bGAbKOJE4ORWK6jnYQl\
         vBm4WWFkrTMzteTzmu3IJTjM1pW31CK28eX510cShddu5VIagGRLDeg3YyhkNcVq8WyZMJNJ+bqfrWsm\
         zhpS1WQx6PCu3vQcanbo0A==";
    const OPENSSL_PKCS1V15: &str = "z4cyL8w6nfzb9biEDUFXYpZKo70J/q7oM+llG7871xMiaTwsTxOP4zIhIHcFFYU+T4foolhg4H8Z6hmQ\
         xGdBA65YVCXnkzGCAMIffCPH/5vcg2EZ6ua28kQWPY78vUDmpb+1dGIleDHiTEGIyx1MFk0pBo4l6vdj\
         c4YV6UgxfXIx38kE7DF/ItVE0xGTcBJiJqC4jkdvMYesZGVP/r2mVUWVWgW6uWeb/FxdGDzKFaEcxdnU\
         cWPstZWmgw4lidiU8ukirIFWiHPctMFwW3FDWYHcLz//F1zKwkOM1cx8MDR4cL37F+WT5E3J8TkhmT7D\
         Ck8KWMPlDT7yS7dJHs8qqQ==";
}
