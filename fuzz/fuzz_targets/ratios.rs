//! Any text as benchmarks for a report (`ratios.json`): an error, or numbers that can be drawn; never a panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use reports::html;
use reports::view::Report;
use reports::view::benches::Benches;
use reports::view::details::Details;
use scenarios::bench_results::ratios;

fuzz_target!(|json: &str| {
    let mut benches = Benches::default();
    if ratios(Path::new("ratios.json"), json, &mut benches).is_ok() {
        let mut report = Report::new(Vec::new());
        report.details = Some(Details { benches: Some(benches), ..Details::default() });
        html::render(&report).expect("a page");
    }
});
