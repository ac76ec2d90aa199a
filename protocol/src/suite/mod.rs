//! `suite`: users log in and send text and files to a server: X.509, hybrid encryption, password files.
//!
//! As-built, a conversation is one frame a message, from the client, and no answer:
//!
//! ```text
//! client                                              server
//!   (checks the password in its own copy of the file, and the certificate in its own folder)
//!   MSG     OAEP(key) || OAEP(username) || ct || hash  ────▶    Running, Established, Delivered
//! ```
//!
//! Wherever the server has something to say there is a handshake:
//!
//! ```text
//!   HELLO   nonce [share]                              ────▶
//!   CERT    certificate nonce [share] signature        ◀────
//!   LOGIN   [key] [iv] ct(username, password) mac      ────▶    Running, Established
//!   WELCOME status mac                                 ◀────    1 believed, 0 denied
//!   MSG     [sequence] [iv] ct mac                     ────▶    Delivered (text)
//!   FILE    [sequence] [iv] ct mac                     ────▶    Delivered (image, video)
//!   ACK     [sequence] mac                             ◀────    a receipt for either
//!   END     count mac                                  ────▶    Ended(Clean)
//! ```
//!
//! The last field of each frame is called `integrity`, because it is a hash in one profile and a MAC in the other.
//! What stands in brackets depends on the profile: `key` takes the place of both shares with
//! `static-rsa-transport`, the others exist where a defence is on. The first shape is used where three
//! defences are off together: no keys are agreed, nothing is numbered and the server checks no password. Then the
//! server has nothing to say, and that is the published wire format.
//!
//! # Reads
//! As-built, a frame is what one read of at most 4096 bytes returns, and it must split at `||` into exactly four
//! pieces. The first two are random bytes: about one honest frame in fifty holds the delimiter by chance, or
//! ends a field with half of it, and is lost with its connection. So is a frame that came in two reads, two
//! frames that came in one, and what is longer: a text has at most 3503 bytes. So that an honest run does
//! not depend on luck, an as-built client is silent for 50 ms between two messages. Files have no place in the
//! published frame; here they go as a text of JSON, at most about 2500 bytes. What does not fit is refused by
//! the client (`length`). Where lengths are sent, a text has at most 1 MiB and a file at most 64 MiB.
//!
//! # Keys
//! As-built, the client chooses one AES key for a connection and sends it with every message, encrypted for the
//! server's long-term RSA key: who gets that key later reads everything ever sent. Hardened, both ends agree by
//! ephemeral ECDH on P-256; the server signs both shares, both nonces and its certificate. Keys are renewed for every
//! connection and never within one, since no documented feature renews them: who gets the keys of a connection reads
//! the rest of it, and no earlier or later one.
//!
//! # Claims
//! The client claims `Running` when it sends its name and `Established` when the server has welcomed it; as-built
//! nothing ever shows that there is a server, so it is never `Established`. The server claims both when it
//! believes who the user is; as-built that is with every frame that brings another key or name.
//! `Acknowledged` needs a receipt; as-built there is none. The client claims `Ended(Clean)` when it is done; the
//! server when it accepts END or, where there is none, when the connection closes between two frames. (The
//! published server spins on a closed connection for ever, and serves one client in its life. This one ends the
//! session, as the document says, and serves many.) Users go by their own names.
//!
//! # What is refused
//! Whatever is wrong ends the session and closes, without a word; only a login is denied in words, under the
//! keys. Order on a record: MAC, sequence, padding, content. With `goes-on-after-failure`, and so as-built, a
//! message is shown before its integrity is looked at, and the outcome is a line in the log. What does not decrypt
//! is refused and the connection stays open; as-built only once something has decrypted, as in the published
//! program.
//!
//! # Hardened
//! The authority's certificate must say that it is one; the server's must name the server, be signed by the
//! authority and be valid on the day (tick 0 is 2026-01-01). Passwords are checked by the server, against
//! salted Argon2id hashes, under the session keys. The MAC has a key of its own for each direction and is over
//! everything that goes over the wire, with a label, a sequence number and a fresh initialization vector. The
//! receipt is bound to the record, the goodbye counts records. Whoever waits for a peer whose turn it is gives up
//! after 5 s; a server keeps a session for a minute of silence.
//!
//! Each weakness takes back one of these. The places are in [`SYSTEM`].

mod channel;
mod client;
mod content;
mod decrypt_recording;
mod keyfiles;
mod keys;
mod lab;
mod one_way;
mod record;
mod server;
mod session;
mod wire;

#[cfg(test)]
mod tests;

