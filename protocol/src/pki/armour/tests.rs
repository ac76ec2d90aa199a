//! Files as other programs write them, and files that are broken.

use proptest::prelude::*;

use super::*;
use crate::crypto::rsa::{PrivateKey, PublicKey};

const KEY: &str = include_str!("../../../lab/helo/device_private_key.pem");
const REQUEST_PEM: &str = include_str!("../../../tests/openssl/sha384.csr");
const CERTIFICATE_PEM: &str = include_str!("../../../tests/openssl/root-utf8.pem");

fn only(file: &[u8]) -> Block {
    let [block] = read(file).unwrap().try_into().unwrap();
    block
}

/// The same content in lines of so many characters, and with another line end.
fn folded(pem: &str, width: usize, end: &str) -> String {
    let lines: Vec<_> = pem.lines().collect();
    let [first, body @ .., last] = &lines[..] else { panic!("no PEM") };
    let body = body.concat();
    let body = body.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap());
    let all = [*first].into_iter().chain(body).chain([*last]);
    all.flat_map(|line| [line, end]).collect()
}

#[test]
fn lines_may_have_any_length_and_any_end() {
    for (pem, label) in [(KEY, PRIVATE), (REQUEST_PEM, REQUEST), (CERTIFICATE_PEM, CERTIFICATE)] {
        let expected = only(pem.as_bytes());
        assert_eq!((expected.label.as_str(), expected.problem()), (label, None));
        for width in [1, 48, 63, 64, 70, 76, 10_000] {
            for end in ["\n", "\r\n", "\r", "  \n", " \t\r\n", "\n\n"] {
                let file = folded(pem, width, end);
                assert_eq!(only(file.as_bytes()), expected, "{width} {end:?}");
            }
        }
        assert_eq!(only(pem.replace('\n', " ").as_bytes()), expected);
        assert_eq!(only(pem.trim_end().as_bytes()), expected);
        assert_eq!(only(pem.replacen('\n', "\n\n", 1).as_bytes()), expected);
        assert_eq!(only(&expected.der), expected, "DER");
        assert_eq!(expected.to_pem().unwrap().trim(), pem.trim());
    }
}

#[test]
fn text_around_a_block_may_be_in_any_encoding() {
    let file = [
        b"\xef\xbb\xbf",
        CERTIFICATE_PEM.as_bytes(),
        b"caf\xe9\xff: -----BEGIN no\r",
        KEY.as_bytes(),
        b"\xfe",
    ];
    let found = read(&file.concat()).unwrap();
    let labels: Vec<_> = found.iter().map(|block| block.label.as_str()).collect();
    assert_eq!(labels, [CERTIFICATE, PRIVATE]);
}

#[test]
fn der_of_every_kind_is_told_apart() {
    let key = PrivateKey::from_pem(KEY).unwrap();
    let public = key.public_key();
    for (pem, label) in [
        (key.to_pem().unwrap(), PRIVATE),
        (key.to_pkcs1_pem().unwrap(), RSA_PRIVATE),
        (public.to_pem().unwrap(), PUBLIC),
        (public.to_pkcs1_pem().unwrap(), RSA_PUBLIC),
    ] {
        let der = only(pem.as_bytes()).der;
        let block = only(&der);
        assert_eq!(block.label, label);
        let again = block.to_pem().unwrap();
        let read = PublicKey::from_pem(&again)
            .or_else(|_| PrivateKey::from_pem(&again).map(|key| key.public_key()));
        assert_eq!(read, Ok(public.clone()));
        let trailing = [&der[..], &[0]].concat();
        assert_eq!(read_error(&trailing), ArmourError::Der, "{label}");
    }
}

fn read_error(file: &[u8]) -> ArmourError {
    read(file).unwrap_err()
}

#[test]
fn older_names_and_encryption_are_known() {
    let old = REQUEST_PEM.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    assert_eq!(only(old.as_bytes()), only(REQUEST_PEM.as_bytes()));
    let locked = KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert!(only(locked.as_bytes()).encrypted);
    let header = "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n";
    let locked =
        KEY.replacen("PRIVATE KEY-----\n", header, 1).replace("END PRIVATE", "END RSA PRIVATE");
    assert!(only(locked.as_bytes()).encrypted);
    assert_eq!(only(locked.as_bytes()).der, only(KEY.as_bytes()).der);
}

#[test]
fn what_is_broken_is_named_with_its_line() {
    for (file, expected) in [
        ("", ArmourError::Nothing),
        ("nonsense", ArmourError::Nothing),
        ("0 is the first byte of DER", ArmourError::Der),
        ("text\r\n\r\n-----BEGIN A-----\nAAAA\n", ArmourError::NoEnd(3)),
        ("-----BEGIN A-----\nAAAA\n-----END B-----\n", ArmourError::NoEnd(1)),
        (
            "-----BEGIN A-----\nAAAA\n-----BEGIN A-----\nAAAA\n-----END A-----\n",
            ArmourError::NoEnd(1),
        ),
        (
            "-----BEGIN A-----\nAAAA\n-----END A-----\n\n-----BEGIN B-----\nA*\n-----END B-----\n",
            ArmourError::Base64(5),
        ),
        ("-----BEGIN A-----\nAAAAA\n-----END A-----\n", ArmourError::Base64(1)),
    ] {
        assert_eq!(read_error(file.as_bytes()), expected, "{file:?}");
    }
    let curve = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAAAAAAAGhRANCAARrF9Hy4SxCR/i85uVjpEDydwN9gS3r\nM6D0oTlF2JjClk/jQuL+Gn+bjufrSnwPnhYrzjNXazFezsu2QGg3v1H1\n-----END PRIVATE KEY-----\n";
    let problem = only(curve.as_bytes()).problem();
    assert_eq!(problem.as_deref(), Some("a key for another algorithm: id-ecPublicKey"));
}

proptest! {
    #[test]
    fn nothing_panics(
        soup in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        pem in any::<bool>(),
    ) {
        let _ = read(&soup);
        let mut file = if pem { CERTIFICATE_PEM.as_bytes().to_vec() } else { only(CERTIFICATE_PEM.as_bytes()).der.to_vec() };
        let at = at.index(file.len());
        file[at] = byte;
        for block in read(&file).into_iter().flatten() {
            let _ = block.problem();
        }
    }
}
