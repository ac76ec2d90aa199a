//! Every renderer over one small report, as a snapshot; and what hostile names and payloads become in each.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use quick_xml::events::Event as Xml;
use reports::view::ablation::{Ablation, Cell, Row};
use reports::view::anatomy::{Anatomy, Field, hex};
use reports::view::benches::{Benches, Distribution, Ratio, Spread};
use reports::view::details::{Definition, Details, Lesson};
use reports::view::{ActionTaken, Case, Effort, Event, Frame, Report, Verdict, Weight};
use reports::{html, json, junit, markdown, sarif, sequence};

/// Script tags, quotes of both kinds, a right-to-left override, an escape sequence, a null, Markdown, XML's end of data.
const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'`|*_[x](y)\u{202e}\u{1b}[31m\u{0}]]>&amp;\n# h";

fn verdict(verdict: &str, evidence: &str, frames: Vec<u32>) -> Verdict {
    Verdict { verdict: verdict.to_owned(), evidence: evidence.to_owned(), frames }
}

fn frame(number: u32, from: &str, to: &str) -> Frame {
    let bytes: Vec<u8> = (0..40).collect();
    Frame {
        number,
        at_us: u64::from(number) * 500,
        moment: u64::from(number) * 2,
        link: 1,
        from: from.to_owned(),
        to: to.to_owned(),
        client: "client".to_owned(),
        kind: "TEXT".to_owned(),
        bytes: 40,
        copy_of: None,
        did: Vec::new(),
        fate: "delivered".to_owned(),
        anatomy: Some(Anatomy {
            fields: vec![
                Field {
                    name: "tag".to_owned(),
                    offset: 0,
                    bytes: 4,
                    hex: hex(&bytes[..4]),
                    was: None,
                },
                Field {
                    name: "body".to_owned(),
                    offset: 4,
                    bytes: 36,
                    hex: hex(&bytes[4..]),
                    was: None,
                },
            ],
            was_bytes: Some(40),
            ..Anatomy::default()
        }),
    }
}

fn event(moment: u64, what: &str, weight: Weight) -> Event {
    let at_us = moment * 250;
    Event {
        at_us,
        moment,
        link: 1,
        who: "server".to_owned(),
        what: what.to_owned(),
        weight,
        cause: None,
    }
}

fn case(scenario: &str, profile: &str, outcome: &str) -> Case {
    let mut changed = frame(2, "client", "server");
    changed.did.push(ActionTaken { rule: 1, what: "flip body bit 3".to_owned() });
    let anatomy = changed.anatomy.as_mut().unwrap();
    let mut now: Vec<u8> = (0..40).collect();
    now[4] ^= 0x10;
    (anatomy.changes, anatomy.more_changes) = Anatomy::compare(&(0..40).collect::<Vec<u8>>(), &now);
    anatomy.fields[1].was = Some(anatomy.fields[1].hex.clone());
    anatomy.fields[1].hex = hex(&now[4..]);
    let verdicts = [
        ("secrecy", verdict("held", "nothing found in 80 bytes", Vec::new())),
        ("order", verdict(outcome, "what the judge saw", vec![2])),
    ];
    Case {
        scenario: scenario.to_owned(),
        family: "bit-flip".to_owned(),
        system: "helo".to_owned(),
        profile: profile.to_owned(),
        over: "world".to_owned(),
        seed: 7,
        took: Some(Duration::from_millis(1250)),
        scope: "under this script".to_owned(),
        summary: "Change a bit.".to_owned(),
        expected: true,
        declared: true,
        mismatches: Vec::new(),
        verdicts: verdicts.map(|(name, verdict)| (name.to_owned(), verdict)).into(),
        blocked_by: (outcome == "held").then(|| "server: mac".to_owned()),
        blocked_runs: BTreeMap::from([("server: mac".to_owned(), 1)]),
        inconclusive: None,
        runs: 1,
        frames: vec![frame(1, "server", "client"), changed],
        events: vec![
            event(1, "connects", Weight::Step),
            event(6, "refuses: mac (tag)", Weight::Refusal),
        ],
        divergences: Vec::new(),
        efforts: Vec::new(),
        answers: Vec::new(),
        knowledge: Vec::new(),
        handshakes: Vec::new(),
        notes: Vec::new(),
        judged_from: None,
        findings: Vec::new(),
        order: vec!["secrecy".to_owned(), "order".to_owned()],
    }
}

