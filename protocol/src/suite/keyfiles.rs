//! `suite` with keys of a folder, laid out as the published program does: `server_*.pem`,
//! `crypto/certificates/*.pem`, `data/auth.txt`; and `data/passwords.txt`, which it has not.

use std::sync::Arc;

use crate::crypto::rsa::PrivateKey;
use crate::endpoint::{Endpoint, Side};
use crate::entropy::Entropy;
use crate::keyfiles::{
    Account, CERTIFICATES, KeyError, KeyFiles, KeyProblem, KeySource, PRIVATE_KEYS, PUBLIC_KEYS,
    pem, private_key,
};
use crate::pki::users::{LAB, Scheme, Users};
use crate::pki::x509::{Issuer, Kind, Period, Request};
use crate::suite::client::Client;
use crate::suite::lab::{AUTHORITY, Files, Keyring, KeyringError, SERVER_SUBJECT};
use crate::suite::server::Server;
use crate::suite::session::{names, scheme};
use crate::system::Setup;
use crate::system::{KeySet, Wanted};
use crate::weakness::{Profile, Weakness};

/// The table entry.
pub(super) const KEYS: KeySet = KeySet {
    files: &[
        (CA_KEY, "the authority's key: signs certificates, and no endpoint needs it"),
        (CA_CERT, "the authority's certificate for itself: a hardened user trusts it"),
        (SERVER_CERT, "the server's certificate"),
        (SERVER_PRIVATE, "the server's key"),
        (SERVER_PUBLIC, "its public half; an as-built user encrypts for it"),
        (AUTH, "users and passwords, as-built: name, comma, SHA-256 in hex"),
        (PASSWORDS, "users and passwords, hardened: name, comma, Argon2id in PHC form"),
    ],
    client,
    server,
    layout: None,
    lab: Some(lab),
    fresh: None,
    generate,
};

/// The authority's private key.
pub const CA_KEY: &str = "crypto/certificates/ca_key.pem";
/// The authority's certificate for itself.
pub const CA_CERT: &str = "crypto/certificates/ca_cert.pem";
const SERVER_CERT: &str = "crypto/certificates/server_cert.pem";
const SERVER_PRIVATE: &str = "server_private.pem";
const SERVER_PUBLIC: &str = "server_public.pem";
/// The published password file.
pub const AUTH: &str = "data/auth.txt";
/// The hardened password file.
pub const PASSWORDS: &str = "data/passwords.txt";
/// The size of every key, in bits.
const BITS: usize = 2048;
/// How long certificates are valid.
const DAYS: u64 = 365;

