//! `script`: what each client's application does, and the server's where it speaks.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use mitm_proxy::script::Step;
use protocol::endpoint::{Kind, Message};
use protocol::system::System;
use toml::de::DeValue;

use super::{MAX_PAYLOAD, MAX_STEPS, Payloads};
use crate::diagnostic::{list, near, quote};
use crate::toml_reader::{Key, Node, Reader, Table, whole};

const STEPS: &[&str] = &["text", "image", "video", "numbers", "wait_ms"];
const WORDS: &[&str] = &["end", "connect"];
/// The key of what the server says.
const SERVER: &str = "server";

/// The longest wait, in milliseconds: one hour.
const MAX_WAIT_MS: u64 = 3_600_000;

struct Steps<'a> {
    systems: &'a [&'static System],
    payloads: &'a dyn Payloads,
    /// What was read already: a file sent a thousand times is in memory once.
    read: BTreeMap<String, Result<Bytes, String>>,
}

/// Read all scripts.
pub(super) fn scripts(
    reader: &mut Reader,
    node: &Node<'_>,
    systems: &[&'static System],
    payloads: &dyn Payloads,
) -> BTreeMap<u32, Vec<Step>> {
    let mut scripts = BTreeMap::new();
    let Some(table) = reader.open_table(node, "script") else { return scripts };
    let mut steps = Steps { systems, payloads, read: BTreeMap::new() };
    for (key, node) in table.entries() {
        let number = actor(reader, key, systems);
        let script = steps.script(reader, key.get_ref(), node);
        if let (Some(number), Some(script)) = (number, script) {
            scripts.insert(number, script);
        }
    }
    let misspelt = |key: &Key<'_>| near(key.get_ref(), &["client"]).is_some();
    if table.get("client").is_none() && !table.entries().any(|(key, _)| misspelt(key)) {
        let message = "missing key `script.client`".to_owned();
        reader.mistake(table.span.clone(), message, "client 1 must do something");
    }
    scripts
}

/// The number of the actor a key names: `server` is 0, where it speaks; or that of a client.
fn actor(reader: &mut Reader, key: &Key<'_>, systems: &[&'static System]) -> Option<u32> {
    if key.get_ref() != SERVER {
        return client(reader, key, systems);
    }
    match systems.iter().find(|system| !system.server_speaks) {
        None => Some(0),
        Some(system) => {
            let message = format!("the server of `{}` says nothing of its own", system.name);
            let speaking = reader.registry.systems().filter(|system| system.server_speaks);
            let names: Vec<&str> = speaking.map(|system| system.name).collect();
            let help = format!("the servers of {} do", list(&names));
            reader.mistake_with_help(key.span(), message, "only clients have a script", help);
            None
        }
    }
}

/// The number of the client a key names: `client` is 1, `client-2` is 2.
fn client(reader: &mut Reader, key: &Key<'_>, systems: &[&'static System]) -> Option<u32> {
    let name = key.get_ref().as_ref();
    let most = systems.iter().map(|system| system.clients).min().unwrap_or(u32::MAX);
    let mut allowed: Vec<String> =
        (2..=most.min(20)).map(|number| format!("client-{number}")).collect();
    allowed.insert(0, "client".to_owned());
    if !systems.is_empty() && systems.iter().all(|system| system.server_speaks) {
        allowed.push(SERVER.to_owned());
    }
    let number = match name.strip_prefix("client-") {
        _ if name == "client" => Some(1),
        Some(digits) => digits.parse().ok().filter(|number: &u32| {
            // One spelling for each client, or two keys could mean the same one.
            *number >= 2 && number.to_string() == digits
        }),
        None => None,
    };
    match number {
        Some(number) if number <= most => Some(number),
        Some(number) => {
            let limiting = systems.iter().find(|system| system.clients < number);
            let system = limiting.map_or("the system", |system| system.name);
            let message = format!("there is no client {number}");
            let clients = if most == 1 { "1 client".to_owned() } else { format!("{most} clients") };
            reader.mistake(key.span(), message, &format!("`{system}` has {clients}"));
            None
        }
        None => {
            let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
            reader.unknown(key.span(), "client", name, &allowed);
            None
        }
    }
}

