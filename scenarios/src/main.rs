//! The `scenarios` program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    scenarios::Program::new().main()
}
