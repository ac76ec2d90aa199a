//! **secrecy**: the attacker learns nothing of what honest endpoints sent. That is broken when
//!
//! - a message can be read in what endpoints put on the wire from the moment it was sent. What each end sent on a connection is searched
//!   as one stream, and so is each declared field, for the beginning, the middle and the end of every message: as they are, in base64,
//!   hexadecimal, UTF-16, reversed and percent-encoded; or
//! - a strategy recovered a part of a message of at least 8 bytes, or all of it; or found out that two messages
//!   begin alike, and they do; or that two were encrypted under one nonce; or found out a password.
//!
//! What was recovered with a stolen key is the business of forward-secrecy and post-compromise-security; but a password must not be
//! found out even by who has the file it is stored in. Messages under 8 bytes are not searched for on the wire: they could stand in random
//! bytes by chance. Nor are messages that stood on the wire before they were sent: they are no secret.
//!
//! "Held" says that nothing was found out under this script, by this attacker. Source: semantic security, Goldwasser and Micali
//! 1984, of which recovery and equality are the plainest failures.

use memchr::memmem;
use mitm_proxy::trace::{ClaimRecord, Finding, Knowledge};
use protocol::endpoint::Message;

use super::{Finished, MakeMonitor, Monitor, PropertySpec, Ruling};
use crate::ledger::{count, frames};
use crate::property::Property;
use crate::search::{FORMS, Form, Needles, Place, SHORTEST};
use crate::sent::Sent;

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Secrecy,
    definition: "the attacker learns nothing of what was sent; on the wire it is searched for in six forms: as it is, in \
                 base64, hexadecimal and UTF-16, reversed, and percent-encoded",
    source: "semantic security, Goldwasser and Micali 1984",
    monitor: MakeMonitor::Function(|| Box::new(Secrecy::default())),
};

/// Messages that begin with as many equal bytes do so for no other reason than being alike.
const ALIKE: usize = 16;

/// As many messages are named that were not searched for.
const MOST_NAMED: usize = 3;

#[derive(Clone, Debug, Default)]
struct Secrecy {
    sent: Sent,
}

