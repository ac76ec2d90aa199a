//! The properties a run is judged by, and the three things a judge can say of one.

macro_rules! words {
    ($(#[doc = $about:literal])+ $Enum:ident { $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $Enum { $($(#[doc = $doc])+ $variant,)+ }

        impl $Enum {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word scenario files and reports use.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The one of that name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}
pub(crate) use words;

words! {
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
        /// The honest run goes on, or ends cleanly and at once.
        Availability = "availability",
        /// No panic, bounded memory, bounded time.
        Robustness = "robustness",
    }
}

words! {
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
