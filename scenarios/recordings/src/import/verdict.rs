//! What can be said of a server to which a recording was played: from the wire alone, only whether it answered as in the recording.

use std::fmt;

use protocol::endpoint::Side;

use super::Session;
use super::play::{Happening, Likeness, What, When};

/// How a server answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every recorded answer had one of the same type, to the end.
    Taken {
        /// The answers.
        answers: usize,
        /// How many of them had the same bytes.
        same: usize,
    },
    /// Every recorded answer had one, and this is the first of another type.
    Otherwise {
        /// Its number in the recording.
        number: u32,
        /// The type in the recording.
        recorded: &'static str,
        /// The type that came.
        came: &'static str,
    },
    /// It was not answered to the end.
    Refused {
        /// What the server did.
        how: Refusal,
        /// The last frame that was sent before, its number and type.
        after: Option<(u32, &'static str)>,
        /// How many of the client's frames were sent, and how many there are.
        sent: (usize, usize),
    },
    /// The recording has no answer that could be compared.
    Unknown,
}

/// How a server refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It closed the connection.
    Closed,
    /// It reset the connection.
    Reset,
    /// It said nothing any more, though it had in the recording: frame of this number.
    Silent(u32),
    /// It took no further connection.
    NotConnected(String),
    /// It sent something else without an end.
    Flooded,
}

impl Verdict {
    /// What follows from what happened.
    pub fn of(session: &Session, happened: &[Happening]) -> Self {
        let (mut sent, mut answers, mut same) = (0, 0, 0);
        let mut after = None;
        let mut refused = None;
        let mut otherwise = None;
        for happening in happened {
            let how = match &happening.what {
                What::Sent { number, kind, .. } => {
                    sent += 1;
                    after = Some((*number, *kind));
                    continue;
                }
                What::Came { kind, like: Some((number, likeness)), .. } => {
                    answers += 1;
                    same += usize::from(*likeness == Likeness::Same);
                    if *likeness == Likeness::OtherType && otherwise.is_none() {
                        let recorded = session.frames.iter().find(|piece| piece.number == *number);
                        let recorded = recorded.map_or("", |piece| piece.kind);
                        otherwise = Some(Self::Otherwise { number: *number, recorded, came: kind });
                    }
                    continue;
                }
                What::Closed(When::Early) => Refusal::Closed,
                What::Reset(When::Early) => Refusal::Reset,
                What::Silent(number) => Refusal::Silent(*number),
                What::NotConnected(why) => Refusal::NotConnected(why.clone()),
                _ => continue,
            };
            refused.get_or_insert((how, after));
        }
        let all = (session.of(Side::Client).count(), session.of(Side::Server).count());
        if (sent, answers) != all {
            let (how, after) = refused.unwrap_or((Refusal::Flooded, after));
            return Self::Refused { how, after, sent: (sent, all.0) };
        }
        match otherwise {
            Some(otherwise) => otherwise,
            None if answers == 0 => Self::Unknown,
            None => Self::Taken { answers, same },
        }
    }

    /// In a word, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "taken",
            Self::Otherwise { .. } => "answered otherwise",
            Self::Refused { .. } => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { answers, same } => write!(
                f,
                "taken, as far as the wire shows: all {answers} recorded answers came, by type ({same} with the same bytes)"
            ),
            Self::Otherwise { number, recorded, came } => write!(
                f,
                "answered to the end, but not as recorded: {came} in place of {recorded} (frame {number})"
            ),
            Self::Refused { how, after, sent: (sent, of) } => {
                write!(f, "refused: the server {how}")?;
                if let Some((number, kind)) = after {
                    write!(f, " after frame {number} ({kind})")?;
                }
                write!(f, "; {sent} of {of} frames of the client were sent")
            }
            Self::Unknown => write!(f, "nothing can be said: the recorded server never answered"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "closed"),
            Self::Reset => write!(f, "reset the connection"),
            Self::Silent(number) => write!(f, "was silent, frame {number} did not come,"),
            Self::NotConnected(why) => write!(f, "took no further connection ({why})"),
            Self::Flooded => write!(f, "sent something else without an end"),
        }
    }
}

/// How many frames the client sent after the last answer: of those the wire says nothing.
pub fn unanswered(session: &Session) -> usize {
    let last = session.of(Side::Server).map(|piece| piece.order).max().unwrap_or(0);
    session.of(Side::Client).filter(|piece| piece.order > last).count()
}
