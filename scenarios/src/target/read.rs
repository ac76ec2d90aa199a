//! `[target.NAME]`: the programs of a target and what they are judged from.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use protocol::endpoint::{Check, End, Reject, Side};
use protocol::layout::intern;
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use toml::de::DeValue;

use super::{
    Channel, DEFAULT_LIMIT, DEFAULT_QUIET, DEFAULT_START, JudgedFrom, Observation, Observed,
    Program, Ready, Sign, Target, claims, scope,
};
use crate::diagnostic::{near, quote};
use crate::dom::{Node, Reader, Table};
use crate::scenario::is_name;

/// The most arguments of a command.
const MAX_ARGUMENTS: usize = 1000;

/// The most observations of a target.
const MAX_OBSERVATIONS: usize = 100;

/// The longest anything may take.
const LONGEST: Duration = Duration::from_hours(1);

/// The memory a pattern may take, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// The longest that the attacker waits before it connects, in milliseconds.
const MAX_DELAY: u64 = 60_000;

/// The most that a program finds on its standard input, in bytes: what a pipe holds.
const MAX_STDIN: usize = 64 * 1024;

/// The keys of every program, and those of a server.
pub(super) const OF_PROGRAM: &[&str] = &["command", "dir", "env", "stdin", "port"];
pub(super) const OF_SERVER: &[&str] = &["ready", "start", "restart", "delay_ms"];

/// What stands before the name of a port: `{port:data}`.
const PORT_NAMED: &str = "port:";
const PLACEHOLDERS: &[&str] = &["host", "port", "port2", "claims", "target"];

/// The most that a run is tried again.
const MAX_RETRIES: u64 = 20;

/// The targets of a file.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Those without mistakes.
    pub(crate) targets: Vec<Target>,
    /// The names of the others.
    pub(crate) broken: Vec<String>,
}

/// Read all targets.
pub(crate) fn read(reader: &mut Reader, node: &Node<'_>, dir: &Path) -> Found {
    let Some(table) = reader.open_table(node, "target") else { return Found::default() };
    let mut found = Found::default();
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        let before = reader.mistakes.len();
        if !is_name(name) {
            let message = format!("{} cannot be the name of a target", quote(name));
            let label = "small letters, digits and single hyphens, at most 100";
            reader.mistake(key.span(), message, label);
        }
        match target(reader, node, name, dir) {
            Some(target) if reader.mistakes.len() == before => found.targets.push(target),
            _ => found.broken.push(name.to_owned()),
        }
    }
    if table.entries().next().is_none() {
        let help = "begin it with `[target.NAME]`".to_owned();
        let message = "`target` names no target".to_owned();
        reader.mistake_with_help(node.span(), message, "name at least one", help);
    }
    found
}

fn target(reader: &mut Reader, node: &Node<'_>, name: &str, dir: &Path) -> Option<Target> {
    let what = format!("target.{name}");
    let keys =
        ["server", "client", "claims", "observe", "limit", "quiet", "retries", "scope", "honest"];
    let table = reader.table(node, &what, &keys)?;
    reader.require(&table, "a target", &["server", "client"]);
    let claims = table.get("claims").and_then(|node| channel(reader, node));
    let side = |reader: &mut Reader, side: Side| {
        table.get(side.name()).and_then(|node| program(reader, node, side, claims, dir))
    };
    let (server, client) = (side(reader, Side::Server), side(reader, Side::Client));
    let limit = duration(reader, &table, "limit", DEFAULT_LIMIT);
    let quiet = duration(reader, &table, "quiet", DEFAULT_QUIET);
    let observe = table.get("observe").map(|node| observations(reader, node));
    if table.get("claims").is_some() && observe.is_some() {
        let message = "`observe` goes with targets that make no claims".to_owned();
        let help = "leave out either `claims` or `observe`".to_owned();
        reader.mistake_with_help(table.key_span("observe"), message, "`claims` is there", help);
    } else if !table.has("claims") && !table.has("observe") {
        let message = "nothing tells what the target accepts".to_owned();
        let help = "add `claims = \"stdout\"` if it says so itself, or tables \
                    `[[target.NAME.observe]]` for what can be seen from outside"
            .replace("NAME", name);
        reader.mistake_with_help(table.span.clone(), message, "a target needs it", help);
    }
    let observe = observe.unwrap_or_default();
    let judged_from = match claims {
        Some(channel) => JudgedFrom::Claims(channel),
        None => JudgedFrom::Observables(limits(&observe)),
    };
    let scope = scope::read(reader, &table);
    let retries = match table.get("retries") {
        Some(node) => reader.number(node, "retries", (0, MAX_RETRIES))?,
        None => 0,
    };
    let retries = u32::try_from(retries).unwrap_or(0);
    let (name, server, client, limit, quiet) = (name.to_owned(), server?, client?, limit?, quiet?);
    if let Some(port) = client.ports.iter().find(|port| server.ports.contains(port)) {
        let message = format!("server and client are both fixed to port {port}");
        let help =
            "give one of them another port: the attacker has to listen where the client connects"
                .to_owned();
        reader.mistake_with_help(
            table.span.clone(),
            message,
            "nobody can stand between them",
            help,
        );
    }
    Some(Target { name, server, client, judged_from, observe, limit, quiet, scope, retries })
}

