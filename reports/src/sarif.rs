//! SARIF 2.1.0, as code scanners hand their findings on: what is violated, at the line of the scenario that shows it.
//!
//! A violation the scenario expects is a note; one it does not expect is an error, as is everything else that went otherwise. What nothing
//! can be said of is open.

use serde_json::{Value, json};

use crate::plain::visible;
use crate::view::{Case, Report};

/// The rule of what differs without a property being violated.
const NOT_AS_EXPECTED: &str = "not-as-expected";

/// The report as SARIF, pretty-printed, with a newline at the end.
///
/// # Errors
/// Never in practice: it is written into memory.
pub fn render(report: &Report) -> serde_json::Result<String> {
    let details = report.details.as_ref();
    let mut rules: Vec<Value> = Vec::new();
    for property in details.map_or(&[][..], |details| &details.properties) {
        let mut rule = json!({
            "id": property.name,
            "shortDescription": { "text": property.name.replace('-', " ") },
            "fullDescription": { "text": property.meaning },
        });
        if let (Some(source), Some(rule)) = (&property.source, rule.as_object_mut()) {
            rule.insert("help".to_owned(), json!({ "text": source }));
        }
        rules.push(rule);
    }
    rules.push(json!({
        "id": NOT_AS_EXPECTED,
        "shortDescription": { "text": "not as expected" },
        "fullDescription": { "text": "A case went otherwise than its scenario says." },
    }));
    let results: Vec<Value> = report.cases.iter().flat_map(|case| results(report, case)).collect();
    let mut run = json!({
        "tool": { "driver": { "name": "meddle", "rules": rules } },
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    if let (Some(details), Some(run)) = (details, run.as_object_mut()) {
        run.insert("properties".to_owned(), json!({ "commit": details.commit }));
    }
    let mut sarif = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    show(&mut sarif);
    serde_json::to_string_pretty(&sarif).map(|json| json + "\n")
}

fn results(report: &Report, case: &Case) -> Vec<Value> {
    let mut found = Vec::new();
    let Case { scenario, system, profile, .. } = case;
    let place = format!("{scenario} against {system}, {profile}");
    for property in case.properties_with("violated") {
        let evidence = case.verdicts.get(property).map_or("", |verdict| verdict.evidence.as_str());
        let level = if case.expected { "note" } else { "error" };
        let text = format!("{property} is violated: {evidence} ({place})");
        found.push(result(report, case, property, (level, "fail"), &text));
    }
    if !case.expected {
        for line in case.inconclusive.iter().chain(&case.mismatches) {
            let text = format!("{line} ({place})");
            found.push(result(report, case, NOT_AS_EXPECTED, ("error", "fail"), &text));
        }
    } else if let Some(why) = &case.inconclusive {
        let text = format!("inconclusive: {why} ({place})");
        found.push(result(report, case, NOT_AS_EXPECTED, ("none", "open"), &text));
    }
    found
}

fn result(
    report: &Report,
    case: &Case,
    rule: &str,
    (level, kind): (&str, &str),
    text: &str,
) -> Value {
    let Case { scenario, system, profile, .. } = case;
    let lessons = report.details.iter().flat_map(|details| &details.lessons);
    let mut lessons = lessons.filter(|it| it.scenario == *scenario && it.system == *system);
    let mut result = json!({
        "ruleId": rule,
        "level": level,
        "kind": kind,
        "message": { "text": text },
        "partialFingerprints": { "case/v1": format!("{rule}@{scenario}@{system}@{profile}") },
    });
    if let (Some(lesson), Some(result)) = (lessons.next(), result.as_object_mut()) {
        let location = json!([{ "physicalLocation": {
            "artifactLocation": { "uri": lesson.uri },
            "region": { "startLine": lesson.line.max(1) },
        } }]);
        result.insert("locations".to_owned(), location);
    }
    result
}

/// Make hidden characters visible in every text.
fn show(value: &mut Value) {
    match value {
        Value::String(text) => *text = visible(text).into_owned(),
        Value::Array(values) => values.iter_mut().for_each(show),
        Value::Object(values) => values.values_mut().for_each(show),
        _ => {}
    }
}
