//! `sixth`: a client sends texts and files to a server, under a key of one session.
//!
//! ```text
//! client                                          server
//!   HELLO   "H" share                      ──────▶
//!   ACCEPT  "A" share [confirmation]       ◀──────        Running
//!   FINISH  "F" [confirmation]             ──────▶        Running, Established
//!   DATA    "D" length number ct tag       ──────▶        Delivered
//!   BYE     "B" [number tag]               ──────▶        Ended(Clean)
//! ```
//!
//! What stands in brackets exists only where a defence is on. Both ends make an X25519 share (RFC 7748) for every session.
//! HKDF-SHA256 (RFC 5869) makes the record key of what they agree on. Each end confirms both shares with HMAC-SHA256 (RFC 2104) under
//! a key that the two ends have shared before. Records are AES-256 in CCM (NIST SP 800-38C). Their number is the nonce.
//!
//! # Claims
//! The client claims `Running` and `Established` when it has accepted ACCEPT. The server claims `Running` when it sends ACCEPT,
//! and `Established` when it has accepted FINISH.
//!
//! # Weaknesses
//! `ecdh-not-authenticated`: no end confirms the shares. `sequence-not-checked`: the server takes any number. `end-not-authenticated`:
//! BYE is one byte.

mod channel;
mod client;
mod keys;
mod server;
mod wire;

use protocol::endpoint::{Check, Kind};
use protocol::system::{Listening, System, WeaknessInfo};
use protocol::weakness::Weakness;

/// A weakness that no system of Meddle has. A name is enough.
pub const SEQUENCE_NOT_CHECKED: Weakness = Weakness::new("sequence-not-checked");
/// The check of a confirmation. A name is enough here, too.
pub const CONFIRMATION: Check = Check::new("confirmation");

/// The system.
pub const SYSTEM: System = System {
    about: "A client sends texts and files to a server: X25519, HKDF and AES-CCM under a shared key.",
    ports: &[Listening { name: "session", port: 6666 }],
    features: &["a fresh key for every session", "encrypted texts", "encrypted files"],
    carries: &[Kind::Text, Kind::Image, Kind::Video],
    checks: &[CONFIRMATION],
    planted: &[
        WeaknessInfo {
            weakness: Weakness::EcdhNotAuthenticated,
            breaks: "Anybody can be the server, or the client.",
            fix: "Each end confirms both shares under the shared key.",
            code: "src/keys.rs",
        },
        WeaknessInfo {
            weakness: SEQUENCE_NOT_CHECKED,
            breaks: "A record is taken twice, and in any order.",
            fix: "The server takes the next number and no other.",
            code: "src/channel.rs",
        },
        WeaknessInfo {
            weakness: Weakness::EndNotAuthenticated,
            breaks: "A session looks complete although its last records are missing.",
            fix: "The goodbye says how many records there were, and is sealed like a record.",
            code: "src/channel.rs",
        },
    ],
    keys: keys::KEYS,
    lab: |_| keys::lab(),
    secrets: channel::SECRETS,
    ..System::minimal(
        "sixth",
        &wire::layout,
        &|setup| client::new(setup, keys::lab_key()),
        &|setup| server::new(setup, keys::lab_key()),
    )
};

/// Its scenarios.
pub const SCENARIOS: [(&str, &str); 5] = scenarios::scenario_files![
    "baseline/sixth-text-and-picture.toml",
    "bit-flip/sixth-flip-text.toml",
    "drop/sixth-drop-last-text.toml",
    "impersonate/sixth-server-of-a-stranger.toml",
    "replay/sixth-replay-text.toml",
];