fn channel(reader: &mut Reader, node: &Node<'_>) -> Option<Channel> {
    let names: Vec<&str> = Channel::ALL.iter().map(|channel| channel.name()).collect();
    reader.word(node, "claims", "place for claims", &names).and_then(Channel::named)
}

fn duration(
    reader: &mut Reader,
    table: &Table<'_>,
    key: &str,
    default: Duration,
) -> Option<Duration> {
    let Some(node) = table.get(key) else { return Some(default) };
    let text = reader.string(node, key)?;
    let duration = humantime::parse_duration(text).ok();
    let fits = |duration: &Duration| !duration.is_zero() && *duration <= LONGEST;
    let duration = duration.filter(fits);
    if duration.is_none() {
        let message = format!("`{key}` is {}", quote(text));
        reader.mistake(node.span(), message, "a time such as \"10s\" or \"300ms\", at most \"1h\"");
    }
    duration
}

fn program(
    reader: &mut Reader,
    node: &Node<'_>,
    side: Side,
    claims: Option<Channel>,
    dir: &Path,
) -> Option<Program> {
    let keys = match side {
        Side::Server => [OF_PROGRAM, OF_SERVER].concat(),
        Side::Client => OF_PROGRAM.to_vec(),
    };
    let table = reader.table(node, side.name(), &keys)?;
    reader.require(&table, "a program", &["command"]);
    let ports = table.get("port").map(|node| ports(reader, node)).unwrap_or_default();
    let wants_port = ports.is_empty();
    let command =
        table.get("command").and_then(|node| command(reader, node, side, claims, wants_port));
    let ready = match table.get("ready") {
        Some(node) => ready(reader, node),
        None => Some(Ready::default()),
    };
    let start = duration(reader, &table, "start", DEFAULT_START);
    let dir = match table.get("dir") {
        Some(node) => dir.join(reader.text(node, "dir")?),
        None => dir.to_owned(),
    };
    let env = table.get("env").map(|node| environment(reader, node)).unwrap_or_default();
    let stdin = match table.get("stdin") {
        Some(node) => Some(stdin(reader, node)?),
        None => None,
    };
    let restart = match table.get("restart") {
        Some(node) => reader.flag(node, "restart")?,
        None => false,
    };
    let delay = match table.get("delay_ms") {
        Some(node) => reader.number(node, "delay_ms", (0, MAX_DELAY))?,
        None => 0,
    };
    let delay = Duration::from_millis(delay);
    let (command, ready, start) = (command?, ready?, start?);
    Some(Program { command, ready, start, dir, env, stdin, ports, restart, delay })
}

/// The ports that a program is fixed to: one, or one for each of the layout.
fn ports(reader: &mut Reader, node: &Node<'_>) -> Vec<u16> {
    let nodes = match node.get_ref() {
        DeValue::Array(nodes) => &nodes[..],
        _ => std::slice::from_ref(node),
    };
    let numbers = nodes.iter().filter_map(|node| reader.number(node, "port", (1, 65_535)));
    numbers.filter_map(|number| u16::try_from(number).ok()).collect()
}

