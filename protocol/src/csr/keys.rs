//! The shared secret and both nonces in, the five keys of an epoch out (HKDF, RFC 5869), and the
//! rule by which one epoch follows another.

use crate::count::Count;
use crate::crypto::cbc::Key256;
use crate::crypto::ecdh::{self, Ephemeral, SHARE};
use crate::crypto::key::MacKey;
use crate::crypto::{Secret, hkdf_sha256, sha256};
use crate::endpoint::{Check, Fingerprint, Reject, Side};
use crate::entropy::Entropy;
use crate::weakness::{Profile, Weakness};

/// The size of a nonce in bytes.
pub(super) const NONCE: usize = 32;

/// The secret of an epoch.
pub(super) const EPOCH: &str = "epoch";

/// Everything both ends derive for one epoch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Keys {
    /// Encrypts device to server.
    pub device_enc: Key256,
    /// Encrypts server to device.
    pub server_enc: Key256,
    /// Authenticates device to server.
    pub device_mac: MacKey<32>,
    /// Authenticates server to device.
    pub server_mac: MacKey<32>,
    /// The initialization vector of both directions, where it is static.
    pub iv: Secret<16>,
}

impl Keys {
    /// The keys of an epoch, from 0, under the secret of that epoch and both nonces. In the first
    /// epoch the label stands before the nonces, in later ones between nonces and number.
    pub fn derive(
        secret: &[u8; 32],
        device: &[u8; NONCE],
        server: &[u8; NONCE],
        epoch: u16,
    ) -> Self {
        fn expand<const N: usize>(secret: &[u8; 32], info: &Info<'_>, label: &[u8]) -> Secret<N> {
            let Info { device, server, epoch } = info;
            match epoch {
                0 => hkdf_sha256(secret, &[label, *device, *server]),
                _ => hkdf_sha256(secret, &[*device, *server, label, &epoch.to_be_bytes()]),
            }
        }
        let info = Info { device, server, epoch };
        Self {
            device_enc: expand(secret, &info, b"key_device_to_server").into(),
            server_enc: expand(secret, &info, b"key_server_to_device").into(),
            device_mac: expand(secret, &info, b"mac_device").into(),
            server_mac: expand(secret, &info, b"mac_server").into(),
            iv: expand(secret, &info, b"iv"),
        }
    }

    pub(super) fn enc(&self, from: Side) -> &Key256 {
        match from {
            Side::Client => &self.device_enc,
            Side::Server => &self.server_enc,
        }
    }

    pub(super) fn mac(&self, from: Side) -> &MacKey<32> {
        match from {
            Side::Client => &self.device_mac,
            Side::Server => &self.server_mac,
        }
    }
}

struct Info<'a> {
    device: &'a [u8; NONCE],
    server: &'a [u8; NONCE],
    epoch: u16,
}

/// The nonces of one session, each in its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Nonces {
    /// The device's.
    pub device: [u8; NONCE],
    /// The server's.
    pub server: [u8; NONCE],
}

/// The keys in use, and what the next ones will be made from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Schedule {
    /// The keys of this epoch.
    pub keys: Keys,
    /// The number of this epoch, from 0.
    pub epoch: u16,
    /// How many messages of both directions were counted.
    pub count: u64,
    /// A hash over nonces and first keys: names the session.
    pub session: [u8; 32],
    nonces: Nonces,
    secret: Secret<32>,
    ratchet: Option<Ratchet>,
}

/// The halves of the next agreement: the last one we told the peer, the last one it told us.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Ratchet {
    own: Ephemeral,
    peer: [u8; SHARE],
}

impl Schedule {
    /// Agree on the secret of the first epoch.
    ///
    /// # Errors
    /// `content` for a share that is no point of the curve.
    pub(super) fn agree(
        profile: Profile,
        nonces: Nonces,
        own: Ephemeral,
        peer: [u8; SHARE],
    ) -> Result<Self, Reject> {
        let secret = own.agree(&peer).map_err(|_| Reject::new(Check::Content, "key"))?;
        let same_secret = profile.has(Weakness::UpdateFromSameSecret);
        let ratchet = (!same_secret).then_some(Ratchet { own, peer });
        Ok(Self::new(secret, nonces, ratchet))
    }

    /// As somebody has it who is told the secret of the first epoch, and will be told those of the next: no half of an agreement
    /// is known, only that there is one.
    pub(super) fn told(profile: Profile, nonces: Nonces, secret: Secret<32>) -> Self {
        let nobody = || Ephemeral::generate(&mut Entropy::new(0, "csr listener"));
        let same_secret = profile.has(Weakness::UpdateFromSameSecret);
        let ratchet = (!same_secret)
            .then(|| (nobody(), nobody()))
            .map(|(own, peer)| Ratchet { own, peer: *peer.share() });
        Self::new(secret, nonces, ratchet)
    }