pub use keyfiles::{AUTH, CA_CERT, CA_KEY, PASSWORDS};
pub use keys::Keys;
pub use lab::{
    ACCOUNTS, AUTHORITY, EPOCH, Files, Keyring, KeyringError, PERIOD, SERVER, SERVER_COMMON_NAME,
    SERVER_SUBJECT,
};
pub use session::{names, scheme};

use client::Client;
use server::Server;

use crate::endpoint::Kind;
use crate::system::{Forged, Forgery, Listening, System, WeaknessInfo};
use crate::weakness::Weakness;

/// `suite` in the table of systems.
pub const SYSTEM: System = System {
    about: "Users log in and send text and files to a server: X.509, RSA-OAEP or ECDH, AES-128-CBC, password files.",
    ports: &[Listening { name: "session", port: 12345 }],
    features: &[
        "AES-CBC, RSA-OAEP, RSA signatures, SHA-256 and MD5 checksums",
        "key and certificate generation by an authority",
        "certificate validation",
        "users: register, log in, list",
        "encrypted text",
        "encrypted files",
        "integrity check of every message",
        "several users at once",
    ],
    carries: &[Kind::Text, Kind::Image, Kind::Video],
    dated: true,
    clients: 3,
    planted: &[
        WeaknessInfo {
            weakness: Weakness::ClientSideLogin,
            breaks: "The server believes any name: who writes a client of its own is whoever it likes.",
            fix: "The server checks the password, under the keys of the session.",
            code: "protocol/src/suite/server.rs",
        },
        WeaknessInfo {
            weakness: Weakness::StaticIv,
            breaks: "Messages under one key that begin alike give ciphertext that begins alike.",
            fix: "A fresh random initialization vector in every record, under the MAC.",
            code: "protocol/src/suite/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::UnkeyedHash,
            breaks: "The hash of a guess tells whether it is right, and the hash of a forgery is as good as any.",
            fix: "HMAC over everything that goes over the wire, under a key of each direction.",
            code: "protocol/src/suite/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::GoesOnAfterFailure,
            breaks: "A message is used before its integrity is looked at; the outcome is a line in a log.",
            fix: "What is not intact is not used, and ends the session.",
            code: "protocol/src/suite/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::HeaderNotAuthenticated,
            breaks: "Type and number of a record, and as-built its user, can be changed without notice.",
            fix: "The MAC covers the whole frame.",
            code: "protocol/src/suite/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoSequence,
            breaks: "A message is accepted twice, out of order, or missed by nobody; as-built even on a new connection.",
            fix: "A sequence number in every record, under the MAC and checked.",
            code: "protocol/src/suite/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::DelimiterFraming,
            breaks: "A delimiter in a binary field, or a network that joins or splits segments, breaks the session.",
            fix: "A length before every frame.",
            code: "protocol/src/suite/wire.rs",
        },
        WeaknessInfo {
            weakness: Weakness::UnsaltedPasswords,
            breaks: "Who gets the password file finds most passwords by trying, all users at once.",
            fix: "Argon2id, with a salt for each user.",
            code: "protocol/src/suite/session.rs",
        },
        WeaknessInfo {
            weakness: Weakness::IssuerNameOnly,
            breaks: "Anybody can be the server, with a certificate that names the authority and that it signs itself.",
            fix: "Signature, CA flag, dates and name are checked.",
            code: "protocol/src/suite/session.rs",
        },
        WeaknessInfo {
            weakness: Weakness::StaticRsaTransport,
            breaks: "Who gets the server's key reads everything recorded before.",
            fix: "Ephemeral ECDH, signed with that key.",
            code: "protocol/src/suite/client.rs",
        },
        WeaknessInfo {
            weakness: Weakness::UsernameInjection,
            breaks: "A name with a comma and a line end registers somebody else, or overwrites who they are.",
            fix: "Names are letters, digits and `-_.@`.",
            code: "protocol/src/suite/session.rs",
        },
        WeaknessInfo {
            weakness: Weakness::EndNotAuthenticated,
            breaks: "Whoever cuts the connection makes a session look complete.",
            fix: "A goodbye with the number of records and a MAC.",
            code: "protocol/src/suite/server.rs",
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
    lab: keyfiles::lab_under,
    decrypt_recording: Some(decrypt_recording::decrypt_recording),
    secrets: decrypt_recording::SECRETS,
    register: Some(keyfiles::register),
    sealed: &["MSG", "FILE", "LOGIN"],
    forgery: Some(Forgery { frame: "MSG", kinds: Forged::MacEnds }),
    ..System::minimal("suite", &wire::layout, &|setup| Box::new(Client::new(setup)), &|setup| {
        Box::new(Server::new(setup))
    })
};
