//! What is printed on a terminal: as wide as it is, coloured where it can and nobody forbids it. The terminal is a pseudo-terminal of
//! this test's own.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]
#![cfg(target_os = "linux")]

mod command_line;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};

use command_line::{folder, scenarios};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// What a command prints in a folder, on a terminal of so many columns.
fn printed(here: &Path, args: &[&str], columns: u16, environment: &[(&str, &str)]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let end = File::options().read(true).write(true).open(name).unwrap();
    let mut command = scenarios(here, args);
    for name in ["CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR", "CI"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color").envs(environment.iter().copied());
    let mut child: Child = command.stdout(end).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    // Reading fails once nobody has the other end open.
    let (mut terminal, mut bytes) = (File::from(terminal), Vec::new());
    let _ = terminal.read_to_end(&mut bytes);
    assert!(child.wait().unwrap().success());
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

const RUN: [&str; 2] = ["run", "replay-data-in-session"];

#[test]
fn ladders_and_lists_are_as_wide_as_the_terminal() {
    let here = folder("terminal-width");
    for columns in [60, 80, 100] {
        let text = printed(&here, &[&RUN[..], &["--color", "never"]].concat(), columns, &[]);
        let ladder = |line: &&str| line.contains("──") || line.contains("attacker  ");
        let mut rows = text.lines().filter(ladder).peekable();
        assert!(rows.peek().is_some(), "{text}");
        for row in rows {
            // What the attacker did stands behind the bytes.
            let row = row.split(" B  ").next().unwrap();
            assert!(row.chars().count() <= usize::from(columns), "{columns}: {row}");
        }
        assert!(!text.contains("|---"), "{columns}: {text}");
    }
    assert!(printed(&here, &RUN, 160, &[]).contains("|---"));
}

#[test]
fn colour_goes_to_terminals_that_can_and_where_nobody_forbids_it() {
    let here = folder("terminal-colour");
    let coloured = |args: &[&str], environment: &[(&str, &str)]| {
        printed(&here, &[&RUN[..], args].concat(), 80, environment).contains('\u{1b}')
    };
    assert!(coloured(&[], &[]));
    assert!(!coloured(&[], &[("TERM", "dumb")]));
    assert!(!coloured(&[], &[("NO_COLOR", "1")]));
    assert!(coloured(&[], &[("NO_COLOR", "")]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1"), ("TERM", "dumb")]));
    assert!(!coloured(&["--color", "never"], &[]));
}
