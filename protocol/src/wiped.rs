//! Secrets are wiped when they are dropped: a type that is not, here or in a crate below, does not compile.

use aes::{Aes128, Aes256};
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::ccm;
use crate::crypto::Secret;
use crate::keyfiles::Account;
use crate::session_secret::SessionSecret;

fn wiped<T: ZeroizeOnDrop>() {}

fn is_wiped<T: ZeroizeOnDrop>(_: &T) {}

#[test]
fn secrets_and_what_is_made_of_them_are_wiped() {
    wiped::<Secret<16>>();
    wiped::<Secret<32>>();
    wiped::<ccm::Key>();
    wiped::<Account>();
    is_wiped(&SessionSecret::new("label", b"value").value);
    wiped::<Zeroizing<Vec<u8>>>();
    // What keys that are ready to work hold: key schedules, and the states of the hash that an HMAC begins and ends with.
    wiped::<Aes128>();
    wiped::<Aes256>();
    wiped::<Sha256>();
    // Private keys and halves of agreements, while they are used.
    wiped::<::rsa::RsaPrivateKey>();
    wiped::<p256::SecretKey>();
    wiped::<x25519_dalek::StaticSecret>();
    wiped::<x25519_dalek::SharedSecret>();
}

/// Names of fields that hold a secret.
const SECRETS: &[&str] =
    &["secret", "premaster", "master", "masters", "scalar", "password", "agreed", "enc", "key"];

/// Whether a line declares a field of that name with a type that nobody wipes.
fn is_bare(line: &str) -> bool {
    let Some((name, kind)) = line.trim().trim_end_matches(',').split_once(": ") else {
        return false;
    };
    let name = name.rsplit(' ').next().unwrap_or_default();
    let bytes = ["[u8;", "Vec<u8>", "Arc<[u8]>", "BTreeMap<u8, Vec<u8>>"];
    line.ends_with(',')
        && SECRETS.contains(&name)
        && bytes.iter().any(|bare| kind.starts_with(bare) || kind.contains(&format!("<{bare}")))
        && !kind.contains("Zeroiz")
        && !kind.contains("Secret")
}

/// The fields of every struct in a source file, with their lines.
fn bare_fields(source: &str) -> Vec<&str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in source.lines() {
        if line.contains("struct ") && line.ends_with('{') {
            inside = true;
        } else if line.trim() == "}" {
            inside = false;
        } else if inside && is_bare(line) {
            found.push(line);
        }
    }
    found
}

#[test]
fn no_struct_keeps_a_secret_in_bytes_that_nobody_wipes() {
    let own = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut folders = vec![own.to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                let source = std::fs::read_to_string(&path).unwrap();
                assert_eq!(bare_fields(&source), Vec::<&str>::new(), "{}", path.display());
            }
        }
    }
    assert!(files > 50, "{files} files are few");
    let bare = "struct Session {\n    name: Name,\n    master: Arc<[u8]>,\n}";
    assert_eq!(bare_fields(bare), ["    master: Arc<[u8]>,"]);
}
