//! `csr`: a device sends text, images and video to a server: X.509 by request, ECDH, key updates.
//!
//! ```text
//! device                                              server
//!   HELLO  {"type": "hello", certificate, nonce}    ────▶
//!   HELLO  {"type": "hello", certificate, nonce}    ◀────    sent, then check the certificate
//!   SECDH  {"type": "ecdh_pubkey", key [signature]} ◀────
//!   ECDH   {"type": "ecdh_pubkey", key [signature]} ────▶    Running, Established
//!   TEXT   [sequence] [iv] ct [mac]                 ────▶    Delivered (text)
//!   REPLY  ACK: Received '<text>', like a text      ◀────
//!   MEDIA  digits [sequence] [iv] ct [mac]          ────▶    Delivered (image, video); no reply
//!   ERROR  ERROR: <check>                           ◀────    only with distinguishable-errors
//!   END    {"type": "end"} count mac                ────▶    Ended(Clean); as-built only TCP closes
//! ```
//!
//! What stands in brackets exists only where a defence is on. Where messages are framed, a 4-byte
//! length stands before each, and a letter (`T`, `A`, `M`) in front of records takes the place of the
//! ten digits.
//!
//! # Reads
//! As-built, a message is what one read of at most 4096 bytes returns. Once there are keys, the server
//! takes what begins with ten ASCII digits for media of that length, and reads on until it is
//! complete; anything else is a text. (The documents have one text, then media; this way a device
//! may mix them.) A longer text, two messages in one read, or a message in two reads, do not decrypt.
//! So that an honest run does not depend on luck, an as-built endpoint is silent for 50 ms between
//! two messages that the peer does not answer.
//!
//! # Keys
//! Both ends count the messages of both directions, and each second message ends an epoch. A text and
//! its reply are two, so two texts are never under the same keys; two media can be. As-built, a server
//! counts a verified file twice and nothing a device sends after a file decrypts. Hardened, every
//! record carries, behind its content and encrypted with it, a fresh P-256 share of its sender, and an update mixes the
//! agreement of both latest shares into the secret: what leaks later opens no earlier epoch, and what
//! leaked from a device is of no use from the update after its next record; from a server, after its
//! next reply.
//!
//! # Claims
//! The device claims `Running` when it sends its share, and `Established` at the first reply that
//! decrypts: nothing earlier shows that the server has the keys, so a session of media only is never
//! `Established` for the device. The server claims both when it has accepted the device's share.
//! `Acknowledged` is claimed for texts; media are never acknowledged, the hardened goodbye counts them.
//! The device claims `Ended(Clean)` when it is done; the server when it accepts END or, where there is
//! none, when the connection closes between two messages. The published JSON has no file name, so
//! without one a file is claimed under the name of its kind. Peers are `device`, `device-2`, `device-3`
//! and `server` by their common names `Device 001` … and `Server 001`.
//!
//! # What is refused
//! A refusal aborts the session and closes. With `distinguishable-errors` the server instead says
//! in clear which check a record failed, and goes on; a record that does not decrypt is not
//! counted. The padding oracle needs that and `mac-then-encrypt`: either defence alone closes it. Order
//! on a record: MAC, sequence, padding, content; or padding, MAC, sequence, content with
//! `mac-then-encrypt`.
//!
//! # Hardened
//! The authority's certificate must say that it is one; certificates must name the server or a
//! known device and be valid on the day (tick 0 is 2026-01-01). Both ends sign both hellos and the shares
//! with the keys of their certificates. The MAC is over what goes over the wire, with a label for
//! content and direction, a sequence number and a fresh initialization vector. Media signatures cover
//! kind, name and session. The reply must repeat the text. Whoever waits for a peer whose turn it is
//! gives up after 5 s; a server keeps an established session for a minute of silence.
//!
//! Each weakness takes back one of these. With `ecdh-not-authenticated` alone the signatures cover
//! the hellos only; with `no-proof-of-possession` alone the server signs and the device does not; with
//! both nobody signs, which is the published wire format. The places are in [`SYSTEM`].

mod channel;
mod client;
mod decrypt_recording;
mod file;
mod keyfiles;
mod keys;
mod lab;
mod middle;
mod record;
mod server;
mod session;
mod wire;

#[cfg(test)]
mod tests;

pub use keys::{Keys, Nonces, Schedule};
pub use lab::{
    AUTHORITY, EPOCH, Identity, Keyring, KeyringError, PERIOD, SERVER, SERVER_COMMON_NAME,
};

use client::Client;
use server::Server;

use crate::endpoint::Kind;
use crate::system::{Forged, Forgery, Listening, System, WeaknessInfo};
use crate::weakness::Weakness;