    fn new(secret: Secret<32>, nonces: Nonces, ratchet: Option<Ratchet>) -> Self {
        let keys = Keys::derive(&secret.0, &nonces.device, &nonces.server, 0);
        let session = sha256(&[
            b"csr session",
            &nonces.device,
            &nonces.server,
            keys.device_enc.bytes(),
            keys.server_enc.bytes(),
            keys.device_mac.bytes(),
            keys.server_mac.bytes(),
            &keys.iv.0,
        ]);
        Self { keys, epoch: 0, count: 0, session, nonces, secret, ratchet }
    }

    /// What the two ends agree on.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.session.first_chunk().copied().unwrap_or_default())
    }

    /// The bytes a share takes in every record: none where updates mix in nothing new.
    pub(super) fn share_len(&self) -> usize {
        if self.ratchet.is_some() { SHARE } else { 0 }
    }

    /// Make a fresh half to be told to the peer in the next record.
    pub(super) fn renew(&mut self, entropy: &mut Entropy) -> Option<[u8; SHARE]> {
        let ratchet = self.ratchet.as_mut()?;
        ratchet.own = Ephemeral::generate(entropy);
        Some(*ratchet.own.share())
    }

    /// The half that was told to the peer last, where updates mix in something new.
    pub(super) fn share(&self) -> Option<&[u8]> {
        self.ratchet.as_ref().map(|ratchet| &ratchet.own.share()[..])
    }

    /// The peer told us its fresh half.
    pub(super) fn learn(&mut self, share: &[u8]) -> Result<(), Reject> {
        let Some(ratchet) = &mut self.ratchet else { return Ok(()) };
        let bad = Reject::new(Check::Content, "share");
        let share = share.try_into().map_err(|_| bad)?;
        ecdh::check(&share).map_err(|_| bad)?;
        ratchet.peer = share;
        Ok(())
    }

    /// Count one message, of whichever direction. Each second one ends the epoch: the secret of the next.
    ///
    /// # Errors
    /// `exhausted` when no epoch is left: where updates mix in nothing new, the next would have the keys of an earlier one.
    pub(super) fn count(&mut self) -> Result<Option<&Secret<32>>, Reject> {
        self.count = self.count.successor("count")?;
        if !self.count.is_multiple_of(2) {
            return Ok(None);
        }
        self.epoch = self.epoch.successor("epoch")?;
        if let Some(ratchet) = &self.ratchet
            && let Ok(agreed) = ratchet.own.agree(&ratchet.peer)
        {
            self.secret = hkdf_sha256(&agreed.0, &[b"csr ratchet", &self.secret.0]);
        }
        self.derive();
        Ok(Some(&self.secret))
    }

    /// The secret that everything of this epoch is derived from.
    pub(super) fn secret(&self) -> &Secret<32> {
        &self.secret
    }

    /// The next epoch begins, with this secret.
    ///
    /// # Errors
    /// `exhausted` when no epoch is left.
    pub(super) fn adopt(&mut self, secret: Secret<32>) -> Result<(), Reject> {
        self.epoch = self.epoch.successor("epoch")?;
        self.secret = secret;
        self.derive();
        Ok(())
    }

    fn derive(&mut self) {
        let Nonces { device, server } = &self.nonces;
        self.keys = Keys::derive(&self.secret.0, device, server, self.epoch);
    }
}

/// A running hash over the handshake: every message, in order, with its sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Transcript([u8; 32]);

impl Transcript {
    pub(super) fn absorb(&mut self, from: Side, message: &[u8]) {
        self.0 = sha256(&[&self.0, from.name().as_bytes(), message]);
    }

    /// What `from` signs: the hellos so far, which hold both certificates and nonces, and the shares
    /// known to it. Without the shares a signature proves who is there, and nothing about the keys.
    pub(super) fn signed(&self, profile: Profile, from: Side, shares: &[&[u8]]) -> [u8; 32] {
        let shares = if profile.has(Weakness::EcdhNotAuthenticated) { &[] } else { shares };
        let shares = sha256(shares);
        sha256(&[b"csr handshake", from.name().as_bytes(), &self.0, &shares])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::csr) fn counting<const N: usize>(from: u8) -> [u8; N] {
        let mut next = from;
        [0; N].map(|_: u8| (next, next += 1).0)
    }