fn environment(reader: &mut Reader, node: &Node<'_>) -> BTreeMap<String, String> {
    let Some(table) = reader.open_table(node, "env") else { return BTreeMap::new() };
    let mut env = BTreeMap::new();
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        let Some(value) = reader.string(node, name) else { continue };
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let message = format!("{} cannot stand in an environment", quote(name));
            reader.mistake(key.span(), message, "a name without `=`, and no zero byte in either");
            continue;
        }
        env.insert(name.to_owned(), value.to_owned());
    }
    env
}

fn stdin(reader: &mut Reader, node: &Node<'_>) -> Option<String> {
    let text = reader.string(node, "stdin")?;
    if text.len() > MAX_STDIN {
        let message = format!("`stdin` has {} bytes", text.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_STDIN} bytes"));
        return None;
    }
    Some(text.to_owned())
}

fn command(
    reader: &mut Reader,
    node: &Node<'_>,
    side: Side,
    claims: Option<Channel>,
    wants_port: bool,
) -> Option<Vec<String>> {
    let nodes = reader.array(node, "command", "strings")?;
    if nodes.is_empty() {
        reader.mistake(node.span(), "`command` is empty".to_owned(), "name a program");
        return None;
    }
    if nodes.len() > MAX_ARGUMENTS {
        let message = format!("{} arguments are too many", nodes.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_ARGUMENTS}"));
        return None;
    }
    let mut words = Vec::with_capacity(nodes.len());
    let mut has_port = false;
    for node in nodes {
        let word = reader.string(node, "command")?;
        if word.contains('\0') || (words.is_empty() && word.trim().is_empty()) {
            reader.mistake(node.span(), format!("{} starts no program", quote(word)), "a program");
            return None;
        }
        for (_, found) in placeholders(word) {
            has_port |= found == "port" || found.starts_with(PORT_NAMED);
            check_placeholder(reader, node, found, claims);
        }
        words.push(word.to_owned());
    }
    if wants_port && !has_port {
        let message = format!("the command of the {side} has no `{{port}}`");
        let (label, help) = match side {
            Side::Server => ("it is told where to listen", "a free port is chosen for every run"),
            Side::Client => ("it is told where to connect", "the attacker's port takes its place"),
        };
        let help = format!("{help}; a program that has a fixed port says so: `{side}.port = 9999`");
        reader.mistake_with_help(node.span(), message, label, help);
    }
    Some(words)
}

fn check_placeholder(reader: &mut Reader, node: &Node<'_>, found: &str, claims: Option<Channel>) {
    if is_placeholder(found) {
        if found == "claims" && claims != Some(Channel::File) {
            let message = "`{claims}` is the path of a file".to_owned();
            reader.mistake(node.span(), message, "only there with `claims = \"file\"`");
        }
    } else if let Some(meant) = near(found, PLACEHOLDERS) {
        // Anything else in braces is the program's business.
        let message = format!("unknown placeholder `{{{found}}}`");
        let help = "allowed: `{host}`, `{port}`, `{port2}` and so on, `{port:NAME}`, `{claims}`, `{target}`";
        let label = format!("did you mean `{{{meant}}}`?");
        reader.mistake_with_help(node.span(), message, &label, help.to_owned());
    }
}

/// What stands in braces and where, but for `${…}`, which is a shell's.
fn placeholders(word: &str) -> impl Iterator<Item = (usize, &str)> {
    word.match_indices('{').filter_map(|(at, _)| {
        let before = word.get(..at).unwrap_or_default();
        let rest = word.get(at + 1..).unwrap_or_default();
        let name = rest.split_once('}').map(|(name, _)| name)?;
        let word = name.strip_prefix(PORT_NAMED).unwrap_or(name);
        // The names of ports may have blanks and hyphens.
        let part =
            |b: u8| b.is_ascii_alphanumeric() || (word.len() < name.len() && b" -_".contains(&b));
        let plain = !word.is_empty() && word.bytes().all(part);
        (plain && !before.ends_with('$')).then_some((at, name))
    })
}