fn definition(name: &str) -> Definition {
    Definition { name: name.to_owned(), meaning: format!("What {name} is."), source: None }
}

fn report() -> Report {
    let mut wrong = case("drop-a-text", "as-built", "inconclusive");
    "drop".clone_into(&mut wrong.family);
    wrong.expected = false;
    wrong.mismatches.push("order: inconclusive, expected violated".to_owned());
    wrong.efforts.push(Effort {
        strategy: "padding-oracle".to_owned(),
        queries: 280,
        tries: 0,
        recovered: 10,
        queries_per_byte: Some(28.0),
        virtual_ms: 280,
        ended: "done".to_owned(),
    });
    let cases = vec![
        case("flip-a-bit", "as-built", "violated"),
        case("flip-a-bit", "hardened", "held"),
        wrong,
    ];
    let mut report = Report::new(cases);
    let lesson = |scenario: &str, line| Lesson {
        scenario: scenario.to_owned(),
        system: "helo".to_owned(),
        file: format!("attacks/bit flip/{scenario}.toml"),
        uri: format!("attacks/bit%20flip/{scenario}.toml"),
        line,
        teaches: "A MAC notices.\n\nSecond paragraph.".to_owned(),
        works: vec!["no-mac: anything goes".to_owned()],
        stops: vec!["without no-mac: a MAC".to_owned()],
    };
    let cell = |alone: &str, mended: Option<&str>| Cell {
        alone: alone.to_owned(),
        mended: mended.map(str::to_owned),
    };
    let row = |weakness: &str, cell| Row {
        scenarios: BTreeMap::from([("flip-a-bit".to_owned(), cell)]),
        weakness: weakness.to_owned(),
    };
    let spread = |median: f64| Spread { min: median * 0.9, median, max: median * 1.1 };
    let ratio = |subject: &str, median| Ratio {
        operation: "AES-128-CBC encrypt".to_owned(),
        subject: subject.to_owned(),
        peer: "ring".to_owned(),
        bytes: Some(1024),
        ratio: spread(median),
        ours_ns: None,
        peer_ns: None,
    };
    report.details = Some(Details {
        commit: "abc123".to_owned(),
        lessons: vec![lesson("flip-a-bit", 12), lesson("drop-a-text", 9)],
        properties: vec![definition("secrecy"), definition("order")],
        families: vec![definition("bit-flip"), definition("drop")],
        systems: vec![definition("helo")],
        ablation: vec![Ablation {
            as_built: BTreeMap::from([("flip-a-bit".to_owned(), "violated".to_owned())]),
            faults: vec!["no-mac: no scenario finds it".to_owned()],
            system: "helo".to_owned(),
            weaknesses: vec![
                row("no-mac", cell("violated", Some("held"))),
                row("no-sequence", cell("held", Some("violated"))),
            ],
            order: Vec::new(),
        }],
        benches: Some(Benches {
            machine: Some("2 cores".to_owned()),
            commit: None,
            method: Some("in turns".to_owned()),
            distributions: vec![Distribution {
                group: "aes".to_owned(),
                name: "seal / 1024".to_owned(),
                samples_ns: vec![900.0, 905.0, 910.0, 1500.0],
                typical_ns: 906.0,
                interval_ns: (901.0, 911.0),
                bytes: Some(1024),
            }],
            ratios: vec![ratio("protocol", 0.8), ratio("mine", 1.3), ratio("other", 1.0)],
            problems: vec!["`x`: sample.json is no JSON".to_owned()],
        }),
    });
    report
}

