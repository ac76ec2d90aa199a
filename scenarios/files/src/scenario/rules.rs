//! `[[rule]]`: when the attacker acts, and what it does.

use std::sync::Arc;

use mitm_proxy::action::Action;
use mitm_proxy::actions::{ACTIONS, action};
use mitm_proxy::condition::{Event, When};
use mitm_proxy::rule::Rule;
use protocol::layout::{Field, Role};
use toml::de::DeValue;

use super::args::arguments;
use super::sides::side;
use super::vocabulary::{Raw, Vocabulary};
use super::{MAX_ACTIONS, MAX_RULES};
use crate::diagnostic::{list, quote};
use crate::toml_reader::{Node, Reader, Table};

const WHEN: &[&str] = &["event", "link", "port", "from", "type", "nth", "field"];

/// Read all rules, and the line each begins in.
pub(super) fn rules(
    reader: &mut Reader,
    node: &Node<'_>,
    vocabulary: &Vocabulary,
) -> (Vec<Rule>, Vec<usize>) {
    let (mut rules, mut lines) = (Vec::new(), Vec::new());
    let DeValue::Array(nodes) = node.get_ref() else {
        let message = "`rule` must be an array of tables".to_owned();
        let help = "begin every rule with `[[rule]]`".to_owned();
        reader.mistake_with_help(node.span(), message, "expected `[[rule]]`", help);
        return (rules, lines);
    };
    if let Some(node) = nodes.get(MAX_RULES) {
        let message = format!("{} rules are too many", nodes.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_RULES}"));
        return (rules, lines);
    }
    for node in nodes {
        if let Some(rule) = rule(reader, node, vocabulary) {
            rules.push(rule);
            lines.push(reader.line(node.span().start));
        }
    }
    (rules, lines)
}

fn rule(reader: &mut Reader, node: &Node<'_>, vocabulary: &Vocabulary) -> Option<Rule> {
    let table = reader.table(node, "rule", &["when", "do"])?;
    reader.require(&table, "a rule", &["when", "do"]);
    let when = table.get("when").and_then(|node| when(reader, node, vocabulary));
    let frame_type = when.as_ref().and_then(|when| when.frame_type.as_deref());
    let actions = actions(reader, table.get("do")?, frame_type, vocabulary);
    Some(Rule { when: when?, actions })
}

/// What a rule or a strategy waits for.
pub(super) fn when(reader: &mut Reader, node: &Node<'_>, vocabulary: &Vocabulary) -> Option<When> {
    let table = reader.table(node, "when", WHEN)?;
    let mut when = When::default();
    if let Some(node) = table.get("event") {
        when.event = match reader.word(node, "event", "event", &["frame", "open", "close"]) {
            Some("open") => Event::Open,
            Some("close") => Event::Close,
            _ => Event::Frame,
        };
    }
    when.link = table.get("link").and_then(|node| reader.ordinal(node, "link"));
    when.port = table.get("port").and_then(|node| vocabulary.port(reader, node));
    when.nth = table.get("nth").and_then(|node| reader.ordinal(node, "nth"));
    when.from = table.get("from").and_then(|node| side(reader, node, "from"));
    if when.event != Event::Frame {
        for key in ["type", "field"].into_iter().filter(|key| table.get(key).is_some()) {
            let message = format!("`{key}` goes with frames, this rule waits for another event");
            reader.mistake(table.key_span(key), message, "there is no frame to look at");
        }
        return Some(when);
    }
    when.frame_type = table
        .get("type")
        .and_then(|node| vocabulary.frame_type(reader, node, when.from, Raw::Allowed))
        .map(str::to_owned);
    if let (Some(port), Some(name), Some(node)) = (when.port, &when.frame_type, table.get("port")) {
        vocabulary.check_port(reader, node.span(), name, port);
    }
    if let Some(fields) = table.get("field").and_then(|node| reader.open_table(node, "field")) {
        when.fields = values(reader, &fields, when.frame_type.as_deref(), vocabulary);
    }
    Some(when)
}

/// The fields a rule compares, and their values.
fn values(
    reader: &mut Reader,
    table: &Table<'_>,
    frame_type: Option<&str>,
    vocabulary: &Vocabulary,
) -> Vec<(String, u64)> {
    let is_number =
        |field: &Field| matches!(field.role, Role::Number(_) | Role::Length(_) | Role::Tag(_));
    let mut values = Vec::new();
    for (key, node) in table.entries() {
        let name = key.get_ref().as_ref();
        let known = vocabulary.check_field(reader, key.span(), name, frame_type, is_number);
        let largest = if known { vocabulary.largest(frame_type, name) } else { u64::MAX };
        if let Some(value) = reader.number(node, name, (0, largest)) {
            values.push((name.to_owned(), value));
        }
    }
    values
}

/// One table with one action, or an array of those.
fn actions(
    reader: &mut Reader,
    node: &Node<'_>,
    frame_type: Option<&str>,
    vocabulary: &Vocabulary,
) -> Vec<Arc<dyn Action>> {
    let nodes = match node.get_ref() {
        DeValue::Table(_) => std::slice::from_ref(node),
        DeValue::Array(array) if !array.is_empty() => array,
        found => {
            let word = found.as_str().filter(|word| action(word).is_some());
            let help = match word {
                Some(word) => format!("write `do.{word} = {{}}`"),
                None => "write `do.drop = {}`, or several: `do = [ { drop = {} } ]`".to_owned(),
            };
            let message = "`do` must be a table with one action, or an array of those".to_owned();
            reader.mistake_with_help(node.span(), message, "expected an action", help);
            return Vec::new();
        }
    };
    if let Some(node) = nodes.get(MAX_ACTIONS) {
        let message = format!("{} actions in one rule", nodes.len());
        reader.mistake(node.span(), message, &format!("at most {MAX_ACTIONS}"));
        return Vec::new();
    }
    nodes.iter().filter_map(|node| one_action(reader, node, frame_type, vocabulary)).collect()
}

fn one_action(
    reader: &mut Reader,
    node: &Node<'_>,
    frame_type: Option<&str>,
    vocabulary: &Vocabulary,
) -> Option<Arc<dyn Action>> {
    let names: Vec<&str> = ACTIONS.iter().map(|spec| spec.name).collect();
    let table = reader.table(node, "do", &names)?;
    let mut entries = table.entries();
    let Some((key, value)) = entries.next() else {
        let help = format!("allowed: {}", list(&names));
        reader.mistake_with_help(node.span(), "no action".to_owned(), "this does nothing", help);
        return None;
    };
    if let Some((second, _)) = entries.next() {
        let (one, two) = (key.get_ref(), second.get_ref());
        let message = "two actions in one table".to_owned();
        let help = format!(
            "for several in order, write an array: `do = [ {{ {} = {{…}} }}, {{ {} = {{…}} }} ]`",
            quote(one).trim_matches('`'),
            quote(two).trim_matches('`')
        );
        reader.mistake_with_help(second.span(), message, "a second action", help);
    }
    let spec = action(key.get_ref())?;
    let args = arguments(reader, value, spec.name, spec.params, &[], frame_type, vocabulary)?;
    match (spec.build)(&args) {
        Ok(action) => {
            if let Some(why) = vocabulary.lacking(action.needs()) {
                let message = format!("`{}` cannot be done to programs", spec.name);
                reader.mistake_with_help(value.span(), message, spec.about, why.to_owned());
            }
            Some(action)
        }
        Err(error) => {
            let message = format!("`{}`: {}", spec.name, error.0);
            reader.mistake(value.span(), message, spec.about);
            None
        }
    }
}