/// The word with everything in its place. Names that have no value stay as they are.
pub(super) fn fill(word: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(word.len());
    let mut from = 0;
    for (at, name) in placeholders(word) {
        let Some(value) = value(name) else { continue };
        filled.push_str(word.get(from..at).unwrap_or_default());
        filled.push_str(&value);
        from = at + name.len() + 2;
    }
    filled.push_str(word.get(from..).unwrap_or_default());
    filled
}

/// Whether this is replaced: the names above, any port from 2 to 9, and any port by name.
pub(super) fn is_placeholder(name: &str) -> bool {
    let port = || matches!(name.strip_prefix("port").map(str::as_bytes), Some([b'2'..=b'9']));
    PLACEHOLDERS.contains(&name) || name.starts_with(PORT_NAMED) || port()
}

fn ready(reader: &mut Reader, node: &Node<'_>) -> Option<Ready> {
    if matches!(node.get_ref(), DeValue::Table(_)) {
        let table = reader.table(node, "ready", &["line"])?;
        reader.require(&table, "`ready`", &["line"]);
        let line = reader.text(table.get("line")?, "line")?;
        return Some(Ready::Line(line.to_owned()));
    }
    reader.word(node, "ready", "way to be ready", &["listens"]).map(|_| Ready::Listens)
}

fn observations(reader: &mut Reader, node: &Node<'_>) -> Vec<Observation> {
    let nodes = reader.array(node, "observe", "tables").unwrap_or_default();
    if nodes.len() > MAX_OBSERVATIONS {
        let message = format!("{} observations are too many", nodes.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_OBSERVATIONS}"));
        return Vec::new();
    }
    nodes.iter().filter_map(|node| observation(reader, node)).collect()
}

const SIGNS: &[&str] = &["output", "reply", "close", "exit"];

fn observation(reader: &mut Reader, node: &Node<'_>) -> Option<Observation> {
    let keys = ["who", "claim", "check", "field", "end", "output", "reply", "close", "exit"];
    let table = reader.table(node, "observe", &keys)?;
    reader.require(&table, "an observation", &["who", "claim"]);
    let who =
        table.get("who").and_then(|node| reader.word(node, "who", "side", &["client", "server"]));
    let word = table.get("claim").and_then(|node| {
        let words =
            ["sent", "delivered", "acknowledged", "running", "established", "rejected", "ended"];
        reader.word(node, "claim", "claim", &words)
    });
    let sign = sign(reader, &table);
    let claim = word.and_then(|word| observed(reader, &table, word));
    let (claim, sign) = (claim?, sign?);
    let fits = match (&claim, &sign) {
        (Observed::Running | Observed::Established, Sign::Output(pattern)) => {
            pattern.capture_names().flatten().any(|name| name == "session")
        }
        (Observed::Running | Observed::Established, _) => false,
        (
            Observed::Sent | Observed::Delivered | Observed::Acknowledged,
            Sign::Close | Sign::Exit(_),
        ) => {
            let message = format!("a message is not `{}` by that", word.unwrap_or_default());
            reader.mistake(table.span.clone(), message, "needs `output` or `reply`");
            return None;
        }
        _ => true,
    };
    if !fits {
        let message = "both ends of a session must name it".to_owned();
        let label = "needs `output` with a group `(?<session>…)`";
        reader.mistake(table.span.clone(), message, label);
        return None;
    }
    let who = if who? == "client" { Side::Client } else { Side::Server };
    Some(Observation { who, claim, sign })
}

