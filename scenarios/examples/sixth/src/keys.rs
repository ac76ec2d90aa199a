//! The key that both ends have before they meet, and what they make of it in the handshake.

use protocol::crypto::checksum::hex;
use protocol::crypto::x25519::SHARE;
use protocol::crypto::{Secret, hkdf_sha256, hmac_sha256, hmac_sha256_verifies, sha256};
use protocol::endpoint::{Fingerprint, Reject, Side};
use protocol::inbox::Received;
use protocol::keyfiles::{KeyError, KeyFiles, KeySource, hex_key};
use protocol::layout::Layout;
use protocol::system::{KeySet, Setup};
use protocol::weakness::{Profile, Weakness};

use crate::{CONFIRMATION, client, server, wire};

const FILE: &str = "shared_key.txt";
const HOLDS: &str = "the shared key: 64 hexadecimal digits";

/// How the system comes to keys that are not the lab's: `serve --keys DIR`, `pki init`.
pub(crate) const KEYS: KeySet = KeySet {
    files: &[(FILE, HOLDS)],
    client: |setup, source| Ok(client::new(setup, read(source)?)),
    server: |setup, source| Ok(server::new(setup, read(source)?)),
    generate: |wanted| Ok(file(&wanted.entropy.bytes())),
    ..KeySet::NONE
};

fn read(source: &dyn KeySource) -> Result<Secret<32>, KeyError> {
    hex_key(source, FILE, HOLDS)
}

fn file(key: &[u8; 32]) -> KeyFiles {
    KeyFiles::from([(FILE.to_owned(), hex(key) + "\n")])
}

/// The key of the lab. Everybody knows it.
pub(crate) fn lab_key() -> Secret<32> {
    Secret(sha256(&[b"the shared key of the lab"]))
}

/// The key files of the lab: the shared key, and one that a stranger has.
pub(crate) fn lab() -> KeyFiles {
    let stranger = hex(&sha256(&[b"the key of a stranger"]));
    file(&lab_key().0).into_iter().chain([("stranger_key.txt".to_owned(), stranger)]).collect()
}

/// What never changes over an endpoint's life.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) profile: Profile,
    pub(crate) layout: Layout,
    shared: Secret<32>,
}

impl Setting {
    pub(crate) fn new(setup: &Setup, shared: Secret<32>) -> Self {
        Self { profile: setup.profile, layout: wire::layout(setup.profile), shared }
    }

    /// What `side` says of the shares: nothing, where that defence is off.
    pub(crate) fn confirm(&self, side: Side, shares: &Shares) -> Vec<u8> {
        if self.profile.has(Weakness::EcdhNotAuthenticated) {
            return Vec::new();
        }
        hmac_sha256(&self.shared.0, &shares.confirmed_by(side)).to_vec()
    }

    /// Check what `side` says of the shares.
    pub(crate) fn check(
        &self,
        side: Side,
        shares: &Shares,
        frame: &Received,
    ) -> Result<(), Reject> {
        let said = frame.field("confirmation");
        let is_right = hmac_sha256_verifies(&self.shared.0, &shares.confirmed_by(side), said);
        if self.profile.has(Weakness::EcdhNotAuthenticated) || is_right {
            return Ok(());
        }
        Err(Reject::new(CONFIRMATION, "confirmation"))
    }
}

/// The shares of one session.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Shares {
    pub(crate) client: [u8; SHARE],
    pub(crate) server: [u8; SHARE],
}

impl Shares {
    fn confirmed_by(&self, side: Side) -> [&[u8]; 3] {
        [side.name().as_bytes(), &self.client, &self.server]
    }

    /// The key of the records, and what it is known by.
    pub(crate) fn derive(&self, agreed: &Secret<32>) -> (Secret<32>, Fingerprint) {
        let key = hkdf_sha256(&agreed.0, &[b"sixth record", &self.client, &self.server]);
        let name = hkdf_sha256::<8>(&agreed.0, &[b"sixth name", &self.client, &self.server]);
        (key, Fingerprint(name.0))
    }
}
