//! What the chain check believes, and that other implementations believe what is written here.

use std::process::{Command, Stdio};

use proptest::prelude::*;
use x509_cert::der::Encode;
use x509_cert::der::pem::LineEnding;

use super::*;
use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::entropy::Entropy;

mod foreign;

const ROOT: &str = "CN=Root,O=Lab,C=TR";
const PARTY: &str = "CN=Party 001,O=Lab";
const PERIOD: Period = Period::days(1_767_225_600, 365);

fn key(name: &str) -> PrivateKey {
    let pem = match name {
        "ca" => include_str!("../../../lab/csr/ca_private_key.pem"),
        "party" => include_str!("../../../lab/csr/device_private_key.pem"),
        _ => include_str!("../../../lab/csr/server_private_key.pem"),
    };
    PrivateKey::from_pem(pem).unwrap()
}

/// A self-signed root of this kind and a party's certificate by it.
fn chain(root_key: &PrivateKey, root: Kind, party: Kind) -> [Certificate; 2] {
    let mut issuer =
        Issuer { subject: ROOT, key: root_key, entropy: Entropy::new(1, "serial numbers") };
    let own = issuer.certify_itself(PERIOD, root).unwrap();
    let request = Request::new(PARTY, &key("party")).unwrap();
    let request = Request::from_pem(&request.to_pem().unwrap()).unwrap();
    assert_eq!(request.verify(), Ok(key("party").public_key()));
    [own, issuer.sign(&request, PERIOD, party).unwrap()]
}

fn all() -> Checks<'static> {
    Checks {
        now: Some(PERIOD.from),
        authority: Some(Roles),
        common_name: Some("Party 001"),
        reading: Reading::Strict,
    }
}

#[test]
fn an_issued_certificate_is_believed_and_the_same_every_time() {
    let [root, party] = chain(&key("ca"), Kind::Authority, Kind::Party);
    assert_eq!(party.verify(&root, all()), Ok(key("party").public_key()));
    assert_eq!(party.common_name().as_deref(), Some("Party 001"));
    assert_eq!(chain(&key("ca"), Kind::Authority, Kind::Party), [root.clone(), party.clone()]);
    assert_eq!(Certificate::from_pem(&party.to_pem().unwrap()), Ok(party.clone()));
    assert_eq!(Certificate::from_der(party.der()), Ok(party));
}

/// A PEM file whose content has bytes behind the DER.
fn with_trailing_bytes(pem: &str) -> String {
    let (label, der) = x509_cert::der::pem::decode_vec(pem.as_bytes()).unwrap();
    let der = [&der[..], &[0, 0, 0]].concat();
    x509_cert::der::pem::encode_string(label, LineEnding::LF, &der).unwrap()
}

#[test]
fn bytes_behind_the_der_are_refused_wherever_der_is_read() {
    let [_, party] = chain(&key("ca"), Kind::Authority, Kind::Party);
    let der = party.der().to_vec();
    for more in [&[0][..], &[0x30, 0], &der] {
        let trailing = Certificate::from_der(&[&der, more].concat());
        assert_eq!(trailing.err(), Some(X509Error::Form));
    }
    let pem = party.to_pem().unwrap();
    assert_eq!(Certificate::from_pem(&with_trailing_bytes(&pem)).err(), Some(X509Error::Form));
    let request = Request::new(PARTY, &key("party")).unwrap().to_pem().unwrap();
    assert!(Request::from_pem(&request).is_ok());
    assert_eq!(Request::from_pem(&with_trailing_bytes(&request)).err(), Some(X509Error::Form));

    let private = key("party");
    let public = private.public_key();
    let spki = public.to_spki().unwrap();
    assert!(PublicKey::from_spki(&spki).is_ok());
    assert!(PublicKey::from_spki(&[&spki[..], &[0]].concat()).is_err());
    for pem in [public.to_pem().unwrap(), public.to_pkcs1_pem().unwrap()] {
        assert!(PublicKey::from_pem(&pem).is_ok());
        assert!(PublicKey::from_pem(&with_trailing_bytes(&pem)).is_err(), "{pem}");
    }
    for pem in [private.to_pem().unwrap(), private.to_pkcs1_pem().unwrap()] {
        assert!(PrivateKey::from_pem(&pem).is_ok());
        assert!(PrivateKey::from_pem(&with_trailing_bytes(&pem)).is_err());
    }
}

