//! Targets as they are written, right and wrong.

use super::*;
use crate::diagnostic::Diagnostics;
use crate::target_file::{fill, is_placeholder};
use crate::toml_reader;

fn targets(source: &str) -> (Vec<Target>, String) {
    let document = toml_reader::document(source, 1 << 20).unwrap();
    let mut reader = Reader::new(source, protocol::registry::Registry::BUILTIN);
    let root = reader.root(document.get_ref(), &["target"]);
    let Found { targets, .. } = read(&mut reader, root.get("target").unwrap(), Path::new("here"));
    let list = toml_reader::in_order(reader.mistakes);
    let path = "a.toml".to_owned();
    (targets, Diagnostics { path, source: source.to_owned(), list }.to_string())
}

#[test]
fn the_targets_of_the_examples_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/echo");
    for name in ["replay-a-message", "flip-a-bit"] {
        let source = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        let document = toml_reader::document(&source, 1 << 20).unwrap();
        let mut reader = Reader::new(&source, protocol::registry::Registry::BUILTIN);
        let node = document.get_ref().get("target").unwrap();
        let read = read(&mut reader, node, &folder).targets;
        let names: Vec<&str> = read.iter().map(|target| target.name.as_str()).collect();
        assert_eq!((names, reader.mistakes), (vec!["vulnerable", "fixed"], vec![]));
    }
}

const PROGRAMS: &str = r#"
server.command = ["sh", "-c", "x ${y} {z}", "{port}"]
client.command = ["c", "{port}", "{target}"]
"#;

fn with(rest: &str) -> (Vec<Target>, String) {
    targets(&format!("[target.one]{PROGRAMS}{rest}"))
}

#[test]
fn a_target_says_little_and_the_rest_follows() {
    let (read, mistakes) = with("claims = \"stdout\"");
    assert_eq!(mistakes, "");
    let one = &read[0];
    assert_eq!((one.name.as_str(), one.limit, one.quiet), ("one", DEFAULT_LIMIT, DEFAULT_QUIET));
    assert_eq!(one.server.ready, Ready::Listens);
    assert_eq!(one.server.command.len(), 4);
    assert_eq!(one.client.dir, Path::new("here"));
    assert_eq!(one.judged_from.to_string(), "claims on standard output");
    assert!(one.tells_what_was_sent());
}

#[test]
fn all_that_can_be_said_is_read() {
    let rest = r#"
server.ready = { line = "ready" }
server.start = "2s"
limit = "10s"
quiet = "100ms"
[[target.one.observe]]
who = "server"
claim = "delivered"
output = "^got (?<text>.*)$"
[[target.one.observe]]
who = "server"
claim = "rejected"
check = "mac"
close = true
[[target.one.observe]]
who = "client"
claim = "sent"
reply = "MSG"
[[target.one.observe]]
who = "client"
claim = "ended"
end = "aborted"
exit = 3
"#;
    let (read, mistakes) = with(rest);
    assert_eq!(mistakes, "");
    let one = &read[0];
    assert_eq!(one.server.ready, Ready::Line("ready".into()));
    assert_eq!(one.server.start, Duration::from_secs(2));
    assert_eq!(one.observe.len(), 4);
    assert_eq!(
        one.judged_from.to_string(),
        "observables: the server's closing, output and the client's replies, status; content of \
             replies unknown, each is taken to be about the message before it"
    );
    let only = "[[target.one.observe]]\nwho = \"server\"\nclaim = \"delivered\"\noutput = \"x\"";
    let (read, _) = with(only);
    assert!(!read[0].tells_what_was_sent());
    assert_eq!(
        read[0].judged_from.to_string(),
        "observables: the server's output; nothing tells what was sent; refusals are not seen"
    );
}

#[test]
fn placeholders_are_filled_and_other_braces_left_alone() {
    let value = |name: &str| is_placeholder(name).then(|| name.to_uppercase());
    for (word, filled) in [
        ("{port}", "PORT"),
        ("tcp:{host}:{port2}!", "tcp:HOST:PORT2!"),
        ("${port} {print} {} {port {x", "${port} {print} {} {port {x"),
        ("{{port}}{port10}{port1}", "{PORT}{port10}{port1}"),
        ("é{target}é", "éTARGETé"),
        ("", ""),
    ] {
        assert_eq!(fill(word, value), filled);
    }
}

