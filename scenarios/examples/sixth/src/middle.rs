//! Somebody in the middle of the key agreement, for the strategy `ecdh-middle`: each end agrees on a key with the middle.

use protocol::compromise;
use protocol::crypto::x25519::{Ephemeral, SHARE};
use protocol::endpoint::{Message, Side};
use protocol::entropy::Entropy;
use protocol::inbox::Received;
use protocol::layout::Frame;
use protocol::weakness::Profile;

use crate::channel::{self, Channel};
use crate::keys::Shares;

/// The middle of one session.
#[derive(Clone, Debug)]
pub(crate) struct Middle {
    profile: Profile,
    /// What it agrees on with both ends.
    own: Ephemeral,
    client: Option<[u8; SHARE]>,
    /// The record layers towards the client and the server.
    agreed: Option<[Channel; 2]>,
    read: Vec<Message>,
}

impl Middle {
    /// Before the first frame.
    pub(crate) fn new(profile: Profile, seed: u64) -> Self {
        let own = Ephemeral::generate(&mut Entropy::new(seed, "sixth middle"));
        Self { profile, own, client: None, agreed: None, read: Vec::new() }
    }

    /// What to send instead of a frame; nothing where it passes as it is.
    fn replace(
        &mut self,
        frame: &Received,
        edit: &mut dyn FnMut(Side, &mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let own = self.own.share();
        match frame.spec.name {
            "HELLO" => {
                self.client = frame.array("share").ok();
                Some([&b"H"[..], &own].concat())
            }
            "ACCEPT" => {
                let (client, server) = (self.client?, frame.array("share").ok()?);
                let channel = |shares: Shares, peer| {
                    let (key, _) = shares.derive(&self.own.agree(peer).ok()?);
                    Some(Channel::new(self.profile, key))
                };
                let near = channel(Shares { client, server: own }, client)?;
                let far = channel(Shares { client: own, server }, server)?;
                self.agreed = Some([near, far]);
                Some([&b"A"[..], &own, frame.field("confirmation")].concat())
            }
            "DATA" => {
                let [near, far] = self.agreed.as_mut()?;
                let mut text = near.open(frame).ok()?;
                self.read.extend(channel::read(&text));
                edit(Side::Client, &mut text);
                far.seal(text).ok()
            }
            "BYE" => self.agreed.as_ref().map(|[_, far]| far.seal_end()),
            _ => None,
        }
    }
}

impl compromise::Middle for Middle {
    fn relay(
        &mut self,
        _: Side,
        frame: &Frame,
        edit: &mut dyn FnMut(Side, &mut Vec<u8>),
    ) -> Vec<u8> {
        self.read.clear();
        let instead = self.replace(&Received::of(frame), edit);
        instead.unwrap_or_else(|| frame.bytes.to_vec())
    }

    fn read(&self) -> &[Message] {
        &self.read
    }

    fn fork(&self) -> Box<dyn compromise::Middle> {
        Box::new(self.clone())
    }
}
