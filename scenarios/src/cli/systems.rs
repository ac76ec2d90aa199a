//! `scenarios systems`: what there is to attack. And `scenarios explain SYSTEM`: how it works.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use mitm_proxy::script::Step;
use mitm_proxy::trace::{FrameRecord, Trace};
use mitm_proxy::world::{Victims, World, WorldSpec};
use protocol::endpoint::{Kind, Message, Side};
use protocol::system::System;
use protocol::weakness::Profile;

use super::done::Done;
use super::output::{Format, Output, print};

/// The columns of an arrow.
const ARROW: usize = 40;
/// The columns of a line of fields.
pub(super) const LINE: usize = 96;

/// List the systems.
pub(super) fn run(output: Output) -> Result<Done> {
    if output.format == Format::Json {
        let rows: Vec<_> = output.catalogue.registry.systems().map(json).collect();
        print(&format!("{:#}\n", serde_json::Value::from(rows)))?;
        return Ok(Done::Expected);
    }
    let mut text = String::new();
    for system in output.catalogue.registry.systems() {
        let _ = writeln!(text, "{}: {}", system.name, system.about);
        let mut row = |title: &str, body: &str| {
            for (at, line) in wrapped(body, LINE).iter().enumerate() {
                let title = if at == 0 { title } else { "" };
                let _ = writeln!(text, "  {title:<10} {line}");
            }
        };
        row("ports", &ports(system));
        row("carries", &carries(system));
        row("features", &system.features.join("; "));
        row(
            "profiles",
            &format!("as-built, hardened, or one weakness alone: {}", weaknesses(system)),
        );
        text.push('\n');
    }
    let _ =
        writeln!(text, "`scenarios explain SYSTEM` shows the messages and what each weakness is.");
    print(&text)?;
    Ok(Done::Expected)
}

fn json(system: &System) -> serde_json::Value {
    let ports: Vec<_> = system
        .ports
        .iter()
        .map(|port| serde_json::json!({ "name": port.name, "port": port.port }))
        .collect();
    let weaknesses: Vec<_> = system
        .planted
        .iter()
        .map(|planted| {
            serde_json::json!({
                "weakness": planted.weakness.name(),
                "breaks": planted.breaks,
                "fix": planted.fix,
                "code": planted.code,
            })
        })
        .collect();
    let carries: Vec<&str> = system.carries.iter().map(|kind| kind.name()).collect();
    serde_json::json!({
        "system": system.name,
        "about": system.about,
        "ports": ports,
        "carries": carries,
        "features": system.features,
        "clients": system.clients,
        "profiles": ["as-built", "hardened"],
        "weaknesses": weaknesses,
    })
}

fn ports(system: &System) -> String {
    let ports: Vec<String> =
        system.ports.iter().map(|port| format!("{} ({})", port.port, port.name)).collect();
    ports.join(", ")
}

/// How a rule names the ports.
fn rules_by_port(system: &System) -> String {
    let rules: Vec<String> =
        system.ports.iter().map(|port| format!("when = {{ port = {:?} }}", port.name)).collect();
    format!("in rules: {}", rules.join(", "))
}

fn carries(system: &System) -> String {
    let kinds: Vec<&str> = system.carries.iter().map(|kind| kind.name()).collect();
    kinds.join(", ")
}

fn weaknesses(system: &System) -> String {
    let names: Vec<&str> = system.planted.iter().map(|planted| planted.weakness.name()).collect();
    names.join(", ")
}

/// The sections of `explain SYSTEM`.
pub(super) fn explain(system: &'static System) -> Vec<(&'static str, String)> {
    let mut weaknesses = String::new();
    for planted in system.planted {
        let _ = writeln!(weaknesses, "{}: {}", planted.weakness.name(), planted.breaks);
        let _ = writeln!(weaknesses, "  instead: {}", planted.fix);
        let _ = writeln!(weaknesses, "  where: {}", planted.code);
    }
    let files: Vec<String> =
        system.keys.files.iter().map(|(path, holds)| format!("{path}: {holds}")).collect();
    vec![
        ("what it is", format!("{}: {}", system.name, system.about)),
        ("what it does", system.features.join("\n")),
        ("what it carries", carries(system)),
        ("where it listens", format!("{}\n{}", ports(system), rules_by_port(system))),
        ("its messages, as-built", ladder(system, Profile::as_built(system))),
        ("its messages, hardened", ladder(system, Profile::HARDENED)),
        ("its weaknesses", weaknesses),
        ("its key files (`--keys DIR`)", files.join("\n")),
        (
            "run it",
            format!(
                "scenarios serve {0}\nscenarios connect {0}\nscenarios baseline --system {0}",
                system.name
            ),
        ),
    ]
}

/// An honest run: every message with its fields.
fn ladder(system: &'static System, profile: Profile) -> String {
    let trace = honest_run(system, profile);
    let mut text = format!("{:<width$}server\n", "client", width = ARROW - 4);
    let mut link = 1;
    for record in &trace.frames {
        if record.link != link {
            link = record.link;
            let opened = trace.links.iter().find(|opened| opened.link == link);
            let port = opened.and_then(|it| system.ports.get(usize::from(it.service.0)));
            let _ = writeln!(text, "connection {link} ({})", port.map_or("", |port| port.name));
        }
        let arrow = arrow(record.frame.spec.name, Some(record.to));
        let _ = writeln!(text, "{arrow}  {} bytes", record.frame.bytes.len());
        for line in wrapped(&fields(record), LINE - 4) {
            let _ = writeln!(text, "    {line}");
        }
    }
    let layout = (system.layout)(profile);
    let seen = |name| trace.frames.iter().any(|record| record.frame.spec.name == name);
    let others: Vec<&str> =
        layout.frames.iter().map(|spec| spec.name).filter(|name| !seen(*name)).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "not in this run: {}", others.join(", "));
    }
    text
}

/// A frame on its way to one side, or to either.
pub(super) fn arrow(name: &str, to: Option<Side>) -> String {
    let name = format!(" {name} ");
    let rest = "─".repeat(ARROW.saturating_sub(name.chars().count() + 3));
    match to {
        Some(Side::Server) => format!("──{name}{rest}▶"),
        Some(Side::Client) => format!("◀{rest}{name}──"),
        None => format!("◀─{name}{rest}▶"),
    }
}

fn fields(record: &FrameRecord) -> String {
    let spec = &record.frame.spec;
    let sizes = spec.ranges(&record.frame.bytes);
    let sizes: Vec<String> =
        sizes.map(|(field, range)| format!("{} {}", field.name, range.len())).collect();
    sizes.join(", ")
}

/// One of everything the system carries, and the goodbye.
fn honest_run(system: &'static System, profile: Profile) -> Trace {
    let mut script = Vec::new();
    for kind in system.carries {
        script.push(Step::Send(match kind {
            Kind::Text => Message::text("pay bob 100"),
            Kind::Numbers => Message::numbers("10,20"),
            Kind::Image => Message::file("cat.png", Bytes::from_static(b"meow")),
            // The same message as an image.
            Kind::Video | Kind::Aggregate => continue,
        }));
    }
    script.push(Step::End);
    let scripts = BTreeMap::from([(1, Arc::from(script))]);
    let plan = WorldSpec {
        victims: Victims::System(system),
        profile,
        seed: 7,
        scripts,
        rules: Arc::from([]),
        keys: BTreeMap::new(),
        registered: None,
    };
    let mut world = World::new(&plan);
    world.run();
    world.into_trace()
}

/// Words in lines of at most `width` columns.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