/// Every text of a report replaced.
fn hostile() -> Report {
    let mut report = report();
    let mut all = vec![case(HOSTILE, HOSTILE, "violated"), case(HOSTILE, HOSTILE, "held")];
    for case in &mut all {
        let texts = [&mut case.family, &mut case.system, &mut case.summary, &mut case.over];
        for text in texts {
            HOSTILE.clone_into(text);
        }
        case.expected = false;
        case.mismatches = vec![HOSTILE.to_owned()];
        case.notes = vec![HOSTILE.to_owned()];
        case.blocked_by = Some(HOSTILE.to_owned());
        case.blocked_runs = BTreeMap::from([(HOSTILE.to_owned(), 1)]);
        case.verdicts.insert(HOSTILE.to_owned(), verdict("violated", HOSTILE, vec![1, 2]));
        case.order.push(HOSTILE.to_owned());
        for frame in &mut case.frames {
            HOSTILE.clone_into(&mut frame.kind);
            HOSTILE.clone_into(&mut frame.fate);
            frame.did.push(ActionTaken { rule: 2, what: HOSTILE.to_owned() });
            for field in &mut frame.anatomy.as_mut().unwrap().fields {
                HOSTILE.clone_into(&mut field.name);
            }
        }
        for event in &mut case.events {
            HOSTILE.clone_into(&mut event.who);
            HOSTILE.clone_into(&mut event.what);
        }
    }
    let details = report.details.as_mut().unwrap();
    HOSTILE.clone_into(&mut details.commit);
    for lesson in &mut details.lessons {
        let texts =
            [&mut lesson.scenario, &mut lesson.system, &mut lesson.file, &mut lesson.teaches];
        for text in texts {
            HOSTILE.clone_into(text);
        }
        lesson.works = vec![HOSTILE.to_owned()];
    }
    for known in details.properties.iter_mut().chain(&mut details.systems) {
        HOSTILE.clone_into(&mut known.name);
        known.source = Some(HOSTILE.to_owned());
    }
    HOSTILE.clone_into(&mut details.ablation[0].system);
    HOSTILE.clone_into(&mut details.ablation[0].weaknesses[0].weakness);
    let benches = details.benches.as_mut().unwrap();
    HOSTILE.clone_into(&mut benches.ratios[0].operation);
    HOSTILE.clone_into(&mut benches.ratios[1].peer);
    HOSTILE.clone_into(&mut benches.distributions[0].group);
    benches.machine = Some(HOSTILE.to_owned());
    let details = report.details.take();
    Report { details, ..Report::new(all) }
}

#[test]
fn every_form_of_a_small_report() {
    let report = report();
    let page = html::render(&report).unwrap();
    // Style and script are files of their own.
    let from = page.find("<a class=skip").unwrap();
    let to = page.find("<script>").unwrap();
    insta::assert_snapshot!("html", &page[from..to]);
    insta::assert_snapshot!("json", json::render(&report).unwrap());
    insta::assert_snapshot!("markdown", markdown::render(&report));
    insta::assert_snapshot!("sarif", sarif::render(&report).unwrap());
    insta::assert_snapshot!("junit", junit::render(&report).unwrap());
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(html::render(&report()).unwrap(), html::render(&report()).unwrap());
    assert_eq!(sarif::render(&report()).unwrap(), sarif::render(&report()).unwrap());
}

#[test]
fn a_report_without_details_or_cases_is_a_page_too() {
    let empty = Report::new(Vec::new());
    assert!(html::render(&empty).unwrap().contains("<b>0</b> cases"));
    assert!(markdown::render(&empty).contains("0 cases"));
    assert!(sarif::render(&empty).unwrap().contains("\"results\": []"));
    let mut bare = report();
    bare.details = None;
    let page = html::render(&bare).unwrap();
    assert!(page.contains("flip-a-bit.helo.as-built") && page.contains("unknown"));
}

#[test]
fn two_cases_of_one_name_have_places_of_their_own() {
    let twice = vec![case("a", "as-built", "held"), case("a", "as-built", "violated")];
    let page = html::render(&Report::new(twice)).unwrap();
    assert!(page.contains("id=\"a.helo.as-built\"") && page.contains("id=\"a.helo.as-built.2\""));
    assert!(page.contains("href=\"#a.helo.as-built.2\""));
}

