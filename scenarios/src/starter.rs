//! The file `scenarios new` writes: a small attack that runs as it is, every key explained.

/// A commented scenario file for an attack of this name.
pub fn starter(name: &str) -> String {
    TEMPLATE.replace("NAME", name)
}

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
# when: link = 1 (the connection), from = "client" or "server", type (of the frame), nth = 1 (the first match
# only), field = { round = 2 } (value of a number field), event = "open" or "close" instead of a frame.
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
    use crate::scenario::Scenario;

    fn parse(source: &str) -> Scenario {
        let payloads = Beside { folder: "".into() };
        Scenario::parse("attacks/my-first.toml", source, &payloads)
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    #[test]
    fn the_starter_is_a_scenario_as_it_is() {
        let scenario = parse(&starter("my-first"));
        assert_eq!((scenario.name.as_str(), scenario.rules.len()), ("my-first", 1));
        assert_eq!(scenario.seed, 7);
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
        assert_eq!(scenario.rules.len(), 2);
        assert_eq!(scenario.rules.last().map(|rule| rule.actions.len()), Some(2));
        assert_eq!(scenario.scripts.len(), 2);
        assert_eq!(scenario.needs.len(), 1);
        assert!(scenario.expect.of("ratchet", "challenge-not-mixed").is_some());
        assert_eq!(scenario.expect.systems.len(), 1);
    }
}
