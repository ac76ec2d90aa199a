//! From a judgement to the view model that reports show.

use std::collections::{BTreeMap, BTreeSet};

use files::diagnostic::escape;
use files::scenario::{Scenario, ScenarioRun, TargetSet};
use files::target_file::Target;
use judge::divergence::{Divergence, divergences};
use judge::expect::NOTHING;
use judge::properties::{Ruling, peer_authentication};
use judge::{Judgement, actor_name};
use mitm_proxy::trace::{
    ClaimRecord, Compromise, Effort, Fate, Finding, FrameRecord, Knowledge, LinkEvent, LinkRecord,
    Loot, Origin, QuestionOutcome, Trace,
};
use protocol::endpoint::Tick;
use recordings::claim_text::describe;
use reports::view;
use targets::Streams;
use targets::trial::Trial;

/// The view of a case and what the judge says of it.
pub fn case(case: ScenarioRun<'_>, judgement: &Judgement) -> view::Case {
    let subject = Subject {
        scenario: case.scenario,
        system: case.system.name,
        profile: case.profile.name(),
        over: case.over.name(),
        seed: case.seed,
        ports: case.system.ports.iter().map(|port| port.name).collect(),
    };
    view_of(&subject, judgement)
}

/// The view of a run against somebody's own programs.
pub fn trial(scenario: &Scenario, own: &TargetSet, target: &Target, trial: &Trial) -> view::Case {
    let subject = Subject {
        scenario,
        system: own.layout.layout.system,
        profile: &target.name,
        over: "programs",
        seed: scenario.seed,
        ports: own.layout.ports.iter().map(String::as_str).collect(),
    };
    let mut view = view_of(&subject, &trial.judgement);
    view.judged_from = Some(trial.judged_from.clone());
    view.findings = trial.findings.iter().map(finding).collect();
    view.notes.extend(trial.remarks.iter().cloned());
    if !trial.findings.is_empty() {
        view.notes.extend(last_words("server", &trial.output.server));
        view.notes.extend(last_words("client", &trial.output.client));
    }
    view
}

fn finding(finding: &targets::Finding) -> view::TargetFinding {
    view::TargetFinding { kind: finding.name().to_owned(), what: finding.to_string() }
}

/// What a program printed last.
fn last_words(who: &str, streams: &Streams) -> Option<String> {
    let printed = if streams.stderr.is_empty() { &streams.stdout } else { &streams.stderr };
    let last = printed.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(format!("the {who} printed last: {}", escape(last)))
}

/// What a view is of.
struct Subject<'a> {
    scenario: &'a Scenario,
    system: &'a str,
    profile: &'a str,
    over: &'static str,
    seed: u64,
    ports: Vec<&'a str>,
}

fn view_of(subject: &Subject<'_>, judgement: &Judgement) -> view::Case {
    let Judgement { rulings, blocked_by, inconclusive, declared, mismatches, runs, trace, .. } =
        judgement;
    let scenario = subject.scenario;
    let owners = Owners(&trace.owners);
    let verdict = |Ruling { outcome, evidence, frames, not_judged }: &Ruling| view::Verdict {
        verdict: if not_judged.is_some() { "not judged" } else { outcome.name() }.to_owned(),
        evidence: evidence.clone(),
        frames: frames.clone(),
    };
    let named = rulings.iter().map(|(property, ruling)| (property.name().to_owned(), ruling));
    let verdicts: BTreeMap<String, view::Verdict> =
        named.clone().map(|(name, ruling)| (name, verdict(ruling))).collect();
    view::Case {
        scenario: scenario.name.clone(),
        family: scenario.family.name().to_owned(),
        system: subject.system.to_owned(),
        profile: subject.profile.to_owned(),
        over: subject.over.to_owned(),
        seed: subject.seed,
        took: None,
        scope: "under this script".to_owned(),
        summary: scenario.summary.clone(),
        expected: mismatches.is_empty(),
        declared: *declared,
        mismatches: mismatches.clone(),
        verdicts,
        blocked_by: checks(blocked_by),
        blocked_runs: blocked_by.clone(),
        inconclusive: inconclusive.clone(),
        runs: *runs,
        frames: trace.numbered().map(|(number, record)| frame(number, record, &owners)).collect(),
        events: events(trace, &subject.ports, &owners),
        divergences: divergences(trace).into_iter().map(divergence).collect(),
        efforts: trace.efforts.iter().map(effort).collect(),
        answers: trace.answers.iter().map(answer).collect(),
        knowledge: trace.knowledge.iter().map(knowledge).collect(),
        handshakes: handshakes(trace),
        notes: scenario.notes.clone(),
        judged_from: None,
        findings: Vec::new(),
        order: named.map(|(name, _)| name).collect(),
    }
}

