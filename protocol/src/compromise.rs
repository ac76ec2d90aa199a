//! What somebody can do who got hold of secrets: of an endpoint's memory, or of long-term keys.

use std::fmt::Debug;

use crate::endpoint::{Message, PortIndex, Side};
use crate::keyfiles::KeySource;
use crate::layout::Frame;
use crate::session_secret::SessionSecret;
use crate::weakness::Profile;

#[cfg(test)]
mod tests;

/// One frame of a recorded session.
#[derive(Clone, Copy, Debug)]
pub struct RecordedFrame<'a> {
    /// Which of the system's ports its connection goes to.
    pub service: PortIndex,
    /// Who sent it.
    pub from: Side,
    /// The frame, as an honest sender's fields lie in it.
    pub frame: &'a Frame,
}

/// What long-term keys that became known open of a recorded session: the messages, each with the place of its frame in the recording.
///
/// The recording is that of somebody who only listened: every connection of one session, in order. The keys are in files named as
/// in [`KeySet::files`](crate::system::KeySet::files); those that are missing or broken open nothing, and no more than that is wrong with it. A
/// message is what the receiving endpoint would claim to have delivered.
pub type DecryptRecording =
    fn(Profile, &dyn KeySource, &[RecordedFrame<'_>]) -> Vec<(usize, Message)>;

/// How a session's key travels where it travels under RSA: what somebody needs to know who decrypts it without any private key.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// The file of the public key it is encrypted under.
    pub public_key: &'static str,
    /// The frame it is in.
    pub frame: &'static str,
    /// The field of that frame.
    pub field: &'static str,
    /// What that key alone opens of a recorded session, as [`DecryptRecording`] does it. Nothing, where more than that key decides
    /// what messages are encrypted with.
    pub open: OpenWith,
}

/// What one secret opens of a recorded session: the messages, each with the place of its frame in the recording.
pub type OpenWith = fn(Profile, &[u8], &[RecordedFrame<'_>]) -> Vec<(usize, Message)>;

/// The secrets that the sessions of a system have, and what they open.
#[derive(Clone, Copy, Debug)]
pub struct Secrets {
    /// What there are, each with a line on what it is.
    pub labels: &'static [(&'static str, &'static str)],
    /// What they open.
    pub open: OpenConnection,
}

/// What an end's own secrets open of one of its connections: the messages, each with the place of its frame in the recording. The
/// secrets are in the order in which they came into use. A message is what the receiving endpoint would claim to have
/// delivered if it were the turn of the frame; frames that the keys do not fit open to nothing.
pub type OpenConnection =
    fn(Profile, &[SessionSecret], &[RecordedFrame<'_>]) -> Vec<(usize, Message)>;

/// The next of the secrets with this label.
pub fn next_secret<'a>(
    secrets: &mut impl Iterator<Item = &'a SessionSecret>,
    label: &str,
) -> Option<&'a [u8]> {
    secrets.find(|secret| secret.label == label).map(|secret| &secret.value[..])
}

/// Somebody in the middle of one session who takes part in its key agreement on both sides.
pub trait Middle: Debug + Send {
    /// Take a frame from one end and return what to send to the other: the same, or one made anew. `edit` sees every plaintext that can be read and may change it.
    fn relay(
        &mut self,
        from: Side,
        frame: &Frame,
        edit: &mut dyn FnMut(Side, &mut Vec<u8>),
    ) -> Vec<u8>;

    /// What was read of the last frame relayed, as the receiving endpoint would claim it. It is what the sender wrote, whatever
    /// an edit made of it.
    fn read(&self) -> &[Message];

    /// A copy that goes its own way.
    fn fork(&self) -> Box<dyn Middle>;
}

/// Makes a middle of one session under a profile. The seed decides every random byte.
pub type InTheMiddle = fn(Profile, u64) -> Box<dyn Middle>;

impl Clone for Box<dyn Middle> {
    fn clone(&self) -> Self {
        self.fork()
    }
}

/// Changes the plaintext of one frame. One that changes nothing only reads.
pub type Edit<'a> = &'a mut dyn FnMut(&mut Vec<u8>);

/// What `read` makes of every frame of a recording, in order, each message with the place of its frame.
pub fn each_frame(
    recording: &[RecordedFrame<'_>],
    mut read: impl FnMut(&RecordedFrame<'_>) -> Option<Message>,
) -> Vec<(usize, Message)> {
    let frames = recording.iter().enumerate();
    frames.filter_map(|(at, recorded)| Some((at, read(recorded)?))).collect()
}