    /// The schedule of the known answer.
    pub(in crate::csr) fn known(ratchet: bool) -> Schedule {
        let nonces = Nonces { device: counting(0), server: counting(0x20) };
        let own = Ephemeral::generate(&mut Entropy::new(1, "own"));
        let peer = *Ephemeral::generate(&mut Entropy::new(1, "peer")).share();
        let ratchet = ratchet.then_some(Ratchet { own, peer });
        Schedule::new(Secret(counting(0x40)), nonces, ratchet)
    }

    pub(in crate::csr) fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    #[test]
    fn the_published_schedule() {
        let mut schedule = known(false);
        let keys = &schedule.keys;
        for (key, expected) in [
            (
                keys.device_enc.bytes(),
                "e312915e43482ee280fc30c0eb6f25e4ee76b518a00581c894c12ef4f85a8e71",
            ),
            (
                keys.server_enc.bytes(),
                "26375834bd64aa27d8ac384606844cd06be2e46cad58088be50e1ca7bb69a931",
            ),
            (
                keys.device_mac.bytes(),
                "ec52e8dae5c95dfd831fc29fddf891a42ece2ca4ab9720cc3a9b1c8a3071e686",
            ),
            (
                keys.server_mac.bytes(),
                "0ac28657a259edf916f0c136723ce43a003eea138ae56d5dfddc036376f67b30",
            ),
        ] {
            assert_eq!(hex(key), expected);
        }
        assert_eq!(hex(&keys.iv.0), "101b3f76c879f75b78315918dc218a65");
        schedule.count().unwrap();
        assert_eq!((schedule.epoch, schedule.count), (0, 1));
        schedule.count().unwrap();
        let keys = &schedule.keys;
        for (key, expected) in [
            (
                keys.device_enc.bytes(),
                "3a02b582441d289a181e227889ef41ca4280e3c3e1e0e8385f247116d0a27b00",
            ),
            (
                keys.device_mac.bytes(),
                "69c65210b53d2ba68e896a598b01ae76b1a4097fd7890f63f14e007935b6e821",
            ),
        ] {
            assert_eq!(hex(key), expected);
        }
        assert_eq!(hex(&keys.iv.0), "b5361668141b324dbc426d917b0d2965");
        assert_eq!((schedule.epoch, schedule.count), (1, 2));
    }

    #[test]
    fn a_ratchet_leaves_the_published_schedule_at_the_first_update() {
        let (mut plain, mut fresh) = (known(false), known(true));
        assert_eq!(plain.keys, fresh.keys);
        for _ in 0..2 {
            plain.count().unwrap();
            fresh.count().unwrap();
        }
        assert_ne!(plain.keys, fresh.keys);
        assert!(fresh.learn(&[0; SHARE]).is_err());
        assert!(plain.learn(&[0; SHARE]).is_ok(), "nothing is learnt");
    }

    /// Everything a device knows leaks; from the second message after that the leak opens nothing,
    /// unless updates mix in nothing new.
    #[test]
    fn an_update_heals_a_leak() {
        for profile in [Profile::HARDENED, Profile::only(Weakness::UpdateFromSameSecret)] {
            let mut entropy = Entropy::new(1, "both");
            let nonces = Nonces { device: counting(0), server: counting(0x20) };
            let halves = [(); 2].map(|()| Ephemeral::generate(&mut entropy));
            let shares = [*halves[0].share(), *halves[1].share()];
            let [ours, theirs] = halves;
            let mut device = Schedule::agree(profile, nonces, ours, shares[1]).unwrap();
            let mut server = Schedule::agree(profile, nonces, theirs, shares[0]).unwrap();
            let mut leaked = device.clone();
            for _ in 0..2 {
                let share = device.renew(&mut entropy).unwrap_or([0; SHARE]);
                server.learn(&share).unwrap();
                for end in [&mut device, &mut server, &mut leaked] {
                    end.count().unwrap();
                }
            }
            assert_eq!(device.keys, server.keys);
            let healed = !profile.has(Weakness::UpdateFromSameSecret);
            assert_eq!(device.keys != leaked.keys, healed, "{}", profile.name());
        }
    }

    #[test]
    fn no_epoch_follows_the_last() {
        for ratchet in [false, true] {
            let mut schedule = known(ratchet);
            schedule.epoch = u16::MAX - 1;
            schedule.count().unwrap();
            assert!(schedule.count().unwrap().is_some());
            schedule.count().unwrap();
            let last = schedule.keys.clone();
            let end = Reject::new(Check::Exhausted, "epoch");
            assert_eq!(schedule.count().err(), Some(end));
            assert_eq!(schedule.adopt(Secret([1; 32])), Err(end));
            assert_eq!((schedule.epoch, schedule.keys), (u16::MAX, last));
        }
    }
}
