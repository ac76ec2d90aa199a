//! `ratchet`: several clients with pre-shared keys, keys that evolve with every message, and a server that
//! aggregates the clients' numbers (TCP 9999).
//!
//! ```text
//! client N                                             server
//!   | CLIENT_HELLO          round 0  "Hello from client N" -> |
//!   | <- SERVER_CHALLENGE   round 0  "ServerChallenge-<time>" |
//!   | CLIENT_DATA           round r  "10.0,20.0"           -> |   r = 1, 2, …
//!   | <- SERVER_AGGR_RESPONSE round r "Aggregated: 15.00"     |
//!   | TERMINATE             round r  (hardened only)       -> |
//!   | <- KEY_DESYNC_ERROR or TERMINATE, sealed, on a violation |
//! ```
//!
//! Every frame is `length4 | opcode1 | client_id1 | round4 | direction1 | iv16 | ct | mac32`, the
//! MAC over all between length and MAC, AES-128-CBC inside. The receiver checks MAC, round,
//! direction and padding in this order; any failure ends the session.
//!
//! **Claims.** The client is `client-N`, the server `server`. A client's `Acknowledged` means the
//! response for that data arrived. A server's `Established` is stated when it believes the client
//! took part: as built on the HELLO, hardened on the first data under keys that depend on the challenge.
//!
//! **As built** the session ends when the TCP connection does: nobody says goodbye. A frame with an
//! opcode the server does not expect, 60 included, ends the named session unverified. A refused HELLO is
//! not answered and the connection stays open.
//!
//! **Hardened**: keys of both directions depend on both sides' first message (`challenge-not-mixed`);
//! all four carry X25519 shares whose secret enters all keys after each exchange, so a leaked state heals and the
//! master key opens no recording (`ratchet-from-public-input`); TERMINATE is sealed and required
//! (`terminate-not-authenticated`); a frame only acts on the session of its own connection
//! (`session-not-bound-to-connection`); a HELLO replaces a live session only once its sender has
//! proven the key with data under the new challenge (`hello-replaces-session`); numbers must be finite, and
//! small enough for a finite sum (`nan-accepted`); master keys are random (`guessable-master-keys`); a silent peer is given up
//! (`no-timeout`). Post-compromise security begins with the first complete exchange after the
//! leak, against an attacker who does not use the leaked keys actively in that exchange.

use crate::endpoint::Kind;
use crate::system::{Forged, Forgery, Listening, System, WeaknessInfo};
use crate::weakness::Weakness;

mod channel;
mod client;
mod decrypt_recording;
mod keyfiles;
mod keys;
mod numbers;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod wire;

pub use client::with_keys as client;
pub use keys::Keyring;
pub use server::with_keys as server;

/// The table entry.
pub const SYSTEM: System = System {
    about: "several clients with pre-shared keys, keys that evolve with every message, and aggregation",
    ports: &[Listening { name: "session", port: 9999 }],
    features: &[
        "several clients at once, each with its own keys and state",
        "encrypt-then-MAC with a fresh initialization vector per frame",
        "keys of both directions evolve after every message",
        "the mean over all active clients' numbers of a round, sealed for each client",
        "strict state machine: any violation ends the session",
        "desynchronisation is detected and reported",
    ],
    carries: &[Kind::Numbers],
    clients: keys::CLIENTS as u32,
    planted: &[
        WeaknessInfo {
            weakness: Weakness::ChallengeNotMixed,
            breaks: "a recorded HELLO and DATA replay whole into a new session, and a recorded \
                     server transcript lets an impostor without keys be the server",
            fix: "the hello is mixed into the server's keys and the challenge into the client's",
            code: "protocol/src/ratchet/keys.rs",
        },
        WeaknessInfo {
            weakness: Weakness::TerminateNotAuthenticated,
            breaks: "opcode 60 or a closed connection ends a session early, and it looks like a goodbye",
            fix: "TERMINATE is sealed like data, and an end without it is a truncation",
            code: "protocol/src/ratchet/server.rs",
        },
        WeaknessInfo {
            weakness: Weakness::HelloReplacesSession,
            breaks: "a HELLO of garbage evicts the live session of the client it names",
            fix: "a new session replaces the live one only after its first verified data",
            code: "protocol/src/ratchet/server.rs",
        },
        WeaknessInfo {
            weakness: Weakness::SessionNotBoundToConnection,
            breaks: "a frame from any connection acts on the session it names",
            fix: "a frame acts only on the session of the connection it came on",
            code: "protocol/src/ratchet/server.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NanAccepted,
            breaks: "one client's `nan`, or numbers whose sum is infinite, spoil every other client's aggregate",
            fix: "numbers must be finite, and small enough for the sum of a whole round to be finite",
            code: "protocol/src/ratchet/numbers.rs",
        },
        WeaknessInfo {
            weakness: Weakness::RatchetFromPublicInput,
            breaks: "whoever learns the keys of one round can compute all later ones",
            fix: "an X25519 secret enters the keys after every exchange",
            code: "protocol/src/ratchet/keys.rs",
        },
        WeaknessInfo {
            weakness: Weakness::GuessableMasterKeys,
            breaks: "the master key of client N can be guessed from N",
            fix: "master keys are random",
            code: "protocol/src/ratchet/keys.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoTimeout,
            breaks: "one frame that never comes leaves the peer waiting for ever",
            fix: "a silent peer is given up, and a refused HELLO closes the connection",
            code: "protocol/src/session.rs",
        },
    ],
    records: Some(channel::records),
    keys: keyfiles::KEYS,
    lab: keyfiles::lab,
    decrypt_recording: Some(decrypt_recording::decrypt_recording),
    secrets: decrypt_recording::SECRETS,
    sealed: &["CLIENT_HELLO", "SERVER_CHALLENGE", "CLIENT_DATA", "SERVER_AGGR_RESPONSE"],
    forgery: Some(Forgery { frame: "CLIENT_DATA", kinds: Forged::MacEnds }),
    ..System::minimal(
        "ratchet",
        &wire::layout,
        &|setup| client(setup, &Keyring::lab(setup.profile)),
        &|setup| server(setup, Keyring::lab(setup.profile)),
    )
};
