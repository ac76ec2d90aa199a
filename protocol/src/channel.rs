//! The channel of a session once its keys are there. A system says how it seals and opens one record. From that follow its record
//! layer by itself ([`measured`]), what somebody with the keys makes of a record ([`Channel::rewrite`]), and what a session's
//! secret opens of a recording ([`open_by_secret`]).

use std::fmt::{self, Debug};

use crate::compromise::{Edit, RecordedFrame, each_frame, next_secret};
use crate::endpoint::{Message, Reject, Side};
use crate::entropy::Entropy;
use crate::inbox::{Inbox, Received};
use crate::layout::Frame;
use crate::records::{Cipher, RecordLayer, SHORT};
use crate::session_secret::SessionSecret;
use crate::weakness::Profile;

/// The keys of a session, and the number of the next record.
pub trait Channel: Clone + Debug + Send + 'static {
    /// A record as the system reads it.
    type Record: Record;

    /// What its records are encrypted with, where others have that too and can be compared.
    const CIPHER: Option<Cipher>;
    /// Whether every record has keys of its own, so that nobody has them ready.
    const REKEYS: bool = false;
    /// The label of the secret that its keys are derived from.
    const SECRET: &'static str = "";
    /// The frame with which that secret comes into use.
    const BEGINS_WITH: &'static str = "";
    /// The frames that carry messages, each with its sender.
    const RECORDS: &'static [(Side, &'static str)] = &[];

    /// Make the next record: a frame of this type with this content.
    ///
    /// # Errors
    /// The content is too long, or no number is left.
    fn seal(
        &mut self,
        frame: &'static str,
        content: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, Reject>;

    /// Check the next record and decrypt it in place. What is refused leaves no trace here.
    ///
    /// # Errors
    /// The first check that fails.
    fn open<'a>(&mut self, record: &'a mut Self::Record) -> Result<&'a [u8], Reject>;

    /// Take this record for the next one, whichever number it has.
    fn expect(&mut self, record: &Self::Record);

    /// What the peer would have sent with this content in place of a record that is not opened yet. Its initialization vector or
    /// nonce stays, so that the same content gives the same record. Nothing where the content is too long.
    fn reseal(
        &self,
        record: &Self::Record,
        content: &[u8],
        entropy: &mut Entropy,
    ) -> Option<Vec<u8>>;

    /// The channel of a session with this secret. `handshake` is every frame so far that carries no message, with its sender.
    fn from_secret(
        _profile: Profile,
        _handshake: &[(Side, Self::Record)],
        _secret: &[u8],
    ) -> Option<Self> {
        None
    }

    /// What the receiving endpoint would claim to have delivered when a frame of this type has this content.
    fn message(&self, _frame: &str, _content: &[u8]) -> Option<Message> {
        None
    }

    /// Open a record of a recorded session, whichever number it has.
    ///
    /// # Errors
    /// Those of [`Channel::open`].
    fn open_unordered<'a>(&mut self, record: &'a mut Self::Record) -> Result<&'a [u8], Reject> {
        self.expect(record);
        self.open(record)
    }

    /// What somebody with the keys makes of a record that is not opened yet, as
    /// [`Endpoint::rewrite`](crate::endpoint::Endpoint::rewrite).
    fn rewrite(
        &self,
        record: &Self::Record,
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let mut opened = record.clone();
        let mut content = self.clone().open(&mut opened).ok()?.to_vec();
        edit(&mut content);
        self.reseal(record, &content, entropy)
    }
}

/// A whole frame, cut into its fields.
pub trait Record: Clone {
    /// A frame that somebody recorded.
    fn of(frame: &Frame) -> Self;

    /// The name of its type.
    fn name(&self) -> &'static str;

    /// The bytes of a field; nothing where the profile has no such field.
    fn field(&self, name: &str) -> &[u8];

    /// All of it.
    fn into_bytes(self) -> Vec<u8>;
}

impl Record for Received {
    fn of(frame: &Frame) -> Self {
        Self::of(frame)
    }

    fn name(&self) -> &'static str {
        self.spec.name
    }

    fn field(&self, name: &str) -> &[u8] {
        self.field(name)
    }

    fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The record layer of a system by itself: frames of one type, under the keys of this channel. `next` removes such a frame from what
/// was received.
pub fn measured<C: Channel>(
    channel: C,
    frame: &'static str,
    entropy: Entropy,
    next: impl Fn(&mut Inbox) -> Result<Option<C::Record>, Reject> + 'static,
) -> Box<dyn RecordLayer> {
    Box::new(Measured { channel, frame, next, entropy })
}

struct Measured<C, F> {
    channel: C,
    frame: &'static str,
    next: F,
    entropy: Entropy,
}

impl<C: Debug, F> Debug for Measured<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.fmt(f)
    }
}

impl<C, F> RecordLayer for Measured<C, F>
where
    C: Channel,
    F: Fn(&mut Inbox) -> Result<Option<C::Record>, Reject>,
{
    fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, Reject> {
        self.channel.seal(self.frame, content, &mut self.entropy)
    }

    fn open(&mut self, received: Vec<u8>, read: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Reject> {
        let mut record = (self.next)(&mut Inbox::from(received))?.ok_or(SHORT)?;
        self.channel.expect(&record);
        read(self.channel.open(&mut record)?);
        Ok(record.into_bytes())
    }

    fn cipher(&self) -> Option<Cipher> {
        C::CIPHER
    }

    fn rekeys(&self) -> bool {
        C::REKEYS
    }
}

/// What the secrets of a session open of one of its connections, for [`Secrets::open`](crate::compromise::Secrets::open).
pub fn open_by_secret<C: Channel>(
    profile: Profile,
    secrets: &[SessionSecret],
    recording: &[RecordedFrame<'_>],
) -> Vec<(usize, Message)> {
    let mut secrets = secrets.iter();
    follow::<C, _>(profile, recording, |_| next_secret(&mut secrets, C::SECRET))
}

/// What opens of a recording from the frame on whose secret is known. `secret` is asked with that frame.
pub fn follow<C: Channel, S: AsRef<[u8]>>(
    profile: Profile,
    recording: &[RecordedFrame<'_>],
    mut secret: impl FnMut(&C::Record) -> Option<S>,
) -> Vec<(usize, Message)> {
    let mut handshake = Vec::new();
    let mut channel: Option<C> = None;
    each_frame(recording, |recorded| {
        let mut record = C::Record::of(recorded.frame);
        let (from, name) = (recorded.from, record.name());
        if C::RECORDS.contains(&(from, name)) {
            let channel = channel.as_mut()?;
            let content = channel.open_unordered(&mut record).ok()?;
            return channel.message(name, content);
        }
        let begins = (from, name) == (Side::Client, C::BEGINS_WITH);
        let known = begins.then(|| secret(&record)).flatten();
        handshake.push((from, record));
        if let Some(known) = known {
            channel = C::from_secret(profile, &handshake, known.as_ref()).or(channel.take());
        }
        None
    })
}
