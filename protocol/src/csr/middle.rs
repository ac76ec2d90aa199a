//! Somebody in the middle of the key agreement, who has no key of anybody's: each end agrees on keys with a share of the
//! middle's, and every record is opened under one end's keys and sealed under the other's.
//!
//! Hellos pass as they are, and so do all signatures. Those under the shares fit as long as they do not cover them, which is with
//! `ecdh-not-authenticated`. Those in files fit where they do not cover the session either (`signature-not-bound`): the two ends
//! are in two sessions.

use crate::channel::Channel as _;
use crate::compromise;
use crate::crypto::ecdh::{Ephemeral, SHARE};
use crate::csr::channel::carried;
use crate::csr::keys::{NONCE, Nonces, Schedule};
use crate::csr::record::Channel;
use crate::csr::wire;
use crate::endpoint::{Message, Side};
use crate::entropy::Entropy;
use crate::inbox::{Inbox, Received};
use crate::layout::{Frame, Layout};
use crate::weakness::Profile;

/// The middle of one session.
#[derive(Clone, Debug)]
pub(super) struct Middle {
    profile: Profile,
    layout: Layout,
    entropy: Entropy,
    device_nonce: Option<[u8; NONCE]>,
    server_nonce: Option<[u8; NONCE]>,
    shares: Option<Shares>,
    agreed: Option<Agreed>,
    read: Vec<Message>,
}

/// The middle's two halves, and the server's share.
#[derive(Clone, Debug)]
struct Shares {
    to_device: Ephemeral,
    to_server: Ephemeral,
    server: [u8; SHARE],
}

/// The record layers towards each end.
#[derive(Clone, Debug)]
struct Agreed {
    device: Channel,
    server: Channel,
}

impl Middle {
    /// Before the first hello.
    pub(super) fn new(profile: Profile, seed: u64) -> Self {
        Self {
            profile,
            layout: wire::layout(profile),
            entropy: Entropy::new(seed, "csr middle"),
            device_nonce: None,
            server_nonce: None,
            shares: None,
            agreed: None,
            read: Vec::new(),
        }
    }

    /// What to send instead of a frame; nothing where it is to pass as it is.
    fn replace(
        &mut self,
        from: Side,
        frame: &Frame,
        edit: &mut dyn FnMut(Side, &mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let received = Received::of(frame);
        let body = wire::body(&received);
        match (from, frame.spec.name) {
            (Side::Client, "HELLO") => self.device_nonce = Some(wire::read_hello(body).ok()?.1),
            (Side::Server, "HELLO") => self.server_nonce = Some(wire::read_hello(body).ok()?.1),
            (Side::Server, "SECDH") => return self.meet_server(body),
            (Side::Client, "ECDH") => return self.meet_device(body),
            _ => return self.pass(from, frame, edit),
        }
        None
    }

    fn meet_server(&mut self, share: &[u8]) -> Option<Vec<u8>> {
        let (server, signature) = wire::read_share(share).ok()?;
        let [to_device, to_server] = [(); 2].map(|()| Ephemeral::generate(&mut self.entropy));
        let instead = self.share(&to_device, &signature);
        self.shares = Some(Shares { to_device, to_server, server });
        Some(instead)
    }

    fn meet_device(&mut self, share: &[u8]) -> Option<Vec<u8>> {
        let (device, signature) = wire::read_share(share).ok()?;
        let nonces = Nonces { device: self.device_nonce?, server: self.server_nonce? };
        let Shares { to_device, to_server, server } = self.shares.take()?;
        let instead = self.share(&to_server, &signature);
        let channel = |own, peer| {
            let schedule = Schedule::agree(self.profile, nonces, own, peer).ok()?;
            Some(Channel::new(self.profile, schedule))
        };
        let (device, server) = (channel(to_device, device)?, channel(to_server, server)?);
        self.agreed = Some(Agreed { device, server });
        Some(instead)
    }

    /// A share of the middle's, with the signature that was under another.
    fn share(&self, own: &Ephemeral, signature: &[u8]) -> Vec<u8> {
        let signature = Some(signature).filter(|signature| !signature.is_empty());
        wire::framed(self.profile, wire::share(own.share(), signature))
    }

    /// A record or the goodbye, read as the end it goes to reads it.
    fn pass(
        &mut self,
        from: Side,
        frame: &Frame,
        edit: &mut dyn FnMut(Side, &mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let Agreed { device, server } = self.agreed.as_mut()?;
        let (near, far, due): (_, _, &[&str]) = match from {
            Side::Client => (device, server, &["END", "MEDIA", "TEXT"]),
            Side::Server => (server, device, &["ERROR", "REPLY"]),
        };
        let mut inbox = Inbox::of(&frame.bytes);
        let mut record = wire::next(&self.layout, self.profile, due, &mut inbox).ok()??;
        if record.spec.name == "END" {
            return near.open_end(&record).ok().map(|()| far.seal_end());
        }
        let content = carried(record.spec.name).ok()?;
        let mut plaintext = near.open(content, &mut record).ok()?.to_vec();
        near.schedule.count().ok()?;
        self.read.extend(near.message(record.spec.name, &plaintext));
        edit(from, &mut plaintext);
        let write = |frame: &mut Vec<u8>| frame.extend_from_slice(&plaintext);
        let instead = far.seal(content, plaintext.len(), &mut self.entropy, write).ok()?;
        far.schedule.count().ok()?;
        Some(instead)
    }
}

impl compromise::Middle for Middle {
    fn relay(
        &mut self,
        from: Side,
        frame: &Frame,
        edit: &mut dyn FnMut(Side, &mut Vec<u8>),
    ) -> Vec<u8> {
        self.read.clear();
        self.replace(from, frame, edit).unwrap_or_else(|| frame.bytes.to_vec())
    }

    fn read(&self) -> &[Message] {
        &self.read
    }

    fn fork(&self) -> Box<dyn compromise::Middle> {
        Box::new(self.clone())
    }
}
