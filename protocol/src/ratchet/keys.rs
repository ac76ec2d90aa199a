//! The key schedule: master keys, the four chain keys of a session, and how they evolve.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::crypto::x25519::{Ephemeral, SHARE};
use crate::crypto::{Secret, sha256, sha256_truncated};
use crate::endpoint::{Check, Fingerprint, Reject};
use crate::entropy::Entropy;
use crate::weakness::{Profile, Weakness};

/// The secret a session begins with: the keys of round 0.
pub(super) const CHAINS: &str = "chains";
/// The secret that a pair of shares agrees on, which is mixed in.
pub(super) const SHARED: &str = "shared";

/// How many clients the published server knows.
pub(super) const CLIENTS: u8 = 5;

/// The master keys of all clients, by id. A client uses its own only.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring(BTreeMap<u8, Zeroizing<Vec<u8>>>);

impl Keyring {
    /// The keys of the lab. The published program's are `client<id>_master_k` (16 bytes).
    pub fn lab(profile: Profile) -> Self {
        let master = |id| {
            if profile.has(Weakness::GuessableMasterKeys) {
                Zeroizing::new(format!("client{id}_master_k").into_bytes())
            } else {
                let mut entropy = Entropy::new(0, &format!("ratchet lab master key {id}"));
                Zeroizing::new(entropy.bytes::<32>().to_vec())
            }
        };
        Self((1..=CLIENTS).map(|id| (id, master(id))).collect())
    }

    /// A keyring of these keys.
    pub fn new(masters: BTreeMap<u8, Vec<u8>>) -> Self {
        Self(masters.into_iter().map(|(id, master)| (id, Zeroizing::new(master))).collect())
    }

    /// A keyring with the key of this client alone, if there is such a client.
    pub(super) fn of_one(&self, id: u8) -> Self {
        Self(
            self.0
                .get_key_value(&id)
                .map(|(id, master)| (*id, master.clone()))
                .into_iter()
                .collect(),
        )
    }

    /// The master key of client `id`, if there is such a client.
    pub fn master(&self, id: u8) -> Option<&[u8]> {
        self.0.get(&id).map(|master| master.as_slice())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} clients)", self.0.len())
    }
}

/// The encryption and MAC key of one direction.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Chain {
    pub(super) enc: Secret<16>,
    pub(super) mac: Secret<16>,
}

impl Chain {
    fn derive(master: &[u8], enc: &[u8], mac: &[u8]) -> Self {
        Self { enc: sha256_truncated(&[master, enc]), mac: sha256_truncated(&[master, mac]) }
    }

    fn mix(&mut self, enc: &[u8], mac: &[u8]) {
        self.enc = sha256_truncated(&[&self.enc.0, enc]);
        self.mac = sha256_truncated(&[&self.mac.0, mac]);
    }
}

/// All keys of one session at one moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Keys {
    pub(super) c2s: Chain,
    pub(super) s2c: Chain,
}