impl Steps<'_> {
    fn script(&mut self, reader: &mut Reader, key: &str, node: &Node<'_>) -> Option<Vec<Step>> {
        let nodes = reader.array(node, key, "steps")?;
        if nodes.is_empty() {
            let message = format!("the script of {} is empty", quote(key));
            reader.mistake(node.span(), message, "at least one step");
            return None;
        }
        if nodes.len() > MAX_STEPS {
            let message = format!("a script of {} steps is too long", nodes.len());
            reader.mistake(node.span(), message, &format!("at most {MAX_STEPS}"));
            return None;
        }
        if key == SERVER {
            for node in nodes {
                if let Some(word) = node.get_ref().as_str().filter(|word| WORDS.contains(word)) {
                    let message = format!("a server does not `{word}`");
                    reader.mistake(node.span(), message, "it sends and waits; clients come and go");
                }
            }
        }
        Some(nodes.iter().filter_map(|node| self.step(reader, node)).collect())
    }

    fn step(&mut self, reader: &mut Reader, node: &Node<'_>) -> Option<Step> {
        if let Some(word) = node.get_ref().as_str() {
            return match word {
                "end" => Some(Step::End),
                "connect" => Some(Step::Connect),
                _ => {
                    reader.unknown(node.span(), "step", word, WORDS);
                    None
                }
            };
        }
        if !node.get_ref().is_table() {
            let message = "this is not a step".to_owned();
            let help =
                format!("a step is one of {}, or a table with one of {}", list(WORDS), list(STEPS));
            reader.mistake_with_help(node.span(), message, "expected a step", help);
            return None;
        }
        let table = reader.table(node, "step", STEPS)?;
        let mut known = table.entries().filter(|(key, _)| STEPS.contains(&key.get_ref().as_ref()));
        let first = known.next();
        if let Some((second, _)) = known.next() {
            let message = "one step does one thing".to_owned();
            reader.mistake(second.span(), message, "make it a step of its own");
            return None;
        }
        let Some((key, value)) = first else {
            if table.entries().next().is_none() {
                let help = format!("allowed: {}", list(STEPS));
                let message = "the step does nothing".to_owned();
                reader.mistake_with_help(node.span(), message, "empty", help);
            }
            return None;
        };
        self.action(reader, &table, key.get_ref(), value)
    }

    fn action(
        &mut self,
        reader: &mut Reader,
        table: &Table<'_>,
        key: &str,
        value: &Node<'_>,
    ) -> Option<Step> {
        let kind = match key {
            "wait_ms" => {
                let ms = reader.number(value, key, (1, MAX_WAIT_MS))?;
                return Some(Step::Wait(Duration::from_millis(ms)));
            }
            "text" => Kind::Text,
            "numbers" => Kind::Numbers,
            "image" => Kind::Image,
            _ => Kind::Video,
        };
        if let Some(system) = self.systems.iter().find(|system| !system.carries.contains(&kind)) {
            let carries: Vec<&str> = system.carries.iter().map(|kind| kind.name()).collect();
            let message = format!("`{}` does not carry `{key}`", system.name);
            let label = format!("it carries {}", list(&carries));
            reader.mistake(table.key_span(key), message, &label);
            return None;
        }
        let message = match kind {
            Kind::Text => Message::text(reader.string(value, key)?),
            Kind::Numbers => Message::numbers(numbers(reader, value)?),
            _ => self.file(reader, value, kind)?,
        };
        Some(Step::Send(message))
    }

    fn file(&mut self, reader: &mut Reader, node: &Node<'_>, kind: Kind) -> Option<Message> {
        let path = reader.text(node, kind.name())?;
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let by_name = Kind::of_file(name);
        if by_name != kind {
            let (kind, by_name) = (kind.name(), by_name.name());
            let message = format!("{} is not sent as `{kind}`", quote(name));
            let label = format!("its extension makes it `{by_name}`");
            reader.mistake(node.span(), message, &label);
            return None;
        }
        let payloads = self.payloads;
        let content = self.read.entry(path.to_owned()).or_insert_with(|| payloads.read(path));
        let reason = match content {
            Ok(content) if content.len() <= MAX_PAYLOAD => {
                return Some(Message::file(name, content.clone()));
            }
            Ok(content) => format!("has {} bytes, at most {MAX_PAYLOAD} are sent", content.len()),
            Err(reason) => reason.clone(),
        };
        let message = format!("the file {} {reason}", quote(path));
        let help = "paths are relative to the folder of the scenario file".to_owned();
        reader.mistake_with_help(node.span(), message, "cannot be sent", help);
        None
    }
}

/// Numbers as the text that is sent: a string as it is, an array joined with commas.
fn numbers(reader: &mut Reader, node: &Node<'_>) -> Option<String> {
    if let Some(text) = node.get_ref().as_str() {
        return Some(text.to_owned());
    }
    let DeValue::Array(array) = node.get_ref() else {
        let message = "`numbers` must be an array of numbers, or a string".to_owned();
        reader.mistake(node.span(), message, "expected `[10, 20.5]` or `\"10,20.5\"`");
        return None;
    };
    if array.is_empty() {
        let message = "`numbers` is empty".to_owned();
        let help = "to send nothing at all on purpose, write `numbers = \"\"`".to_owned();
        reader.mistake_with_help(node.span(), message, "at least one number", help);
        return None;
    }
    let mut texts = Vec::new();
    for item in array {
        let text = match item.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => {
                Some(integer.as_str().trim_start_matches('+').to_owned())
            }
            DeValue::Integer(integer) => whole(integer).map(|number| number.to_string()),
            DeValue::Float(float) => Some(float.as_str().trim_start_matches('+').to_owned()),
            _ => None,
        };
        if text.is_none() {
            reader.mistake(item.span(), "this is not a number".to_owned(), "expected a number");
        }
        texts.push(text);
    }
    texts.into_iter().collect::<Option<Vec<String>>>().map(|texts| texts.join(","))
}
