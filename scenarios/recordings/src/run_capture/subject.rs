//! What a capture is of.

use files::scenario::ScenarioRun;
use files::scenario::{Scenario, TargetSet};
use files::target_file::Target;

/// Whether what endpoints deliver stands in the capture, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plaintext {
    /// As a comment on the packet that carried it.
    Shown,
    /// Not at all.
    Hidden,
}

/// What a capture is of.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// What was run.
    pub scenario: &'a Scenario,
    /// The system, or the protocol of somebody's own programs.
    pub system: &'a str,
    /// The profile, or the target.
    pub profile: &'a str,
    /// What decided every random byte, where that was ours.
    pub seed: Option<u64>,
    /// The server's ports.
    pub ports: Vec<u16>,
}

impl<'a> From<ScenarioRun<'a>> for Subject<'a> {
    fn from(case: ScenarioRun<'a>) -> Self {
        Self {
            scenario: case.scenario,
            system: case.system.name,
            profile: case.profile.name(),
            seed: Some(case.seed),
            ports: case.system.ports.iter().map(|listening| listening.port).collect(),
        }
    }
}

/// The first port of a server of somebody's own in a capture. It really was on whichever was free.
pub(crate) const OWN_PORT: u16 = 7000;

impl<'a> Subject<'a> {
    /// Of a run against somebody's own programs.
    pub fn own(scenario: &'a Scenario, own: &'a TargetSet, target: &'a Target) -> Self {
        let ports = (OWN_PORT..).take(own.layout.ports.len()).collect();
        let (system, profile) = (own.layout.layout.system, target.name.as_str());
        Self { scenario, system, profile, seed: None, ports }
    }
}
