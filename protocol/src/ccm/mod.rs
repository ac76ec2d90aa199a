//! `ccm`: a client and a server send each other text, images and video: an RSA key echo, AES-CCM.
//!
//! ```text
//! client                                             server
//! exchange, port 1234
//!   KEY   [client] ct [share]                      ────▶    Running
//!   ECHO  ct [share] [mac]                         ◀────    Running, Established at the client
//!   TRUE  True [mac]                               ────▶    Established at the server, which closes
//! client to server, port 1235
//!   BIND  token mac                                ────▶    only hardened
//!   MSG   [sequence] ct @ nonce @ tag              ────▶    Delivered
//!   RCPT  count mac                                ◀────    only hardened: Acknowledged
//!   MSG   the text `Exit`, sealed                  ────▶    Ended(Clean)
//!   EXIT  Exit [count mac]                         ◀────    the reply to that; as built also after a failure
//! server to client, port 1236
//!   BIND  token mac                                ────▶    only hardened
//!   MSG   [sequence] ct @ nonce @ tag              ◀────    Delivered
//!   RCPT  count mac                                ────▶    only hardened: Acknowledged
//!   EXIT  Exit [count mac]                         ◀────    all is said: Ended(Clean)
//! ```
//!
//! What stands in brackets exists only where a defence is on. Where messages are framed, a 4-byte length
//! stands before each, a record is `M [sequence] nonce ct tag`, and its nonce has 11 bytes: 12 leave only three for
//! the length of a message, and a file of 64 MiB would not fit (SP 800-38C).
//!
//! # Exchange
//! The client chooses the key and encrypts it under the server's public key; the server encrypts it under the
//! client's and sends it back; the client compares. As built that key, as it is, encrypts both directions. That the
//! server echoes shows that it has its private key. That the client says `True` shows nothing, since it
//! knew the key all along, and the server uses the key whether or not it comes.
//!
//! Hardened, the echo carries something new, which only the client's private key opens, and both ends add an
//! ephemeral P-256 share. The keys are derived from what the client chose, what the server challenged with, the
//! agreement of the shares, and a hash over both public keys and every field sent; `ECHO` and `TRUE` confirm them with a
//! MAC each. So both ends are authenticated by their RSA keys, and what leaks of those later opens no recording.
//!
//! # Connections
//! A session is three connections. As built the data connections say nothing of where they belong: the
//! server gives them to the sessions in the order of arrival. Hardened they begin with the name of their session and a
//! MAC. Claims are made on the connection they are about, and each data connection has its own `Ended`. The
//! published server serves one client, and closes its listening socket after a failure; this one serves several,
//! and what its application says is said to every session, in order, as each becomes ready. Where clients are not
//! authenticated there is one `clientPK.pem`, and every client is `client`.
//!
//! # Reads
//! As built, a message is what one read of at most 1024 bytes returns, split at every `@`; its first three parts count. An
//! `@` that stands in ciphertext, nonce or tag makes them the wrong ones: a message of 20 bytes is lost with a probability of
//! 17 %. So that the rest of an honest run does not depend on luck, an endpoint that sends no lengths is silent for 50 ms
//! between two messages on one connection.
//!
//! # What is refused
//! A refusal aborts the session and closes all of it. With `goes-on-after-failure` the listening end instead says `Exit`
//! and goes on, and so does the speaking end; only fewer than three parts, which crash the published server, end the
//! session. Order on a record: layout, tag, sequence, content. A failing `KEY` closes without a word; with
//! `pkcs1v15-oracle` that tells a wrong padding from a right one, whatever is behind it. (As built the key must also be
//! UTF-8, and the answer to that is the same silence: most keys of right padding look wrong, which makes the published
//! oracle about seven hundred times as slow as Bleichenbacher's.)
//!
//! # Hardened
//! Random keys, RSA-OAEP, a key for each direction, sequence numbers, lengths, receipts, and goodbyes that count what was
//! sent. The tag covers everything in front of the ciphertext. Whoever waits for a peer whose turn it is gives up after 5 s; a
//! server keeps an established session for a minute of silence.
//!
//! What is impossible: whoever gets the keys of a session reads all of it, since no key update is documented. A new session is
//! a new agreement.
//!
//! Each weakness takes back one of these; the places are in [`SYSTEM`].

mod channel;
mod client;
mod content;
mod conversation;
mod data_stream;
mod decrypt_recording;
mod exchange;
mod keyfiles;
mod keys;
mod lab;
mod record;
mod server;
mod session;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Client;
pub use keys::{Key, Keys};
pub use lab::{ClientKeys, Clients, MODULUS, SERVER, ServerKeys, generate};
pub use server::Server;