fn effort(effort: &Effort) -> view::Effort {
    let Effort { strategy, queries, tries, recovered, spent, time, ended, .. } = effort;
    // Exact far beyond any number of questions.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let each = |spent: u64| (*recovered > 0).then(|| spent as f64 / *recovered as f64);
    view::Effort {
        strategy: (*strategy).to_owned(),
        queries: *queries,
        tries: *tries,
        recovered: *recovered,
        queries_per_byte: each(*spent).filter(|_| *queries > 0),
        virtual_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        ended: ended.clone(),
    }
}

fn answer(
    ((kind, outcome, answer), times): (&(&'static str, QuestionOutcome, String), &u64),
) -> view::Answer {
    let refused_by = match outcome {
        QuestionOutcome::Refused(check) => check.name(),
        QuestionOutcome::Taken => NOTHING,
    };
    let (kind, refused_by) = ((*kind).to_owned(), refused_by.to_owned());
    view::Answer { kind, refused_by, answer: answer.clone(), times: *times }
}

fn knowledge(known: &Knowledge) -> view::Knowledge {
    let what = match &known.what {
        Finding::Content(content) => {
            let text: String = String::from_utf8_lossy(content).chars().take(100).collect();
            let more = if text.len() < content.len() { "…" } else { "" };
            format!("{text:?}{more}")
        }
        Finding::SameBeginning { other, bytes } => {
            format!("begins with the same {bytes} bytes as frame {other}")
        }
        Finding::NonceReuse { other } => format!("has the nonce of frame {other}"),
        Finding::Password { user, password } => format!("{user} has the password {password:?}"),
    };
    view::Knowledge { how: known.how.to_owned(), frame: known.frame, what }
}

fn handshakes(trace: &Trace) -> Vec<view::Handshake> {
    let beliefs = peer_authentication::beliefs(&trace.claims).into_iter();
    let shown = beliefs.map(|belief| view::Handshake {
        link: belief.link,
        who: belief.who.to_string(),
        with: belief.with.to_string(),
        agreement: belief.agreement.name().to_owned(),
    });
    shown.collect()
}

/// The checks by name; none where nothing stopped any run.
fn checks(blocked_by: &BTreeMap<String, usize>) -> Option<String> {
    let names: Vec<&str> = blocked_by.keys().map(String::as_str).collect();
    (names != [NOTHING]).then(|| names.join(", "))
}

fn divergence(found: Divergence) -> view::Divergence {
    let Divergence { link, to, first, gap, recovered } = found;
    view::Divergence { link, behind: to.name().to_owned(), first, gap, recovered }
}

fn micros(at: Tick) -> u64 {
    at.0 / 1000
}

/// Whose link each is: `client`, `client-2`, or `attacker` for links of its own.
struct Owners<'a>(&'a BTreeMap<u32, usize>);

impl Owners<'_> {
    fn of(&self, link: u32) -> String {
        self.0.get(&link).map_or_else(|| "attacker".to_owned(), |actor| actor_name(*actor))
    }
}

