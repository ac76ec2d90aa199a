//! `scenarios explain target` and `explain observe`: the tables for somebody's own programs, in short. `docs/targets.md` has the
//! whole of it. A test compares both with what the reader of these tables accepts.

use std::fmt::Write;

use files::diagnostic::list;
use files::target_file::Channel;
use judge::property::Property;
use protocol::endpoint::Check;

use super::sections::Sections;

/// What can be explained here.
pub(super) const NAMES: [&str; 2] = ["target", "observe"];

/// Keys and what they mean.
type Keys = &'static [(&'static str, &'static str)];

const TARGET: Keys = &[
    ("server", "the server program, a table (below)"),
    ("client", "the client program, a table (below)"),
    ("claims", "where the programs state what they accept"),
    ("observe", "they claim nothing, and this is taken for a claim: `scenarios explain observe`"),
    ("limit", "the longest a run may take; \"20s\" if not given"),
    ("quiet", "how long nothing moves before a run is over; \"300ms\" if not given"),
    ("retries", "how often a run that failed by itself is tried again; 0 if not given"),
    ("scope", "only these properties are judged"),
    ("honest", "`PROPERTY = \"violated\"`: known faults of the honest run"),
];

const PROGRAM: Keys = &[
    (
        "command",
        "program and arguments, with {port}, {host}, {port2}, {port:NAME}, {claims} and {target}",
    ),
    ("ready", "server: \"listens\", or { line = \"text of its output\" }"),
    ("start", "server: how long it may take to be ready; \"5s\" if not given"),
    ("port", "a fixed port, for a program that cannot be told one"),
    ("restart", "server: it serves one client and ends, and is started again"),
    ("delay_ms", "server: milliseconds the attacker waits before it connects to it"),
    ("dir", "the folder it runs in; the scenario's, if not given"),
    ("env", "environment variables, added to Meddle's own"),
    ("stdin", "the text on its standard input"),
];

const OBSERVE: Keys = &[
    ("who", "client or server"),
    (
        "claim",
        "sent, delivered, acknowledged, running, established, rejected or ended: what it is taken for",
    ),
    ("check", "with rejected: which check refused"),
    ("field", "with rejected: what was refused; \"frame\" if not given"),
    ("end", "with ended: clean, truncated, aborted or aborted by peer; clean if not given"),
];

const SIGNS: Keys = &[
    ("output", "a line of its output matches this regular expression"),
    ("reply", "it sends a frame of this type"),
    ("close", "true: it closes a connection before its peer does"),
    ("exit", "it ends with this status"),
];

/// The sections on `name`, if it is one of those.
pub(super) fn explain(name: &str) -> Option<Sections> {
    match name {
        "target" => Some(target()),
        "observe" => Some(observe()),
        _ => None,
    }
}

fn target() -> Sections {
    let channels: Vec<&str> = Channel::ALL.iter().map(|channel| channel.name()).collect();
    let properties: Vec<&str> = Property::ALL.iter().map(|property| property.name()).collect();
    let what = "[target.NAME] is one implementation of a protocol: programs that are started, attacked and judged";
    vec![
        ("what it is", what.to_owned()),
        ("its keys", lines(TARGET)),
        ("keys of server and client", lines(PROGRAM)),
        ("places for claims", list(&channels)),
        ("properties", list(&properties)),
        ("where", "docs/targets.md, docs/claims.md".to_owned()),
        ("begin with", "scenarios new --target my-channel".to_owned()),
    ]
}

fn observe() -> Sections {
    let checks: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
    let what =
        "[[target.NAME.observe]] says what is taken for a claim of a program that makes none";
    let groups = "text: the message\nhex: the message, in hexadecimal digits\nsession: the name of the session";
    let unseen = "without a group, and with `reply`, the n-th message delivered is taken to be the n-th sent on that connection;\n\
                  what is delivered beyond is nobody's, and authenticity, order and completeness are then not judged";
    vec![
        ("what it is", what.to_owned()),
        ("its keys", lines(OBSERVE)),
        ("and one of", lines(SIGNS)),
        ("groups of output, written (?<text>…)", groups.to_owned()),
        ("content that nobody sees", unseen.to_owned()),
        ("checks", list(&checks)),
        ("where", "docs/targets.md".to_owned()),
    ]
}

fn lines(keys: Keys) -> String {
    let mut text = String::new();
    for (key, meaning) in keys {
        let _ = writeln!(text, "{key}: {meaning}");
    }
    text
}
