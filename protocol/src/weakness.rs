//! Named weaknesses and the profiles made of them. A weakness is a value, not a build option: one
//! binary runs every profile.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use crate::layout::intern_names;

crate::open_named_enum! {
    /// One defence, switched off.
    Weakness {
        /// Every record of a session is encrypted under the same initialization vector.
        StaticIv = "static-iv",
        /// Records carry no sequence number.
        NoSequence = "no-sequence",
        /// The MAC does not cover the frame header.
        HeaderNotAuthenticated = "header-not-authenticated",
        /// Anyone can say goodbye.
        EndNotAuthenticated = "end-not-authenticated",
        /// A certificate is believed without proof of the private key.
        NoProofOfPossession = "no-proof-of-possession",
        /// Any name in a certificate will do.
        NameNotChecked = "name-not-checked",
        /// Acknowledgements are not bound to anything, and their word is not compared.
        AckNotAuthenticated = "ack-not-authenticated",
        /// The pre-master secret is encrypted under a long-term RSA key and nothing else.
        StaticRsaTransport = "static-rsa-transport",
        /// A file signature covers the content only.
        SignatureNotBound = "signature-not-bound",
        /// Client-to-server keys do not depend on the server's challenge, nor server-to-client keys on the hello.
        ChallengeNotMixed = "challenge-not-mixed",
        /// Opcode 60 needs no MAC.
        TerminateNotAuthenticated = "terminate-not-authenticated",
        /// A HELLO replaces the live session before it is verified.
        HelloReplacesSession = "hello-replaces-session",
        /// Nothing binds a connection to the session it acts on.
        SessionNotBoundToConnection = "session-not-bound-to-connection",
        /// Numbers that are not finite, or whose sum may not be, enter the aggregate.
        NanAccepted = "nan-accepted",
        /// Keys evolve from public bytes only.
        RatchetFromPublicInput = "ratchet-from-public-input",
        /// Master keys follow a pattern.
        GuessableMasterKeys = "guessable-master-keys",
        /// A silent peer is waited for without end.
        NoTimeout = "no-timeout",
        /// The ephemeral keys of an agreement are not signed.
        EcdhNotAuthenticated = "ecdh-not-authenticated",
        /// The MAC is inside the encryption: padding is looked at before anything is authenticated.
        MacThenEncrypt = "mac-then-encrypt",
        /// An endpoint says which check a record failed, and goes on.
        DistinguishableErrors = "distinguishable-errors",
        /// A certificate is believed before and after its time.
        ValidityNotChecked = "validity-not-checked",
        /// Key updates mix nothing new into the secret of the session.
        UpdateFromSameSecret = "update-from-same-secret",
        /// Messages have no length: a read is a message.
        NoFraming = "no-framing",
        /// The two ends count messages differently.
        CounterDesync = "counter-desync",
        /// The client checks the password; the server believes any name.
        ClientSideLogin = "client-side-login",
        /// Integrity is a hash without a key, of the plaintext and in clear.
        UnkeyedHash = "unkeyed-hash",
        /// A failed integrity check is noted, and has no consequence: the session goes on.
        GoesOnAfterFailure = "goes-on-after-failure",
        /// Fields end where a delimiter stands, which may stand in them too, and a read is a frame.
        DelimiterFraming = "delimiter-framing",
        /// Passwords are stored as a fast hash without salt.
        UnsaltedPasswords = "unsalted-passwords",
        /// A certificate is believed for the name of its issuer.
        IssuerNameOnly = "issuer-name-only",
        /// A user name may hold what separates entries of the password file.
        UsernameInjection = "username-injection",
        /// Every session has the same key.
        ConstantKey = "constant-key",
        /// A key is encrypted with PKCS#1 v1.5, and whoever sends one is told whether its padding is right.
        Pkcs1V15Oracle = "pkcs1v15-oracle",
        /// Both directions are encrypted under one key.
        OneKeyBothWays = "one-key-both-ways",
        /// A key is used whether or not the peer has confirmed it.
        ConfirmationIgnored = "confirmation-ignored",
        /// The reply to a goodbye is plain text that anyone can send.
        PlaintextExit = "plaintext-exit",
        /// The server believes anyone to be its client.
        NoClientAuthentication = "no-client-authentication",
    }
}

impl Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of weaknesses with a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Profile {
    name: &'static str,
    /// Those that are known here, a bit each.
    bits: u64,
    /// The names of those that only a system from elsewhere has, in order.
    own: &'static [&'static str],
}

impl Profile {
    /// No weakness at all.
    pub const HARDENED: Self = Self { name: "hardened", bits: 0, own: &[] };

    /// These weaknesses, under this name. Every distinct set of weaknesses from elsewhere is kept for as long as the program runs.
    pub fn of(name: &'static str, weaknesses: impl IntoIterator<Item = Weakness>) -> Self {
        let (mut bits, mut own) = (0, BTreeSet::new());
        for weakness in weaknesses {
            match weakness.index() {
                Some(index) => bits |= 1 << index,
                None => drop(own.insert(weakness.name())),
            }
        }
        Self { name, bits, own: if own.is_empty() { &[] } else { intern_names(own) } }
    }

    /// This weakness and no other.
    pub fn only(weakness: Weakness) -> Self {
        Self::of(weakness.name(), [weakness])
    }

    /// The same set but for this weakness.
    #[must_use]
    pub fn without(self, weakness: Weakness) -> Self {
        let own = self.own.iter().map(|name| Weakness::new(name));
        let all = Weakness::ALL.iter().copied().filter(|known| self.has(*known)).chain(own);
        Self::of("mended", all.filter(|one| *one != weakness))
    }

    /// Whether the defence is switched off.
    pub fn has(self, weakness: Weakness) -> bool {
        match weakness.index() {
            Some(index) => self.bits & 1 << index != 0,
            None => self.own.contains(&weakness.name()),
        }
    }

    /// The profile's name.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::SYSTEMS;

    #[test]
    fn as_built_is_all_hardened_is_none_and_each_can_stand_alone() {
        assert!(Weakness::ALL.len() <= 64, "those that are known are bits of a u64");
        for system in SYSTEMS {
            let as_built = Profile::as_built(system);
            for planted in system.planted {
                let weakness = planted.weakness;
                assert!(as_built.has(weakness));
                assert!(!Profile::HARDENED.has(weakness));
                let alone = Profile::named(system, weakness.name()).unwrap();
                let set: Vec<_> = Weakness::ALL.iter().filter(|w| alone.has(**w)).collect();
                assert_eq!(set, [&weakness]);
            }
        }
    }

    #[test]
    fn a_profile_holds_weaknesses_that_are_known_nowhere_else() {
        let (cookie, nonce) = (Weakness::new("no-cookie"), Weakness::new("no-nonce"));
        let both = Profile::of("as-built", [nonce, Weakness::StaticIv, cookie, nonce]);
        assert!([cookie, nonce, Weakness::StaticIv].iter().all(|weakness| both.has(*weakness)));
        assert!(!both.has(Weakness::NoSequence) && !both.has(Weakness::new("no-salt")));
        assert_eq!(both, Profile::of("as-built", [Weakness::StaticIv, cookie, nonce]));
        let mended = both.without(nonce);
        assert!(mended.has(cookie) && mended.has(Weakness::StaticIv) && !mended.has(nonce));
        assert!(Profile::only(cookie).has(Weakness::new("no-cookie")));
        assert!(!Profile::only(cookie).has(nonce));
        assert_eq!(Profile::only(cookie).without(cookie), Profile::of("mended", []));
    }
}
