//! `[target.NAME]`: the programs of a target and what they are judged from.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use protocol::endpoint::Side;
use protocol::registry::Registry;
use toml::de::DeValue;

use super::{
    Channel, DEFAULT_LIMIT, DEFAULT_QUIET, DEFAULT_START, JudgedFrom, Program, Ready, Target,
    observe, placeholders, scope,
};
use crate::diagnostic::{Diagnostics, quote};
use crate::load::MAX_FILE;
use crate::name::is_name;
use crate::toml_reader::{self, Node, Reader, Table};

/// The most arguments of a command.
const MAX_ARGUMENTS: usize = 1000;

/// The longest anything may take.
const LONGEST: Duration = Duration::from_hours(1);

/// The longest that the attacker waits before it connects, in milliseconds.
const MAX_DELAY: u64 = 60_000;

/// The most that a program finds on its standard input, in bytes: what a pipe holds.
const MAX_STDIN: usize = 64 * 1024;

/// The keys of every program, and those of a server.
pub(super) const OF_PROGRAM: &[&str] = &["command", "dir", "env", "stdin", "port"];
pub(super) const OF_SERVER: &[&str] = &["ready", "start", "restart", "delay_ms"];

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
    let observe = table.get("observe").map(|node| observe::observations(reader, node));
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
        None => JudgedFrom::Observables(observe::limits(&observe)),
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
        for (_, found) in placeholders::placeholders(word) {
            has_port |= placeholders::is_port(found);
            placeholders::check(reader, node, found, claims);
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

fn ready(reader: &mut Reader, node: &Node<'_>) -> Option<Ready> {
    if matches!(node.get_ref(), DeValue::Table(_)) {
        let table = reader.table(node, "ready", &["line"])?;
        reader.require(&table, "`ready`", &["line"]);
        let line = reader.text(table.get("line")?, "line")?;
        return Some(Ready::Line(line.to_owned()));
    }
    reader.word(node, "ready", "way to be ready", &["listens"]).map(|_| Ready::Listens)
}

/// A file of targets. One with mistakes counts against itself alone.
#[derive(Debug)]
pub struct TargetsFile {
    /// Those without mistakes.
    pub targets: Vec<Target>,
    /// The names of the others.
    pub broken: Vec<String>,
    /// Everything that is wrong with those.
    pub mistakes: Option<Diagnostics>,
}

/// Read a file of targets: `[target.NAME]` tables, and what is said of all of them. `path` is for messages, and its folder is where they run.
///
/// # Errors
/// It is no file of targets at all.
pub fn targets(path: &str, source: &str) -> Result<TargetsFile, Diagnostics> {
    let wrong = |list| Diagnostics { path: path.to_owned(), source: source.to_owned(), list };
    let read = || {
        let document = toml_reader::document(source, MAX_FILE)?;
        let mut reader = Reader::new(source, Registry::BUILTIN);
        let root = reader.root(document.get_ref(), &[&["target"], scope::KEYS].concat());
        reader.require(&root, "a file of targets", &["target"]);
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        let node = root.get("target");
        // What is wrong with the file as a whole is wrong with all of them.
        let of_file = reader.mistakes.len();
        let found = node.map(|node| read(&mut reader, node, folder));
        let Found { mut targets, broken } = found.unwrap_or_default();
        let of_targets = reader.mistakes.len();
        let of_all = scope::read(&mut reader, &root);
        for target in &mut targets {
            target.scope = of_all.with(&target.scope);
        }
        let fits = of_file == 0 && of_targets == reader.mistakes.len();
        let mistakes = toml_reader::in_order(reader.mistakes);
        if !fits || (targets.is_empty() && !mistakes.is_empty()) {
            return Err(mistakes);
        }
        let mistakes = (!mistakes.is_empty()).then(|| wrong(mistakes));
        Ok(TargetsFile { targets, broken, mistakes })
    };
    read().map_err(wrong)
}

#[cfg(test)]
mod tests;
