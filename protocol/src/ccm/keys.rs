//! What the exchange settles: the key a client chooses, how it travels, and what both ends make of it.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::crypto::ecdh::{Ephemeral, SHARE};
use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::crypto::{Secret, hkdf_sha256, hmac_sha256, hmac_sha256_verifies, sha256};
use crate::endpoint::{Check, Fingerprint, PortIndex, Reject, Side};
use crate::entropy::Entropy;
use crate::weakness::{Profile, Weakness};

/// The key of the published program: 16 bytes.
const CONSTANT: &[u8] = b"a randome key ha";
/// The size of a key that is chosen at random, in bytes: AES-256.
const CHOSEN: usize = 32;
/// The size of a [`mac`](Keys::mac) in bytes.
pub(super) const MAC: usize = 32;
/// The secret of a data connection.
pub(super) const RECORDS: &str = "records";
/// The size of the name of a session that a data connection presents, in bytes.
pub(super) const TOKEN: usize = 16;

/// A secret of any size: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq, Hash, Zeroize, ZeroizeOnDrop)]
pub struct Key(pub Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

impl Key {
    /// The key a client chooses: the published constant, or printable ASCII at random.
    pub(super) fn choose(profile: Profile, entropy: &mut Entropy) -> Self {
        if profile.has(Weakness::ConstantKey) {
            return Self(CONSTANT.to_vec());
        }
        let mut key = Vec::with_capacity(CHOSEN);
        while key.len() < CHOSEN {
            let [byte] = entropy.bytes::<1>().map(|byte| byte & 0x7f);
            key.extend(byte.is_ascii_graphic().then_some(byte));
        }
        Self(key)
    }

    /// What the server wants proved that a client can decrypt.
    pub(super) fn challenge(entropy: &mut Entropy) -> Self {
        Self(entropy.bytes::<CHOSEN>().to_vec())
    }

    /// Encrypt it for the holder of `key`.
    pub(super) fn transport(
        &self,
        profile: Profile,
        key: &PublicKey,
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, Reject> {
        let encrypted = if profile.has(Weakness::Pkcs1V15Oracle) {
            key.encrypt_pkcs1v15(entropy, &self.0)
        } else {
            key.encrypt_oaep(entropy, &self.0)
        };
        encrypted.map_err(|_| Reject::new(Check::Length, "key"))
    }

    /// Decrypt what [`Key::transport`] made. The published program ends without a word where the padding is wrong,
    /// and answers where it is right.
    pub(super) fn receive(
        profile: Profile,
        key: &PrivateKey,
        ciphertext: &[u8],
    ) -> Result<Self, Reject> {
        let decrypted = if profile.has(Weakness::Pkcs1V15Oracle) {
            key.decrypt_pkcs1v15(ciphertext).map_err(|_| Reject::new(Check::Padding, "key"))
        } else {
            key.decrypt_oaep(ciphertext).map_err(|_| Reject::new(Check::Decryption, "key"))
        };
        decrypted.map(Self)
    }
}

/// Whether the key a client chooses is used as it is, as in the published program: nothing else enters.
fn published(profile: Profile) -> bool {
    profile.has(Weakness::OneKeyBothWays)
        && profile.has(Weakness::StaticRsaTransport)
        && profile.has(Weakness::NoClientAuthentication)
}

/// Everything the keys of a session are made from.
#[derive(Debug)]
pub(super) struct Ingredients<'a> {
    /// What the client chose, encrypted for the server.
    pub(super) chosen: &'a Key,
    /// What the server wants decrypted, encrypted for the client; nothing where clients are not authenticated.
    pub(super) challenge: Option<&'a Key>,
    /// Both ends' shares; nothing where only RSA protects the key.
    pub(super) agreement: Option<(&'a Ephemeral, &'a [u8])>,
    pub(super) transcript: &'a Transcript,
}

/// The keys of a session.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Keys {
    /// Encrypts client to server.
    pub client: Key,
    /// Encrypts server to client.
    pub server: Key,
    /// Authenticates what is no message: confirmations, receipts, goodbyes.
    pub confirm: Secret<32>,
    /// A hash over keys and transcript: names the session.
    pub session: [u8; 32],
}

impl Keys {
    /// Derive the keys.
    ///
    /// # Errors
    /// `content` for a share that is no point of the curve.
    pub(super) fn derive(profile: Profile, from: &Ingredients<'_>) -> Result<Self, Reject> {
        let Ingredients { chosen, challenge, agreement, transcript } = from;
        let bad_share = Reject::new(Check::Content, "share");
        let agreed = match agreement {
            Some((own, peer)) => {
                let peer: &[u8; SHARE] = (*peer).try_into().map_err(|_| bad_share)?;
                Some(own.agree(peer).map_err(|_| bad_share)?)
            }
            None => None,
        };
        let challenge = challenge.map_or(&[][..], |key| &key.0);
        let agreed = agreed.as_ref().map_or(&[][..], |secret| &secret.0);
        let chosen_len = (chosen.0.len() as u64).to_be_bytes();
        let secret = Key([&chosen_len, &chosen.0[..], challenge, agreed].concat());
        let expand = |label: &[u8]| -> Secret<32> {
            hkdf_sha256(&secret.0, &[b"ccm ", label, &transcript.0])
        };
        let direction = |label: &[u8]| Key(expand(label).0.to_vec());
        let (client, server) = if published(profile) {
            ((*chosen).clone(), (*chosen).clone())
        } else if profile.has(Weakness::OneKeyBothWays) {
            (direction(b"both ways"), direction(b"both ways"))
        } else {
            (direction(b"client to server"), direction(b"server to client"))
        };
        let session = sha256(&[b"ccm session", &client.0, &server.0, &expand(b"session").0]);
        Ok(Self { client, server, confirm: expand(b"confirm"), session })
    }

