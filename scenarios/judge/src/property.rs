//! The properties a run is judged by, and the three things a judge can say of one.

use protocol::named_enum;

named_enum! {
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

/// How the evidence begins where a property was not judged: nobody said what it would have to know.
pub const NOT_JUDGED: &str = "not judged: ";

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
