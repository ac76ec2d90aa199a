//! Scenarios that tests write out themselves, and what the judge says of them.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "each test that includes this takes what it needs, and expects it to be there"
)]

use bytes::Bytes;
use files::diagnostic::Diagnostics;
use files::scenario::ScenarioRun;
use files::scenario::{Payloads, Scenario};
use judge::{Judgement, Over};
use protocol::weakness::Profile;

/// Nothing lies beside them.
pub struct NoFiles;

impl Payloads for NoFiles {
    fn read(&self, _: &str) -> Result<Bytes, String> {
        Err("is not there".to_owned())
    }
}

/// What is expected where the test itself looks at the verdicts.
pub const NOTHING_EXPECTED: &str = "\n[expect.as-built]\n[expect.hardened]\n";

/// A scenario of these parts, behind what every scenario says of itself.
pub fn parse(parts: &[&str], files: &dyn Payloads) -> Result<Scenario, Diagnostics> {
    let head = "name = \"written\"\nfamily = \"replay\"\nsummary = \"s\"\nteaches = \"t\"\n";
    Scenario::parse(
        "written.toml",
        &format!("{head}{}", parts.concat()),
        files,
        protocol::registry::Registry::BUILTIN,
    )
}

/// What the judge says of it, on its first system.
pub fn judged(profile: &str, over: Over, parts: &[&str], files: &dyn Payloads) -> Judgement {
    let scenario = match parse(parts, files) {
        Ok(scenario) => scenario,
        Err(mistakes) => panic!("{mistakes}"),
    };
    let system = scenario.systems.first().expect("it names a system");
    let profile = Profile::named(system, profile).expect("the system has that profile");
    ScenarioRun { scenario: &scenario, system, profile, seed: 7, over }.judge()
}
