//! `scenarios report` and `--report` as a user meets them: the files, the schema of the JSON, and what cannot be written or read.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

use std::fs;
use std::path::Path;

mod command_line;

use command_line::{check, folder, scenarios};

const SCHEMA: &str = include_str!("../../docs/report.schema.json");

/// Exit code, standard output and standard error.
fn run(here: &Path, args: &[&str]) -> (i32, String, String) {
    let output = scenarios(here, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn fits_the_schema(json: &str) {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(&json)
        .take(5)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `JUnit` XML without how long each test took; every test says so.
fn without_times(xml: &str) -> String {
    let mut parts = xml.split(" time=\"");
    let mut text = parts.next().unwrap().to_owned();
    let mut times = 0;
    for part in parts {
        let (time, rest) = part.split_once('"').unwrap();
        assert!(time.parse::<f64>().unwrap() >= 0.0, "{time}");
        text.push_str(rest);
        times += 1;
    }
    assert!(times > xml.matches("<testcase ").count(), "{xml}");
    text
}

#[test]
fn where_a_scenario_is_scanners_are_told_as_they_take_it() {
    let here = folder("report-addresses");
    let file = "replay-text-in-session.toml";
    for folder in ["work/a b", "beside"] {
        fs::create_dir_all(here.join(folder)).unwrap();
        let scenario = include_str!("../attacks/replay/replay-text-in-session.toml");
        fs::write(here.join(folder).join(file), scenario).unwrap();
    }
    let work = here.join("work");
    let whole = |path: &str| here.canonicalize().unwrap().join(path).display().to_string();
    for (path, uri) in [
        ("./a b", format!("a%20b/{file}")),
        (&whole("work/a b"), format!("a%20b/{file}")),
        ("../beside", format!("file://{}/{file}", whole("beside"))),
    ] {
        let (exit, _, errors) = run(&work, &["run", path, "--report", "a.sarif"]);
        assert_eq!(exit, 0, "{errors}");
        let sarif = fs::read_to_string(work.join("a.sarif")).unwrap();
        assert!(sarif.contains(&format!("\"uri\": \"{uri}\"")), "{path}: {sarif}");
    }
    // Those of the catalogue are in the repository.
    let (exit, _, errors) = run(&work, &["run", "replay-text-in-session", "--report", "a.sarif"]);
    assert_eq!(exit, 0, "{errors}");
    let sarif = fs::read_to_string(work.join("a.sarif")).unwrap();
    let uri = "\"uri\": \"scenarios/attacks/replay/replay-text-in-session.toml\"";
    assert!(sarif.contains(uri), "{sarif}");
}

#[test]
fn a_report_is_five_files_and_the_same_twice() {
    let here = folder("report");
    let report = |out: &str| {
        let args =
            ["report", "--no-ablation", "--system", "ratchet", "--commit", "c0ffee", "--out", out];
        let (exit, stdout, stderr) = run(&here, &args);
        assert_eq!(exit, 0, "{stderr}");
        stdout
    };
    let said = report("one");
    report("two");
    for name in ["index.html", "report.json", "report.md", "report.xml", "report.sarif"] {
        assert!(said.contains(&format!("one/{name}  ")), "{said}");
        let read = |out: &str| {
            let text = fs::read_to_string(here.join(out).join(name)).unwrap();
            if name == "report.xml" { without_times(&text) } else { text }
        };
        assert!(read("one") == read("two"), "{name}: two reports of one seed differ");
    }
    let json = fs::read_to_string(here.join("one/report.json")).unwrap();
    fits_the_schema(&json);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["details"]["commit"], "c0ffee");
    let page = fs::read_to_string(here.join("one/index.html")).unwrap();
    for case in json["cases"].as_array().unwrap() {
        let word = |key: &str| case[key].as_str().unwrap().to_owned();
        let id = [word("scenario"), word("system"), word("profile")].join(".");
        assert!(page.contains(&format!("<a href=\"#{id}\">")), "no cell: {id}");
        assert!(page.contains(&format!("<section id=\"{id}\"")), "no case: {id}");
    }
}

#[test]
fn what_the_attacker_changed_is_in_the_report() {
    let here = folder("report-anatomy");
    let args = ["run", "flip-ratchet-data", "--profile", "as-built", "--quiet"];
    let args =
        [&args[..], &["--report", "a.json", "--report", "a.html", "--report", "sub/a.sarif"]]
            .concat();
    assert_eq!(run(&here, &args).0, 0);
    let json = fs::read_to_string(here.join("a.json")).unwrap();
    fits_the_schema(&json);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let frames = json["cases"][0]["frames"].as_array().unwrap();
    let flipped = frames.iter().find(|frame| frame["did"] != serde_json::json!([])).unwrap();
    let anatomy = &flipped["anatomy"];
    assert_eq!(anatomy["was_bytes"], flipped["bytes"]);
    assert_eq!(anatomy["changes"][0]["bits"].as_array().unwrap().len(), 1, "one bit: {anatomy}");
    let untouched = frames.iter().find(|frame| frame["did"] == serde_json::json!([])).unwrap();
    assert!(untouched["anatomy"]["changes"].is_null());
    // What the fields hold is what the frame holds, without a gap.
    let fields = untouched["anatomy"]["fields"].as_array().unwrap();
    let bytes: u64 = fields.iter().map(|field| field["bytes"].as_u64().unwrap()).sum();
    assert_eq!(bytes, untouched["bytes"].as_u64().unwrap());

    let sarif: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(here.join("sub/a.sarif")).unwrap()).unwrap();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    let file = place["artifactLocation"]["uri"].as_str().unwrap();
    let line = usize::try_from(place["region"]["startLine"].as_u64().unwrap()).unwrap();
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file));
    assert!(
        source.unwrap().lines().nth(line - 1).unwrap().starts_with("[[rule]]"),
        "{file}:{line}"
    );
}

