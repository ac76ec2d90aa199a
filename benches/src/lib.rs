//! What the benchmarks run: whole conversations, honest and attacked. Timings never decide a test; the tests
//! here say that each workload really does what its name says, so that nobody measures a run that broke off.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a workload that cannot be built is a mistake in this file"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mitm_proxy::actions::action;
use mitm_proxy::condition::{Event, When};
use mitm_proxy::params::{Arg, Args};
use mitm_proxy::rule::Rule;
use mitm_proxy::script::Step;
use mitm_proxy::world::{Victims, World, WorldSpec};
use protocol::endpoint::Message;
use protocol::systems::system;
use protocol::weakness::Profile;

pub mod between;
pub mod direct;
pub mod live;
pub mod oracle;
pub mod ours;
pub mod peers;
pub mod runner;
pub mod traffic;
pub mod work;

/// The profiles that are compared.
pub const PROFILES: [&str; 2] = ["as-built", "hardened"];

/// What the attacker does to a conversation of three rounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attack {
    /// Nothing: no rule.
    Honest,
    /// The second data frame arrives late, and the conversation goes on.
    Delay,
    /// The second data frame arrives twice; the copy is refused and the session ends.
    Replay,
    /// After the goodbye the client's whole session is played again, into a new connection.
    ReplaySession,
}

impl Attack {
    /// Every one, the honest run first.
    pub const ALL: [Self; 4] = [Self::Honest, Self::Delay, Self::Replay, Self::ReplaySession];

    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Delay => "delay",
            Self::Replay => "replay",
            Self::ReplaySession => "replay-session",
        }
    }

    fn rules(self) -> Vec<Rule> {
        let data =
            || When { frame_type: Some("CLIENT_DATA".into()), nth: Some(2), ..When::default() };
        let closed =
            || When { event: Event::Close, link: Some(1), nth: Some(1), ..When::default() };
        match self {
            Self::Honest => Vec::new(),
            Self::Delay => vec![rule(data(), "delay", &Args::from([("ms", Arg::Number(9))]))],
            Self::Replay => vec![rule(data(), "replay", &Args::new())],
            Self::ReplaySession => {
                let args = Args::from([("transcript", Arg::Text("client".into()))]);
                vec![rule(closed(), "replay", &args)]
            }
        }
    }
}

/// Run a world to its end and hand it back, so that dropping it is not measured.
pub fn finish(mut world: World) -> World {
    world.run();
    world
}

/// A rule of one action.
pub fn rule(when: When, verb: &str, args: &Args) -> Rule {
    let build = action(verb).expect("the action exists").build;
    Rule { when, actions: vec![build(args).expect("the arguments fit")] }
}

/// One client of `ratchet`: hello, three rounds, goodbye.
pub fn ratchet(profile: &str, attack: Attack) -> WorldSpec {
    let rounds = ["10.0", "20.0", "30.0"].map(|numbers| Step::Send(Message::numbers(numbers)));
    plan("ratchet", profile, rounds.to_vec(), attack.rules())
}

/// One device of `helo`: handshake, one text, goodbye.
pub fn helo(profile: &str) -> WorldSpec {
    one_text("helo", profile)
}

/// One client of that system, whose application says one thing: handshake, one message, goodbye.
pub fn one_text(system: &str, profile: &str) -> WorldSpec {
    let message = match system {
        "ratchet" => Message::numbers("10.0"),
        _ => Message::text("pay bob 100"),
    };
    plan(system, profile, vec![Step::Send(message)], Vec::new())
}

/// One device of `helo` that sends one file; replayed, it arrives twice.
pub fn helo_file(profile: &str, file: Bytes, replayed: bool) -> WorldSpec {
    let image = || When { frame_type: Some("IMGX".into()), nth: Some(1), ..When::default() };
    let rules = replayed.then(|| rule(image(), "replay", &Args::new()));
    let script = vec![Step::Send(Message::file("large.png", file))];
    plan("helo", profile, script, rules.into_iter().collect())
}

fn plan(name: &str, profile: &str, mut script: Vec<Step>, rules: Vec<Rule>) -> WorldSpec {
    let system = system(name).expect("the system exists");
    script.push(Step::End);
    WorldSpec {
        victims: Victims::System(system),
        profile: Profile::named(system, profile).expect("the profile exists"),
        seed: 7,
        scripts: BTreeMap::from([(1, Arc::from(script))]),
        rules: rules.into(),
        keys: BTreeMap::new(),
        registered: None,
    }
}

/// A world of `plan`, `steps` events later.
pub fn world_after(plan: &WorldSpec, steps: usize) -> World {
    let mut world = World::new(plan);
    for _ in 0..steps {
        world.step();
    }
    world
}

/// A world of `plan` right after client 1 has completed its first handshake.
pub fn established(plan: &WorldSpec) -> World {
    use protocol::endpoint::Fact;
    let mut world = World::new(plan);
    let client = |world: &World| {
        let mut claims = world.trace().claims.iter().filter(|record| record.actor == 1);
        claims.any(|record| matches!(record.claim.fact, Fact::Established(_)))
    };
    while !client(&world) && world.step() {}
    world
}

/// A file of `size` bytes that does not compress, the same every time.
pub fn file(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size.next_multiple_of(8));
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

/// The smallest, the median and the largest.
pub fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    [0, last / 2, last].map(|at| values.get(at).copied().unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::endpoint::Fact;

    fn delivered_to_server(plan: &WorldSpec) -> usize {
        let mut world = World::new(plan);
        world.run();
        let trace = world.trace();
        assert!(trace.fired.iter().all(|fired| *fired == 1), "every rule acts once");
        assert!(trace.misfires.is_empty());
        let claims = trace.claims.iter().filter(|record| record.actor == 0);
        claims.filter(|record| matches!(record.claim.fact, Fact::Delivered(_))).count()
    }

    #[test]
    fn each_attack_does_what_its_name_says() {
        let delivered =
            |profile| Attack::ALL.map(|attack| delivered_to_server(&ratchet(profile, attack)));
        assert_eq!(delivered("as-built"), [3, 3, 2, 6]);
        assert_eq!(delivered("hardened"), [3, 3, 2, 3]);
    }

    #[test]
    fn an_established_world_still_has_to_deliver() {
        let systems = protocol::systems::SYSTEMS.iter().map(|system| system.name);
        for (system, profile) in systems.flat_map(|name| PROFILES.map(|profile| (name, profile))) {
            let mut world = established(&one_text(system, profile));
            let delivered = |world: &World| {
                let claims = &world.trace().claims;
                claims.iter().any(|record| matches!(record.claim.fact, Fact::Delivered(_)))
            };
            // A client of `csr` claims to be established only with the answer to its first text, and a published `suite` has
            // no handshake.
            let already = system == "csr" || (system, profile) == ("suite", "as-built");
            assert_eq!(delivered(&world), already, "{system}, {profile}");
            world.run();
            assert!(delivered(&world), "{system}, {profile}");
        }
    }

    #[test]
    fn a_replayed_file_arrives_twice_as_built_and_once_hardened() {
        let delivered = |profile| delivered_to_server(&helo_file(profile, file(1000), true));
        assert_eq!(PROFILES.map(delivered), [2, 1]);
    }
}
