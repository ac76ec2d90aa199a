//! The folder of the users, and what is said of what was made for one.

use std::path::PathBuf;

use accounts::users::{AccountKeys, Part, UserFolder};
use anyhow::{Result, anyhow, bail};
use protocol::system::System;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

use super::super::output::Output;
use super::super::select::check;

/// Options that say where people are.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Place {
    /// A folder as `pki init suite` makes it
    #[arg(long, value_name = "DIR", default_value = "suite-keys")]
    pub(crate) keys: PathBuf,
    /// `as-built` keeps passwords in data/auth.txt, `hardened` in data/passwords.txt; or the name of one weakness
    #[arg(long, value_name = "PROFILE", default_value = "as-built")]
    pub(crate) profile: String,
}

/// The system that has users.
pub(crate) fn suite() -> Result<&'static System> {
    let suite = SYSTEMS.iter().find(|system| system.register.is_some());
    suite.ok_or_else(|| anyhow!("no system has users"))
}

impl Place {
    /// How people are treated.
    pub(crate) fn profile(&self) -> Result<Profile> {
        let system = suite()?;
        let mut known = vec!["as-built", "hardened"];
        known.extend(system.planted.iter().map(|planted| planted.weakness.name()));
        check("profile", &self.profile, &known)?;
        let Some(profile) = Profile::named(system, &self.profile) else {
            bail!("unknown profile");
        };
        Ok(profile)
    }

    /// The people there.
    pub(crate) fn people(&self) -> Result<UserFolder> {
        Ok(UserFolder::of(&self.keys, self.profile()?)?)
    }
}

/// Say what became of keys and certificate.
pub(crate) fn tell(made: &AccountKeys, output: Output) {
    for (what, part) in [("keys", &made.keys), ("certificate", &made.certificate)] {
        output.remark(&match part {
            Part::Made(path) => format!("wrote {}", path.display()),
            Part::Kept(path) => format!("kept {}, which was there", path.display()),
            Part::Unsuited => {
                format!(
                    "warning: no {what}: this name cannot be that of a file, or is the server's"
                )
            }
            Part::NoAuthority(path) => {
                format!("warning: no {what}: {} is missing", path.display())
            }
        });
    }
}