/// `csr` in the table of systems.
pub const SYSTEM: System = System {
    about: "A device sends text, images and video to a server: X.509 by request, ECDH, AES-256-CBC and HMAC, key updates.",
    ports: &[Listening { name: "session", port: 12345 }],
    features: &[
        "separate key and request for every party",
        "requests signed by a certificate authority",
        "mutual certificate verification",
        "ephemeral ECDH with nonces from both ends",
        "encrypted text with an encrypted reply",
        "signed and encrypted image",
        "signed and encrypted video",
        "key update by message count",
        "logs on both sides",
        "several devices at once",
    ],
    carries: &[Kind::Text, Kind::Image, Kind::Video],
    dated: true,
    clients: 3,
    planted: &[
        WeaknessInfo {
            weakness: Weakness::EcdhNotAuthenticated,
            breaks: "Whoever is in the middle puts its own shares in place and reads and writes everything.",
            fix: "Both ends sign both shares, with the hellos, under the keys of their certificates.",
            code: "protocol/src/csr/keys.rs",
        },
        WeaknessInfo {
            weakness: Weakness::MacThenEncrypt,
            breaks: "Padding is looked at before anything is authenticated: with distinguishable errors, a padding oracle.",
            fix: "The MAC is over the ciphertext and checked first.",
            code: "protocol/src/csr/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::DistinguishableErrors,
            breaks: "The server tells anybody which check a record failed, as often as asked.",
            fix: "Whatever is wrong, the session is closed without a word.",
            code: "protocol/src/csr/server.rs",
        },
        WeaknessInfo {
            weakness: Weakness::StaticIv,
            breaks: "Files of one epoch that begin alike give ciphertext that begins alike.",
            fix: "A fresh random initialization vector in every record, under the MAC.",
            code: "protocol/src/csr/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoSequence,
            breaks: "A file is accepted twice within an epoch, and a lost one is missed by nobody.",
            fix: "A sequence number in every record, under the MAC and checked.",
            code: "protocol/src/csr/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NameNotChecked,
            breaks: "Whoever has any certificate of the authority can be the server.",
            fix: "The certificate must name the server, or a known device; the authority's must say that it is one.",
            code: "protocol/src/csr/session.rs",
        },
        WeaknessInfo {
            weakness: Weakness::ValidityNotChecked,
            breaks: "An expired certificate is believed, and so is whoever has its key by now.",
            fix: "Both dates of both certificates are checked.",
            code: "protocol/src/csr/session.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoProofOfPossession,
            breaks: "A copied certificate is enough to be the device.",
            fix: "The device signs the handshake.",
            code: "protocol/src/csr/client.rs",
        },
        WeaknessInfo {
            weakness: Weakness::UpdateFromSameSecret,
            breaks: "Whoever gets the secret of a session reads all of it, before and after.",
            fix: "Records carry fresh shares, and every update mixes their agreement in.",
            code: "protocol/src/csr/keys.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoFraming,
            breaks: "A network that joins or splits segments breaks the session.",
            fix: "A length before every message.",
            code: "protocol/src/csr/wire.rs",
        },
        WeaknessInfo {
            weakness: Weakness::CounterDesync,
            breaks: "After a file the server updates its keys and the device does not: nothing decrypts any more.",
            fix: "Both ends count a message once.",
            code: "protocol/src/csr/server.rs",
        },
        WeaknessInfo {
            weakness: Weakness::SignatureNotBound,
            breaks: "A signed file can be presented again in another session.",
            fix: "The signature covers kind, file name and session too.",
            code: "protocol/src/csr/file.rs",
        },
        WeaknessInfo {
            weakness: Weakness::EndNotAuthenticated,
            breaks: "Whoever cuts the connection makes a session look complete.",
            fix: "A goodbye with the number of records and a MAC.",
            code: "protocol/src/csr/server.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoTimeout,
            breaks: "A peer that falls silent holds a session for ever.",
            fix: "An endpoint gives up after 5 s of silence while it waits.",
            code: "protocol/src/session.rs",
        },
    ],
    records: Some(channel::records),
    keys: keyfiles::KEYS,
    lab: keyfiles::lab,
    decrypt_recording: Some(decrypt_recording::decrypt_recording),
    secrets: decrypt_recording::SECRETS,
    middle: Some(|profile, seed| Box::new(middle::Middle::new(profile, seed))),
    sealed: &["TEXT", "REPLY", "MEDIA"],
    forgery: Some(Forgery { frame: "TEXT", kinds: Forged::PaddingOrMac }),
    ..System::minimal("csr", &wire::layout, &|setup| Box::new(Client::new(setup)), &|setup| {
        Box::new(Server::new(setup))
    })
};
