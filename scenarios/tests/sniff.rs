//! `scenarios sniff` and `--capture-live`: what is said before anything is captured. Capturing itself needs rights, so
//! `.ci/live-capture` does that.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

mod command_line;

use std::path::Path;

use command_line::{folder, scenarios};

/// What it says when it cannot run.
fn refused(folder: &Path, args: &[&str]) -> String {
    let output = scenarios(folder, args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_run_in_memory_crosses_no_interface() {
    let here = folder("sniff-memory");
    let said = refused(&here, &["replay", "--system", "helo", "--capture-live", "a.pcapng"]);
    assert!(said.contains("nothing of it crosses an interface; --over tcp does"), "{said}");
    assert!(!here.join("a.pcapng").exists());
    let elsewhere = ["connect", "ratchet", "--to", "192.0.2.1:9", "--numbers", "1"];
    let said = refused(&here, &[&elsewhere[..], &["--capture-live", "a.pcapng"]].concat());
    assert!(said.contains("192.0.2.1:9 is not on the loopback interface"), "{said}");
    let replay = ["replay", "--from", "a.pcapng", "--to", "9", "--system", "ratchet"];
    let said = refused(&here, &[&replay[..], &["--capture-live", "b.pcapng"]].concat());
    assert!(said.contains("cannot be used with"), "{said}");
}

#[test]
#[cfg(not(feature = "live-capture"))]
fn without_the_feature_it_says_how_to_build_with_it() {
    let here = folder("sniff-absent");
    for args in [
        &["sniff", "--interface", "lo", "--write", "a.pcapng"][..],
        &["serve", "helo", "--listen", "0", "--capture-live", "a.pcapng"],
        &["connect", "helo", "--text", "hi", "--capture-live", "a.pcapng"],
        &["proxy", "--listen", "0", "--upstream", "9", "--capture-live", "a.pcapng"],
        &["baseline", "--system", "helo", "--over", "tcp", "--capture-live", "a.pcapng"],
    ] {
        let said = refused(&here, args);
        assert!(said.contains("cargo run -p scenarios --features live-capture -- sniff"), "{said}");
        assert!(said.contains("libpcap-dev"), "{said}");
    }
    assert!(!here.join("a.pcapng").exists());
}

#[test]
#[cfg(feature = "live-capture")]
fn an_interface_that_is_not_there_is_told_from_one_that_is_not_permitted() {
    let here = folder("sniff-refused");
    let said = refused(&here, &["sniff", "--interface", "no such", "--write", "a.pcapng"]);
    assert!(said.contains("no interface is named `no such`; there are `"), "{said}");
    // Whether a filter can be tried depends on who runs this.
    let filter = ["--filter", "tcp prt 9"];
    let said = refused(
        &here,
        &[&["sniff", "--interface", "lo", "--write", "a.pcapng"], &filter[..]].concat(),
    );
    assert!(
        said.contains("`tcp prt 9` is no filter: ") || said.contains("cap_net_raw+ep"),
        "{said}"
    );
    assert!(!here.join("a.pcapng").exists());
}
