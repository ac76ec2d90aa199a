//! Benchmarks read for a report: what criterion leaves in its folder, and `ratios.json`. Whatever cannot be read is told, and the rest is
//! taken.

use std::fs;
use std::path::{Path, PathBuf};

use accounts::user_files::{ReadError, read_text_within};
use files::diagnostic::{quote, quote_path};
use reports::view::benches::{Benches, Distribution, Ratio, Spread};
use serde_json::Value;

/// The largest file read, in bytes.
const LARGEST: usize = 16 << 20;
/// The most benchmarks read.
const MOST: usize = 1000;
/// The most folders looked into.
const MOST_FOLDERS: usize = 20_000;
/// Folders of criterion below each other: group, function, parameter, `new`.
const DEEPEST: usize = 4;
/// What `ratios.json` says it is.
const SCHEMA: &str = "meddle-ratios-1";

/// Everything in a folder of criterion, and in `ratios.json` there or beside the folder.
pub fn read(folder: &Path) -> Benches {
    let mut benches = Benches::default();
    if folder.is_dir() {
        for found in samples(folder, &mut benches.problems) {
            match distribution(&found) {
                Ok(distribution) => benches.distributions.push(distribution),
                Err(why) => benches.problems.push(format!("{}: {why}", quote_path(&found))),
            }
        }
        benches.distributions.sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
    }
    let beside = folder.parent().map(|parent| parent.join("ratios.json"));
    let inside = folder.join("ratios.json");
    let found = [Some(inside), beside].into_iter().flatten().find(|path| path.is_file());
    if let Some(path) = &found {
        if let Err(why) = text(path).and_then(|json| ratios(path, &json, &mut benches)) {
            benches.problems.push(format!("{}: {why}", quote_path(path)));
        }
    } else if !folder.is_dir() {
        benches.problems.push(format!("{}: no folder of benchmarks is there", quote_path(folder)));
    } else if benches.distributions.is_empty() && benches.problems.is_empty() {
        benches.problems.push(format!("{}: no benchmark is in it", quote_path(folder)));
    }
    benches
}

