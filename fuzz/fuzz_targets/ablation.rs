//! Any text as an ablation matrix, as `report --ablation` reads it: an error or a matrix that can be shown, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reports::ablation;
use reports::view::ablation::Ablation;

fuzz_target!(|json: &str| {
    for ablation in Ablation::parse_all(json).into_iter().flatten() {
        drop(ablation::text(&ablation));
    }
});
