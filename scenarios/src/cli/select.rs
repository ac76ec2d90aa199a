//! Which cases to run: scenarios × systems × profiles.

use anyhow::{Result, bail};
use clap::Args;
use files::diagnostic::{list, near, quote};
use files::scenario::Scenario;
use files::scenario::ScenarioRun;
use files::target_file::Target;
use judge::Over;
use protocol::system::System;
use protocol::weakness::Profile;

use super::output::Output;
use super::trials::Chosen;

/// The options that select.
#[derive(Args, Clone, Debug)]
pub(super) struct Selection {
    /// Only this system; may be given several times
    #[arg(long, value_name = "SYSTEM")]
    pub(super) system: Vec<String>,
    /// This profile instead of as-built and hardened: one of those, or the name of a weakness; may be given several times
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile: Vec<String>,
    /// This seed instead of the scenario's
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// What carries the frames: memory, or TCP on the loopback interface
    #[arg(long, value_enum, value_name = "CARRIER", default_value_t)]
    over: Transport,
}

/// What can carry the frames.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
enum Transport {
    /// Memory
    #[default]
    World,
    /// TCP on the loopback interface
    Tcp,
}

impl From<Transport> for Over {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::World => Self::World,
            Transport::Tcp => Self::Tcp,
        }
    }
}

impl Selection {
    /// Whether the frames cross an interface.
    pub(super) fn crosses_an_interface(&self) -> bool {
        matches!(self.over, Transport::Tcp)
    }

    /// The cases selected from `scenarios`.
    pub(super) fn cases<'a>(
        &self,
        scenarios: &'a [Scenario],
        output: Output,
    ) -> Result<Vec<ScenarioRun<'a>>> {
        let systems = self.systems(output)?;
        let names = self.profiles(output)?;
        let mut cases = Vec::new();
        for scenario in scenarios {
            let wanted = |system: &&&'static System| systems.iter().any(|s| s.name == system.name);
            for system in scenario.systems.iter().filter(wanted) {
                for name in &names {
                    // A weakness of another system selects nothing here.
                    if let Some(profile) = Profile::named(system, name) {
                        let seed = self.seed.unwrap_or(scenario.seed);
                        cases.push(ScenarioRun {
                            scenario,
                            system,
                            profile,
                            seed,
                            over: self.over.into(),
                        });
                    }
                }
            }
        }
        if cases.is_empty() {
            bail!("no case is selected: none of the scenarios runs on this system in this profile");
        }
        Ok(cases)
    }

    /// Scenarios for somebody's own programs, with each of their targets: as profiles, those may be named.
    pub(super) fn trials<'a>(&self, scenarios: &'a [Scenario]) -> Vec<Chosen<'a>> {
        let mut chosen = Vec::new();
        for scenario in scenarios.iter().filter(|_| self.system.is_empty()) {
            let Some(own) = &scenario.target_set else { continue };
            let wanted =
                |target: &&Target| self.profile.is_empty() || self.profile.contains(&target.name);
            chosen.extend(own.targets.iter().filter(wanted).map(|target| (scenario, own, target)));
        }
        chosen
    }

    /// The systems selected.
    pub(super) fn systems(&self, output: Output) -> Result<Vec<&'static System>> {
        Self::systems_named(&self.system, output)
    }

    /// The systems of these names; all, if there are none.
    pub(super) fn systems_named(names: &[String], output: Output) -> Result<Vec<&'static System>> {
        let known = output.catalogue.registry.names();
        for name in names {
            check("system", name, &known)?;
        }
        let wanted =
            |system: &&System| names.is_empty() || names.iter().any(|name| name == system.name);
        Ok(output.catalogue.registry.systems().filter(wanted).collect())
    }

    fn profiles(&self, output: Output) -> Result<Vec<String>> {
        if self.profile.is_empty() {
            return Ok(vec!["as-built".to_owned(), "hardened".to_owned()]);
        }
        let mut known = vec!["as-built", "hardened"];
        let weaknesses = output.catalogue.registry.weaknesses();
        known.extend(weaknesses.iter().map(|weakness| weakness.name()));
        for name in &self.profile {
            check("profile", name, &known)?;
        }
        Ok(self.profile.clone())
    }
}

/// Refuse a name that is not known, with the nearest one that is.
pub(super) fn check(what: &str, name: &str, known: &[&str]) -> Result<()> {
    if known.contains(&name) {
        return Ok(());
    }
    let name_shown = quote(name);
    match near(name, known) {
        Some(near) => bail!("unknown {what} {name_shown}: did you mean `{near}`?"),
        None => bail!("unknown {what} {name_shown}: expected {}", list(known)),
    }
}