#[test]
fn nothing_hostile_becomes_part_of_the_page() {
    let page = html::render(&hostile()).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "only the page's own");
    assert_eq!(page.matches("<img").count(), 0);
    assert!(page.contains("&#60;img src=x onerror") || page.contains("&lt;img src=x onerror"));
    for hidden in ['\u{202e}', '\u{1b}', '\u{0}', '\r', '\t'] {
        assert!(!page.contains(hidden), "{hidden:?}");
    }
    assert!(page.contains("\\u{202e}") && page.contains("\\u{1b}") && page.contains("\\u{0}"));
    // Every attribute with something from outside is quoted, and no quote of its own is left.
    assert!(!page.contains("alert(1)>\"") && !page.contains("alert(1)>'"));
}

#[test]
fn nothing_hostile_becomes_part_of_the_other_forms() {
    let hostile = hostile();
    let text = markdown::render(&hostile);
    assert!(!text.contains('<') && !text.contains("[x](") && !text.contains("\n# h"));
    for hidden in ['\u{202e}', '\u{1b}', '\u{0}'] {
        assert!(!text.contains(hidden), "{hidden:?}");
    }
    let cells = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.replace("\\\\", "").replace("\\|", "").matches('|').count());
    assert!(cells.clone().count() > 3 && cells.clone().all(|count| count >= 3));

    let scanned = sarif::render(&hostile).unwrap();
    assert!(!scanned.contains('\u{202e}') && scanned.contains("\\\\u{202e}"));
    let parsed: serde_json::Value = serde_json::from_str(&scanned).unwrap();
    let results = parsed["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["level"] == "error"));
    let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    let uri = uri.as_str().unwrap();
    assert!(uri.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)), "{uri}");

    let parsed: serde_json::Value = serde_json::from_str(&json::render(&hostile).unwrap()).unwrap();
    assert_eq!(parsed["cases"][0]["scenario"], HOSTILE, "JSON keeps what there was");

    let xml = junit::render(&hostile).unwrap();
    assert!(!xml.contains("<script") && !xml.contains('\u{1b}') && !xml.contains('\u{202e}'));
}

#[test]
fn a_flood_is_cut_and_says_so() {
    let mut case = case("flood", "as-built", "held");
    case.frames = (1..2000).map(|number| frame(number, "client", "server")).collect();
    let svg = sequence::svg(&case, "a flood");
    assert!(svg.contains("more rows") && svg.matches("<tspan").count() <= 400);
    assert!(svg.len() < 100_000, "{}", svg.len());
}

/// Read as strict XML, which a page's drawings are not.
#[test]
fn a_ladder_is_a_file_of_its_own_whatever_is_in_it() {
    for report in [report(), hostile()] {
        for case in &report.cases {
            let file = sequence::file(case);
            let mut reader = quick_xml::Reader::from_str(&file);
            let (mut elements, mut text) = (BTreeMap::new(), String::new());
            loop {
                match reader.read_event().unwrap() {
                    Xml::Start(tag) | Xml::Empty(tag) => {
                        *elements.entry(tag.name().as_ref().to_vec()).or_insert(0) += 1;
                        for attribute in tag.attributes() {
                            assert!(!attribute.unwrap().value.contains(&b'<'));
                        }
                    }
                    Xml::Text(part) => text.push_str(&part.decode().unwrap()),
                    Xml::Eof => break,
                    _ => {}
                }
            }
            assert_eq!(elements.get(&b"svg"[..]), Some(&1));
            assert!(!elements.contains_key(&b"script"[..]) && !elements.contains_key(&b"img"[..]));
            assert!(text.contains("client") && text.contains("attacker"));
            assert!(!file.contains('\u{202e}') && !file.contains('\0'));
        }
    }
}

#[test]
fn an_answer_that_the_attacker_took_ends_in_an_arrow_and_not_in_a_cross() {
    let with = |fate: &str| {
        let mut case = case("answered", "as-built", "held");
        case.frames = vec![Frame { fate: fate.to_owned(), ..frame(1, "server", "client") }];
        sequence::svg(&case, "an answer")
    };
    let cross = "m-4-4l8 8m0-8l-8 8";
    assert!(!with("absorbed").contains(cross) && !with("delivered").contains(cross));
    assert!(with("dropped").contains(cross) && with("lost").contains(cross));
}
