//! What the system gets from Meddle: the conformance suite, and the commands.

use std::process::Command;

use sixth::SYSTEM;

/// Run a command that has to succeed; what it prints.
fn sixth(line: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sixth"));
    let output = command.args(line.split(' ')).current_dir(env!("CARGO_TARGET_TMPDIR")).output();
    let output = output.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sixth {line}\n{printed}{said}");
    printed
}

#[test]
fn the_system_conforms() {
    protocol::testing::conformance(&SYSTEM);
}

#[test]
fn every_verdict_is_as_expected_in_memory_and_over_tcp() {
    for line in ["all --system sixth", "all --system sixth --over tcp"] {
        assert!(sixth(line).contains("10 as expected, 0 not"), "{line}");
    }
}

#[test]
fn every_weakness_is_found_and_every_scenario_says_what_it_needs() {
    let matrix = sixth("matrix --system sixth");
    assert!(matrix.starts_with("sixth: 3 weaknesses, 5 scenarios") && !matrix.contains("FAULT"));
}

#[test]
fn the_dissector_knows_its_frames() {
    let dissector = sixth("dissector");
    assert!(dissector.contains("sixth") && dissector.contains("FINISH"));
}
