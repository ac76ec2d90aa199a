//! The whole command line, with systems and scenarios of a library user's own.

use std::process::ExitCode;

use files::catalogue::Catalogue;
use protocol::registry::Registry;
use protocol::system::System;

use crate::cli;

/// The program `scenarios`, with further systems: `run`, `serve`, `connect`, `matrix`, `report`, `dissector` and all others know them as they
/// know those of Meddle.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// # use protocol::system::System;
/// # const SYSTEM: System = System::minimal("mine", &|_| make(), &|_| make(), &|_| make());
/// # fn make<T>() -> T { unreachable!("an example that nobody runs") }
/// fn main() -> ExitCode {
///     scenarios::Program::new().system(SYSTEM).main()
/// }
/// ```
#[derive(Debug, Default)]
pub struct Program {
    systems: Vec<System>,
    scenarios: Vec<(&'static str, &'static str)>,
}

impl Program {
    /// The program as it comes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with this system.
    #[must_use]
    pub fn system(mut self, system: System) -> Self {
        self.systems.push(system);
        self
    }

    /// The same, with this scenario in its catalogue: the path, such as `replay/mine.toml`, and the content of the file. The folder is the
    /// scenario's family.
    #[must_use]
    pub fn scenario(mut self, path: &'static str, content: &'static str) -> Self {
        self.scenarios.push((path, content));
        self
    }

    /// The same, with all of these scenarios, as [`Self::scenario`] takes them.
    #[must_use]
    pub fn scenarios(
        mut self,
        files: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        self.scenarios.extend(files);
        self
    }

    /// Its scenarios, and the systems that they can name. They are kept for as long as the program runs.
    pub fn catalogue(self) -> Catalogue {
        Catalogue { registry: Registry::with(self.systems.leak()), own: self.scenarios.leak() }
    }

    /// Run the command of the command line; the exit code.
    pub fn main(self) -> ExitCode {
        cli::main(self.catalogue())
    }
}

/// The scenario files of a crate, for [`Program::scenarios`]: paths inside its folder `scenarios`.
///
/// ```text
/// const SCENARIOS: [(&str, &str); 2] =
///     scenarios::scenario_files!["baseline/mine-text.toml", "replay/mine-replay-text.toml"];
/// ```
#[macro_export]
macro_rules! scenario_files {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/", $path)))),+]
    };
}