    /// The key of what `from` encrypts.
    pub(super) fn of(&self, from: Side) -> &Key {
        match from {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// What the two ends agree on.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.session.first_chunk().copied().unwrap_or_default())
    }

    /// The name of the session on the wire. It says nothing of the keys.
    pub(super) fn token(&self) -> [u8; TOKEN] {
        let token = hmac_sha256(&self.confirm.0, &[b"ccm token"]);
        token.first_chunk().copied().unwrap_or_default()
    }

    /// Authenticates that `from` says `word` with `count` on a connection to `port`.
    pub(super) fn mac(&self, port: PortIndex, from: Side, word: &str, count: u64) -> [u8; MAC] {
        hmac_sha256(&self.confirm.0, &control(port, from, word, &count.to_be_bytes()))
    }

    /// Whether `mac` is that of [`Keys::mac`].
    pub(super) fn verifies(
        &self,
        port: PortIndex,
        from: Side,
        word: &str,
        count: u64,
        mac: &[u8],
    ) -> bool {
        let count = count.to_be_bytes();
        hmac_sha256_verifies(&self.confirm.0, &control(port, from, word, &count), mac)
    }
}

fn control<'a>(port: PortIndex, from: Side, word: &'a str, count: &'a [u8; 8]) -> [&'a [u8]; 4] {
    let port: &[u8] = match port {
        PortIndex(0) => b"exchange",
        PortIndex(1) => b"client to server",
        PortIndex(_) => b"server to client",
    };
    [port, from.name().as_bytes(), word.as_bytes(), count]
}

/// A running hash over the exchange: both public keys, then every message with its sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Transcript([u8; 32]);

impl Transcript {
    pub(super) fn new(server: &PublicKey, client: &PublicKey) -> Self {
        Self(sha256(&[b"ccm exchange", &server.fingerprint(), &client.fingerprint()]))
    }

    pub(super) fn absorb(&mut self, from: Side, message: &[u8]) {
        self.0 = sha256(&[&self.0, from.name().as_bytes(), message]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ccm::SYSTEM;

    fn derive(profile: Profile, challenge: Option<&Key>, said: &[u8]) -> Keys {
        let mut transcript = Transcript([0; 32]);
        transcript.absorb(Side::Client, said);
        let (chosen, agreement) = (&Key(b"chosen".to_vec()), None);
        let from = Ingredients { chosen, challenge, agreement, transcript: &transcript };
        Keys::derive(profile, &from).unwrap()
    }

    #[test]
    fn as_built_the_chosen_key_is_the_key_and_hardened_everything_enters() {
        let as_built = derive(Profile::as_built(&SYSTEM), None, b"");
        assert_eq!(
            (&as_built.client.0[..], &as_built.server.0[..]),
            (&b"chosen"[..], &b"chosen"[..])
        );
        let hardened = derive(Profile::HARDENED, None, b"");
        assert_ne!(hardened.client, hardened.server);
        let challenge = Key(b"challenge".to_vec());
        assert_ne!(hardened.client, derive(Profile::HARDENED, Some(&challenge), b"").client);
        assert_ne!(hardened.client, derive(Profile::HARDENED, None, b"x").client);
        let one = derive(Profile::only(Weakness::OneKeyBothWays), None, b"");
        assert_eq!(one.client, one.server);
    }

    #[test]
    fn chosen_keys_are_text_of_a_size_of_aes() {
        let mut entropy = Entropy::new(1, "key");
        let key = Key::choose(Profile::HARDENED, &mut entropy);
        assert_eq!(key.0.len(), 32);
        assert!(std::str::from_utf8(&key.0).is_ok());
        assert_ne!(key, Key::choose(Profile::HARDENED, &mut entropy));
        let constant = Profile::only(Weakness::ConstantKey);
        assert_eq!(Key::choose(constant, &mut entropy).0, b"a randome key ha");
    }

    #[test]
    fn a_mac_is_for_one_place_one_sender_one_word_and_one_count() {
        let keys = derive(Profile::HARDENED, None, b"");
        let mac = keys.mac(PortIndex(1), Side::Server, "Exit", 3);
        assert!(keys.verifies(PortIndex(1), Side::Server, "Exit", 3, &mac));
        assert!(!keys.verifies(PortIndex(2), Side::Server, "Exit", 3, &mac));
        assert!(!keys.verifies(PortIndex(1), Side::Client, "Exit", 3, &mac));
        assert!(!keys.verifies(PortIndex(1), Side::Server, "receipt", 3, &mac));
        assert!(!keys.verifies(PortIndex(1), Side::Server, "Exit", 4, &mac));
    }
}