fn client(setup: Setup, source: &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError> {
    let keyring = keyring(source, source.account(), Side::Client, setup.profile)?;
    Ok(Box::new(Client::with_keys(setup, Arc::new(keyring))))
}

fn server(setup: Setup, source: &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError> {
    let keyring = keyring(source, None, Side::Server, setup.profile)?;
    Ok(Box::new(Server::with_keys(setup, Arc::new(keyring))))
}

/// What this side reads of the folder. Nobody needs the authority's key.
fn keyring(
    source: &dyn KeySource,
    account: Option<Account>,
    side: Side,
    profile: Profile,
) -> Result<Keyring, KeyError> {
    let mut texts = KeyFiles::new();
    let own: &[&str] = match side {
        // The published client has its own copy of the password file, and asks that.
        Side::Client if profile.has(Weakness::ClientSideLogin) => {
            &[CA_CERT, SERVER_CERT, SERVER_PUBLIC, AUTH, PASSWORDS]
        }
        Side::Client => &[CA_CERT, SERVER_CERT, SERVER_PUBLIC],
        Side::Server => &[SERVER_CERT, SERVER_PRIVATE, AUTH, PASSWORDS],
    };
    for &path in own {
        let text = match path {
            CA_CERT | SERVER_CERT => {
                pem(source, path, CERTIFICATES, "an X.509 certificate (PEM or DER)")?
            }
            SERVER_PRIVATE => pem(source, path, PRIVATE_KEYS, "an RSA private key (PEM or DER)")?,
            SERVER_PUBLIC => pem(source, path, PUBLIC_KEYS, "an RSA public key (PEM or DER)")?,
            _ => source.read(path)?,
        };
        texts.extend(text.map(|text| (path.to_owned(), text)));
    }
    let text = |path: &str| texts.get(path).map(String::as_str);
    let files = Files {
        ca_cert: text(CA_CERT),
        ca_key: None,
        server_cert: text(SERVER_CERT),
        server_private: text(SERVER_PRIVATE),
        server_public: text(SERVER_PUBLIC),
        auth: text(AUTH),
        passwords: text(PASSWORDS),
    };
    let keyring = Keyring::from_files(files, account.into_iter().collect()).map_err(problem)?;
    keyring.suffices(side, profile).map_err(problem)?;
    Ok(keyring)
}

/// What is wrong with which file.
fn problem(error: KeyringError) -> KeyError {
    let place = |file: &'static str| {
        let known = KEYS.files.iter().find(|(path, _)| path.ends_with(file));
        known.map_or(file, |(path, _)| path)
    };
    match error {
        KeyringError::Key(file, _) => {
            KeyError::new(place(file), KeyProblem::Not("an RSA key of 2048 bits"))
        }
        KeyringError::Certificate(file, _) => {
            KeyError::new(place(file), KeyProblem::Not("an X.509 certificate"))
        }
        KeyringError::Users(file, error) => {
            let expected = "a name, a comma and a hash of this file's kind, each name once";
            let line = error.line();
            KeyError::new(
                place(file),
                line.map_or(KeyProblem::Not(expected), |line| KeyProblem::Line { line, expected }),
            )
        }
        KeyringError::Missing(what) => {
            KeyError::new(place(what), KeyProblem::Missing("it for this profile"))
        }
    }
}

/// The server's key, for whoever got hold of the folder.
pub(super) fn server_key(source: &dyn KeySource) -> Result<PrivateKey, KeyError> {
    private_key(source, SERVER_PRIVATE)
}

/// The lab's files under a profile: there is one password file, and it depends on that which.
pub(super) fn lab_under(profile: Profile) -> KeyFiles {
    let mut files = lab();
    let unused = if profile.has(Weakness::UnsaltedPasswords) { PASSWORDS } else { AUTH };
    files.remove(unused);
    files
}

/// Add a user to the password file in use. As built a name is not looked at, and may be more than one line.
pub(super) fn register(profile: Profile, files: &mut KeyFiles, name: &str, password: &str) -> bool {
    let scheme = scheme(profile);
    let path = if scheme == Scheme::Sha256 { AUTH } else { PASSWORDS };
    let text = files.get(path).map_or("", String::as_str);
    let Ok(mut users) = Users::from_text(scheme, text) else { return false };
    let mut salts = Entropy::new(0, "suite registration");
    let done = users.register(name, password, names(profile), LAB, &mut salts).is_ok();
    if done {
        files.insert(path.to_owned(), users.to_text());
    }
    done
}

/// All of the lab's files.
pub(super) fn lab() -> KeyFiles {
    [
        (CA_KEY, include_str!("../../lab/suite/ca_key.pem")),
        (CA_CERT, include_str!("../../lab/suite/ca_cert.pem")),
        (SERVER_CERT, include_str!("../../lab/suite/server_cert.pem")),
        (SERVER_PRIVATE, include_str!("../../lab/suite/server_private.pem")),
        (SERVER_PUBLIC, include_str!("../../lab/suite/server_public.pem")),
        (AUTH, include_str!("../../lab/suite/auth.txt")),
        (PASSWORDS, include_str!("../../lab/suite/passwords.txt")),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into()
}

/// New keys; nobody is registered yet.
fn generate(wanted: &mut Wanted<'_>) -> Result<KeyFiles, KeyError> {
    let unmakeable = |path: &str, what| KeyError::new(path, KeyProblem::Unmakeable(what));
    let authority = PrivateKey::generate(wanted.entropy, BITS);
    let authority = authority.map_err(|_| unmakeable(CA_KEY, "an RSA key"))?;
    let server = PrivateKey::generate(wanted.entropy, BITS);
    let server = server.map_err(|_| unmakeable(SERVER_PRIVATE, "an RSA key"))?;
    let serials = Entropy::new(u64::from_be_bytes(wanted.entropy.bytes()), "serial numbers");
    let mut issuer = Issuer { subject: AUTHORITY, key: &authority, entropy: serials };
    let period = Period::days(wanted.from, DAYS);
    let no_ca = |_| unmakeable(CA_CERT, "a certificate");
    let own = issuer.certify_itself(period, Kind::Authority).map_err(no_ca)?;
    let no_certificate = |_| unmakeable(SERVER_CERT, "a certificate");
    let request = Request::new(SERVER_SUBJECT, &server).map_err(no_certificate)?;
    let certificate = issuer.sign(&request, period, Kind::Party).map_err(no_certificate)?;
    let no_key = |_| unmakeable(SERVER_PRIVATE, "an RSA key");
    Ok([
        (CA_KEY, authority.to_pem().map_err(no_key)?),
        (CA_CERT, own.to_pem().map_err(no_ca)?),
        (SERVER_CERT, certificate.to_pem().map_err(no_certificate)?),
        (SERVER_PRIVATE, server.to_pem().map_err(no_key)?),
        (SERVER_PUBLIC, server.public_key().to_pem().map_err(no_key)?),
        (AUTH, String::new()),
        (PASSWORDS, String::new()),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .into())
}
