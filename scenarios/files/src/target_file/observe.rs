//! `[[target.NAME.observe]]`: what is taken for a claim of programs that make none.

use protocol::endpoint::{Check, End, Reject, Side};
use protocol::layout::intern;
use regex::{Regex, RegexBuilder};

use super::{Observation, Observed, Sign};
use crate::toml_reader::{Node, Reader, Table};

/// The most observations of a target.
const MAX_OBSERVATIONS: usize = 100;

/// The memory a pattern may take, in bytes.
const MAX_PATTERN: usize = 1 << 20;

pub(super) fn observations(reader: &mut Reader, node: &Node<'_>) -> Vec<Observation> {
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
                    let end = named_end(text);
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
pub fn limits(observe: &[Observation]) -> String {
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

/// How a session ended, by its name in claims and files: `clean`, `truncated`, `aborted` or `aborted by peer`, with blanks or
/// hyphens.
///
/// # Errors
/// It is none of those.
pub fn named_end(name: &str) -> Result<End, String> {
    let ends = [End::Clean, End::Truncated, End::Aborted, End::AbortedByPeer];
    let said = name.replace('-', " ");
    let short = |end: &&End| **end == End::Clean && said == "clean";
    let found = ends.iter().find(|end| end.name() == said).or_else(|| ends.iter().find(short));
    found.copied().ok_or_else(|| {
        "`ended` must be \"clean\", \"truncated\", \"aborted\" or \"aborted by peer\"".to_owned()
    })
}