#[test]
fn a_certificate_says_what_was_put_into_it() {
    let [root, party] = chain(&key("ca"), Kind::Authority, Kind::Party);
    let Details { version, serial, subject, issuer, period, algorithm, extensions } =
        party.details();
    assert_eq!((subject.as_str(), issuer.as_str()), (PARTY, ROOT));
    assert_eq!((version, serial.len(), period), (3, 32, PERIOD));
    assert_eq!(algorithm, "sha256WithRSAEncryption");
    let said = |extensions: &[Said]| -> Vec<String> {
        let one = |said: &Said| format!("{} {} {}", said.extension, said.critical, said.what);
        extensions.iter().map(one).collect()
    };
    assert_eq!(
        said(&extensions),
        ["basicConstraints true CA:FALSE", "keyUsage true digitalSignature"]
    );
    let theirs = include_str!("../../../tests/authorities/no-cert-sign.pem");
    let theirs = Certificate::from_pem(theirs).unwrap().details();
    assert_eq!(theirs.subject, "CN=Sub CA,O=MyCA,C=TR");
    assert_eq!(
        said(&theirs.extensions),
        [
            "basicConstraints true CA:TRUE",
            "keyUsage true digitalSignature",
            "subjectKeyIdentifier false 62c98edf995430debb17283969a246c7ff7e36d0",
            "authorityKeyIdentifier false d472259416b83f4e683eea327fc0fecee54044d7",
        ]
    );
    assert!(root.may_sign() && !party.may_sign());
}

#[test]
fn an_authority_signs_in_the_name_its_certificate_has() {
    // Written by OpenSSL, which may choose another string type than we do.
    let authority = include_str!("../../../tests/authorities/no-key-usage.pem");
    let authority = Certificate::from_pem(authority).unwrap();
    let request = Request::new("CN=Party 001", &key("other")).unwrap();
    let mut entropy = Entropy::new(1, "serial numbers");
    let terms = (Period::days(1_798_761_600, 10), Kind::Party);
    let signed = authority.sign(&key("party"), &request, terms, &mut entropy).unwrap();
    assert!(signed.names_as_issuer(&authority));
    let checks = Checks { now: Some(terms.0.from), ..all() };
    assert_eq!(signed.verify(&authority, checks), Ok(key("other").public_key()));
    let stolen = authority.sign(&key("other"), &request, terms, &mut entropy);
    assert_eq!(stolen, Err(X509Error::Key));
    let refused = signed.sign(&key("other"), &request, terms, &mut entropy);
    assert_eq!(refused, Err(X509Error::Authority));
}

#[test]
fn each_check_refuses_what_it_is_for_and_can_be_left_out() {
    let [root, party] = chain(&key("ca"), Kind::Authority, Kind::Party);
    for (now, valid) in [
        (PERIOD.from - 1, false),
        (PERIOD.from, true),
        (PERIOD.until, true),
        (PERIOD.until + 1, false),
    ] {
        let verified = party.verify(&root, Checks { now: Some(now), ..all() });
        assert_eq!(verified.err(), (!valid).then_some(X509Error::Validity));
    }
    assert!(party.verify(&root, Checks { now: None, ..all() }).is_ok());

    let other = Checks { common_name: Some("Party 002"), ..all() };
    assert_eq!(party.verify(&root, other), Err(X509Error::Name));
    assert!(party.verify(&root, Checks { common_name: None, ..all() }).is_ok());

    for (of_root, of_party) in [(Kind::Bare, Kind::Party), (Kind::Authority, Kind::Authority)] {
        let [root, party] = chain(&key("ca"), of_root, of_party);
        assert_eq!(party.verify(&root, all()), Err(X509Error::Authority));
        assert!(party.verify(&root, Checks { authority: None, ..all() }).is_ok());
    }
}

#[test]
fn another_authority_is_refused_by_key_and_by_name() {
    let [root, _] = chain(&key("ca"), Kind::Authority, Kind::Party);
    let [_, party] = chain(&key("other"), Kind::Authority, Kind::Party);
    assert_eq!(party.verify(&root, all()), Err(X509Error::Signature));
    // A party is no authority, even if it signs in its own name.
    let party_key = key("party");
    let mut issuer =
        Issuer { subject: PARTY, key: &party_key, entropy: Entropy::new(1, "serial numbers") };
    let request = Request::new("CN=Party 001,O=Other", &key("other")).unwrap();
    let forged = issuer.sign(&request, PERIOD, Kind::Party).unwrap();
    assert_eq!(forged.verify(&root, all()), Err(X509Error::Issuer));
    let [_, party] = chain(&key("ca"), Kind::Authority, Kind::Party);
    assert_eq!(forged.verify(&party, all()), Err(X509Error::Authority));
}

