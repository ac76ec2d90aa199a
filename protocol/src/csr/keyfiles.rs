//! `csr` with keys of a folder, laid out as the published programs do: `ca/ca_*.pem` and
//! `device_server/{device,server}_{private_key,public_key,csr,cert}.pem`.

use crate::crypto::rsa::{PrivateKey, RsaError};
use crate::csr::client::Client;
use crate::csr::lab::{
    AUTHORITY, Credentials, Identity, Keyring, KeyringError, SERVER, SERVER_SUBJECT, device_subject,
};
use crate::csr::server::Server;
use crate::endpoint::{Endpoint, Name};
use crate::entropy::Entropy;
use crate::keyfiles::{CERTIFICATES, KeyError, KeyFiles, KeyProblem, KeySource, pem, private_key};
use crate::pki::x509::{Certificate, Checks, Issuer, Kind, Period, Reading, Request};
use crate::system::Setup;
use crate::system::{KeySet, Wanted};
use crate::weakness::Profile;

/// The table entry.
pub(super) const KEYS: KeySet = KeySet {
    files: &[
        (CA_PRIVATE, "the authority's key: signs requests, and no endpoint needs it"),
        (CA_CERTIFICATE, "the authority's certificate for itself: both ends trust it"),
        ("device_server/device_private_key.pem", "the device's key"),
        ("device_server/device_public_key.pem", "its public half"),
        ("device_server/device_csr.pem", "the device's request for a certificate"),
        ("device_server/device_cert.pem", "the device's certificate"),
        ("device_server/server_private_key.pem", "the server's key"),
        ("device_server/server_public_key.pem", "its public half"),
        ("device_server/server_csr.pem", "the server's request for a certificate"),
        ("device_server/server_cert.pem", "the server's certificate"),
    ],
    client,
    server,
    layout: None,
    lab: None,
    fresh: None,
    generate,
};

const CA_PRIVATE: &str = "ca/ca_private_key.pem";
const CA_CERTIFICATE: &str = "ca/ca_certificate.pem";
/// The size of every key, in bits.
const BITS: usize = 2048;
/// How long certificates are valid.
const DAYS: u64 = 365;

fn path(name: &str, what: &str) -> String {
    format!("device_server/{name}_{what}.pem")
}

/// The first part of the names of a device's files.
fn device_file(number: u32) -> String {
    if number == 1 { "device".to_owned() } else { format!("device-{number}") }
}

