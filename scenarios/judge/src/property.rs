//! The properties a run is judged by, and the three things a judge can say of one.

use std::fmt::{self, Display};

use protocol::{named_enum, open_named_enum};

open_named_enum! {
    /// A named judgement over claims and attacker knowledge. The precise definition of each is in its file.
    Property {
        /// The attacker has not learned what was sent.
        Secrecy = "secrecy",
        /// Whatever was delivered had been sent.
        MessageAuthenticity = "message-authenticity",
        /// Nothing was delivered more often than it was sent.
        DeliveryAtMostOnce = "delivery-at-most-once",
        /// Messages were delivered in the order of sending.
        Order = "order",
        /// A clean end means that everything arrived.
        Completeness = "completeness",
        /// Whoever believes to be talking to a peer is, in a run of its own, on the same keys.
        PeerAuthentication = "peer-authentication",
        /// Whatever was acknowledged had arrived.
        DeliveryAgreement = "delivery-agreement",
        /// A key that leaks opens nothing that was sent before.
        ForwardSecrecy = "forward-secrecy",
        /// Who copied a memory once is locked out by the next exchange.
        PostCompromiseSecurity = "post-compromise-security",
        /// What a victim answers does not depend on a check of a secret.
        UniformErrors = "uniform-errors",
        /// The honest run goes on, or ends cleanly and at once.
        Availability = "availability",
        /// No panic, bounded memory, bounded time.
        Robustness = "robustness",
    }
}

named_enum! {
    /// What a judge says of one property.
    Outcome {
        /// It held under this script.
        Held = "held",
        /// It did not.
        Violated = "violated",
        /// The run shows nothing either way.
        Inconclusive = "inconclusive",
    }
}

/// Why a property was not judged: the judge lacked something that it has to know, or was told to leave the property out. The verdict
/// is then [`Outcome::Inconclusive`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotJudged {
    /// The scope of the test leaves it out.
    OutOfScope,
    /// It is known not to hold without an attack.
    KnownFault,
    /// An endpoint makes no claims of a kind that the property needs. The text says which.
    ClaimsMissing(String),
    /// What was sent is too short to be searched for. The text says what is searched for.
    TooShort(String),
}

impl Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfScope => f.write_str("the scope leaves it out"),
            Self::KnownFault => {
                f.write_str("it is known not to hold without an attack (`[honest]`)")
            }
            Self::ClaimsMissing(what) | Self::TooShort(what) => f.write_str(what),
        }
    }
}
