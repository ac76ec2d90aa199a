//! Runs and their key logs: what `scenarios capture` makes of them, and of what is no key log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it expects by unwrapping"
)]

mod command_line;

use std::fs;
use std::path::Path;

use command_line::{folder, scenarios};
use serde_json::Value;

/// Exit code, standard output, standard error.
fn ran(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = scenarios(folder, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn count(file: &[u8], text: &str) -> usize {
    file.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

#[test]
fn a_run_with_a_key_log_can_be_read_from_its_capture() {
    let here = folder("key-log");
    // A replay opens as well where its receiver refuses it.
    for profile in ["as-built", "hardened"] {
        let times = 3;
        let (file, keys, out) = (
            format!("{profile}.pcapng"),
            format!("{profile}.keys"),
            format!("{profile}-open.pcapng"),
        );
        let run = ["run", "replay-text-in-session", "--quiet", "--profile", profile];
        let (code, _, errors) =
            ran(&here, &[&run[..], &["--capture", &file, "--key-log", &keys]].concat());
        assert_eq!(code, 0, "{errors}");
        let (code, told, errors) = ran(&here, &["capture", &file, "--keys", &keys, "--out", &out]);
        assert_eq!((code, count(told.as_bytes(), "\"pay bob 100\"")), (0, times), "{errors}");
        let (before, after) =
            (fs::read(here.join(&file)).unwrap(), fs::read(here.join(&out)).unwrap());
        assert_eq!(count(&after, "decrypts to text \"pay bob 100\""), times);
        assert_eq!(
            count(&after, "frame 12 SECX: rule 1: replay of 11"),
            1,
            "what stood there stands there"
        );
        assert!(after.len() > before.len());
        let (code, json, _) = ran(&here, &["capture", &file, "--keys", &keys, "--format", "json"]);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((code, json["messages"].as_array().unwrap().len()), (0, times));
        assert_eq!(json["messages"][0]["text"], "pay bob 100");
        let (code, _, errors) = ran(&here, &["capture", &file, "--keys", &keys, "--out", &out]);
        assert!(code == 2 && errors.contains("--force replaces it"), "{errors}");
        let itself = ["capture", &file, "--keys", &keys, "--out", &file, "--force"];
        let (code, _, errors) = ran(&here, &itself);
        assert!(code == 2 && errors.contains("it is the capture itself"), "{errors}");
    }
    // The secrets of one session are those of no other.
    let (code, told, errors) =
        ran(&here, &["capture", "as-built.pcapng", "--keys", "hardened.keys"]);
    assert_eq!((code, told.as_str()), (0, ""), "{errors}");
}

#[test]
fn what_is_no_key_log_or_no_capture_is_said() {
    let here = folder("no-key-log");
    let run = ["run", "replay-text-in-session", "--quiet", "--profile", "as-built"];
    let files = ["--capture", "a.pcapng", "--key-log", "a.keys"];
    assert_eq!(ran(&here, &[&run[..], &files].concat()).0, 0);
    let log = fs::read_to_string(here.join("a.keys")).unwrap();
    fs::write(here.join("short.keys"), log.replace("client 1", "client")).unwrap();
    fs::write(here.join("other.keys"), log.replace(":49153", ":49154")).unwrap();
    let capture = fs::read(here.join("a.pcapng")).unwrap();
    fs::write(here.join("cut.pcapng"), &capture[..capture.len() - 5]).unwrap();
    for (file, keys, told) in [
        ("a.pcapng", "short.keys", "`short.keys`, line 3: expected nine words"),
        ("a.pcapng", "other.keys", "`other.keys` has no secret of a connection in `a.pcapng`"),
        ("a.pcapng", "a.pcapng", "cannot read `a.pcapng`: not UTF-8 text"),
        ("a.keys", "a.keys", "`a.keys`: packet 1, at byte 0: expected a pcapng or pcap file"),
        ("none.pcapng", "a.keys", "cannot read `none.pcapng`"),
        ("a.pcapng", "none.keys", "cannot read `none.keys`"),
        ("cut.pcapng", "a.keys", "`cut.pcapng`: packet 70, at byte"),
    ] {
        let (code, _, errors) = ran(&here, &["capture", file, "--keys", keys]);
        assert!(code == 2 && errors.contains(told), "{file} {keys}: {errors}");
    }
    // What stands before the break is shown and written.
    let args = ["capture", "cut.pcapng", "--keys", "a.keys", "--out", "open.pcapng"];
    let (code, told, _) = ran(&here, &args);
    assert_eq!((code, count(told.as_bytes(), "pay bob 100")), (2, 3));
    assert_eq!(count(&fs::read(here.join("open.pcapng")).unwrap(), "decrypts to"), 3);
}