#[test]
fn without_a_report_nothing_is_added_to_json() {
    let here = folder("report-plain");
    let (_, json, _) = run(&here, &["reflect", "--system", "ratchet", "--format", "json"]);
    fits_the_schema(&json);
    assert!(!json.contains("\"anatomy\"") && !json.contains("\"details\""));
}

#[test]
fn a_form_there_is_not_is_refused_before_anything_runs() {
    let here = folder("report-forms");
    check("report-unknown-form", &here, &["all", "--report", "a.html", "--report", "report.pdf"]);
    check("report-no-form", &here, &["all", "--report", "report"]);
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_written_is_told_and_the_rest_is_written() {
    let here = folder("report-unwritable");
    fs::create_dir_all(here.join("out/report.md")).unwrap();
    let args = ["report", "--no-ablation", "--system", "ratchet", "--profile", "as-built", "--out"];
    let (exit, stdout, stderr) = run(&here, &[&args[..], &["out"]].concat());
    assert_eq!(exit, 2);
    assert!(stderr.contains("cannot write `out/report.md`"), "{stderr}");
    assert!(stdout.contains("out/index.html") && here.join("out/report.sarif").is_file());

    fs::write(here.join("file"), "").unwrap();
    let (exit, _, stderr) = run(&here, &[&args[..], &["file"]].concat());
    assert_eq!(exit, 2);
    assert!(stderr.contains("cannot make the folder `file`"), "{stderr}");

    let run_args = ["reflect", "--system", "ratchet", "--quiet", "--report"];
    let (exit, _, stderr) =
        run(&here, &[&run_args[..], &["file/a.md", "--report", "b.md"]].concat());
    assert_eq!(exit, 2);
    assert!(stderr.contains("cannot write `file/a.md`"), "{stderr}");
    assert!(fs::read_to_string(here.join("b.md")).unwrap().starts_with("# Verdicts"));
}

#[test]
fn broken_benchmarks_and_matrices_are_told_and_the_rest_is_written() {
    let here = folder("report-broken");
    fs::create_dir_all(here.join("criterion/group/one/new")).unwrap();
    fs::write(here.join("criterion/group/one/new/benchmark.json"), "{").unwrap();
    fs::write(here.join("matrix.json"), "[{}]").unwrap();
    let args = ["report", "--system", "ratchet", "--profile", "as-built", "--out", "out"];
    let more = ["--benches", "criterion", "--ablation", "matrix.json"];
    let (exit, _, stderr) = run(&here, &[&args[..], &more].concat());
    assert_eq!(exit, 0, "{stderr}");
    assert!(stderr.contains("benchmark.json is no JSON"), "{stderr}");
    assert!(stderr.contains("not what `scenarios matrix --format json` prints"), "{stderr}");
    let page = fs::read_to_string(here.join("out/index.html")).unwrap();
    assert!(page.contains("benchmark.json is no JSON"));
    let (_, _, stderr) = run(&here, &[&args[..], &["--no-ablation", "--benches", "gone"]].concat());
    assert!(stderr.contains("`gone`: no folder of benchmarks is there"), "{stderr}");
}

#[test]
fn the_ablation_matrix_of_a_file_is_the_one_that_is_shown() {
    let here = folder("report-ablation");
    let (exit, printed, _) =
        run(&here, &["matrix", "--system", "ratchet", "--json", "matrix.json"]);
    assert_eq!(exit, 0);
    assert!(printed.starts_with("ratchet: "));
    let args = ["report", "--system", "ratchet", "--ablation", "matrix.json", "--out", "out"];
    assert_eq!(run(&here, &args).0, 0);
    let json = fs::read_to_string(here.join("out/report.json")).unwrap();
    fits_the_schema(&json);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let file: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(here.join("matrix.json")).unwrap()).unwrap();
    assert_eq!(json["details"]["ablation"], file);
}

#[test]
fn verdicts_alone_are_one_file() {
    let here = folder("report-verdicts");
    let args = ["report", "--system", "ratchet", "--verdicts", "verdicts.md"];
    let (exit, stdout, _) = run(&here, &args);
    assert_eq!((exit, stdout.starts_with("verdicts.md  ")), (0, true));
    let text = fs::read_to_string(here.join("verdicts.md")).unwrap();
    assert!(text.contains("| family | attack | as-built | hardened |"));
    assert_eq!(fs::read_dir(&here).unwrap().count(), 1);
}
