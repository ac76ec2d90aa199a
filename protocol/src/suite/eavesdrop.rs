//! What the server's private key opens of a recorded session.

use crate::crypto::rsa::PrivateKey;
use crate::endpoint::{Message, Side};
use crate::keyfiles::KeySource;
use crate::suite::keyfiles::server_key;
use crate::suite::keys::{Keys, Transcript};
use crate::suite::record::{Channel, Content};
use crate::suite::server::transported;
use crate::suite::wire::{Parts, one_way};
use crate::suite::{content, one_way};
use crate::theft::{Overheard, listen};
use crate::weakness::Profile;

/// As-built every frame brings its key, encrypted for the server. Where there is a handshake, the secret it was made from may be in the
/// login; where both ends agreed on one, it is nowhere.
pub(super) fn eavesdrop(
    profile: Profile,
    source: &dyn KeySource,
    recording: &[Overheard<'_>],
) -> Vec<(usize, Message)> {
    let Ok(server) = server_key(source) else { return Vec::new() };
    let mut transcript = Transcript::default();
    let mut channel: Option<Channel> = None;
    listen(recording, |overheard| {
        let mut frame = Parts::of(overheard.frame);
        match (overheard.from, frame.name) {
            (Side::Client, "MSG") if one_way(profile) => return published(&server, &mut frame),
            (Side::Client, "HELLO") => {
                transcript = Transcript::default();
                let said = [frame.field("nonce"), frame.field("share")];
                transcript.absorb(Side::Client, &said);
            }
            (Side::Server, "CERT") => {
                let said = ["certificate", "nonce", "share"].map(|name| frame.field(name));
                transcript.absorb(Side::Server, &said);
            }
            (Side::Client, "LOGIN") => {
                let secret = transported(&frame, Some(&server)).ok()?;
                channel = Some(Channel::new(profile, Keys::derive(&secret.0, &transcript)));
            }
            (Side::Client, "MSG") => {
                let plaintext = channel.as_mut()?.overhear(Content::Text, &mut frame).ok()?;
                return content::read_text(plaintext).ok();
            }
            (Side::Client, "FILE") => {
                let plaintext = channel.as_mut()?.overhear(Content::File, &mut frame).ok()?;
                return content::read_file(plaintext).ok();
            }
            _ => {}
        }
        None
    })
}

fn published(server: &PrivateKey, frame: &mut Parts) -> Option<Message> {
    let sender = one_way::open_sender(server, frame).ok()?;
    let opened = one_way::open_message(&sender.key, frame).ok()?;
    Some(opened.message)
}
