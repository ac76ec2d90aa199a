//! Results do not hang on standard output: a reader who has left is no error and changes no exit code; a full disk is one; and what
//! goes into files is there in both cases.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]
#![cfg(unix)]

mod command_line;

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use command_line::{Listening, folder, scenarios};

/// Where standard output goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum To {
    NobodyReads,
    FullDisk,
}

impl To {
    fn stdio(self) -> Stdio {
        match self {
            // The reading end is closed here.
            Self::NobodyReads => std::io::pipe().unwrap().1.into(),
            Self::FullDisk => File::options().write(true).open("/dev/full").unwrap().into(),
        }
    }
}

/// Exit code and standard error.
fn ran(folder: &Path, args: &[&str], to: To) -> (i32, String) {
    let output = scenarios(folder, args).stdout(to.stdio()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

const DIFFERS: &str = r#"
name = "differs"
family = "replay"
summary = "Deliver one encrypted text twice."
teaches = "A MAC proves who wrote a message, not that it is new."
system = "helo"
needs = ["no-sequence"]
script.client = [{ text = "pay bob 100" }, "end"]

[[rule]]
when = { from = "client", type = "SECX", nth = 1 }
do.replay = { times = 1 }

[expect.as-built]
delivery-at-most-once = "held"
blocked_by = "nothing"
[expect.hardened]
blocked_by = "server: sequence"
"#;

/// Run this with its output going nowhere, in both ways; the files must be there, and say what they say otherwise.
fn nowhere(name: &str, args: &[&str], code: i32, files: &[&str]) {
    let run = |to: Option<To>| {
        let here = folder(name);
        fs::write(here.join("differs.toml"), DIFFERS).unwrap();
        let (got, errors) = match to {
            Some(to) => ran(&here, args, to),
            None => (command_line::exit(&here, args), String::new()),
        };
        let read = |file: &&str| fs::read(here.join(file)).unwrap();
        (got, errors, files.iter().map(read).collect::<Vec<_>>())
    };
    let (expected, _, whole) = run(None);
    assert_eq!(expected, code, "{args:?}");
    let (left, errors, written) = run(Some(To::NobodyReads));
    assert_eq!(left, code, "{args:?}: {errors}");
    assert!(!errors.contains("Broken pipe") && !errors.contains("standard output"), "{errors}");
    assert!(written == whole, "{args:?}");
    #[cfg(target_os = "linux")]
    {
        let (full, errors, written) = run(Some(To::FullDisk));
        assert_eq!(full, 2, "{args:?}: {errors}");
        assert!(
            errors.contains("error: cannot write to standard output: No space left"),
            "{errors}"
        );
        assert!(written == whole, "{args:?}");
    }
}

#[test]
fn reports_captures_and_key_logs_are_written_whoever_reads_the_text() {
    let run = [
        "run",
        "differs.toml",
        "--report",
        "d.sarif",
        "--report",
        "d.json",
        "--capture",
        "c.pcapng",
        "--key-log",
        "k.txt",
        "--profile",
        "as-built",
    ];
    nowhere("results-run", &run, 1, &["d.sarif", "d.json", "c.pcapng", "k.txt"]);
}

#[test]
fn what_only_prints_has_the_exit_code_of_what_it_found() {
    for (name, args, code) in [
        ("results-list", &["list"][..], 0),
        ("results-check", &["check", "differs.toml"], 0),
        ("results-explain", &["explain", "helo"], 0),
        ("results-json", &["run", "differs.toml", "--format", "json"], 1),
    ] {
        nowhere(name, args, code, &[]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_live_end_cannot_print_is_said_and_counts() {
    let here = folder("results-live");
    let full = || To::FullDisk.stdio();
    for (options, what) in [
        (&["--log", "/dev/full"][..], "the log file is given up: No space left"),
        (&["--store", "/dev/null/x"], "cannot write"),
    ] {
        let serve = [&["serve", "helo", "--listen", "0"], options].concat();
        let server = Listening::start(&here, &serve);
        fs::write(here.join("a.png"), [7; 99]).unwrap();
        let connect =
            ["connect", "helo", "--to", &server.address, "--text", "hi", "--image", "a.png"];
        assert_eq!(command_line::exit(&here, &connect), 0);
        let (_, said, code) = server.end();
        assert!(said.contains(what), "{said}");
        assert_eq!(code, Some(1), "{said}");
    }
    let (server, to) =
        (["serve", "helo", "--listen", "0"], "cannot write to standard output: No space left");
    for (args, json) in [(&server[..], false), (&server, true)] {
        let args = [args, if json { &["--format", "json"] } else { &[] }].concat();
        let server = Listening::printing(&here, &args, full());
        let connect = ["connect", "helo", "--to", &server.address, "--text", "hi"];
        assert_eq!(command_line::exit(&here, &connect), 0);
        let (_, said, code) = server.end();
        assert!(said.contains(to), "{said}");
        assert_eq!(code, Some(1), "{said}");
    }
}

/// A proxy before a server, one conversation through it, with its output going there; what it said, and its exit code.
fn through_a_proxy(name: &str, to: To, options: &[&str]) -> (String, Option<i32>) {
    let here = folder(name);
    let server = Listening::start(&here, &["serve", "helo", "--listen", "0"]);
    let proxy = ["proxy", "--system", "helo", "--listen", "0", "--upstream", &server.address];
    let proxy = Listening::printing(&here, &[&proxy[..], options].concat(), to.stdio());
    let connect = ["connect", "helo", "--to", &proxy.address, "--text", "hi"];
    assert_eq!(command_line::exit(&here, &connect), 0);
    let (_, said, code) = proxy.end();
    (said, code)
}

#[test]
fn a_proxy_whose_ladder_nobody_reads_goes_on() {
    for options in [&[][..], &["--format", "json"]] {
        let (said, code) = through_a_proxy("results-proxy-left", To::NobodyReads, options);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("1 link, ") && !said.contains("warning"), "{said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_proxy_whose_ladder_meets_a_full_disk_says_so_and_goes_on() {
    for (options, what) in [(&[][..], "ladder"), (&["--format", "json"], "log")] {
        let (said, code) = through_a_proxy("results-proxy-full", To::FullDisk, options);
        assert_eq!(code, Some(1), "{said}");
        let warning = format!(
            "warning: the {what} is given up: cannot write to standard output: No space left"
        );
        assert!(said.contains(&warning) && said.contains("1 link, "), "{said}");
    }
}
