//! What other programs write (`tests/openssl`): read as people expect of a file, and not as an endpoint reads.

use super::*;
use crate::pki::armour;

const OPENSSL: [(&str, &[u8]); 6] = [
    ("sha384", include_bytes!("../../../../tests/openssl/sha384.csr")),
    ("sha512", include_bytes!("../../../../tests/openssl/sha512.csr")),
    ("pss", include_bytes!("../../../../tests/openssl/pss.csr")),
    ("pss-sha512", include_bytes!("../../../../tests/openssl/pss-sha512.csr")),
    ("alternatives", include_bytes!("../../../../tests/openssl/alternatives.csr")),
    ("sha1", include_bytes!("../../../../tests/openssl/sha1.csr")),
];

fn request(name: &str) -> Request {
    let (_, file) = OPENSSL.into_iter().find(|(known, _)| *known == name).unwrap();
    Request::read_der(&armour::read(file).unwrap()[0].der).unwrap()
}

fn certificate(file: &[u8]) -> Certificate {
    Certificate::read_der(&armour::read(file).unwrap()[0].der).unwrap()
}

/// The authorities by the type of the strings in their names, and a certificate by each.
fn chains() -> [(&'static str, Certificate, Certificate); 4] {
    let bytes: [(&str, &[u8], &[u8]); 4] = [
        (
            "BMP",
            include_bytes!("../../../../tests/openssl/root-bmp.pem"),
            include_bytes!("../../../../tests/openssl/party-bmp.pem"),
        ),
        (
            "Universal",
            include_bytes!("../../../../tests/openssl/root-universal.pem"),
            include_bytes!("../../../../tests/openssl/party-universal.pem"),
        ),
        (
            "Teletex",
            include_bytes!("../../../../tests/openssl/root-teletex.pem"),
            include_bytes!("../../../../tests/openssl/party-teletex.der"),
        ),
        (
            "UTF8",
            include_bytes!("../../../../tests/openssl/root-utf8.pem"),
            include_bytes!("../../../../tests/openssl/party-pss.pem"),
        ),
    ];
    bytes.map(|(name, root, party)| (name, certificate(root), certificate(party)))
}

fn tolerant() -> Checks<'static> {
    // 2060-01-01: all of them are valid beyond 2049.
    let reading = Reading::Tolerant;
    Checks { now: Some(2_840_140_800), authority: None, common_name: Some("Party 001"), reading }
}

#[test]
fn requests_with_other_hashes_and_pss_are_checked() {
    for name in ["sha384", "sha512", "pss", "pss-sha512"] {
        let request = request(name);
        assert_eq!(request.verify(), Ok(key("party").public_key()), "{name}");
        let mut forged = request.parsed.clone();
        let other = Request::new(PARTY, &key("other")).unwrap().parsed;
        forged.info.public_key = other.info.public_key;
        let forged = Request::read_der(&forged.to_der().unwrap()).unwrap();
        assert_eq!(forged.verify(), Err(X509Error::Signature), "{name}");
    }
    let error = request("sha1").verify().unwrap_err();
    let said = "signed in a way not known here: sha1WithRSAEncryption";
    assert_eq!(error.to_string(), said);
}

#[test]
fn names_are_the_same_in_every_string_type() {
    for (name, root, party) in chains() {
        assert_eq!(root.details().subject, "O=Lab,CN=Root Ä", "{name}");
        assert_eq!(root.readable_common_name().as_deref(), Some("Root Ä"), "{name}");
        assert!(root.details().period.until > 2_900_000_000, "{name}");
        for (other, authority, _) in chains() {
            let verified = party.verify(&authority, tolerant());
            assert_eq!(verified, Ok(key("party").public_key()), "{name} by {other}");
        }
        let [ours, _] = chain(&key("ca"), Kind::Authority, Kind::Party);
        assert_eq!(party.verify(&ours, tolerant()), Err(X509Error::Issuer), "{name}");
    }
}

