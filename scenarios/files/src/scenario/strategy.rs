//! `[strategy]`: an adaptive attacker in the place of rules, or one that works on what rules have obtained.

use judge::PlannedStrategy;
use mitm_proxy::rule::Rule;
use mitm_proxy::strategies::{STRATEGIES, strategy};

use super::args::arguments;
use super::rules::when;
use super::vocabulary::Vocabulary;
use crate::toml_reader::{Reader, Table};

/// Read the strategy. The rule that says when comes with it.
pub(super) fn read(
    reader: &mut Reader,
    root: &Table<'_>,
    vocabulary: &Vocabulary,
) -> Option<(PlannedStrategy, Option<(Rule, usize)>)> {
    let node = root.get("strategy")?;
    let names: Vec<&str> = STRATEGIES.iter().map(|spec| spec.name).collect();
    let open = reader.open_table(node, "strategy")?;
    let Some(name) = open.get("name") else {
        reader.require(&open, "a strategy", &["name"]);
        return None;
    };
    let spec = strategy(reader.word(name, "name", "strategy", &names)?)?;
    let when = match open.get("when") {
        Some(node) if spec.waits => when(reader, node, vocabulary),
        Some(_) => {
            let message = format!("`{}` works when all is over", spec.name);
            reader.mistake(open.key_span("when"), message, "there is nothing it waits for");
            None
        }
        None if spec.waits => {
            let message = format!("`{}` needs `when`", spec.name);
            let help = "`when` says which frame, as in a rule: `when = { from = \"client\", type = \"…\" }`";
            reader.mistake_with_help(node.span(), message, "when does it begin?", help.to_owned());
            None
        }
        None => None,
    };
    if spec.waits && root.has("rule") {
        let message = format!("`{}` takes the place of rules, and there are rules", spec.name);
        reader.mistake(root.key_span("rule"), message, "either a strategy or rules");
    }
    let frame_type = when.as_ref().and_then(|when| when.frame_type.as_deref());
    let args =
        arguments(reader, node, spec.name, spec.params, &["name", "when"], frame_type, vocabulary)?;
    let strategy = match (spec.build)(&args) {
        Ok(strategy) => strategy,
        Err(error) => {
            let message = format!("`{}`: {}", spec.name, error.0);
            reader.mistake(node.span(), message, spec.about);
            return None;
        }
    };
    let line = reader.line(node.span().start);
    let rule = when.map(|mut when| {
        // It acts once.
        when.nth.get_or_insert(1);
        (Rule { when, actions: Vec::new() }, line)
    });
    Some((PlannedStrategy { name: spec.name, waits: spec.waits, strategy }, rule))
}
