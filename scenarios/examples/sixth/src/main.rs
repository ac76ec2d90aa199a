//! The whole command line of Meddle, with one more system.

use std::process::ExitCode;

use sixth::{SCENARIOS, SYSTEM};

fn main() -> ExitCode {
    scenarios::Program::new().system(SYSTEM).scenarios(SCENARIOS).main()
}
