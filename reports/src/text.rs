//! Text for a terminal: readable without colour, and the same bytes for the same view.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

use crate::ladder::{Row, Tone, rows};
use crate::view::{Answer, Case, Divergence, Effort, Handshake, Knowledge, Report, Verdict};

/// Whether to colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    /// Escape sequences for colour.
    Colour,
    /// Plain text.
    Plain,
}

impl Paint {
    /// A line of a ladder, in the colour of what it shows.
    pub fn row(self, row: &Row) -> String {
        let style = match row.tone {
            Tone::Head => BOLD,
            Tone::Plain => Style::new(),
            Tone::Attack => YELLOW,
            Tone::Step => DIM,
            Tone::Delivery => GREEN,
            Tone::Refusal => RED,
        };
        self.on(style, row.text.trim_end())
    }

    fn on(self, style: Style, text: &str) -> String {
        match self {
            Self::Colour => format!("{style}{text}{style:#}"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// What text is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// With colour or without.
    pub paint: Paint,
    /// How many columns there are; not known where it does not go to a terminal.
    pub columns: Option<u16>,
}

impl Page {
    /// A file.
    pub const PLAIN: Self = Self { paint: Paint::Plain, columns: None };

    /// How wide a table may be that is at most `widest` columns wide.
    pub(crate) fn table_width(self, widest: u16) -> u16 {
        self.columns.map_or(widest, |columns| columns.min(widest))
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// What stands before a ladder.
const INDENT: &str = "  ";

/// The widest table of cases, in columns.
const WIDEST: u16 = 140;
/// In fewer columns its cells would be too narrow to read.
const NARROWEST: u16 = 110;

/// The most findings shown of a case.
const MOST_KNOWN: usize = 8;

/// One case: what it is, its ladder, its verdicts.
pub fn case(case: &Case, page: Page) -> String {
    let paint = page.paint;
    let mut text = String::new();
    let mut title =
        format!("{} · {} · {} · seed {}", case.scenario, case.system, case.profile, case.seed);
    // In memory is the rule.
    if case.over != "world" {
        let _ = write!(title, " · over {}", case.over);
    }
    let _ = writeln!(text, "{}", paint.on(BOLD, &title));
    let _ = writeln!(text, "{}\n", case.summary);
    for note in &case.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    if !case.notes.is_empty() {
        text.push('\n');
    }
    if case.runs > 1 {
        let _ = writeln!(text, "  {} runs; this is one of them:\n", case.runs);
    }
    let columns = page.columns.map(|columns| usize::from(columns).saturating_sub(INDENT.len()));
    for row in rows(case, columns) {
        let _ = writeln!(text, "{INDENT}{}", paint.row(&row));
    }
    text.push('\n');
    text.push_str(&verdicts(case, paint));
    let _ = writeln!(text, "  {:<24} {}", "\"held\" means held", case.scope);
    if let Some(judged_from) = &case.judged_from {
        let _ = writeln!(text, "  {:<24} {judged_from}", "judged from");
    }
    for finding in &case.findings {
        let what = paint.on(RED, &finding.what);
        let _ = writeln!(text, "  {:<24} {what}", finding.kind.replace('-', " "));
    }
    let _ = writeln!(text, "  {:<24} {}", "stopped by", case.stopped_by());
    for Divergence { link, behind, first, gap, recovered } in &case.divergences {
        let frames = if *gap == 1 { "frame" } else { "frames" };
        let end = if *recovered { "later ones were accepted" } else { "not recovered" };
        let line =
            format!("{behind} on link {link} from frame {first} on, {gap} {frames} behind; {end}");
        let _ = writeln!(text, "  {:<24} {line}", "out of step");
    }
    text.push_str(&handshakes(case));
    for effort in &case.efforts {
        let _ = writeln!(text, "  {:<24} {}", effort.strategy, cost(effort));
    }
    for Knowledge { how, frame, what } in case.knowledge.iter().take(MOST_KNOWN) {
        let frame = frame.map_or_else(String::new, |number| format!(" (frame {number})"));
        let _ = writeln!(text, "  {:<24} {how}: {what}{frame}", "found out");
    }
    let more = case.knowledge.len().saturating_sub(MOST_KNOWN);
    if more > 0 {
        let _ = writeln!(text, "  {:<24} and {more} more", "found out");
    }
    for Answer { kind, refused_by, answer, times } in &case.answers {
        let _ = writeln!(
            text,
            "  {:<24} forged {kind} refused by {refused_by}: {answer} ({times} times)",
            "answers"
        );
    }
    let _ = writeln!(text, "  {:<24} {}", "as expected", as_expected(case, paint));
    for mismatch in case.mismatches_in_short() {
        let _ = writeln!(text, "    {}", paint.on(RED, &mismatch));
    }
    text
}

/// The verdicts, a line each; what several properties have in common is said once.
fn verdicts(case: &Case, paint: Paint) -> String {
    let found =
        case.order.iter().filter_map(|name| Some((name.as_str(), case.verdicts.get(name)?)));
    let mut lines: Vec<(&Verdict, Vec<&str>)> = Vec::new();
    for (name, verdict) in found {
        match lines.iter_mut().find(|(known, _)| *known == verdict) {
            Some((_, names)) => names.push(name),
            None => lines.push((verdict, vec![name])),
        }
    }
    let mut text = String::new();
    for (verdict, names) in lines {
        let word = format!("{:<12}", shout(&verdict.verdict));
        let word = paint.on(style_of(&verdict.verdict), &word);
        let (what, rest) = match names.as_slice() {
            [name] => ((*name).to_owned(), None),
            names if names.len() == case.order.len() => ("all properties".to_owned(), None),
            names => (format!("{} properties", names.len()), Some(names.join(", "))),
        };
        let _ = writeln!(text, "  {what:<24} {word}  {}", verdict.evidence);
        if let Some(rest) = rest {
            let _ = writeln!(text, "    {rest}");
        }
    }
    text
}

/// The handshakes, a line for each thing that was agreed on, and who did.
fn handshakes(case: &Case) -> String {
    let mut by_level: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Handshake { link, who, with, agreement } in &case.handshakes {
        by_level.entry(agreement).or_default().push(format!("{who} with {with} (link {link})"));
    }
    let mut text = String::new();
    for (level, whom) in by_level {
        let shown = whom.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
        let more = whom.len().saturating_sub(6);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "  {:<24} {level}: {shown}{more}", "handshakes");
    }
    text
}

/// What a strategy has cost, and how it ended.
pub(crate) fn cost(effort: &Effort) -> String {
    let Effort { queries, tries, recovered, queries_per_byte, virtual_ms, ended, .. } = effort;
    let mut parts = Vec::new();
    let each = queries_per_byte.map_or_else(String::new, |each| format!(" ({each:.1} a byte)"));
    if *queries > 0 {
        parts.push(format!("{queries} queries{each}"));
    }
    if *tries > 0 {
        parts.push(format!("{tries} tries"));
    }
    parts.push(format!("{recovered} bytes recovered"));
    if *virtual_ms > 0 {
        parts.push(format!("{virtual_ms} ms of virtual time"));
    }
    format!("{}; {ended}", parts.join(", "))
}

/// All cases in a table, or as a list where there is no room for one, and the counts below.
pub fn summary(report: &Report, page: Page) -> String {
    let narrow = page.columns.is_some_and(|columns| columns < NARROWEST);
    let cases = if narrow { list(report) } else { table(report, page.table_width(WIDEST)) };
    format!("{cases}{}\n", counts(report, page.paint))
}

/// What a case has shown, in the words of the summary.
struct Line {
    verdict: String,
    violates: String,
    stopped: String,
    expected: &'static str,
}

impl Line {
    fn of(case: &Case) -> Self {
        let expected = match (case.expected, case.declared) {
            (false, _) => "NO",
            (true, false) => "not declared",
            (true, true) => "yes",
        };
        let violates = case.properties_with("violated").join(", ");
        Self { verdict: shout(case.outcome()), violates, stopped: case.stopped_by(), expected }
    }
}

fn list(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        let Line { verdict, violates, stopped, expected } = Line::of(case);
        let Case { scenario, system, profile, .. } = case;
        let _ = writeln!(text, "{scenario} · {system} · {profile}");
        let what = [verdict, violates].join(" ");
        let _ = writeln!(text, "  {}; stopped by {stopped}; as expected: {expected}", what.trim());
    }
    text
}

fn table(report: &Report, width: u16) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width);
    let head =
        ["scenario", "system", "profile", "verdict", "violates", "stopped by", "as expected"];
    table.set_header(head);
    // Names and words are never broken, so that they can be copied.
    for unbroken in [0, 1, 2, 3, 6] {
        if let Some(column) = table.column_mut(unbroken) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    for case in &report.cases {
        let Line { verdict, violates, stopped, expected } = Line::of(case);
        let Case { scenario, system, profile, .. } = case;
        table.add_row([scenario, system, profile, &verdict, &violates, &stopped, expected]);
    }
    let mut text = String::new();
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The counts, in a line.
pub fn counts(report: &Report, paint: Paint) -> String {
    let counts = &report.summary;
    let cases = if counts.cases == 1 { "case" } else { "cases" };
    let expected = format!("{} as expected", counts.expected);
    let unexpected = format!("{} not", counts.unexpected);
    let undeclared = match counts.undeclared {
        0 => String::new(),
        undeclared => format!(", {undeclared} in profiles not declared"),
    };
    format!(
        "{} {cases}: {}, {}{undeclared}; {} violated, {} held, {} inconclusive",
        counts.cases,
        paint.on(GREEN, &expected),
        paint.on(if counts.unexpected > 0 { RED } else { DIM }, &unexpected),
        counts.violated,
        counts.held,
        counts.inconclusive,
    )
}

/// What went otherwise than expected: a line for each case, and its differences.
pub fn unexpected(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    for case in report.cases.iter().filter(|case| !case.expected) {
        let title = format!("{} · {} · {}", case.scenario, case.system, case.profile);
        let _ = writeln!(text, "{}", paint.on(RED, &title));
        for line in case.inconclusive.iter().cloned().chain(case.mismatches_in_short()) {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn as_expected(case: &Case, paint: Paint) -> String {
    match (case.expected, case.declared) {
        (false, _) => paint.on(RED, "NO"),
        (true, true) => paint.on(GREEN, "yes"),
        (true, false) => "the scenario declares nothing for this profile".to_owned(),
    }
}

/// A violation must be seen without colour.
fn shout(verdict: &str) -> String {
    if verdict == "violated" { "VIOLATED".to_owned() } else { verdict.to_owned() }
}

fn style_of(verdict: &str) -> Style {
    match verdict {
        "violated" => RED,
        "held" => GREEN,
        _ => YELLOW,
    }
}