use crate::endpoint::Kind;
use crate::system::{Forged, Forgery, Listening, System, WeaknessInfo};
use crate::weakness::Weakness;

/// `ccm` in the table of systems.
pub const SYSTEM: System = System {
    about: "A client and a server send each other text and files: a key echoed under RSA-4096, AES-CCM.",
    ports: &[
        Listening { name: "the exchange", port: 1234 },
        Listening { name: "client to server", port: 1235 },
        Listening { name: "server to client", port: 1236 },
    ],
    features: &[
        "RSA-4096 key pairs made at start",
        "a key chosen by the client and echoed by the server",
        "AES-CCM with a derived random nonce for every message",
        "text in both directions, on a connection each",
        "image and video in both directions",
        "termination on a wrong tag",
        "goodbye and reply",
        "logs on both sides",
        "several clients at once",
    ],
    carries: &[Kind::Text, Kind::Image, Kind::Video],
    server_speaks: true,
    clients: lab::CLIENT_COUNT,
    planted: &[
        WeaknessInfo {
            weakness: Weakness::ConstantKey,
            breaks: "Every session has the key that stands in the program: whoever has read it reads and writes everything.",
            fix: "A key from the random generator for every session.",
            code: "protocol/src/ccm/keys.rs",
        },
        WeaknessInfo {
            weakness: Weakness::Pkcs1V15Oracle,
            breaks: "The server answers a key of right padding and not one of wrong padding: enough to decrypt any recorded key.",
            fix: "RSA-OAEP.",
            code: "protocol/src/ccm/keys.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoSequence,
            breaks: "A message is accepted twice, in any order, or not at all, and nobody notices.",
            fix: "A sequence number in every record, under the tag and checked, and a receipt for every message.",
            code: "protocol/src/ccm/record.rs",
        },
        WeaknessInfo {
            weakness: Weakness::OneKeyBothWays,
            breaks: "What one end has encrypted is accepted from it as if the other had: messages are reflected.",
            fix: "A key for each direction.",
            code: "protocol/src/ccm/keys.rs",
        },
        WeaknessInfo {
            weakness: Weakness::DelimiterFraming,
            breaks: "Messages whose encryption happens to contain the delimiter are lost, and so are joined and split ones.",
            fix: "A length before every message, and fields of fixed size.",
            code: "protocol/src/ccm/wire.rs",
        },
        WeaknessInfo {
            weakness: Weakness::GoesOnAfterFailure,
            breaks: "A forgery that fails costs nothing: an attacker may try as often as it likes.",
            fix: "The first failure ends the session at both ends.",
            code: "protocol/src/ccm/data_stream.rs",
        },
        WeaknessInfo {
            weakness: Weakness::ConfirmationIgnored,
            breaks: "The server uses a key nobody has confirmed: whoever sends any gets a session.",
            fix: "Both ends confirm the keys with a MAC, and the server opens nothing before.",
            code: "protocol/src/ccm/server.rs",
        },
        WeaknessInfo {
            weakness: Weakness::PlaintextExit,
            breaks: "Four bytes in clear end a session, and what was to come is missed by nobody.",
            fix: "The reply has the number of records, and a MAC.",
            code: "protocol/src/ccm/data_stream.rs",
        },
        WeaknessInfo {
            weakness: Weakness::NoClientAuthentication,
            breaks: "Anyone who can encrypt under the server's public key is the client.",
            fix: "The echo carries a challenge that only the client's private key opens.",
            code: "protocol/src/ccm/exchange.rs",
        },
        WeaknessInfo {
            weakness: Weakness::StaticRsaTransport,
            breaks: "Whoever gets the server's private key reads every recorded session.",
            fix: "Ephemeral shares in the exchange: no long-term key opens a recording.",
            code: "protocol/src/ccm/exchange.rs",
        },
        WeaknessInfo {
            weakness: Weakness::SessionNotBoundToConnection,
            breaks: "Whoever connects first gets the place of somebody else's data connection.",
            fix: "A data connection begins with the name of its session and a MAC.",
            code: "protocol/src/ccm/server.rs",
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
    sealed: &["MSG"],
    forgery: Some(Forgery { frame: "KEY", kinds: Forged::KeyPadding }),
    transport: Some(decrypt_recording::TRANSPORT),
    ..System::minimal("ccm", &wire::layout, &|setup| Box::new(Client::new(setup)), &|setup| {
        Box::new(Server::new(setup))
    })
};