/// Made by OpenSSL, for the key called "party" here. RFC 5280 section 6.1.4 (n): the bit is looked at where the
/// extension is.
#[test]
fn an_authority_without_key_usage_may_sign_and_one_whose_usage_is_another_may_not() {
    let request = Request::new("CN=Party 001", &key("other")).unwrap();
    let key = key("party");
    for (authority, expected) in [
        (include_str!("../../../tests/authorities/no-key-usage.pem"), None),
        (include_str!("../../../tests/authorities/no-cert-sign.pem"), Some(X509Error::Authority)),
    ] {
        let authority = Certificate::from_pem(authority).unwrap();
        let mut issuer = Issuer {
            subject: "CN=Sub CA,O=MyCA,C=TR",
            key: &key,
            entropy: Entropy::new(1, "serial numbers"),
        };
        // 2027-01-01: authorities of this test begin in November 2026.
        let period = Period::days(1_798_761_600, 10);
        let party = issuer.sign(&request, period, Kind::Party).unwrap();
        let checks = Checks { now: Some(period.from), ..all() };
        assert_eq!(party.verify(&authority, checks).err(), expected);
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let [root, party] = chain(&key("ca"), Kind::Authority, Kind::Party);
    let der = party.der().to_vec();
    for at in (0..der.len()).step_by(3) {
        let mut changed = der.clone();
        changed[at] ^= 1;
        let verified = Certificate::from_der(&changed).and_then(|read| read.verify(&root, all()));
        assert!(verified.is_err(), "byte {at}");
    }
}

#[test]
fn a_request_is_signed_with_the_key_it_asks_for() {
    let mut forged = Request::new(PARTY, &key("party")).unwrap().parsed;
    let other = Request::new(PARTY, &key("other")).unwrap().parsed;
    forged.info.public_key = other.info.public_key;
    let request = Request::read_der(&forged.to_der().unwrap()).unwrap();
    assert_eq!(request.verify(), Err(X509Error::Signature));
    let ca = key("ca");
    let mut issuer = Issuer { subject: ROOT, key: &ca, entropy: Entropy::new(1, "serial") };
    assert_eq!(issuer.sign(&request, PERIOD, Kind::Bare), Err(X509Error::Signature));
    assert_eq!(Request::new("no name", &ca), Err(X509Error::Name));
}

/// Skipped where there is no such program.
#[test]
fn openssl_verifies_the_chain() {
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("meddle-x509-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let verdict = |root: Kind, party: Kind, at: u64| {
        let [root, party] = chain(&key("ca"), root, party);
        std::fs::write(folder.join("root.pem"), root.to_pem().unwrap()).unwrap();
        std::fs::write(folder.join("party.pem"), party.to_pem().unwrap()).unwrap();
        let verify = Command::new("openssl")
            .args(["verify", "-attime", &at.to_string(), "-CAfile"])
            .args([folder.join("root.pem"), folder.join("party.pem")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        verify.unwrap().success()
    };
    let signed = (
        verdict(Kind::Authority, Kind::Party, PERIOD.from + 1),
        verdict(Kind::Authority, Kind::Party, PERIOD.until + 1),
    );
    let request = Request::new(PARTY, &key("party")).unwrap();
    std::fs::write(folder.join("party.csr"), request.to_pem().unwrap()).unwrap();
    let asked = Command::new("openssl")
        .args(["req", "-verify", "-noout", "-in"])
        .arg(folder.join("party.csr"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(asked.unwrap().success());
    assert_eq!(signed, (true, false));
}

proptest! {
    #[test]
    fn garbage_never_panics(
        soup in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let [root, party] = chain(&key("ca"), Kind::Bare, Kind::Bare);
        prop_assert!(Certificate::from_der(&soup).is_err());
        let _ = Certificate::from_pem(&String::from_utf8_lossy(&soup));
        let _ = Request::from_pem(&String::from_utf8_lossy(&soup));
        let mut der = party.der().to_vec();
        let at = at.index(der.len());
        der[at] = byte;
        let _ = Certificate::from_der(&der).and_then(|read| read.verify(&root, all()));
    }
}
