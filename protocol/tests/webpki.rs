//! Our certificates and our chain check, held against rustls-webpki: what we issue it accepts, and what it
//! rejects we reject.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::time::Duration;

use protocol::crypto::rsa::PrivateKey;
use protocol::csr::{AUTHORITY, EPOCH, PERIOD};
use protocol::entropy::Entropy;
use protocol::pki::x509::{
    Certificate, Checks, Issuer, Kind, Period, Reading, Request, Roles, X509Error,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring};

const DAY: u64 = 24 * 60 * 60;

fn key(pem: &str) -> PrivateKey {
    PrivateKey::from_pem(pem).unwrap()
}

fn authority_key() -> PrivateKey {
    key(include_str!("../lab/csr/ca_private_key.pem"))
}

fn device_key() -> PrivateKey {
    key(include_str!("../lab/csr/device_private_key.pem"))
}

fn issuer(key: &PrivateKey) -> Issuer<'_> {
    Issuer { subject: AUTHORITY, key, entropy: Entropy::new(1, "webpki") }
}

fn issued(by: &PrivateKey, period: Period, kind: Kind) -> Certificate {
    let request = Request::new("CN=Device 001,O=MyDevice,C=TR", &device_key()).unwrap();
    issuer(by).sign(&request, period, kind).unwrap()
}

fn authority() -> Certificate {
    issuer(&authority_key()).certify_itself(PERIOD, Kind::Authority).unwrap()
}

/// What rustls-webpki says of a device's certificate, at a time in seconds since 1970.
fn theirs(der: &[u8], authority: &Certificate, now: u64) -> Result<(), webpki::Error> {
    let trusted = CertificateDer::from(authority.der().to_vec());
    let anchors = [anchor_from_trusted_cert(&trusted)?];
    let der = CertificateDer::from(der);
    let algorithms = [ring::RSA_PKCS1_2048_8192_SHA256];
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    let usage = KeyUsage::client_auth();
    EndEntityCert::try_from(&der)?
        .verify_for_usage(&algorithms, &anchors, &[], now, usage, None, None)
        .map(|_| ())
}

/// What rustls-webpki says of a certificate by an authority whose own is by [`authority`].
fn theirs_below(party: &Certificate, between: &Certificate, now: u64) -> Result<(), webpki::Error> {
    let trusted = CertificateDer::from(authority().der().to_vec());
    let anchors = [anchor_from_trusted_cert(&trusted)?];
    let (party, between) = (party.der().to_vec(), between.der().to_vec());
    let (party, between) = (CertificateDer::from(party), [CertificateDer::from(between)]);
    let algorithms = [ring::RSA_PKCS1_2048_8192_SHA256];
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    let usage = KeyUsage::client_auth();
    EndEntityCert::try_from(&party)?
        .verify_for_usage(&algorithms, &anchors, &between, now, usage, None, None)
        .map(|_| ())
}

/// What we say of it.
fn ours(der: &[u8], authority: &Certificate, now: u64) -> Result<(), X509Error> {
    let common_name = Some("Device 001");
    let checks =
        Checks { now: Some(now), authority: Some(Roles), common_name, reading: Reading::Strict };
    Certificate::from_der(der)?.verify(authority, checks).map(|_| ())
}

#[test]
fn what_we_issue_both_accept() {
    let authority = authority();
    let device = issued(&authority_key(), PERIOD, Kind::Party).der().to_vec();
    // Without extensions a certificate is of version 1, which they do not read.
    let bare = issued(&authority_key(), PERIOD, Kind::Bare).der().to_vec();
    for now in [EPOCH, EPOCH + 100 * DAY, PERIOD.until] {
        assert_eq!(theirs(&device, &authority, now), Ok(()));
        assert_eq!(ours(&device, &authority, now), Ok(()));
        let unread = Err(webpki::Error::UnsupportedCertVersion);
        assert_eq!(theirs(&bare, &authority, now), unread);
        assert_eq!(ours(&bare, &authority, now), Ok(()));
    }
}

