//! The files `scenarios new` writes: a small attack on a system that runs as it is, and one on somebody's own programs to fill
//! in. Every key is explained.

/// A commented scenario file for an attack of this name.
pub fn starter(name: &str) -> String {
    TEMPLATE.replace("NAME", name)
}

/// A commented scenario file for an attack of this name on somebody's own programs. Its layout file is `NAME-layout.toml`.
pub fn target(name: &str) -> String {
    TARGET.replace("NAME", name)
}

const TARGET: &str = r#"# The name is the file name without `.toml`.
name = "NAME"

# replay, reorder, drop, bit-flip, desync, reflect, splice, impersonate, framing or availability.
family = "replay"

# FILL IN, one line: what the attacker does.
summary = "Deliver the first message of the client twice."

# FILL IN, a few sentences: what there is to learn.
teaches = """
A MAC says who made a frame, not that it is new. A program that does not count its messages takes a copy as well.
"""

# FILL IN: the frames that your programs send, in a file beside this one. `scenarios layout check` shows what it says.
layout = "NAME-layout.toml"

# Only these properties are judged; all, if not given. A protocol in plain text promises no secrecy.
# scope = ["delivery-at-most-once", "order", "completeness"]

# One table for each implementation. docs/targets.md and `scenarios explain target` have all keys.
[target.mine]
# FILL IN: program and arguments, no shell. It runs in the folder of this file. {port} is where the server listens.
server.command = ["python3", "server.py", "--port", "{port}"]
# The server is ready when its port listens, or when it prints this text.
# server.ready = { line = "listening" }
# FILL IN: for the client, {port} is the port of the attacker.
client.command = ["python3", "client.py", "--port", "{port}"]
# The longest that a run may take.
limit = "20s"

# How Meddle learns what the programs accept. They say it themselves, a line of JSON each (docs/claims.md): "stdout",
# "stderr" or "file".
claims = "stdout"

# Or they claim nothing, and Meddle observes them. Take out the line above then, and the # in front of these. Every table has
# one of: output (a line matches), reply (it sends a frame of this type), close = true (it closes first), exit (its status).
# [[target.mine.observe]]
# who = "client"
# claim = "sent"
# output = "^sending: (?<text>.*)$"
#
# [[target.mine.observe]]
# who = "server"
# claim = "delivered"
# output = "^took: (?<text>.*)$"
#
# [[target.mine.observe]]
# who = "server"
# claim = "rejected"
# check = "mac"
# close = true

# FILL IN: when the attacker acts, and what it does. `scenarios explain replay` and so on say what an action takes.
[[rule]]
when = { from = "client", type = "MSG", nth = 1 }
do.replay = { times = 1 }

# What the judge should say of each target. A property not named is expected to be "held"; the others are "violated",
# "inconclusive" and "any". `[expect.correct]` speaks of every target without a table of its own.
[expect.mine]
# delivery-at-most-once = "violated"
# The check that must have stopped the attack.
# blocked_by = "server: sequence"
"#;

const TEMPLATE: &str = r#"# The name is the file name without `.toml`.
name = "NAME"

# replay, reorder, drop, bit-flip, desync, reflect, splice, impersonate, oracle, compromise, framing,
# availability or baseline.
family = "bit-flip"

# One line: what the attacker does.
summary = "Change one bit of a measurement on its way to the server."

# A few sentences: what there is to learn.
teaches = """
The MAC covers header and ciphertext. The server checks it before it looks at anything else, so a change of any
bit is noticed before it can do harm. What the attacker gains is only what it could have had by cutting the wire.
"""

# The system under attack, or several: system = ["ratchet", "..."].
system = "ratchet"

# Decides every random byte of the run; 7 if not given.
# seed = 7

# The weaknesses the attack needs, if it needs any.
# needs = ["challenge-not-mixed"]

# What the honest clients do: a step is { text = "..." }, { image = "cat.png" }, { video = "clip.mp4" },
# { numbers = [10, 20.5] }, { wait_ms = 20 }, "end" or "connect" (again). Files are beside this one.
# What can be sent depends on the system.
script.client = [{ numbers = [10.25, 20.5] }, { numbers = [30.25, 40.5] }, "end"]
# script.client-2 = [{ wait_ms = 20 }, { numbers = "1.0,2.0" }, "end"]

# A rule says when the attacker acts and what it does. The first rule that matches a frame acts on it.
# when: link = 1 (the connection), port = "session" (the server's port, by its name), from = "client" or "server",
# type (of the frame), nth = 1 (the first match only), field = { round = 2 } (value of a number field),
# event = "open" or "close" instead of a frame.
[[rule]]
when = { from = "client", type = "CLIENT_DATA", nth = 1 }
do.flip = { field = "ct", bit = 0 }

