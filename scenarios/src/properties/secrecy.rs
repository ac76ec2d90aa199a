//! **secrecy**: the attacker learns nothing of what honest endpoints sent. That is broken when
//!
//! - a message can be read in what endpoints put on the wire from the moment it was sent. Those frames, as their senders made
//!   them, are searched for the beginning, the middle and the end of every message, as they are and in base64; or
//! - a strategy recovered a part of a message of at least 8 bytes, or all of it; or found out that two messages
//!   begin alike, and they do; or that two were encrypted under one nonce; or found out a password.
//!
//! What was recovered with a stolen key is the business of forward-secrecy and post-compromise-security; but a password must not be
//! found out even by who has the file it is stored in. Messages under 8 bytes are not searched for on the wire: they could stand in random
//! bytes by chance. Nor are messages that stood on the wire before they were sent: they are no secret.
//!
//! "Held" says that nothing was found out under this script, by this attacker. Source: semantic security, Goldwasser and Micali
//! 1984, of which recovery and equality are the plainest failures.

use mitm_proxy::trace::{ClaimRecord, Finding, FrameRecord, Knowledge};

use super::{Finished, Monitor, PropertySpec, Ruling, count, frames};
use crate::property::Property;
use crate::sent::{SHORTEST, Sent, contains, probes};

pub(super) const SPEC: PropertySpec = PropertySpec {
    property: Property::Secrecy,
    definition: "the attacker learns nothing of what was sent",
    source: "semantic security, Goldwasser and Micali 1984",
    monitor: || Box::new(Secrecy::default()),
};

/// Messages that begin with as many equal bytes do so for no other reason than being alike.
const ALIKE: usize = 16;

#[derive(Clone, Debug, Default)]
struct Secrecy {
    sent: Sent,
}

impl Monitor for Secrecy {
    fn observe(&mut self, record: &ClaimRecord) {
        self.sent.observe(record);
    }

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        let on_wire: Vec<(u32, &FrameRecord)> = run.trace.honest().collect();
        let (mut searched, mut skipped) = (0, 0);
        for (message, sent) in self.sent.iter() {
            let probes = probes(&message.body);
            let shows = |(_, record): &&(u32, &FrameRecord)| {
                probes.iter().any(|probe| contains(&record.as_sent().bytes, probe))
            };
            let mut showing = on_wire.iter().filter(shows);
            match showing.next() {
                _ if message.body.len() < SHORTEST => skipped += 1,
                Some((_, record)) if record.moment < sent.first => skipped += 1,
                Some((number, _)) => {
                    let evidence = format!("{message} can be read in frame {number}");
                    return Ruling::violated(evidence, vec![*number]);
                }
                None => searched += 1,
            }
        }
        if let Some(ruling) = run.trace.knowledge.iter().find_map(|known| self.judge(known)) {
            return ruling;
        }
        if searched == 0 && skipped > 0 {
            return Ruling::inconclusive(
                "every message is too short to be searched for, or public",
            );
        }
        let bytes: usize = on_wire.iter().map(|(_, record)| record.as_sent().bytes.len()).sum();
        let aside = match skipped {
            0 => String::new(),
            skipped => format!(", {skipped} too short to tell, or public"),
        };
        let searched = count(searched, "message");
        Ruling::held(format!("none of {searched} found in {bytes} bytes{aside}"))
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(self.clone())
    }
}

impl Secrecy {
    /// A violation, if what the attacker claims to know is true and none of its business.
    fn judge(&self, known: &Knowledge) -> Option<Ruling> {
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
                let (message, _) = self.sent.shown_by(&known.what).next()?;
                let (bytes, at) = (content.len(), frames(&own));
                let evidence = format!("{how} recovered {bytes} bytes{at}: {message} is in them");
                let whole = *content == message.body;
                let evidence =
                    if whole { format!("{how} recovered {message}{at}") } else { evidence };
                Some(Ruling::violated(evidence, own))
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
