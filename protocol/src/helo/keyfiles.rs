//! `helo` with keys of a folder, laid out as the published programs do: `keys/*_private_key.pem` and
//! `*_public_key.pem`, `certificates/*_certificate.json`.

use std::sync::Arc;

use crate::crypto::rsa::{PrivateKey, PublicKey, RsaError};
use crate::endpoint::{Endpoint, Name};
use crate::helo::client::Client;
use crate::helo::lab::{Credentials, Identity, Keyring, SERVER, device_name};
use crate::helo::server::Server;
use crate::keyfiles::{KeyError, KeyFiles, KeyProblem, KeySource, need, private_key, public_key};
use crate::pki::Certificate;
use crate::system::Setup;
use crate::system::{KeySet, Wanted};
use crate::weakness::Profile;

/// The table entry.
pub(super) const KEYS: KeySet = KeySet {
    files: &[
        (CA_PRIVATE, "the authority's key: signs certificates, and no endpoint needs it"),
        (CA_PUBLIC, "the authority's public key: both ends check certificates with it"),
        ("keys/device_private_key.pem", "the device's key"),
        ("keys/device_public_key.pem", "its public half; an as-built server uses it"),
        ("keys/server_private_key.pem", "the server's key"),
        ("keys/server_public_key.pem", "its public half; an as-built device uses it"),
        ("certificates/device_certificate.json", "the device's certificate"),
        (
            "certificates/server_certificate.json",
            "the server's certificate; where it is missing, a server issues it with the authority's key",
        ),
    ],
    client,
    server,
    layout: None,
    lab: None,
    fresh: None,
    generate,
};

const CA_PRIVATE: &str = "keys/ca_private_key.pem";
const CA_PUBLIC: &str = "keys/ca_public_key.pem";
/// The most devices of which a server looks for key files.
const MOST_DEVICES: u32 = 64;
/// The size of every key, in bits.
const BITS: usize = 2048;

fn private_path(name: &str) -> String {
    format!("keys/{name}_private_key.pem")
}

fn public_path(name: &str) -> String {
    format!("keys/{name}_public_key.pem")
}

fn certificate_path(name: &str) -> String {
    format!("certificates/{name}_certificate.json")
}