#[test]
fn what_they_reject_we_reject() {
    let authority = authority();
    let good = issued(&authority_key(), PERIOD, Kind::Party);
    let stranger = device_key();
    let short = Period::days(EPOCH + 10 * DAY, 10);
    for (what, certificate, now, expected) in [
        (
            "expired",
            issued(&authority_key(), short, Kind::Party),
            EPOCH + 21 * DAY,
            X509Error::Validity,
        ),
        ("not yet valid", issued(&authority_key(), short, Kind::Party), EPOCH, X509Error::Validity),
        (
            "another authority's key",
            issued(&stranger, PERIOD, Kind::Party),
            EPOCH,
            X509Error::Signature,
        ),
        (
            "an authority as a party",
            issued(&authority_key(), PERIOD, Kind::Authority),
            EPOCH,
            X509Error::Authority,
        ),
    ] {
        let der = certificate.der().to_vec();
        assert!(theirs(&der, &authority, now).is_err(), "{what}");
        assert_eq!(ours(&der, &authority, now), Err(expected), "{what}");
    }
    let other = Issuer { subject: "CN=Other Root,O=MyCA,C=TR", ..issuer(&authority_key()) }
        .certify_itself(PERIOD, Kind::Authority)
        .unwrap();
    let der = good.der().to_vec();
    assert!(theirs(&der, &other, EPOCH).is_err());
    assert_eq!(ours(&der, &other, EPOCH), Err(X509Error::Issuer));
}

/// What a root says of itself, they do not look at; what stands between, they do, but for `keyUsage`, which they
/// never hold against a certificate. So they can tell that the extension may be missing; that it counts where
/// it is, they cannot. Both files are made by OpenSSL with the authority's key, for the device's key.
#[test]
fn an_authority_need_not_say_what_its_key_is_for_but_what_it_says_counts() {
    // 2027-01-01: those two begin in November 2026.
    let period = Period::days(EPOCH + 365 * DAY, 10);
    for (authority, may_sign) in [
        (include_str!("authorities/no-key-usage.pem"), true),
        (include_str!("authorities/no-cert-sign.pem"), false),
    ] {
        let authority = Certificate::from_pem(authority).unwrap();
        let request = Request::new("CN=Device 001", &authority_key()).unwrap();
        let key = device_key();
        let mut issuer = Issuer { subject: "CN=Sub CA,O=MyCA,C=TR", ..issuer(&key) };
        let party = issuer.sign(&request, period, Kind::Party).unwrap();
        let theirs = theirs_below(&party, &authority, period.from);
        assert_eq!(theirs, Ok(()));
        let ours = ours(party.der(), &authority, period.from);
        assert_eq!(ours.err(), (!may_sign).then_some(X509Error::Authority));
    }
}

/// Made by OpenSSL with the authority's key, for the device's; valid for ten years from November 2026.
#[test]
fn what_is_critical_and_not_known_neither_accepts() {
    let authority = authority();
    let unknown = include_str!("authorities/unknown-critical-extension.pem");
    let unknown = Certificate::from_pem(unknown).unwrap().der().to_vec();
    let now = PERIOD.until - DAY;
    let refused = Err(webpki::Error::UnsupportedCriticalExtension);
    assert_eq!(theirs(&unknown, &authority, now), refused);
    assert_eq!(ours(&unknown, &authority, now), Err(X509Error::Extension));
}

/// Every bit of a certificate, one at a time: neither accepts any change. (Where a change makes another writing
/// of the same content, they may be more lenient than we are, never the other way round.)
#[test]
fn no_bit_can_be_changed() {
    let authority = authority();
    let good = issued(&authority_key(), PERIOD, Kind::Party).der().to_vec();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        if let Some(byte) = bad.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        let theirs = theirs(&bad, &authority, EPOCH);
        let ours = ours(&bad, &authority, EPOCH);
        assert!(ours.is_err(), "bit {bit}: ours accept, theirs: {theirs:?}");
        assert!(theirs.is_err(), "bit {bit}");
    }
}