/// The folders `new` below `folder`, each the result of one benchmark, by path.
fn samples(folder: &Path, problems: &mut Vec<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    let mut looked = 0;
    while let Some((folder, depth)) = open.pop() {
        looked += 1;
        if looked > MOST_FOLDERS || found.len() > MOST {
            problems.push(format!("only the first {MOST} benchmarks are shown"));
            break;
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(format!("{}: cannot be read: {}", quote_path(&folder), error.kind()));
                continue;
            }
        };
        for entry in entries.flatten() {
            // What a link leads to is not criterion's.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name();
            if name == "new" {
                found.push(entry.path());
            } else if name != "report" && name != "base" && name != "change" && depth < DEEPEST {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    found.sort();
    found.truncate(MOST);
    found
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.display().to_string())
}

fn text(path: &Path) -> Result<String, String> {
    let name = name(path);
    read_text_within(path, LARGEST).map_err(|error| match error {
        ReadError::Failed(_, error) => format!("{name} cannot be read: {}", error.kind()),
        ReadError::NotAFile(_) => format!("{name} is not a regular file"),
        ReadError::TooLarge(_, most) => format!("{name} is larger than {most} bytes"),
        ReadError::NotText(_) => format!("{name} is not UTF-8 text"),
    })
}

fn parse(path: &Path, text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{} is no JSON: {error}", name(path)))
}

fn json(path: &Path) -> Result<Value, String> {
    parse(path, &text(path)?)
}

fn distribution(folder: &Path) -> Result<Distribution, String> {
    let [benchmark, estimates, sample] =
        ["benchmark.json", "estimates.json", "sample.json"].map(|name| json(&folder.join(name)));
    let (benchmark, estimates, sample) = (benchmark?, estimates?, sample?);
    let word = |key: &str| benchmark.get(key).and_then(Value::as_str);
    let group = word("group_id").ok_or("benchmark.json has no group_id")?;
    let name: Vec<&str> = [word("function_id"), word("value_str")].into_iter().flatten().collect();
    let numbers = |key: &str| -> Result<Vec<f64>, String> {
        let list = sample.get(key).and_then(Value::as_array);
        let list = list.ok_or(format!("sample.json has no list `{key}`"))?;
        let number = |value: &Value| value.as_f64().filter(|number| *number >= 0.0);
        let all: Option<Vec<f64>> = list.iter().map(number).collect();
        all.ok_or(format!("sample.json: `{key}` has something that is no time and no count"))
    };
    let (iterations, times) = (numbers("iters")?, numbers("times")?);
    if iterations.is_empty() || iterations.len() != times.len() || iterations.contains(&0.0) {
        return Err("sample.json: `iters` and `times` do not fit together".to_owned());
    }
    let each = times.iter().zip(&iterations).map(|(time, iterations)| time / iterations);
    let mut samples_ns: Vec<f64> = each.collect();
    samples_ns.sort_by(f64::total_cmp);
    let estimate = estimates.get("slope").filter(|slope| slope.is_object());
    let estimate =
        estimate.or_else(|| estimates.get("mean")).ok_or("estimates.json has no mean")?;
    let number = |path: &str| {
        let found = estimate.pointer(path).and_then(Value::as_f64).filter(|ns| *ns >= 0.0);
        found.ok_or(format!("estimates.json has no number {path}"))
    };
    let throughput = benchmark.get("throughput");
    let bytes =
        ["Bytes", "BytesDecimal"].into_iter().find_map(|unit| throughput?.get(unit)?.as_u64());
    Ok(Distribution {
        group: group.to_owned(),
        name: name.join(" / "),
        samples_ns,
        typical_ns: number("/point_estimate")?,
        interval_ns: (
            number("/confidence_interval/lower_bound")?,
            number("/confidence_interval/upper_bound")?,
        ),
        bytes,
    })
}

/// Add what the text of a `ratios.json` says. `path` is for messages; what is wrong with one row is among the problems.
///
/// # Errors
/// Why it is no such file.
pub fn ratios(path: &Path, text: &str, benches: &mut Benches) -> Result<(), String> {
    let file = parse(path, text)?;
    match file.get("schema").and_then(Value::as_str) {
        Some(SCHEMA) => {}
        Some(other) => return Err(format!("`schema` is {}, expected {SCHEMA}", quote(other))),
        None => return Err(format!("`schema` is missing, expected {SCHEMA}")),
    }
    let word = |key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
    benches.machine = word("machine");
    benches.commit = word("commit");
    benches.method = word("method");
    let rows = file.get("rows").and_then(Value::as_array).ok_or("there is no list `rows`")?;
    for (number, row) in (1..).zip(rows.iter().take(MOST)) {
        match ratio(row) {
            Ok(ratio) => benches.ratios.push(ratio),
            Err(why) => benches.problems.push(format!("{}: row {number}: {why}", quote_path(path))),
        }
    }
    Ok(())
}

fn ratio(row: &Value) -> Result<Ratio, String> {
    let word = |key: &str| {
        let found = row.get(key).and_then(Value::as_str).map(str::to_owned);
        found.ok_or(format!("`{key}` is missing or no text"))
    };
    let spread_of = |key: &str| row.get(key).filter(|value| !value.is_null());
    Ok(Ratio {
        operation: word("operation")?,
        subject: word("subject")?,
        peer: word("peer")?,
        bytes: row.get("bytes").and_then(Value::as_u64),
        ratio: spread(spread_of("ratio").ok_or("`ratio` is missing")?, "ratio")?,
        ours_ns: spread_of("ours_ns").map(|value| spread(value, "ours_ns")).transpose()?,
        peer_ns: spread_of("peer_ns").map(|value| spread(value, "peer_ns")).transpose()?,
    })
}

fn spread(value: &Value, key: &str) -> Result<Spread, String> {
    let number = |part: &str| {
        let found = value.get(part).and_then(Value::as_f64).filter(|number| *number > 0.0);
        found.ok_or(format!("`{key}.{part}` is no number above zero"))
    };
    let (min, median, max) = (number("min")?, number("median")?, number("max")?);
    if min <= median && median <= max {
        Ok(Spread { min, median, max })
    } else {
        Err(format!("`{key}`: min, median and max are not in this order"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("meddle-measured-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("criterion/aes/seal/1024/new")).unwrap();
        folder
    }

    #[test]
    fn a_good_folder_is_read() {
        let here = scratch("good");
        let new = here.join("criterion/aes/seal/1024/new");
        let benchmark = r#"{"group_id":"aes","function_id":"seal","value_str":"1024","throughput":{"Bytes":1024}}"#;
        fs::write(new.join("benchmark.json"), benchmark).unwrap();
        let estimate = r#"{"point_estimate":10.0,"confidence_interval":{"lower_bound":9.0,"upper_bound":11.0}}"#;
        let estimates = format!(r#"{{"mean":{estimate},"slope":null}}"#);
        fs::write(new.join("estimates.json"), estimates).unwrap();
        fs::write(new.join("sample.json"), r#"{"iters":[2,1],"times":[22,9]}"#).unwrap();
        let row = r#"{"operation":"seal","subject":"protocol","bytes":1024,"peer":"ring","ratio":{"min":0.9,"median":1,"max":1.1}}"#;
        let file = format!(r#"{{"schema":"meddle-ratios-1","machine":"m","rows":[{row},{{}}]}}"#);
        fs::write(here.join("ratios.json"), file).unwrap();
        let benches = read(&here.join("criterion"));
        assert_eq!(benches.distributions[0].samples_ns, [9.0, 11.0]);
        assert_eq!(benches.distributions[0].bytes, Some(1024));
        assert_eq!(benches.ratios.len(), 1);
        assert_eq!(benches.machine.as_deref(), Some("m"));
        assert_eq!(benches.problems.len(), 1);
        assert!(benches.problems[0].ends_with("row 2: `operation` is missing or no text"));
        fs::remove_dir_all(here).unwrap();
    }

    #[test]
    fn what_is_broken_is_told() {
        let here = scratch("broken");
        let told = |benches: &Benches, what: &str| {
            assert!(
                benches.problems.iter().any(|line| line.contains(what)),
                "{what}: {:?}",
                benches.problems
            );
        };
        told(&read(&here.join("nowhere")), "no folder of benchmarks is there");
        told(&read(&here.join("criterion")), "benchmark.json cannot be read");
        let new = here.join("criterion/aes/seal/1024/new");
        fs::write(new.join("benchmark.json"), "{\"group_id\":\"aes\"}").unwrap();
        fs::write(new.join("estimates.json"), "{}").unwrap();
        fs::write(new.join("sample.json"), "[").unwrap();
        told(&read(&here.join("criterion")), "sample.json is no JSON");
        fs::write(new.join("sample.json"), r#"{"iters":[0],"times":[1]}"#).unwrap();
        told(&read(&here.join("criterion")), "do not fit together");
        fs::write(new.join("sample.json"), r#"{"iters":[1],"times":["x"]}"#).unwrap();
        told(&read(&here.join("criterion")), "no time and no count");
        fs::write(new.join("sample.json"), r#"{"iters":[1],"times":[1]}"#).unwrap();
        told(&read(&here.join("criterion")), "estimates.json has no mean");
        for (file, what) in [
            ("[]", "`schema` is missing"),
            (r#"{"schema":"x"}"#, "expected meddle-ratios-1"),
            (r#"{"schema":"meddle-ratios-1"}"#, "no list `rows`"),
            ("\u{0}", "no JSON"),
        ] {
            fs::write(here.join("ratios.json"), file).unwrap();
            told(&read(&here.join("criterion")), what);
        }
        fs::remove_dir_all(here).unwrap();
    }
}
