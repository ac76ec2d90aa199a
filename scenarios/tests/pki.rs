//! `scenarios pki` as a user meets it, also with files of OpenSSL and files for it.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

mod command_line;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use command_line::{check, exit, folder, hold, scenarios, shown, told, transcript};

/// A folder with an authority and a party, the same every time but for dates.
fn authority(name: &str) -> PathBuf {
    let here = folder(name);
    for line in [
        "pki keygen --out ca.pem --seed 1",
        "pki authority --key ca.pem --subject CN=Lab,C=TR --out ca-cert.pem --seed 1",
        "pki keygen --out ann.pem --public ann-public.pem --encoding pkcs1 --seed 2",
        "pki csr --key ann.pem --subject CN=ann,O=Lab --out ann.csr",
        "pki sign --csr ann.csr --ca-key ca.pem --ca-cert ca-cert.pem --out ann.crt --seed 3",
        "pki issue --name device --key ann.pem --ca-key ca.pem --out device.json",
    ] {
        assert_eq!(run(&here, line), 0, "{line}");
    }
    here
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn run(here: &Path, line: &str) -> i32 {
    exit(here, &words(line))
}

fn openssl(here: &Path, line: &str) -> bool {
    let mut command = Command::new("openssl");
    command.args(words(line)).current_dir(here).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn no_openssl() -> bool {
    Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err()
}

#[test]
fn the_same_seed_makes_the_same_files() {
    let here = authority("pki-seed");
    let lines = [
        "pki keygen --out again.pem --seed 2",
        "pki show ann.pem",
        "pki show again.pem",
        "pki show ann-public.pem",
        "pki show ann.csr",
        "pki show device.json",
        "pki show ann-public.pem --format json",
    ];
    transcript("pki-show", &here, &lines);
}

#[test]
fn a_certificate_shows_everything_and_no_private_part() {
    let here = authority("pki-show");
    let dated = |line: &&str| !line.starts_with("valid ") && !line.starts_with("sha256 ");
    let text = shown(&here, &["pki", "show", "ann.crt"]);
    let text: Vec<&str> = text.lines().filter(dated).collect();
    hold("pki-show-certificate", &text.join("\n"));
    // Not one line of the private key's text.
    let key = fs::read_to_string(here.join("ann.pem")).unwrap();
    for format in ["text", "json"] {
        let text = shown(&here, &["pki", "show", "ann.pem", "--format", format]);
        assert!(key.lines().all(|line| !text.contains(line)), "{text}");
    }
    let all = ["ann.crt", "ann.pem", "ann.csr"].map(|file| fs::read_to_string(here.join(file)));
    fs::write(here.join("all.pem"), all.map(Result::unwrap).concat()).unwrap();
    let text = shown(&here, &["pki", "show", "all.pem"]);
    assert_eq!(text.matches("\nkind ").count() + 1, 3 + 1, "{text}");
}

#[test]
fn a_certificate_is_valid_or_the_check_it_failed_is_named() {
    let here = authority("pki-verify");
    run(&here, "pki keygen --out other.pem --seed 9");
    run(&here, "pki authority --key other.pem --subject CN=Lab,C=TR --out other-cert.pem");
    let lines = [
        "pki verify ann.crt --ca ca-cert.pem --name ann",
        "pki verify ca-cert.pem --ca ca-cert.pem",
        "pki verify ann.crt --ca ca-cert.pem --name bob",
        "pki verify ann.crt --ca other-cert.pem",
        "pki verify ann.crt --ca ann.crt",
        "pki verify ann.crt --ca other-cert.pem --format json",
        "pki verify device.json --ca ca.pem --name device",
        "pki verify device.json --ca ca.pem --name server",
        "pki verify device.json --ca other.pem",
        "pki verify device.json --ca ca.pem --at 2026-06-01",
        "pki verify ann.crt --ca ann-public.pem",
        "pki verify ann.crt --ca ca-cert.pem --at yesterday",
        "pki verify ann.csr --ca ca-cert.pem",
        "pki verify missing.crt --ca ca-cert.pem",
    ];
    transcript("pki-verify", &here, &lines);
    for (at, expected) in [
        ("now", "valid: CN=ann,O=Lab\n"),
        ("2000-01-01", "not valid: validity: not before "),
        ("2049-12-31T23:59:59Z", "not valid: validity: expired "),
    ] {
        let (code, stdout, _) =
            told(&here, &["pki", "verify", "ann.crt", "--ca", "ca-cert.pem", "--at", at], "");
        assert_eq!(code, i32::from(at != "now"));
        assert!(stdout.starts_with(expected), "{stdout}");
    }
    // Who signs is no authority, although names and signature fit.
    run(&here, "pki csr --key ca.pem --subject CN=below --out below.csr");
    let refused = "pki sign --csr below.csr --ca-key ann.pem --ca-cert ann.crt --out below.crt";
    transcript("pki-sign-by-a-party", &here, &[refused]);
    let chain = "pki sign --csr below.csr --ca-key ca.pem --ca-cert ca-cert.pem --out below.crt --authority";
    assert_eq!(run(&here, chain), 0);
    let below = "pki sign --csr ann.csr --ca-key ca.pem --ca-cert below.crt --out under.crt";
    assert_eq!(run(&here, below), 0);
    assert_eq!(run(&here, "pki verify under.crt --ca below.crt --name ann"), 0);
    assert_eq!(run(&here, "pki verify under.crt --ca ca-cert.pem"), 1);
}

#[test]
fn what_is_wrong_with_a_file_or_an_option_is_a_line() {
    let here = authority("pki-wrong");
    run(&here, "pki keygen --out other.pem --seed 9");
    fs::write(here.join("nonsense.pem"), "nonsense\n").unwrap();
    fs::write(here.join("latin1.pem"), b"caf\xe9").unwrap();
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    fs::write(here.join("broken.pem"), broken).unwrap();
    let locked = broken.replace("PRIVATE", "ENCRYPTED PRIVATE");
    fs::write(here.join("locked.pem"), locked).unwrap();
    fs::write(here.join("ssh.pem"), broken.replace("PRIVATE", "OPENSSH PRIVATE")).unwrap();
    fs::write(here.join("broken.json"), "{}").unwrap();
    fs::write(here.join("empty.pem"), "").unwrap();
    fs::File::create(here.join("huge.pem")).unwrap().set_len(100 << 20).unwrap();
    fs::create_dir(here.join("folder")).unwrap();
    let lines = [
        "pki show nonsense.pem",
        "pki show latin1.pem",
        "pki show broken.pem",
        "pki show locked.pem",
        "pki show ssh.pem",
        "pki show broken.json",
        "pki show empty.pem",
        "pki show huge.pem",
        "pki show folder",
        "pki show missing.pem",
        "pki csr --key ann-public.pem --subject CN=x --out x.csr",
        "pki csr --key ann.pem --subject /CN=x --out x.csr",
        "pki csr --key ann.pem --subject CN=x --out ann.csr",
        "pki keygen --out new.pem --public ann.pem",
        "pki keygen --out new.pem --bits 1024",
        "pki keygen --out ann.pem/new.pem --seed 1",
        "pki sign --csr ann.csr --ca-key other.pem --ca-cert ca-cert.pem --out x.crt",
        "pki sign --csr ann.csr --ca-key ca.pem --ca-cert ca-cert.pem --days 3000000 --out x.crt",
        "pki issue --name device --key ann.csr --ca-key ca.pem --out x.json",
    ];
    transcript("pki-wrong", &here, &lines);
    let name = ["pki", "issue", "--name", "a\nb", "--key", "ann.pem", "--ca-key", "ca.pem"];
    check("pki-wrong-name", &here, &[&name[..], &["--out", "x.json"]].concat());
    for file in ["new.pem", "x.csr", "x.crt", "x.json"] {
        assert!(!here.join(file).exists(), "{file}");
    }
    let before = fs::read(here.join("ann.csr")).unwrap();
    assert_eq!(run(&here, "pki csr --key other.pem --subject CN=x --out ann.csr --force"), 0);
    assert_ne!(fs::read(here.join("ann.csr")).unwrap(), before);
    fs::remove_file(here.join("huge.pem")).unwrap();
}

#[test]
fn a_request_that_was_changed_is_not_signed() {
    let here = authority("pki-forged");
    let csr = fs::read_to_string(here.join("ann.csr")).unwrap();
    // Any letter in the middle of the key: it still reads as a request.
    let at = csr.len() / 2;
    let letter = if csr.get(at..=at) == Some("A") { "B" } else { "A" };
    let mut forged = csr.clone();
    forged.replace_range(at..=at, letter);
    fs::write(here.join("forged.csr"), forged).unwrap();
    let line = "pki sign --csr forged.csr --ca-key ca.pem --ca-cert ca-cert.pem --out x.crt";
    transcript("pki-forged-request", &here, &[line, "pki show forged.csr"]);
}

/// Copies of files that OpenSSL made.
fn theirs(here: &Path) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/openssl");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, here.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn what_cannot_be_checked_is_not_called_wrong() {
    let here = authority("pki-unchecked");
    theirs(&here);
    let lines = [
        "pki show sha1.csr",
        "pki sign --csr sha1.csr --ca-key ca.pem --ca-cert ca-cert.pem --out x.crt",
        "pki show sha384.csr",
        "pki show pss.csr",
        "pki sign --csr sha512.csr --ca-key ca.pem --ca-cert ca-cert.pem --out x.crt",
        "pki verify party-bmp.pem --ca root-utf8.pem --at 2050-06-01",
        "pki verify party-teletex.der --ca root-universal.pem --at 2050-06-01",
        "pki verify party-pss.pem --ca root-utf8.pem --at 2050-06-01",
    ];
    transcript("pki-unchecked", &here, &lines);
}

#[test]
fn alternative_names_are_kept_and_looked_at() {
    let here = authority("pki-alternatives");
    theirs(&here);
    let lines = [
        "pki sign --csr alternatives.csr --ca-key ca.pem --ca-cert ca-cert.pem --out x.crt --seed 4",
        "pki verify x.crt --ca ca-cert.pem --name a.lab.example.org",
        "pki verify x.crt --ca ca-cert.pem --name 192.0.2.7",
        "pki verify x.crt --ca ca-cert.pem --name b.example.org",
    ];
    transcript("pki-alternatives", &here, &lines);
}

#[test]
fn certificates_are_valid_up_to_the_year_9999() {
    let here = authority("pki-9999");
    let long = "pki authority --key ca.pem --subject CN=Lab --out long.pem --days 2900000";
    assert_eq!(run(&here, long), 0);
    let signed =
        "pki sign --csr ann.csr --ca-key ca.pem --ca-cert long.pem --out x.crt --days 10000";
    assert_eq!(run(&here, signed), 0);
    for (at, expected) in [("2050-06-01", 0), ("2090-06-01", 1), ("9999-12-31", 1)] {
        assert_eq!(
            run(&here, &format!("pki verify x.crt --ca long.pem --at {at}")),
            expected,
            "{at}"
        );
        assert_eq!(
            run(&here, &format!("pki verify long.pem --ca long.pem --at {at}")),
            i32::from(at == "9999-12-31"),
            "{at}"
        );
    }
    if !no_openssl() {
        assert!(openssl(&here, "verify -attime 2540000000 -CAfile long.pem x.crt"));
    }
}

#[test]
fn files_in_der_are_read_wherever_pem_is() {
    let here = authority("pki-der");
    let der = |file: &str| {
        let pem = fs::read(here.join(file)).unwrap();
        let der = protocol::pki::armour::read(&pem).unwrap().remove(0).der;
        fs::write(here.join(format!("{file}.der")), &*der).unwrap();
    };
    for file in ["ca.pem", "ca-cert.pem", "ann.pem", "ann-public.pem", "ann.csr", "ann.crt"] {
        der(file);
    }
    for line in [
        "pki sign --csr ann.csr.der --ca-key ca.pem.der --ca-cert ca-cert.pem.der --out x.crt",
        "pki verify x.crt --ca ca-cert.pem.der --name ann",
        "pki verify ann.crt.der --ca ca-cert.pem",
        "pki csr --key ann.pem.der --subject CN=x --out x.csr",
        "pki issue --name device --key ann-public.pem.der --ca-key ca.pem.der --out x.json",
    ] {
        assert_eq!(run(&here, line), 0, "{line}");
    }
    let show = |file: &str| shown(&here, &["pki", "show", file]).replace(".der", "");
    for file in ["ca.pem", "ann-public.pem", "ann.csr", "ann.crt"] {
        assert_eq!(show(&format!("{file}.der")), show(file));
    }
}

/// Skipped where there is no such program.
#[test]
fn openssl_believes_what_is_made_here() {
    if no_openssl() {
        return;
    }
    let here = authority("pki-openssl-reads");
    assert!(openssl(&here, "verify -CAfile ca-cert.pem ann.crt"));
    assert!(openssl(&here, "req -verify -noout -in ann.csr"));
    assert!(openssl(&here, "rsa -check -noout -in ann.pem"));
    assert!(openssl(&here, "pkey -check -noout -in ca.pem"));
    assert!(openssl(&here, "pkey -pubin -noout -in ann-public.pem"));
    assert!(!openssl(&here, "verify -CAfile ann.crt ann.crt"));
}

/// Skipped where there is no such program.
#[test]
fn what_openssl_makes_is_read_and_signed() {
    if no_openssl() {
        return;
    }
    let here = authority("pki-openssl-writes");
    for line in [
        "req -x509 -newkey rsa:2048 -nodes -keyout their.pem -out their.crt -subj /C=TR/O=Theirs/CN=CA -days 30",
        "req -newkey rsa:2048 -nodes -keyout bob.pem -out bob.csr -subj /CN=bob",
        "rsa -in bob.pem -out bob1.pem -traditional",
        "rsa -in bob.pem -pubout -RSAPublicKey_out -out bob-public.pem",
        "x509 -req -in bob.csr -CA ca-cert.pem -CAkey ca.pem -set_serial 7 -days 9 -out bob-ours.crt",
        "x509 -in ca-cert.pem -text -out text.crt",
    ] {
        assert!(openssl(&here, line), "{line}");
    }
    for (line, expected) in [
        ("pki sign --csr bob.csr --ca-key their.pem --ca-cert their.crt --out bob.crt --days 9", 0),
        ("pki verify bob.crt --ca their.crt --name bob", 0),
        ("pki verify bob.crt --ca ca-cert.pem", 1),
        ("pki verify bob-ours.crt --ca ca-cert.pem", 0),
        ("pki verify ann.crt --ca text.crt", 0),
        ("pki show bob1.pem", 0),
        ("pki show bob-public.pem", 0),
        ("pki issue --name bob --key bob1.pem --ca-key their.pem --out bob.json", 0),
        ("pki verify bob.json --ca their.pem --name bob", 0),
    ] {
        assert_eq!(run(&here, line), expected, "{line}");
    }
    assert!(openssl(&here, "verify -CAfile their.crt bob.crt"));
    let show = |file: &str| shown(&here, &["pki", "show", file, "--quiet"]);
    let key = |text: String| text.lines().find(|l| l.starts_with("key sha256")).map(str::to_owned);
    assert_eq!(key(show("bob.crt")), key(show("bob1.pem")));
    // A curve is no RSA key, and an encrypted key is not read.
    assert!(openssl(
        &here,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ec.pem -out ec.crt -subj /CN=ec"
    ));
    assert!(show("ec.crt").contains("no usable RSA key, but one for id-ecPublicKey"));
    assert_eq!(run(&here, "pki verify ec.crt --ca ec.crt"), 2);
    assert_eq!(run(&here, "pki show ec.pem"), 2);
    assert!(openssl(&here, "rsa -in bob.pem -aes128 -passout pass:x -out locked.pem"));
    assert!(show("locked.pem").contains("the key is encrypted"));
    let mut command = scenarios(&here, &["pki", "csr", "--subject", "CN=x", "--out", "x.csr"]);
    assert_eq!(command.args(["--key", "locked.pem"]).output().unwrap().status.code(), Some(2));
}