#[test]
fn an_authority_signs_in_its_name_whatever_string_type_that_has() {
    for (name, root, _) in chains() {
        let mut entropy = Entropy::new(1, "serial numbers");
        let terms = (Period::days(2_840_140_800, 10), Kind::Party);
        let signed = root.sign(&key("ca"), &request("sha384"), terms, &mut entropy).unwrap();
        let again = Certificate::from_der(signed.der()).unwrap();
        assert!(again.verify(&root, tolerant()).is_ok(), "{name}");
    }
}

/// What endpoints accept over a wire does not change with what people keep in files.
#[test]
fn endpoints_accept_none_of_it() {
    let strict = Checks { reading: Reading::Strict, ..tolerant() };
    let [bmp, universal, teletex, utf8] = chains();
    for (name, root, party) in [&bmp, &utf8] {
        let refused = party.verify(root, strict);
        assert!(matches!(refused, Err(X509Error::Algorithm(_))), "{name}: {refused:?}");
    }
    let (_, root, party) = &teletex;
    assert!(matches!(party.verify(root, strict), Err(X509Error::Algorithm(_))));
    // The parser itself refuses the type of string.
    let (_, _, party) = &universal;
    assert_eq!(Certificate::from_der(party.der()).err(), Some(X509Error::Form));
    assert_eq!(Certificate::from_pem(&party.to_pem().unwrap()).err(), Some(X509Error::Form));
    let (_, root, _) = &bmp;
    let (_, _, party) = &utf8;
    assert_eq!(party.verify(root, strict), Err(X509Error::Issuer));
    let pem = include_str!("../../../../tests/openssl/root-utf8.pem");
    assert!(Certificate::from_pem(pem).is_ok());
    let wide = pem.replacen('\n', "\n\n", 1);
    assert_eq!(Certificate::from_pem(&wide).err(), Some(X509Error::Form));
}

#[test]
fn alternative_names_are_kept_when_a_request_is_signed() {
    let [root, _] = chain(&key("ca"), Kind::Authority, Kind::Party);
    let request = request("alternatives");
    assert_eq!(request.unkept(), ["keyUsage"]);
    let mut entropy = Entropy::new(1, "serial numbers");
    for kind in [Kind::Bare, Kind::Party] {
        let signed = root.sign(&key("ca"), &request, (PERIOD, kind), &mut entropy).unwrap();
        assert_eq!(
            signed.alternatives(),
            [
                "DNS:party.example.org",
                "DNS:*.lab.example.org",
                "IP:192.0.2.7",
                "email:party@example.org"
            ]
        );
        for name in ["Party 001", "party.example.org", "a.lab.example.org", "192.0.2.7"] {
            assert!(signed.is_for(name), "{name}");
        }
        assert!(!signed.is_for("b.example.org"));
        assert_eq!(signed.details().extensions.last().unwrap().extension, "subjectAltName");
    }
}

#[test]
fn dates_are_utc_time_up_to_2049_and_generalized_time_from_then_on() {
    let ca = key("ca");
    let mut issuer = Issuer { subject: ROOT, key: &ca, entropy: Entropy::new(1, "serial") };
    // 2049-12-31T23:59:59Z and 9999-12-31T23:59:59Z.
    let (last_utc, last) = (2_524_607_999, 253_402_300_799);
    for (until, expected) in [
        (last_utc, &b"\x17\x0d491231235959Z"[..]),
        (last_utc + 1, b"\x18\x0f20500101000000Z"),
        (last, b"\x18\x0f99991231235959Z"),
    ] {
        let period = Period { from: PERIOD.from, until };
        let root = issuer.certify_itself(period, Kind::Authority).unwrap();
        let found = root.der().windows(expected.len()).any(|bytes| bytes == expected);
        assert!(found, "{until}");
        assert_eq!(Certificate::from_der(root.der()).unwrap().details().period, period);
        for (now, valid) in [(until, true), (until + 1, false)] {
            let checks = Checks { now: Some(now), common_name: None, ..tolerant() };
            assert_eq!(root.verify(&root, checks).is_ok(), valid, "{now}");
        }
    }
    let beyond = Period { from: PERIOD.from, until: last + 1 };
    assert_eq!(issuer.certify_itself(beyond, Kind::Authority), Err(X509Error::Validity));
}
