//! What a rule waits for, and how a rule names a frame that was recorded. Plain data without an action in it, so that the trace and
//! the actions can use it too.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Frame, FrameSpec};

/// What a rule waits for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct When {
    /// A frame, or something that happens to a link.
    pub event: Event,
    /// Only on this link, from 1. Links the attacker opened match only by number.
    pub link: Option<u32>,
    /// Only on links to this port of the server's.
    pub port: Option<PortIndex>,
    /// Only what this end sends.
    pub from: Option<Side>,
    /// Only frames of this type.
    pub frame_type: Option<String>,
    /// Only frames whose number fields have these values.
    pub fields: Vec<(String, u64)>,
    /// Only frames that this test takes.
    pub test: Option<FrameTest>,
    /// Only the n-th match, from 1; without it, every match.
    pub nth: Option<u32>,
}

/// Frames of this type.
///
/// ```
/// use mitm_proxy::prelude::*;
///
/// let first = when("CLIENT_DATA").from(Side::Client).nth(1);
/// let long = when("CLIENT_DATA").that("is long", |frame| frame.bytes.len() > 100);
/// # let _ = (first, long);
/// ```
pub fn when(frame_type: impl Into<String>) -> When {
    When { frame_type: Some(frame_type.into()), ..When::default() }
}

/// Frames of any type.
pub fn when_any_frame() -> When {
    When::default()
}

/// A client opens a link.
pub fn when_opened() -> When {
    When { event: Event::Open, ..When::default() }
}

/// An endpoint closes a link.
pub fn when_closed() -> When {
    When { event: Event::Close, ..When::default() }
}

impl When {
    /// Only what this end sends or does.
    #[must_use]
    pub fn from(self, side: Side) -> Self {
        Self { from: Some(side), ..self }
    }

    /// Only on this link, from 1.
    #[must_use]
    pub fn on_link(self, link: u32) -> Self {
        Self { link: Some(link), ..self }
    }

    /// Only on links to this port of the server's.
    #[must_use]
    pub fn on_port(self, port: PortIndex) -> Self {
        Self { port: Some(port), ..self }
    }

    /// Only frames whose number field has this value.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, value: u64) -> Self {
        self.fields.push((field.into(), value));
        self
    }

    /// Only frames that this test takes. Worlds compare tests by name, so two tests that differ need different names.
    #[must_use]
    pub fn that(
        self,
        name: impl Into<String>,
        test: impl Fn(&FrameInHand<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { test: Some(FrameTest { name: name.into(), test: Arc::new(test) }), ..self }
    }

    /// Only the n-th match, from 1.
    #[must_use]
    pub fn nth(self, nth: u32) -> Self {
        Self { nth: Some(nth), ..self }
    }
}

/// A frame that a test looks at. It may still be in the buffer that it was read into.
#[derive(Clone, Copy, Debug)]
pub struct FrameInHand<'a> {
    /// The link, from 1.
    pub link: u32,
    /// Who sent it.
    pub from: Side,
    /// Its type.
    pub spec: &'a FrameSpec,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl FrameInHand<'_> {
    /// The value of a number field.
    pub fn number(&self, field: &str) -> Option<u64> {
        self.spec.number(field, self.bytes)
    }

    /// The bytes of a field.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.bytes.get(self.spec.range(name, self.bytes)?)
    }
}

/// A test of frames: a closure with a name. All forks of a world share it, so what it captures must not change.
#[derive(Clone)]
pub struct FrameTest {
    name: String,
    test: Arc<dyn Fn(&FrameInHand<'_>) -> bool + Send + Sync>,
}

impl fmt::Debug for FrameTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameTest({:?})", self.name)
    }
}

impl PartialEq for FrameTest {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for FrameTest {}

impl Hash for FrameTest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Default for When {
    fn default() -> Self {
        Self {
            event: Event::Frame,
            link: None,
            port: None,
            from: None,
            frame_type: None,
            fields: Vec::new(),
            test: None,
            nth: None,
        }
    }
}

/// What sort of thing a rule waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// An endpoint sent a frame.
    Frame,
    /// A client opened a link.
    Open,
    /// An endpoint closed a link.
    Close,
}

/// The link that something happened on, as far as rules look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnLink {
    /// Its number.
    pub number: u32,
    /// The port of the server's that it goes to.
    pub port: PortIndex,
    /// Who is at its client's end.
    pub client: Client,
}

/// Who is at the client's end of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Client {
    /// An honest client.
    Honest,
    /// The attacker itself, or an impostor.
    Attacker,
}

impl When {
    /// Whether a frame of this type with these bytes is of the kind waited for, leaving `nth` aside.
    pub fn matches_frame(&self, link: OnLink, from: Side, spec: &FrameSpec, bytes: &[u8]) -> bool {
        let wanted = |(name, value): &(String, u64)| spec.number(name, bytes) == Some(*value);
        let frame = FrameInHand { link: link.number, from, spec, bytes };
        self.may_match(link, from, spec)
            && self.fields.iter().all(wanted)
            && self.test.as_ref().is_none_or(|test| (test.test)(&frame))
    }

    /// Whether a frame of this type can be of the kind waited for, whatever is in it.
    pub fn may_match(&self, link: OnLink, from: Side, spec: &FrameSpec) -> bool {
        self.event == Event::Frame
            && self.matches_link(link)
            && self.from.is_none_or(|wanted| wanted == from)
            && self.frame_type.as_deref().is_none_or(|wanted| wanted == spec.name)
    }

    /// Whether something that happened to a link is waited for, leaving `nth` aside.
    pub fn matches_event(&self, event: Event, link: OnLink, from: Side) -> bool {
        self.event == event
            && self.matches_link(link)
            && self.from.is_none_or(|wanted| wanted == from)
    }

    fn matches_link(&self, link: OnLink) -> bool {
        let is_meant = match self.link {
            Some(wanted) => wanted == link.number,
            None => link.client == Client::Honest,
        };
        is_meant && self.port.is_none_or(|wanted| wanted == link.port)
    }
}

/// A frame the attacker has recorded, addressed by meaning.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FrameRef {
    /// On this link; without it, on any.
    pub link: Option<u32>,
    /// Sent by this end; without it, by either.
    pub from: Option<Side>,
    /// Of this type; without it, of any.
    pub frame_type: Option<String>,
    /// The n-th of those, from 1.
    pub nth: u32,
}

impl FrameRef {
    /// Whether a frame is one of those meant, leaving `nth` aside.
    pub fn matches(&self, link: u32, from: Side, frame: &Frame) -> bool {
        self.link.is_none_or(|wanted| wanted == link)
            && self.from.is_none_or(|wanted| wanted == from)
            && self.frame_type.as_deref().is_none_or(|wanted| wanted == frame.spec.name)
    }
}

impl std::fmt::Display for FrameRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "frame {} of", self.nth)?;
        if let Some(name) = &self.frame_type {
            write!(f, " type {name}")?;
        }
        if let Some(from) = self.from {
            write!(f, " from the {from}")?;
        }
        if let Some(link) = self.link {
            write!(f, " on link {link}")?;
        }
        Ok(())
    }
}