fn observed(reader: &mut Reader, table: &Table<'_>, word: &str) -> Option<Observed> {
    for (key, of) in [("check", "rejected"), ("field", "rejected"), ("end", "ended")] {
        if table.get(key).is_some() && word != of {
            let message = format!("`{key}` goes with `claim = \"{of}\"`");
            reader.mistake(table.key_span(key), message, "has no meaning here");
        }
    }
    Some(match word {
        "sent" => Observed::Sent,
        "delivered" => Observed::Delivered,
        "acknowledged" => Observed::Acknowledged,
        "running" => Observed::Running,
        "established" => Observed::Established,
        "ended" => {
            let end = match table.get("end") {
                Some(node) => {
                    let text = reader.string(node, "end")?;
                    let end = claims::ended(&Value::from(text));
                    if let Err(why) = &end {
                        reader.mistake(node.span(), why.clone(), "not one of those");
                    }
                    end.ok()?
                }
                None => End::Clean,
            };
            Observed::Ended(end)
        }
        _ => {
            reader.require(table, "a refusal", &["check"]);
            let names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
            let check = reader.word(table.get("check")?, "check", "check", &names)?;
            let field = match table.get("field") {
                Some(node) => reader.text(node, "field")?,
                None => "frame",
            };
            Observed::Rejected(Reject { check: Check::named(check)?, field: intern(field) })
        }
    })
}

fn sign(reader: &mut Reader, table: &Table<'_>) -> Option<Sign> {
    let given: Vec<&str> = SIGNS.iter().copied().filter(|key| table.has(key)).collect();
    let [key] = given.as_slice() else {
        let message = match given.as_slice() {
            [] => "nothing is observed".to_owned(),
            many => format!("{} things are observed at once", many.len()),
        };
        let label = "one of `output`, `reply`, `close` and `exit`";
        reader.mistake(table.span.clone(), message, label);
        return None;
    };
    let node = table.get(key)?;
    match *key {
        "output" => output(reader, node).map(Sign::Output),
        "reply" => Some(Sign::Reply(reader.text(node, "reply")?.to_owned())),
        "close" if reader.flag(node, "close")? => Some(Sign::Close),
        "close" => {
            let message = "`close = false` observes nothing".to_owned();
            reader.mistake(node.span(), message, "only `true` can be seen");
            None
        }
        _ => {
            let status = reader.number(node, "exit", (0, 255))?;
            i32::try_from(status).ok().map(Sign::Exit)
        }
    }
}

fn output(reader: &mut Reader, node: &Node<'_>) -> Option<Regex> {
    let text = reader.text(node, "output")?;
    match RegexBuilder::new(text).size_limit(MAX_PATTERN).build() {
        Ok(pattern) => {
            let known = ["text", "hex", "session"];
            for name in pattern.capture_names().flatten().filter(|name| !known.contains(name)) {
                reader.unknown(node.span(), "group", name, &known);
            }
            Some(pattern)
        }
        Err(error) => {
            // The last line says it; those before show the pattern, which is shown anyway.
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default();
            let message = format!("`output` is no pattern: {}", why.trim_start_matches("error: "));
            reader.mistake(node.span(), message, "a regular expression");
            None
        }
    }
}

/// What observations can tell and what not, in words.
pub(super) fn limits(observe: &[Observation]) -> String {
    let word = |one: &Observation| match one.sign {
        Sign::Output(_) => "output",
        Sign::Reply(_) => "replies",
        Sign::Close => "closing",
        Sign::Exit(_) => "status",
    };
    let mut words = Vec::new();
    for who in [Side::Server, Side::Client] {
        let mut seen: Vec<&str> = observe.iter().filter(|one| one.who == who).map(word).collect();
        seen.sort_unstable();
        seen.dedup();
        if !seen.is_empty() {
            words.push(format!("the {who}'s {}", seen.join(", ")));
        }
    }
    let mut limits =
        vec![if words.is_empty() { "nothing".to_owned() } else { words.join(" and ") }];
    let sent = || observe.iter().filter(|one| one.claim == Observed::Sent);
    let replies = observe.iter().any(|one| matches!(one.sign, Sign::Reply(_)));
    if replies {
        limits.push(
            "content of replies unknown, each is taken to be about the message before it"
                .to_owned(),
        );
    }
    if sent().next().is_none() {
        limits.push("nothing tells what was sent".to_owned());
    }
    if !observe.iter().any(|one| matches!(one.claim, Observed::Rejected(_))) {
        limits.push("refusals are not seen".to_owned());
    }
    limits.join("; ")
}

#[cfg(test)]
mod tests;