impl Keys {
    /// All four, one after the other: how they stand in a key log.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let Self { c2s, s2c } = self;
        Zeroizing::new([c2s.enc.0, c2s.mac.0, s2c.enc.0, s2c.mac.0].concat())
    }

    /// What [`Keys::to_bytes`] gave.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (keys, []) = bytes.as_chunks() else { return None };
        let [c2s, c2s_mac, s2c, s2c_mac] = keys else { return None };
        let chain = |enc: &[u8; 16], mac: &[u8; 16]| Chain { enc: Secret(*enc), mac: Secret(*mac) };
        Some(Self { c2s: chain(c2s, c2s_mac), s2c: chain(s2c, s2c_mac) })
    }

    /// The keys of round 0.
    pub(super) fn from_master(master: &[u8]) -> Self {
        Self {
            c2s: Chain::derive(master, b"C2S-ENC", b"C2S-MAC"),
            s2c: Chain::derive(master, b"S2C-ENC", b"S2C-MAC"),
        }
    }

    /// After a client's message, by its ciphertext and initialization vector.
    pub(super) fn evolve_c2s(&mut self, ct: &[u8], iv: &[u8]) {
        self.c2s.mix(ct, iv);
    }

    /// After a server's message, by its plaintext. The status is always `OK`.
    pub(super) fn evolve_s2c(&mut self, plaintext: &[u8]) {
        self.s2c.mix(plaintext, b"OK");
    }

    /// Hardened: what the server sends depends on the whole HELLO, so a recorded server transcript is
    /// worthless to an impostor.
    pub(super) fn bind_hello(&mut self, profile: Profile, hello: &[u8]) {
        if !profile.has(Weakness::ChallengeNotMixed) {
            let hello = sha256(&[b"hello", hello]);
            self.s2c.mix(&hello, &hello);
        }
    }

    /// Hardened: what the client sends depends on the whole CHALLENGE, so a recorded client
    /// transcript is worthless in a new session.
    pub(super) fn bind_challenge(&mut self, profile: Profile, challenge: &[u8]) {
        if !profile.has(Weakness::ChallengeNotMixed) {
            let challenge = sha256(&[b"challenge", challenge]);
            self.c2s.mix(&challenge, &challenge);
        }
    }

    /// Hardened: after the shares in HELLO and CHALLENGE. From here on the master key alone opens nothing.
    pub(super) fn bind_shares(&mut self, profile: Profile, shared: &Secret<32>) {
        if !profile.has(Weakness::ChallengeNotMixed) {
            self.mix_shared(shared);
        }
    }

    /// After an exchange of shares: fresh secret input into every key.
    pub(super) fn mix_shared(&mut self, shared: &Secret<32>) {
        self.c2s.mix(&shared.0, &shared.0);
        self.s2c.mix(&shared.0, &shared.0);
    }

    /// What the client has fixed with its HELLO.
    pub(super) fn client_fingerprint(&self) -> Fingerprint {
        fingerprint(&[b"c2s", &self.c2s.enc.0, &self.c2s.mac.0])
    }

    /// What the server has fixed with its CHALLENGE.
    pub(super) fn server_fingerprint(&self) -> Fingerprint {
        fingerprint(&[b"s2c", &self.s2c.enc.0, &self.s2c.mac.0])
    }

    /// Hardened: what both have fixed once the CHALLENGE has arrived.
    pub(super) fn session_fingerprint(&self) -> Fingerprint {
        let Self { c2s, s2c } = self;
        fingerprint(&[b"both", &c2s.enc.0, &c2s.mac.0, &s2c.enc.0, &s2c.mac.0])
    }
}

fn fingerprint(parts: &[&[u8]]) -> Fingerprint {
    Fingerprint(sha256_truncated::<8>(parts).0)
}

/// A fresh half of an agreement, or none where the ratchet uses public input only.
pub(super) fn fresh_share(profile: Profile, entropy: &mut Entropy) -> Option<Ephemeral> {
    (!profile.has(Weakness::RatchetFromPublicInput)).then(|| Ephemeral::generate(entropy))
}

/// The secret shared with the owner of `peer`.
///
/// # Errors
/// [`Check::Value`] when the peer's point is of low order (RFC 7748 section 6.1).
pub(super) fn agree(own: &Ephemeral, peer: [u8; SHARE]) -> Result<Secret<32>, Reject> {
    own.agree(peer).map_err(|_| Reject::new(Check::Value, "share"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_server_changes_its_keys_alone() {
        let first = Keys::from_master(b"client1_master_k");
        let mut keys = first.clone();
        keys.evolve_s2c(b"Aggregated: 15.00");
        assert_eq!(keys.c2s, first.c2s);
        assert_eq!(keys.s2c.enc, sha256_truncated(&[&first.s2c.enc.0, b"Aggregated: 15.00"]));
        assert_eq!(keys.s2c.mac, sha256_truncated(&[&first.s2c.mac.0, b"OK"]));
    }

    #[test]
    fn a_hello_is_mixed_into_the_servers_keys_and_a_challenge_into_the_clients() {
        for (profile, mixed) in
            [(Profile::HARDENED, true), (Profile::only(Weakness::ChallengeNotMixed), false)]
        {
            let first = Keys::from_master(b"client1_master_k");
            let (mut greeted, mut challenged) = (first.clone(), first.clone());
            greeted.bind_hello(profile, b"hello");
            assert_eq!((greeted.s2c != first.s2c, greeted.c2s == first.c2s), (mixed, true));
            challenged.bind_challenge(profile, b"challenge");
            assert_eq!((challenged.c2s != first.c2s, challenged.s2c == first.s2c), (mixed, true));
        }
    }
}