#[test]
fn every_mistake_is_found_at_its_place() {
    let cases = [
        ("", "a.toml:1:1", "nothing tells what the target accepts"),
        ("claims = \"stdin\"", "a.toml:4:10", "unknown place for claims `stdin`"),
        ("claims = \"stdout\"\nlimit = \"soon\"", "a.toml:5:9", "`limit` is `soon`"),
        ("claims = \"stdout\"\nlimit = \"2h\"", "a.toml:5:9", "at most \"1h\""),
        ("claims = \"stdout\"\nlimt = \"2s\"", "a.toml:5:1", "did you mean `limit`?"),
        ("claims = \"stdout\"\nserver.ready = \"now\"", "a.toml:5:16", "unknown way to be ready"),
        ("claims = \"stdout\"\nserver.ready = {}", "a.toml:5:16", "missing key `line`"),
        ("claims = \"stdout\"\nclient.ready = \"listens\"", "a.toml:5:8", "unknown key `ready`"),
        ("claims = \"stdout\"\nobserve = []", "a.toml:5:1", "goes with targets that make no"),
        ("observe = 3", "a.toml:4:11", "must be an array"),
    ];
    for (rest, place, message) in cases {
        let (_, mistakes) = with(rest);
        assert!(mistakes.contains(place) && mistakes.contains(message), "{rest}:\n{mistakes}");
    }
    for (observation, message) in [
        ("claim = \"sent\"\nreply = \"A\"", "missing key `who`"),
        ("who = \"server\"\nclaim = \"sent\"", "nothing is observed"),
        ("who = \"server\"\nclaim = \"sent\"\nreply = \"A\"\nexit = 1", "2 things are observed"),
        ("who = \"server\"\nclaim = \"sent\"\nexit = 1", "needs `output` or `reply`"),
        ("who = \"server\"\nclaim = \"rejected\"\nexit = 1", "missing key `check`"),
        (
            "who = \"server\"\nclaim = \"rejected\"\ncheck = \"mca\"\nexit = 1",
            "did you mean `mac`?",
        ),
        ("who = \"server\"\nclaim = \"ended\"\ncheck = \"mac\"\nexit = 1", "`check` goes with"),
        ("who = \"server\"\nclaim = \"ended\"\nend = \"so\"\nexit = 1", "`ended` must be"),
        ("who = \"server\"\nclaim = \"ended\"\nexit = 256", "out of bounds"),
        ("who = \"server\"\nclaim = \"ended\"\nclose = false", "observes nothing"),
        ("who = \"server\"\nclaim = \"sent\"\noutput = \"(\"", "no pattern: unclosed group"),
        ("who = \"server\"\nclaim = \"sent\"\noutput = \"(?<txt>.)\"", "did you mean `text`?"),
        ("who = \"server\"\nclaim = \"running\"\noutput = \"a\"", "`(?<session>…)`"),
    ] {
        let (_, mistakes) = with(&format!("[[target.one.observe]]\n{observation}"));
        assert!(mistakes.contains(message), "{observation}:\n{mistakes}");
    }
    for (command, message) in [
        ("[]", "`command` is empty"),
        ("[\"\"]", "starts no program"),
        ("[\"a\\u0000\"]", "starts no program"),
        ("\"a {port}\"", "must be an array of strings"),
        ("[\"a\", 3]", "must be a string"),
        ("[\"a\"]", "has no `{port}`"),
        ("[\"a\", \"{prot}\"]", "did you mean `{port}`?"),
        ("[\"a\", \"{port}\", \"{claims}\"]", "only there with"),
    ] {
        let source = format!(
            "[target.one]\nclaims = \"stdout\"\nclient.command = [\"a\", \"{{port}}\"]\nserver.command = {command}"
        );
        let (_, mistakes) = targets(&source);
        assert!(mistakes.contains(message), "{command}:\n{mistakes}");
    }
    let (read, mistakes) = targets("[target.A]\n[target]");
    assert!(read.is_empty() && mistakes.contains("missing keys `server`, `client`"), "{mistakes}");
    assert!(targets("target = {}").1.contains("names no target"));
    assert!(targets("target = 3").1.contains("must be a table"));
}