impl Monitor for Secrecy {
    fn observe(&mut self, record: &ClaimRecord) {
        self.sent.observe(record);
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let needles = run.searches.needles(self.sent.bodies());
        let places = needles.on_wire(run.trace);
        let (mut searched, mut aside, mut shown) = (0, Vec::new(), Vec::new());
        for (at, (message, sent)) in self.sent.iter().enumerate() {
            match places.get(&at) {
                _ if message.body.len() < SHORTEST => aside.push(format!("{message} is too short")),
                Some(place) if place.moment < sent.first => {
                    aside.push(format!("{message} was public before"));
                }
                Some(place) => shown.push((place, message)),
                None => searched += 1,
            }
        }
        shown.sort_unstable();
        if let Some((place, message)) = shown.first() {
            let more = match shown.len() {
                1 => String::new(),
                many => format!(", and {}", count(many - 1, "other message")),
            };
            let evidence = format!("{message} can be read in {}{more}", describe(place));
            return Ruling::violated(evidence, place.frames.clone());
        }
        let mut known = run.trace.knowledge.iter();
        if let Some(ruling) = known.find_map(|known| self.judge(known, &needles)) {
            return ruling;
        }
        if searched == 0 && !aside.is_empty() {
            let why = some(&aside);
            return Ruling::inconclusive(format!("there is no message to search for: {why}"));
        }
        let bytes: usize = run.trace.honest().map(|(_, record)| record.as_sent().bytes.len()).sum();
        let aside = if aside.is_empty() { String::new() } else { format!("; {}", some(&aside)) };
        let searched = count(searched, "message");
        Ruling::held(format!("none of {searched} found in {bytes} bytes {FORMS}{aside}"))
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

/// `frame 4, as hexadecimal digits`.
fn describe(place: &Place) -> String {
    let Place { frames, form, field, .. } = place;
    let place = match &frames[..] {
        [first, .., last] => format!("frames {first} to {last}"),
        _ => format!("frame {}", frames.first().copied().unwrap_or_default()),
    };
    let values =
        field.map_or_else(String::new, |field| format!(", in their `{field}` one after the other"));
    let read = if *form == Form::Plain { String::new() } else { format!(", {}", form.name()) };
    format!("{place}{values}{read}")
}

/// The first few, and how many more.
fn some(of: &[String]) -> String {
    let first: Vec<&str> = of.iter().take(MOST_NAMED).map(String::as_str).collect();
    let more = match of.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{}{more}", first.join(", "))
}

/// What of a message stands in recovered bytes.
fn recovered(content: &[u8], message: &Message, at: &str) -> String {
    let (bytes, body) = (content.len(), &message.body[..]);
    if content == body {
        format!("{message}{at}")
    } else if let Some(start) = memmem::find(body, content) {
        let of = body.len();
        // What stands there twice may have been recovered from either place.
        let is_only = memmem::rfind(body, content) == Some(start);
        let from = if is_only { format!(", from byte {} on", start + 1) } else { String::new() };
        format!("{bytes} of the {of} bytes of {message}{at}{from}")
    } else if memmem::find(content, body).is_some() {
        format!("{bytes} bytes{at}: {message} is in them")
    } else {
        format!("{bytes} bytes{at}: a part of {message} is in them")
    }
}

impl Secrecy {
    /// A violation, if what the attacker claims to know is true and none of its business.
    fn judge(&self, known: &Knowledge, needles: &Needles) -> Option<Ruling> {
        let own: Vec<u32> = known.frame.into_iter().collect();
        let pair = |other: u32| own.iter().copied().chain([other]).collect::<Vec<u32>>();
        let how = known.how;
        match &known.what {
            Finding::Password { user, password } => {
                let evidence =
                    format!("{how} found out that the password of {user} is {password:?}");
                Some(Ruling::violated(evidence, own))
            }
            _ if known.from.is_some() => None,
            Finding::Content(content) => {
                let (message, _) = self.sent.shown_by(&known.what, needles).next()?;
                let what = recovered(content, message, &frames(&own));
                Some(Ruling::violated(format!("{how} recovered {what}"), own))
            }
            Finding::SameBeginning { other, bytes } => {
                let frames_of = pair(*other);
                let at = frames(&frames_of);
                self.sent.share_beginning(ALIKE.min(*bytes)).then(|| {
                    let evidence =
                        format!("{how} sees that two messages begin alike, {bytes} bytes{at}");
                    Ruling::violated(evidence, frames_of)
                })
            }
            Finding::NonceReuse { other } => {
                let frames_of = pair(*other);
                let at = frames(&frames_of);
                Some(Ruling::violated(format!("{how} sees one nonce used twice{at}"), frames_of))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::endpoint::{Fact, Side};

    use super::*;
    use crate::property::Outcome;
    use crate::testing;

    /// What is said of a text that was sent at moment 5, and stood on the wire at this one.
    fn in_clear(text: &'static str, moment: u64) -> Ruling {
        let mut frame = testing::frame(1, Side::Server);
        frame.frame.bytes = Bytes::from_static(text.as_bytes());
        let mut trace = testing::trace([frame], []);
        trace.frames[0].moment = moment;
        let sent = testing::claim(1, 1, Fact::Sent(Message::text(text)));
        let mut monitor = Secrecy::default();
        monitor.observe(&ClaimRecord { moment: 5, ..sent });
        testing::finished(&trace, |run| monitor.conclude(run))
    }

    #[test]
    fn what_stood_on_the_wire_before_it_was_sent_is_no_secret() {
        let outcomes = [4, 5, 6].map(|moment| in_clear("pay bob 100", moment).outcome);
        assert_eq!(outcomes, [Outcome::Inconclusive, Outcome::Violated, Outcome::Violated]);
    }

    #[test]
    fn the_shortest_message_that_is_searched_for_has_eight_bytes() {
        assert_eq!(in_clear("pay bob!", 6).outcome, Outcome::Violated);
        assert_eq!(in_clear("pay bob", 6).outcome, Outcome::Inconclusive);
    }

    #[test]
    fn a_place_says_frames_field_and_form() {
        let place = |frames: &[u32], form, field| {
            describe(&Place { moment: 0, frames: frames.to_vec(), form, field })
        };
        assert_eq!(place(&[4], Form::Plain, None), "frame 4");
        assert_eq!(place(&[4], Form::Hex, None), "frame 4, as hexadecimal digits");
        assert_eq!(
            place(&[4, 5, 6], Form::Plain, Some("ct")),
            "frames 4 to 6, in their `ct` one after the other"
        );
    }
}
