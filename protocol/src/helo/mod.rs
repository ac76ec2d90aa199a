//! `helo`: a device sends text, images and video to a server, under RSA key transport.
//!
//! ```text
//! device                                              server
//!   HELO   <HELO> length certificate          ──────▶        check the CA's signature
//!   HACK   OAEP(CERT_RECEIVED)                ◀──────
//!   NONCE  16 bytes                           ──────▶
//!   HACK   OAEP(HELLO_RECEIVED)               ◀──────
//!   HELO   <HELO> length certificate          ◀──────
//!   HACK   OAEP(CERT_RECEIVED)                ──────▶
//!   SNONCE 16 bytes [share, signature]        ◀──────
//!   HACK   OAEP(NONCE_RECEIVED)               ──────▶
//!   PREM   <PREM> length OAEP(pre-master)     ──────▶        Running, Established
//!          [share] [signature]
//!   ACK    OAEP(PREM_RECEIVED) [mac]          ◀──────
//!   SECX   <SECX> length [sequence] [iv] ct mac ────▶        Delivered (text)
//!   ACK    OAEP(SEC_TEXT_RECEIVED) [mac]      ◀──────
//!   IMGX   <IMGX> length [sequence] [iv] ct mac ────▶        Delivered (image, video)
//!   ACK    OAEP(IMX_RECEIVED) [mac]           ◀──────        twice as-built; or IMX_REJECTED once
//!   ENDD   <ENDD> [sequence, mac]             ──────▶        Ended(Clean)
//! ```
//!
//! What stands in brackets exists only where a defence is on. As-built is the published wire
//! format, byte for byte.
//!
//! # Claims
//! The device claims `Running` when it sends PREM and `Established` at `PREM_RECEIVED`; `Sent` for
//! every record; `Acknowledged` after the last acknowledgement of one. The server claims `Running`
//! and `Established` when it has accepted PREM, and `Delivered` for every record it accepts. It is
//! the device that says goodbye: it claims `Ended(Clean)` when it sends ENDD, the server when it
//! accepts one. A connection that closes without it is `Ended(Truncated)`. The fingerprint is a hash
//! over both nonces and the five keys. The device always believes that it talks to `server`; the
//! server believes the common name of the certificate it was shown, and `unknown` before that.
//!
//! # What is refused
//! A refusal aborts the session and closes, in every profile, with two exceptions. A file whose
//! JSON or signature is wrong is answered with `IMX_REJECTED` and the session goes on, because the
//! device can then do something about it. And a device that reads `IMX_REJECTED` goes on with its
//! next message. On a record the MAC is checked first, then the sequence number, then the padding,
//! then the content. The documents do not say what the published server does after a wrong MAC or
//! padding; it is taken to abort.
//!
//! # Hardened
//! The handshake is hashed, every frame in order with its sender. The server signs its ephemeral
//! share under that hash, the device signs PREM under it, and the MAC of `PREM_RECEIVED` covers all
//! of it. Names are checked, and keys come from certificates. The master secret needs the
//! pre-master secret and the X25519 agreement. Records carry a sequence number and a fresh
//! initialization vector; their MAC covers all that goes over the wire, and the direction. An
//! acknowledgement's MAC covers the record's number and MAC. The goodbye says, under a MAC, how many
//! records there were. Whoever waits for a peer whose turn it is gives up after 5 s; a server
//! keeps an established session for a minute of silence.
//!
//! Each weakness takes back one of these. The places are in [`SYSTEM`].

mod ack;
mod channel;
mod client;
mod decrypt_recording;
mod file;
mod keyfiles;
mod keys;
mod lab;
mod premaster;
mod record;
mod server;
mod session;
mod wire;

#[cfg(test)]
mod tests;

pub use keys::Keys;
pub use lab::{Identity, Keyring, SERVER};

use client::Client;
use server::Server;

use crate::endpoint::Kind;
use crate::system::{Forged, Forgery, Listening, System, WeaknessInfo};
use crate::weakness::Weakness;

/// `helo` in the table of systems.
pub const SYSTEM: System = System {
    about: "A device sends text, images and video to a server: JSON certificates, RSA key transport, AES-CBC and HMAC.",
    ports: &[Listening { name: "session", port: 9999 }],
    features: &[
        "key and certificate generation by a certificate authority",
        "mutual certificate check",
        "fresh nonces from both ends",
        "HKDF key expansion",
        "encrypted text",
        "signed and encrypted image",
        "signed and encrypted video",
        "an acknowledgement for every step",
        "logs on both sides",
        "several devices at once",
    ],
    carries: &[Kind::Text, Kind::Image, Kind::Video],
    clients: 3,
    planted: &[
        WeaknessInfo {
            weakness: Weakness::StaticIv,
            breaks: "Equal messages of a session, and equal beginnings, give equal ciphertext.",
            fix: "A fresh random initialization vector in every record, under the MAC.",
            code: "protocol/src/helo/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoSequence,
            breaks: "A record is accepted twice, in any order, or missed by nobody.",
            fix: "A sequence number in every record, under the MAC and checked.",
            code: "protocol/src/helo/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::HeaderNotAuthenticated,
            breaks: "A text can be passed off as a file and a file as a text.",
            fix: "The MAC covers header, length and direction.",
            code: "protocol/src/helo/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::EndNotAuthenticated,
            breaks: "Anybody can end a session so that it looks complete.",
            fix: "The goodbye carries the number of records and a MAC.",
            code: "protocol/src/helo/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoProofOfPossession,
            breaks: "A copied certificate is enough to be the device.",
            fix: "The device signs the handshake, and the key of the certificate is the key in use.",
            code: "protocol/src/helo/session.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NameNotChecked,
            breaks: "Whoever has any certificate of the authority can be the server.",
            fix: "The certificate must name the server, or a known device.",
            code: "protocol/src/helo/session.rs",
        },
        WeaknessInfo {
            weakness: Weakness::AckNotAuthenticated,
            breaks: "Anybody can acknowledge anything: the device believes that a dropped message arrived.",
            fix: "The word is compared; a MAC binds it to the record, or to the whole handshake.",
            code: "protocol/src/helo/ack.rs",
        },
        WeaknessInfo {
            weakness: Weakness::StaticRsaTransport,
            breaks: "Whoever gets the server's private key later reads every recorded session.",
            fix: "An ephemeral X25519 agreement, signed by the server, goes into the master secret.",
            code: "protocol/src/helo/client.rs",
        },
        WeaknessInfo {
            weakness: Weakness::SignatureNotBound,
            breaks: "A signed file can be presented again under another name or in another session.",
            fix: "The signature covers the file name and the session too.",
            code: "protocol/src/helo/file.rs",
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
    sealed: &["SECX", "IMGX"],
    forgery: Some(Forgery { frame: "SECX", kinds: Forged::MacEnds }),
    ..System::minimal("helo", &wire::layout, &|setup| Box::new(Client::new(setup)), &|setup| {
        Box::new(Server::new(setup))
    })
};
