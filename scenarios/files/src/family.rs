//! The families of the catalogue: what an attack does, in one word. Each is a folder under `attacks/` and a
//! sub-command.

use protocol::named_enum;

named_enum! {
    /// What an attack does.
    Family {
        /// What was recorded is sent again.
        Replay = "replay",
        /// What was sent arrives in another order.
        Reorder = "reorder",
        /// What was sent never arrives.
        Drop = "drop",
        /// Bits change on the way.
        BitFlip = "bit-flip",
        /// The state of the two ends is pushed apart.
        Desync = "desync",
        /// What one side sent comes back to it.
        Reflect = "reflect",
        /// Parts of several messages are put together.
        Splice = "splice",
        /// The attacker poses as somebody else.
        Impersonate = "impersonate",
        /// Answers of a victim give a secret away.
        Oracle = "oracle",
        /// A key is known to the attacker.
        Compromise = "compromise",
        /// Message boundaries are lied about.
        Framing = "framing",
        /// The service is denied.
        Availability = "availability",
        /// Nobody attacks.
        Baseline = "baseline",
    }
}

impl Family {
    /// One sentence for people who have not met the family yet.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Replay => {
                "Something recorded earlier is sent again, in the same session or in another one."
            }
            Self::Reorder => {
                "Messages arrive, all of them intact, in an order nobody sent them in."
            }
            Self::Drop => {
                "Messages are suppressed, and their loss is covered up where that is possible."
            }
            Self::BitFlip => {
                "Bits are changed on the way, to see which check notices and what happens if none does."
            }
            Self::Desync => {
                "Counters or keys of the two ends are pushed apart, so that they no longer understand \
                 each other."
            }
            Self::Reflect => {
                "What one side sent is sent back to it, as if the other side had said it."
            }
            Self::Splice => "Fields of one message are put into another, each of them genuine.",
            Self::Impersonate => {
                "The attacker takes part in the conversation under somebody else's name."
            }
            Self::Oracle => {
                "A victim is asked many times, and what its answers differ by gives a secret away."
            }
            Self::Compromise => {
                "A key or a state leaks at some point; the question is what it opens before and after."
            }
            Self::Framing => {
                "Lengths, delimiters and segment boundaries are not what a victim assumes."
            }
            Self::Availability => "An outsider keeps honest parties from being served.",
            Self::Baseline => {
                "No attack: the honest run, which has to succeed before anything else counts."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_described_by_one_sentence() {
        for family in Family::ALL {
            let about = family.about();
            assert!(about.ends_with('.') && about.len() > 30, "{about}");
            assert_eq!(Family::named(family.name()), Some(*family));
        }
    }
}