# Several actions in order:
# [[rule]]
# when = { from = "server", type = "SERVER_AGGR_RESPONSE", nth = 1 }
# do = [{ delay = { ms = 5 } }, { duplicate = { times = 2 } }]

# In the place of rules, an attacker that learns from what it is answered: a table `strategy` with `name`, `when` and
# what else `scenarios explain padding-oracle` lists. Key files the attacker has are a table `keys.<name>`.

# What the judge should say of the published program. A property not named is expected to be "held"; the
# others are "violated" and "inconclusive". `all = "..."` speaks of every property not named.
[expect.as-built]
# secrecy = "violated"
# The check that must have stopped the attack; "nothing" if none did. A list where several runs are stopped by several
# checks; "server: mac | server: padding" where random bytes decide which.
blocked_by = "server: mac"
# Where the attack needs luck, say what must hold by chance: under another seed nothing is then expected.
# rests_on_seed = "the garbled block is valid UTF-8"

# The same with every defence in place.
[expect.hardened]
blocked_by = "server: mac"

# With one defence switched off, or for one of several systems:
# [expect.challenge-not-mixed]
# availability = "violated"
# [expect.ratchet.hardened]
# availability = "violated"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Beside;
    use crate::layout_file;
    use crate::scenario::{Payloads, Scenario};
    use crate::target_file::{Channel, JudgedFrom};
    use bytes::Bytes;

    fn parse(source: &str) -> Scenario {
        let payloads = Beside { folder: "".into() };
        Scenario::parse(
            "attacks/my-first.toml",
            source,
            &payloads,
            protocol::registry::Registry::BUILTIN,
        )
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    #[test]
    fn the_starter_is_a_scenario_as_it_is() {
        let scenario = parse(&starter("my-first"));
        assert_eq!((scenario.name.as_str(), scenario.plan.rules.len()), ("my-first", 1));
        assert_eq!(scenario.seed, 7);
    }

    /// A layout file beside the scenario, and nothing else.
    struct Layout;

    impl Payloads for Layout {
        fn read(&self, path: &str) -> Result<Bytes, String> {
            assert_eq!(path, "my-first-layout.toml");
            Ok(layout_file::starter("my-first").into())
        }
    }

    fn parse_target(source: &str) -> Scenario {
        Scenario::parse("my-first.toml", source, &Layout, protocol::registry::Registry::BUILTIN)
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    #[test]
    fn the_starter_for_programs_is_a_scenario_as_it_is() {
        let source = target("my-first");
        let own = parse_target(&source).target_set.unwrap();
        assert_eq!(own.targets.len(), 1);
        let judged_from = own.targets.first().map(|target| target.judged_from.clone());
        assert_eq!(judged_from, Some(JudgedFrom::Claims(Channel::Stdout)));
    }

    #[test]
    fn its_observations_are_right_too() {
        let source = target("my-first").replace("claims = \"stdout\"\n", "");
        let (before, rest) = source.split_once("# [[target").unwrap();
        let (tables, after) = rest.split_once("# FILL IN: when").unwrap();
        let tables = tables.replace("\n#", "\n");
        let source = format!("{before}[[target{tables}# {after}");
        let own = parse_target(&source).target_set.unwrap();
        let observed: Vec<usize> = own.targets.iter().map(|one| one.observe.len()).collect();
        assert_eq!(observed, [3]);
    }

    #[test]
    fn its_commented_keys_are_right_too() {
        let source = starter("my-first");
        let is_toml = |line: &&str| line.starts_with('[') || line.split(" = ").count() > 1;
        let keys = ["seed", "needs", "script.", "[[rule]]", "when = ", "do = ", "[expect", "avail"];
        let uncommented: Vec<&str> = source
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| keys.iter().any(|key| rest.starts_with(key)))
                    .filter(is_toml)
                    .unwrap_or(line)
            })
            .collect();
        let scenario = parse(&uncommented.join("\n"));
        assert_eq!(scenario.plan.rules.len(), 2);
        assert_eq!(scenario.plan.rules.last().map(|rule| rule.actions.len()), Some(2));
        assert_eq!(scenario.plan.scripts.len(), 2);
        assert_eq!(scenario.needs.len(), 1);
        assert!(scenario.expect.of("ratchet", "challenge-not-mixed").is_some());
        assert_eq!(scenario.expect.systems.len(), 1);
    }
}
