//! `ccm` with keys of a folder: `serverPK.pem` and `clientPK.pem`, where the published programs leave their public
//! keys, and private keys beside them, which those keep to themselves.

use std::sync::Arc;

use crate::ccm::client::identity;
use crate::ccm::lab::CLIENT_COUNT;
use crate::ccm::lab::{ClientKeys, Clients, MODULUS, SERVER, ServerKeys};
use crate::ccm::{Client, Server, generate as pair, wire};
use crate::crypto::rsa::{PrivateKey, PublicKey, RsaError};
use crate::endpoint::{Endpoint, Side};
use crate::entropy::Entropy;
use crate::keyfiles::{KeyError, KeyFiles, KeyProblem, KeySource, private_key, public_key};
use crate::layout::Layout;
use crate::system::Setup;
use crate::system::{Fresh, KeySet, Wanted};
use crate::weakness::Profile;

/// The size of the published program's keys, in bytes.
const PUBLISHED: usize = MODULUS / 8;

/// The table entry.
pub(super) const KEYS: KeySet = KeySet {
    files: &[
        ("server_private_key.pem", "the server's key"),
        ("serverPK.pem", "its public half: a client encrypts for it"),
        ("client_private_key.pem", "the client's key"),
        ("clientPK.pem", "its public half: the server encrypts for it"),
    ],
    client,
    server,
    layout: Some(layout),
    lab: None,
    fresh: Some(Fresh { private: |side, number| private_path(&party(side, number)), make: fresh }),
    generate,
};

fn private_path(party: &str) -> String {
    format!("{party}_private_key.pem")
}

fn public_path(party: &str) -> String {
    format!("{party}PK.pem")
}

/// The first part of the names of a client's files.
fn client_file(number: u32) -> String {
    if number == 1 { "client".to_owned() } else { format!("client-{number}") }
}

fn client(setup: Setup, source: &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError> {
    let own = own_key(source, &client_file(identity(setup)))?;
    let server = known_key(source, &public_path(SERVER), own.public_key().size())?;
    Ok(Box::new(Client::with_keys(setup, Arc::new(ClientKeys { own, server }))))
}

/// Clients may come to be while the server runs, and the published one makes a new pair at every start: their keys are
/// read when they come.
fn server(setup: Setup, source: &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError> {
    let own = own_key(source, SERVER)?;
    let size = own.public_key().size();
    let first = public_path(&client_file(1));
    let clients = if let Some(folder) = source.kept() {
        // What is there already had better be a key.
        if folder.read(&first)?.is_some() {
            known_key(source, &first, size)?;
        }
        Clients::Looked(Arc::new(move |number| {
            known_key(&*folder, &public_path(&client_file(number)), size).ok()
        }))
    } else {
        let mut known = vec![known_key(source, &first, size)?];
        for number in 2.. {
            let path = public_path(&client_file(number));
            if source.read(&path)?.is_none() {
                break;
            }
            known.push(known_key(source, &path, size)?);
        }
        Clients::Known(known)
    };
    Ok(Box::new(Server::with_keys(setup, Arc::new(ServerKeys { own, clients }))))
}

fn own_key(source: &dyn KeySource, party: &str) -> Result<PrivateKey, KeyError> {
    let path = private_path(party);
    let key = private_key(source, &path)?;
    if key.public_key().size() == PUBLISHED || source.any_size() {
        return Ok(key);
    }
    Err(KeyError::new(&path, KeyProblem::Not("an RSA key of 4096 bits")))
}

/// Somebody else's public key, of that size in bytes: all keys of a session are of one.
fn known_key(source: &dyn KeySource, path: &str, size: usize) -> Result<PublicKey, KeyError> {
    let missing = KeyProblem::Missing("an RSA-4096 public key (PEM, SPKI)");
    let key = public_key(source, path)?.ok_or_else(|| KeyError::new(path, missing))?;
    if key.size() == size {
        return Ok(key);
    }
    let wanted = match size {
        PUBLISHED => "an RSA key of 4096 bits",
        _ => "an RSA key of the size of the own one",
    };
    Err(KeyError::new(path, KeyProblem::Not(wanted)))
}

/// The frames with keys of a folder: as long as the server's modulus wants them.
fn layout(profile: Profile, source: &dyn KeySource) -> Result<Layout, KeyError> {
    Ok(wire::layout_for(profile, own_key(source, SERVER)?.public_key().size()))
}

/// What a folder has of one party's pair.
pub(super) struct Owned {
    pub(super) private: Option<PrivateKey>,
    pub(super) public: Option<PublicKey>,
}

/// What somebody has of a party's pair who got hold of the folder.
pub(super) fn owned(source: &dyn KeySource, side: Side, number: u32) -> Owned {
    let party = party(side, number);
    // Whatever their size: somebody has used them.
    let private = private_key(source, &private_path(&party)).ok();
    let public = public_key(source, &public_path(&party)).ok().flatten();
    let public = public.or_else(|| private.as_ref().map(PrivateKey::public_key));
    Owned { private, public }
}

/// The lab's keys, which are the same under every profile.
pub(super) fn lab(_: Profile) -> KeyFiles {
    let mut files = KeyFiles::new();
    let clients = (1..=CLIENT_COUNT).map(|number| (client_file(number), ClientKeys::lab(number)));
    let server = put_pair(&ServerKeys::lab().own, SERVER, &mut files);
    debug_assert!(server.is_ok(), "the lab keys are tested");
    for (party, keys) in clients {
        let client = put_pair(&keys.own, &party, &mut files);
        debug_assert!(client.is_ok(), "the lab keys are tested");
    }
    files
}

fn party(side: Side, number: u32) -> String {
    match side {
        Side::Client => client_file(number),
        Side::Server => SERVER.to_owned(),
    }
}

/// What a published program makes at every start.
fn fresh(entropy: &mut Entropy, side: Side, number: u32) -> Result<KeyFiles, KeyError> {
    let party = party(side, number);
    let path = private_path(&party);
    let unmakeable = |_| KeyError::new(&path, KeyProblem::Unmakeable("an RSA key"));
    let key = pair(entropy).map_err(unmakeable)?;
    let mut files = KeyFiles::new();
    put_pair(&key, &party, &mut files).map_err(unmakeable)?;
    Ok(files)
}

/// Put a key pair into its two files.
fn put_pair(key: &PrivateKey, party: &str, files: &mut KeyFiles) -> Result<(), RsaError> {
    files.insert(public_path(party), key.public_key().to_pem()?);
    files.insert(private_path(party), key.to_pem()?);
    Ok(())
}

fn generate(wanted: &mut Wanted<'_>) -> Result<KeyFiles, KeyError> {
    let mut files = fresh(wanted.entropy, Side::Server, 0)?;
    for number in 1..=wanted.clients {
        files.extend(fresh(wanted.entropy, Side::Client, number)?);
    }
    Ok(files)
}