fn client(setup: Setup, source: &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError> {
    let own = credentials(source, &device_name(setup.number), Missing::Refuse)?;
    Ok(Box::new(Client::with_credentials(setup, own)))
}

fn server(setup: Setup, source: &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError> {
    let own = credentials(source, SERVER, Missing::Issue)?;
    Ok(Box::new(Server::with_credentials(setup, own)))
}

/// What to do where a party has no certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Missing {
    /// Say that it is missing.
    Refuse,
    /// Issue it with the authority's key, if that is there, as the published server does at its start.
    Issue,
}

/// What the party of this name holds.
fn credentials(
    source: &dyn KeySource,
    name: &str,
    missing: Missing,
) -> Result<Credentials, KeyError> {
    let authority = match public_key(source, CA_PUBLIC)? {
        Some(key) => key,
        None if source.read(CA_PRIVATE)?.is_some() => private_key(source, CA_PRIVATE)?.public_key(),
        None => {
            let holds = "the authority's public key (PEM, SPKI)";
            return Err(KeyError::new(CA_PUBLIC, KeyProblem::Missing(holds)));
        }
    };
    let me = identity(source, name, &authority, missing)?;
    let mut devices = Vec::new();
    for number in 1..=MOST_DEVICES {
        let name = device_name(number);
        match public_key(source, &public_path(&name))? {
            Some(key) => devices.push((Name::from(name.as_str()), Arc::new(key))),
            None => break,
        }
    }
    let server = public_key(source, &public_path(SERVER))?.map(Arc::new);
    Ok(Credentials { me, authority, server, devices })
}

fn identity(
    source: &dyn KeySource,
    name: &str,
    authority: &PublicKey,
    missing: Missing,
) -> Result<Identity, KeyError> {
    let key = private_key(source, &private_path(name))?;
    let public = key.public_key();
    let path = certificate_path(name);
    let json = match (source.read(&path)?, missing) {
        (Some(json), _) => json,
        (None, Missing::Issue) if source.read_bytes(CA_PRIVATE)?.is_some() => {
            issued(source, name, &public)?
        }
        _ => need(source, &path, "a JSON certificate")?,
    };
    let wrong = |why| KeyError::new(&path, why);
    let read = Certificate::decode(json.as_bytes());
    let read = read.map_err(|_| wrong(KeyProblem::Not("a JSON certificate")))?;
    let certified = read.verify(authority);
    let certified = certified.map_err(|why| wrong(KeyProblem::NotCertified(CA_PUBLIC, why)))?;
    if certified != public {
        return Err(wrong(KeyProblem::Mismatch("the private key of its party")));
    }
    let certificate = json.trim().as_bytes().to_vec();
    Ok(Identity { name: Name::from(name), key, public: Arc::new(public), certificate })
}

/// A certificate for this party with the authority's key of the folder.
fn issued(source: &dyn KeySource, name: &str, public: &PublicKey) -> Result<String, KeyError> {
    let unmakeable =
        || KeyError::new(&certificate_path(name), KeyProblem::Unmakeable("a certificate"));
    let authority = private_key(source, CA_PRIVATE)?;
    let pem = public.to_pem().map_err(|_| unmakeable())?;
    let certificate = Certificate::issue(&authority, name, &pem).map_err(|_| unmakeable())?;
    Ok(String::from_utf8_lossy(&certificate.encode()).into_owned())
}

/// The server's key, for whoever got hold of the folder.
pub(super) fn server_key(source: &dyn KeySource) -> Result<PrivateKey, KeyError> {
    private_key(source, &private_path(SERVER))
}

/// The lab's keys, which are the same under every profile.
pub(super) fn lab(_: Profile) -> KeyFiles {
    let lab = Keyring::lab();
    let mut files = KeyFiles::new();
    let made = put_pair(&lab.authority, "ca", &mut files);
    debug_assert!(made.is_ok(), "the lab keys are tested");
    for party in lab.devices.iter().chain([&lab.server]) {
        let made = put_pair(&party.key, party.name.as_str(), &mut files);
        debug_assert!(made.is_ok(), "the lab keys are tested");
        put_certificate(&party.certificate, party.name.as_str(), &mut files);
    }
    files
}

fn generate(wanted: &mut Wanted<'_>) -> Result<KeyFiles, KeyError> {
    let mut files = KeyFiles::new();
    let authority = pair(wanted, "ca", &mut files)?;
    let devices = (1..=wanted.clients).map(device_name);
    for name in [SERVER.to_owned()].into_iter().chain(devices) {
        let unmakeable =
            |what| KeyError::new(&certificate_path(&name), KeyProblem::Unmakeable(what));
        let key = pair(wanted, &name, &mut files)?;
        let public = key.public_key().to_pem().map_err(|_| unmakeable("a public key"))?;
        let certificate = Certificate::issue(&authority, &name, &public);
        let certificate = certificate.map_err(|_| unmakeable("a certificate"))?.encode();
        put_certificate(&certificate, &name, &mut files);
    }
    Ok(files)
}

fn put_certificate(certificate: &[u8], name: &str, files: &mut KeyFiles) {
    let json = String::from_utf8_lossy(certificate).into_owned();
    files.insert(certificate_path(name), json + "\n");
}

/// Put a key pair into its two files.
fn put_pair(key: &PrivateKey, name: &str, files: &mut KeyFiles) -> Result<(), RsaError> {
    files.insert(private_path(name), key.to_pem()?);
    files.insert(public_path(name), key.public_key().to_pem()?);
    Ok(())
}

/// Make a key pair and its two files.
fn pair(wanted: &mut Wanted<'_>, name: &str, files: &mut KeyFiles) -> Result<PrivateKey, KeyError> {
    let path = private_path(name);
    let unmakeable = |_| KeyError::new(&path, KeyProblem::Unmakeable("an RSA key"));
    let key = PrivateKey::generate(wanted.entropy, BITS).map_err(unmakeable)?;
    put_pair(&key, name, files).map_err(unmakeable)?;
    Ok(key)
}