fn frame(number: u32, record: &FrameRecord, owners: &Owners<'_>) -> view::Frame {
    let FrameRecord { at, moment, link, to, frame, origin, attacker_actions, fate, .. } = record;
    let (from, copy_of) = match origin {
        Origin::Endpoint => (to.other().name(), None),
        Origin::Attacker { copy_of } => ("attacker", *copy_of),
    };
    view::Frame {
        number,
        at_us: micros(*at),
        moment: *moment,
        link: *link,
        from: from.to_owned(),
        to: to.name().to_owned(),
        client: owners.of(*link),
        kind: frame.spec.name.to_owned(),
        bytes: frame.bytes.len(),
        copy_of,
        did: attacker_actions
            .iter()
            .map(|d| view::ActionTaken { rule: d.rule, what: d.what.clone() })
            .collect(),
        fate: match fate {
            Fate::Delivered(_) => "delivered",
            Fate::Dropped | Fate::Held => "dropped",
            Fate::Absorbed => "absorbed",
            Fate::Lost | Fate::Pending => "lost",
        }
        .to_owned(),
        anatomy: None,
    }
}

/// Links and claims, as they happened.
fn events(trace: &Trace, ports: &[&str], owners: &Owners<'_>) -> Vec<view::Event> {
    let mut events: Vec<view::Event> =
        trace.links.iter().map(|link| link_event(link, ports, owners)).collect();
    events.extend(trace.claims.iter().map(|record| claim_event(record, &trace.impostors)));
    events.extend(trace.compromises.iter().map(compromise_event));
    events.sort_by_key(|event| (event.at_us, event.moment));
    events
}

fn link_event(record: &LinkRecord, ports: &[&str], owners: &Owners<'_>) -> view::Event {
    let LinkRecord { at, moment, link, service, event, rule, .. } = record;
    let client = || owners.of(*link);
    // Where there is one port only, there is nothing to say of it.
    let port = ports.get(usize::from(service.0)).filter(|_| ports.len() > 1);
    let port = port.map_or_else(String::new, |port| format!(" for {port}"));
    let (who, what) = match event {
        LinkEvent::Opened => (client(), format!("connects{port}")),
        LinkEvent::Intercepted => {
            ("attacker".to_owned(), format!("answers {} as the server", client()))
        }
        LinkEvent::OpenedByAttacker => {
            ("attacker".to_owned(), format!("connects to the server{port}"))
        }
        LinkEvent::ClosedBy(protocol::endpoint::Side::Client) => (client(), "closes".to_owned()),
        LinkEvent::ClosedBy(side) => (side.name().to_owned(), "closes".to_owned()),
        LinkEvent::ClosedTo(side) => ("attacker".to_owned(), format!("closes to the {side}")),
    };
    let what = match rule {
        Some(rule) => format!("{what}  rule {rule}"),
        None => what,
    };
    let weight = view::Weight::Step;
    let (at_us, moment, link) = (micros(*at), *moment, *link);
    view::Event { at_us, moment, link, who, what, weight, cause: None }
}

fn compromise_event(leak: &Compromise) -> view::Event {
    let what = match &leak.loot {
        Loot::Memory(actor) => format!("copies the memory of the {}", actor_name(*actor)),
        Loot::Files(files) => format!("gets {}", files.join(", ")),
    };
    view::Event {
        at_us: micros(leak.at),
        moment: leak.moment,
        link: 0,
        who: "attacker".to_owned(),
        what: format!("{what}  rule {}", leak.rule),
        weight: view::Weight::Attack,
        cause: None,
    }
}

fn claim_event(record: &ClaimRecord, parts: &BTreeSet<usize>) -> view::Event {
    let ClaimRecord { at, moment, actor, cause, claim } = record;
    let (weight, what) = describe(claim);
    let who = if parts.contains(actor) { "insider".to_owned() } else { actor_name(*actor) };
    let (at_us, moment, link) = (micros(*at), *moment, claim.conn.0);
    view::Event { at_us, moment, link, who, what, weight, cause: *cause }
}