fn client(setup: Setup, source: &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError> {
    let own = credentials(source, &device_file(setup.number))?;
    Ok(Box::new(Client::with_credentials(setup, own)))
}

fn server(setup: Setup, source: &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError> {
    Ok(Box::new(Server::with_credentials(setup, credentials(source, SERVER)?)))
}

/// What the party with files of this name holds. Its own certificate is not held against the dates or names
/// that its peer will look at: to be refused for them is worth a try.
fn credentials(source: &dyn KeySource, file: &str) -> Result<Credentials, KeyError> {
    let authority = certificate(source, CA_CERTIFICATE)?.1;
    let key = private_key(source, &path(file, "private_key"))?;
    let cert = path(file, "cert");
    let (pem, own) = certificate(source, &cert)?;
    let reading = Reading::Tolerant;
    let lenient = Checks { now: None, authority: None, common_name: None, reading };
    let certified = own.verify(&authority, lenient);
    let certified = certified
        .map_err(|why| KeyError::new(&cert, KeyProblem::NotIssued(CA_CERTIFICATE, why)))?;
    if certified != key.public_key() {
        let other = "the private key of its party";
        return Err(KeyError::new(&cert, KeyProblem::Mismatch(other)));
    }
    let me = Identity { name: Name::from(file), key, certificate: pem };
    Ok(Credentials { me, authority })
}

fn certificate(source: &dyn KeySource, path: &str) -> Result<(String, Certificate), KeyError> {
    const HOLDS: &str = "an X.509 certificate (PEM or DER)";
    let pem = pem(source, path, CERTIFICATES, HOLDS)?;
    let pem = pem.ok_or_else(|| KeyError::new(path, KeyProblem::Missing(HOLDS)))?;
    let read = Certificate::from_pem(&pem);
    let read = read.map_err(|_| KeyError::new(path, KeyProblem::Not(HOLDS)))?;
    Ok((pem, read))
}

fn generate(wanted: &mut Wanted<'_>) -> Result<KeyFiles, KeyError> {
    let mut files = KeyFiles::new();
    let unmakeable = |path: &str, what| KeyError::new(path, KeyProblem::Unmakeable(what));
    let authority = PrivateKey::generate(wanted.entropy, BITS);
    let authority = authority.map_err(|_| unmakeable(CA_PRIVATE, "an RSA key"))?;
    let pem = authority.to_pem().map_err(|_| unmakeable(CA_PRIVATE, "an RSA key"))?;
    files.insert(CA_PRIVATE.to_owned(), pem);
    let serials = Entropy::new(u64::from_be_bytes(wanted.entropy.bytes()), "serial numbers");
    let mut issuer = Issuer { subject: AUTHORITY, key: &authority, entropy: serials };
    let period = Period::days(wanted.from, DAYS);
    let own = issuer.certify_itself(period, Kind::Authority);
    let own = own.and_then(|own| own.to_pem());
    let own = own.map_err(|_| unmakeable(CA_CERTIFICATE, "a certificate"))?;
    files.insert(CA_CERTIFICATE.to_owned(), own);
    let devices = (1..=wanted.clients).map(|n| (device_file(n), device_subject(n)));
    let server = (SERVER.to_owned(), SERVER_SUBJECT.to_owned());
    for (file, subject) in [server].into_iter().chain(devices) {
        let (private, cert) = (path(&file, "private_key"), path(&file, "cert"));
        let no_key = |_| unmakeable(&private, "an RSA key");
        let key = PrivateKey::generate(wanted.entropy, BITS).map_err(no_key)?;
        put_pair(&key, &file, &mut files).map_err(no_key)?;
        let no_certificate = |_| unmakeable(&cert, "a certificate");
        let request = Request::new(&subject, &key).map_err(no_certificate)?;
        let signed = issuer.sign(&request, period, Kind::Party).map_err(no_certificate)?;
        let certificate = signed.to_pem().map_err(no_certificate)?;
        files.insert(path(&file, "csr"), request.to_pem().map_err(no_certificate)?);
        files.insert(cert, certificate);
    }
    Ok(files)
}

/// Put a key pair into its two files.
fn put_pair(key: &PrivateKey, file: &str, files: &mut KeyFiles) -> Result<(), RsaError> {
    files.insert(path(file, "public_key"), key.public_key().to_pem()?);
    files.insert(path(file, "private_key"), key.to_pkcs1_pem()?);
    Ok(())
}

/// The lab's keys, which are the same under every profile.
pub(super) fn lab(_: Profile) -> KeyFiles {
    let files = lab_files(&Keyring::lab());
    debug_assert!(files.is_ok(), "the lab keys are tested");
    files.unwrap_or_default()
}

fn lab_files(lab: &Keyring) -> Result<KeyFiles, KeyringError> {
    let mut files = KeyFiles::from([
        (CA_PRIVATE.to_owned(), lab.authority.to_pem()?),
        (CA_CERTIFICATE.to_owned(), lab.authority_certificate.to_pem()?),
    ]);
    let devices = (1..).zip(&lab.devices).map(|(number, device)| (device_subject(number), device));
    for (subject, party) in [(SERVER_SUBJECT.to_owned(), &lab.server)].into_iter().chain(devices) {
        let file = party.name.as_str();
        put_pair(&party.key, file, &mut files)?;
        files.insert(path(file, "csr"), Request::new(&subject, &party.key)?.to_pem()?);
        files.insert(path(file, "cert"), party.certificate.clone());
    }
    Ok(files)
}
