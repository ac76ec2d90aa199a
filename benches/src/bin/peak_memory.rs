//! How much memory a large file through `helo` takes at most, as a multiple of its size: in the plain world, and
//! with the judge, who runs the honest run too.
//!
//! `peak_memory [MiB [LIMIT]]` measures a file of that many MiB, 64 if not given, every case in a process of its
//! own, because a peak never goes down again. It fails if a case takes `LIMIT` times the size or more.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

use benches::{PROFILES, file, helo_file};
use bytes::Bytes;
use files::scenario::ScenarioRun;
use files::scenario::{Payloads, Scenario};
use judge::Over;
use mitm_proxy::trace::Trace;
use mitm_proxy::world::World;
use protocol::endpoint::Fact;
use protocol::weakness::Profile;

/// The size of the file if none is given, in MiB.
const SIZE: usize = 64;

/// The cases of one profile: who runs it, and what the attacker does.
const CASES: [[&str; 2]; 4] =
    [["world", "honest"], ["world", "replay"], ["judge", "honest"], ["judge", "replay"]];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["one", runner, attack, profile, size] => {
            let kib = one(runner, attack == "replay", profile, size.parse::<usize>()? << 20)?;
            writeln!(io::stdout(), "{kib}")?;
            Ok(ExitCode::SUCCESS)
        }
        [] => all(SIZE, None),
        [size] => all(size.parse()?, None),
        [size, limit] => all(size.parse()?, Some(limit.parse()?)),
        _ => Err("usage: peak_memory [MiB [LIMIT]]".into()),
    }
}

/// Measure every case and print a line for each. `size` is in MiB.
fn all(size: usize, limit: Option<f64>) -> Result<ExitCode, Box<dyn Error>> {
    let mut exit = ExitCode::SUCCESS;
    let mut out = io::stdout().lock();
    writeln!(out, "A file of {size} MiB through helo:")?;
    for profile in PROFILES {
        for [runner, attack] in CASES {
            let child = Command::new(env::current_exe()?)
                .args(["one", runner, attack, profile, &size.to_string()])
                .output()?;
            if !child.status.success() {
                return Err(String::from_utf8_lossy(&child.stderr).into());
            }
            let kib: u32 = String::from_utf8(child.stdout)?.trim().parse()?;
            let mib = f64::from(kib) / 1024.0;
            let times = mib / f64::from(u32::try_from(size)?);
            let over = limit.is_some_and(|limit| times >= limit);
            let note = if over { "  too much" } else { "" };
            writeln!(
                out,
                "{runner}, {attack:6}, {profile}: {mib:.0} MiB, {times:.2} times the file{note}"
            )?;
            if over {
                exit = ExitCode::FAILURE;
            }
        }
    }
    Ok(exit)
}

/// Run one case in this process and return its peak, in KiB.
fn one(runner: &str, replay: bool, profile: &str, size: usize) -> Result<u64, Box<dyn Error>> {
    let file = file(size);
    let trace = if runner == "judge" {
        judged(file.clone(), replay, profile)?
    } else {
        let mut world = World::new(&helo_file(profile, file.clone(), replay));
        world.run();
        world.into_trace()
    };
    let delivered = trace.claims.iter().filter(|record| match &record.claim.fact {
        Fact::Delivered(message) => message.body == file,
        _ => false,
    });
    let expected = if replay && profile == "as-built" { 2 } else { 1 };
    if delivered.count() != expected {
        return Err("the file did not arrive as often as it should".into());
    }
    peak()
}

/// The trace of the same run by the judge.
fn judged(file: Bytes, replay: bool, profile: &str) -> Result<Trace, Box<dyn Error>> {
    let scenario =
        Scenario::parse("large file", SCENARIO, &File(file), protocol::registry::Registry::BUILTIN)
            .map_err(|mistakes| format!("{mistakes:?}"))?;
    let mut scenario = scenario;
    if !replay {
        scenario.plan.rules.clear();
        scenario.plan.rule_lines.clear();
    }
    let system = *scenario.systems.first().ok_or("the scenario names its system")?;
    let profile = Profile::named(system, profile).ok_or("there is no such profile")?;
    let case = ScenarioRun {
        scenario: &scenario,
        system,
        profile,
        seed: scenario.seed,
        over: Over::World,
    };
    let judgement = case.judge();
    match judgement.inconclusive {
        Some(why) => Err(why.into()),
        None => Ok(judgement.trace),
    }
}

const SCENARIO: &str = r#"
name = "large-file"
family = "replay"
summary = "Deliver one large file twice."
teaches = "What it takes to keep a large file in several hands at once."
system = "helo"
script.client = [{ image = "large.png" }, "end"]

[[rule]]
when = { from = "client", type = "IMGX", nth = 1 }
do.replay = { times = 1 }

[expect.as-built]
delivery-at-most-once = "violated"

[expect.hardened]
blocked_by = "server: sequence"
"#;

/// Gives the file for every path.
struct File(Bytes);

impl Payloads for File {
    fn read(&self, _path: &str) -> Result<Bytes, String> {
        Ok(self.0.clone())
    }
}

/// The most memory this process has had resident, in KiB.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("this system does not tell its peak memory")?.parse()?)
}
