//! The files of the lab, and keyrings that hold only a part of them.

use super::*;
use crate::crypto::rsa::PrivateKey;
use crate::keyfiles::Account;
use crate::pki::users::{LAB, Names, Scheme, Users, UsersError};
use crate::pki::x509::{Checks, Issuer, Kind as Extensions, Reading, Request, Roles};

/// What the lab's keys and accounts make, by file name: certificates and password files.
fn made() -> Vec<(&'static str, String)> {
    let lab = lab();
    let authority = lab.authority.unwrap();
    let entropy = Entropy::new(0, "suite serial numbers");
    let mut issuer = Issuer { subject: AUTHORITY, key: &authority, entropy };
    let root = issuer.certify_itself(PERIOD, Extensions::Authority).unwrap();
    let request = Request::new(SERVER_SUBJECT, &lab.server.unwrap()).unwrap();
    let server = issuer.sign(&request, PERIOD, Extensions::Party).unwrap();
    let mut salts = Entropy::new(0, "suite salts");
    let mut users = |scheme| {
        let mut users = Users::new(scheme);
        for (name, password) in ACCOUNTS {
            users.register(name, password, Names::Checked, LAB, &mut salts).unwrap();
        }
        users.to_text()
    };
    vec![
        ("ca_cert.pem", root.to_pem().unwrap()),
        ("server_cert.pem", server.to_pem().unwrap()),
        ("auth.txt", users(Scheme::Sha256)),
        ("passwords.txt", users(Scheme::Argon2id)),
    ]
}

/// Everything but the keys is made from them. `MEDDLE_WRITE_LAB=1` writes it anew.
#[test]
fn the_lab_files_are_what_the_lab_keys_make() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/suite/");
    for (file, text) in made() {
        let path = format!("{folder}{file}");
        if std::env::var_os("MEDDLE_WRITE_LAB").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{file}");
    }
}

#[test]
fn the_lab_keys_belong_together() {
    let lab = lab();
    let checks = Checks {
        now: Some(EPOCH),
        authority: Some(Roles),
        common_name: Some(SERVER_COMMON_NAME),
        reading: Reading::Strict,
    };
    let certificate = lab.server_certificate.unwrap();
    let key = certificate.verify(lab.authority_certificate.as_ref().unwrap(), checks).unwrap();
    assert_eq!(Some(&key), lab.server_public.as_ref());
    assert_eq!(lab.server.unwrap().public_key(), key);
    for users in [lab.auth.unwrap(), lab.passwords.unwrap()] {
        for (name, password) in ACCOUNTS {
            assert_eq!(users.log_in(name, password.as_bytes()), Ok(()));
            assert_eq!(users.log_in(name, b"x"), Err(UsersError::Login));
        }
    }
}

/// Skipped where there is no such program.
#[test]
fn openssl_verifies_the_lab_certificates() {
    use std::process::{Command, Stdio};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/suite/");
    let verify = |at: u64| {
        Command::new("openssl")
            .args(["verify", "-attime", &at.to_string(), "-CAfile"])
            .args([format!("{folder}ca_cert.pem"), format!("{folder}server_cert.pem")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
    };
    if let (Ok(valid), Ok(late)) = (verify(EPOCH + 1), verify(PERIOD.until + 1)) {
        assert_eq!((valid.success(), late.success()), (true, false));
    }
}

/// What is public, and an account: that is all a client needs; and a server only what is its own.
#[test]
fn a_client_needs_only_what_is_public() {
    for profile in profiles() {
        let full = lab();
        let published = wire::one_way(profile);
        let client = Keyring {
            authority_certificate: full.authority_certificate.clone().filter(|_| !published),
            server_public: full.server_public.clone().filter(|_| published),
            accounts: full.accounts.clone(),
            ..Keyring::default()
        };
        let server = Keyring {
            server: full.server.clone(),
            server_certificate: full.server_certificate.clone(),
            auth: full.auth.clone(),
            passwords: full.passwords.clone(),
            ..Keyring::default()
        };
        assert_eq!(client.suffices(Side::Client, profile), Ok(()));
        assert_eq!(server.suffices(Side::Server, profile), Ok(()));
        let pair = between(profile, client, server, &texts());
        assert_eq!(pair.delivered().len(), 2, "{}", profile.name());
        assert_eq!(pair.ends(SERVER), [End::Clean], "{}", profile.name());
    }
}

#[test]
fn what_is_missing_is_named_and_refused() {
    for profile in profiles() {
        let missing = |side| Keyring::default().suffices(side, profile).unwrap_err().to_string();
        assert_eq!(missing(Side::Client), "no user name and password");
        assert_eq!(missing(Side::Server), "no server_private.pem");
        let pair = between(profile, Keyring::default(), lab(), &texts());
        assert_eq!(pair.rejects("nobody"), ["identity (username)"]);
        let pair = between(profile, lab(), Keyring::default(), &texts());
        assert_eq!(pair.rejects(SERVER), ["identity (server_private)"], "{}", profile.name());
    }
}

#[test]
fn unreadable_files_are_named() {
    let small = PrivateKey::generate(&mut Entropy::new(1, "small key"), 1024).unwrap();
    let (small, other) = (small.to_pem().unwrap(), "-----BEGIN");
    for (files, said) in [
        (Files { ca_cert: Some(other), ..Files::default() }, "ca_cert.pem: not PEM"),
        (Files { server_public: Some(""), ..Files::default() }, "server_public.pem: not a usable"),
        (
            Files { server_private: Some(&small), ..Files::default() },
            "server_private.pem: the mess",
        ),
        (Files { auth: Some("a\n"), ..Files::default() }, "auth.txt: line 1: not a name"),
        (
            Files { passwords: Some("\na,b"), ..Files::default() },
            "passwords.txt: line 2: not a hash",
        ),
    ] {
        let error = Keyring::from_files(files, Vec::new()).err().unwrap().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let shown = format!("{:?} {:?}", lab(), Account::new("fady", "123456789"));
    assert!(!shown.contains("123456789"));
}
