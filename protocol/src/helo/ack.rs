//! Acknowledgements: a word under the receiver's public key, and what makes one believable.

use crate::compromise::Edit;
use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::endpoint::{Check, Reject};
use crate::entropy::Entropy;
use crate::helo::keys::{Keys, Transcript};
use crate::helo::lab::Identity;
use crate::helo::record::Receipt;
use crate::inbox::Received;
use crate::weakness::{Profile, Weakness};

/// What an acknowledgement says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Word {
    CertReceived,
    HelloReceived,
    NonceReceived,
    PremReceived,
    SecTextReceived,
    ImxReceived,
    ImxRejected,
}

impl Word {
    pub(super) const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::CertReceived => b"CERT_RECEIVED",
            Self::HelloReceived => b"HELLO_RECEIVED",
            Self::NonceReceived => b"NONCE_RECEIVED",
            Self::PremReceived => b"PREM_RECEIVED",
            Self::SecTextReceived => b"SEC_TEXT_RECEIVED",
            Self::ImxReceived => b"IMX_RECEIVED",
            Self::ImxRejected => b"IMX_REJECTED",
        }
    }
}

/// What an acknowledgement sent under keys answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answers<'a> {
    /// The whole handshake: this acknowledgement confirms the keys.
    Handshake(&'a Transcript),
    /// One record.
    Record(&'a Receipt),
}

impl Answers<'_> {
    fn mac(self, keys: &Keys, word: &[u8]) -> [u8; 32] {
        match self {
            Self::Handshake(transcript) => {
                keys.server_mac.tag(&[b"helo finished", &transcript.0, word])
            }
            Self::Record(receipt) => keys.server_mac.tag(&[b"helo ack", &receipt.covered(), word]),
        }
    }

    fn verifies(self, keys: &Keys, word: &[u8], mac: &[u8]) -> bool {
        match self {
            Self::Handshake(transcript) => {
                let parts = [&b"helo finished"[..], &transcript.0, word];
                keys.server_mac.verifies(&parts, mac)
            }
            Self::Record(receipt) => {
                let parts = [&b"helo ack"[..], &receipt.covered(), word];
                keys.server_mac.verifies(&parts, mac)
            }
        }
    }
}

/// An acknowledgement of the handshake, before there are keys.
pub(super) fn write_bare(
    to: &PublicKey,
    word: Word,
    entropy: &mut Entropy,
) -> Result<Vec<u8>, Reject> {
    encrypt(to, word.as_bytes(), entropy)
}

fn encrypt(to: &PublicKey, said: &[u8], entropy: &mut Entropy) -> Result<Vec<u8>, Reject> {
    to.encrypt_oaep(entropy, said).map_err(|_| Reject::new(Check::Certificate, "key"))
}

/// An acknowledgement under keys.
pub(super) fn write(
    profile: Profile,
    keys: &Keys,
    answers: Answers<'_>,
    to: &PublicKey,
    word: Word,
    entropy: &mut Entropy,
) -> Result<Vec<u8>, Reject> {
    say(profile, keys, answers, to, word.as_bytes(), entropy)
}

fn say(
    profile: Profile,
    keys: &Keys,
    answers: Answers<'_>,
    to: &PublicKey,
    said: &[u8],
    entropy: &mut Entropy,
) -> Result<Vec<u8>, Reject> {
    let mut frame = encrypt(to, said, entropy)?;
    if !profile.has(Weakness::AckNotAuthenticated) {
        frame.extend_from_slice(&answers.mac(keys, said));
    }
    Ok(frame)
}

/// What whoever has all keys of the receiver makes of an acknowledgement: the same, saying something else.
/// OAEP is random: even the same word gives other bytes.
pub(super) fn rewrite(
    profile: Profile,
    keys: &Keys,
    answers: Answers<'_>,
    ack: &Received,
    me: &Identity,
    entropy: &mut Entropy,
    edit: Edit<'_>,
) -> Option<Vec<u8>> {
    let mut said = decrypt(ack, &me.key).ok()?;
    edit(&mut said);
    say(profile, keys, answers, &me.public, &said, entropy).ok()
}

/// Read an acknowledgement of the handshake that ought to say `word`.
pub(super) fn read_bare(
    profile: Profile,
    ack: &Received,
    key: &PrivateKey,
    word: Word,
) -> Result<(), Reject> {
    let said = decrypt(ack, key)?;
    compare(profile, &said, &[word]).map(|_| ())
}

/// Read an acknowledgement under keys; it ought to say one of `words`. Where words are not
/// compared, every word is the first of them, but for a rejection, which the published program
/// looks for.
pub(super) fn read(
    profile: Profile,
    keys: &Keys,
    answers: Answers<'_>,
    ack: &Received,
    key: &PrivateKey,
    words: &[Word],
) -> Result<Word, Reject> {
    let said = decrypt(ack, key)?;
    if !profile.has(Weakness::AckNotAuthenticated)
        && !answers.verifies(keys, &said, ack.field("mac"))
    {
        return Err(Reject::new(Check::Mac, "mac"));
    }
    compare(profile, &said, words)
}

fn decrypt(ack: &Received, key: &PrivateKey) -> Result<Vec<u8>, Reject> {
    key.decrypt_oaep(ack.field("word")).map_err(|_| Reject::new(Check::Decryption, "word"))
}

fn compare(profile: Profile, said: &[u8], words: &[Word]) -> Result<Word, Reject> {
    let unexpected = Reject::new(Check::Acknowledgement, "word");
    let found = words.iter().find(|word| word.as_bytes() == said);
    match found {
        None if profile.has(Weakness::AckNotAuthenticated) => {
            words.first().copied().ok_or(unexpected)
        }
        found => found.copied().ok_or(unexpected),
    }
}
