//! Any text as a file of targets: an error or targets, never a panic. Nothing is started.
#![no_main]

use files::diagnostic::Color;
use files::target_file::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let mistakes = match targets("fuzz.toml", source) {
        Ok(file) => file.mistakes,
        Err(mistakes) => Some(mistakes),
    };
    if let Some(mistakes) = mistakes {
        drop(mistakes.render(Color::Plain));
    }
});
