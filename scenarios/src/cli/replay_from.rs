//! `scenarios replay --from CAPTURE --to ADDR`: a recorded client, played to a live server.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use files::diagnostic::{quote, quote_path};
use recordings::import::claimed::{Claimed, ClaimsFile};
use recordings::import::play::{Happening, Likeness, Pace, Play, What, When};
use recordings::import::verdict::{Verdict, unanswered};
use recordings::import::{Session, session};
use reports::ladder::{Lanes, Links, Row, Tone};
use reports::view::{Event, Frame, Weight};
use serde_json::{Value, json};

use super::done::Done;
use super::import::Cut;
use super::output::{Format, Output, print};
use super::proxy::Wire;
use super::select::Selection;

/// Options of `replay` beside those of a family.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "live")]
pub(super) struct Args {
    /// Play the client of this capture to a live server, and not the catalogue; needs --to, and --system or --layout. Exit code 0 if
    /// the server refused it, 1 if it took it, 2 if it could not be played or nothing can be said
    #[arg(long, value_name = "CAPTURE", requires = "to", help_heading = LIVE, conflicts_with_all = OTHERS)]
    from: Option<PathBuf>,
    /// Where the server is: HOST, PORT or HOST:PORT; for several ports, several with commas
    #[arg(long, value_name = "ADDR", requires = "from", help_heading = LIVE)]
    to: Option<String>,
    /// The frames are those of this layout file; with --system those of a system, of the profile given, as-built if none
    #[arg(long, value_name = "FILE", requires = "from", conflicts_with = "system", help_heading = LIVE)]
    layout: Option<PathBuf>,
    /// Which session of the capture [default: the first with frames]
    #[arg(long, value_name = "NUMBER", requires = "from", help_heading = LIVE)]
    session: Option<u32>,
    /// When to send a frame: when as many answers have come as had in the recording, or at its time
    #[arg(long, value_enum, value_name = "PACE", requires = "from", help_heading = LIVE)]
    pace: Option<PaceArg>,
    /// How long the server may be silent where it had answered [default: 5]
    #[arg(long, value_name = "SECONDS", requires = "from", help_heading = LIVE, value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: Option<u64>,
    /// The file the server's claims go to, as docs/claims.md has them: they say what was really accepted
    #[arg(long, value_name = "FILE", requires = "from", help_heading = LIVE)]
    claims: Option<PathBuf>,
}

const LIVE: &str = "Against a live server";

/// Options of a family that are about scenarios.
const OTHERS: [&str; 6] = ["seed", "over", "text", "file", "capture", "capture_live"];

/// How long a server may be silent, in seconds, unless told otherwise.
const PATIENCE: u64 = 5;

/// When to send a frame.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum PaceArg {
    /// At its time in the recording
    Recorded,
    /// When as many answers have come as had in the recording
    Answers,
}

impl Args {
    /// Whether a live server is meant, and not the catalogue.
    pub(super) fn is_live(&self) -> bool {
        self.from.is_some()
    }
}

/// Play it, and judge what came back.
pub(super) fn run(args: &Args, selection: &Selection, output: Output) -> Result<Done> {
    let (Some(from), Some(to)) = (&args.from, &args.to) else { bail!("--from goes with --to") };
    let wire = wire(args, selection, output)?;
    let hosts = wire.hosts("--to", to)?;
    if let Some(nowhere) = hosts.iter().find(|host| host.port() == 0) {
        bail!("--to: {nowhere} has no port; expected HOST:PORT");
    }
    let cut = Cut::read(from, wire)?;
    if let Some(why) = cut.complaint(from) {
        output.remark(&format!("warning: {why}"));
    }
    let session = session(from, &cut.layout, &cut.wire.ports(), &cut.recording, args.session)?;
    if !session.fits() {
        let (number, system) = (session.number, cut.layout.system);
        bail!(
            "nothing in session {number} is a frame of {system}: no answer could be told from another"
        );
    }
    let claims = args.claims.as_deref().map(|path| {
        let opened = ClaimsFile::open(path);
        opened.with_context(|| format!("cannot read {}", quote_path(path)))
    });
    let claims = claims.transpose()?;
    let pace = match args.pace {
        Some(PaceArg::Recorded) => Pace::Recorded,
        Some(PaceArg::Answers) | None => Pace::Answers,
    };
    let patience = Duration::from_secs(args.patience.unwrap_or(PATIENCE));
    let (layout, hosts) = (&cut.layout, &hosts[..]);
    let play = Play { session: &session, layout, hosts, pace, patience };
    let mut drawing = Drawing::new(&session, output);
    drawing.begin();
    let happened = play.run(&mut |happening| drawing.show(happening));
    let happened = happened.with_context(|| format!("--to {}: cannot connect", quote(to)))?;
    let verdict = Verdict::of(&session, &happened);
    let claimed = claims.map(|claims| claims.since()).transpose().context("--claims")?;
    let accepted = accepted(&verdict, claimed.as_ref());
    drawing.printed?;
    print(&match output.format {
        Format::Json => {
            let all = document(&session, &happened, &verdict, claimed.as_ref(), accepted);
            format!("{all:#}\n")
        }
        Format::Text => conclusion(&session, &verdict, claimed.as_ref()),
    })?;
    match accepted {
        Some(true) => Ok(Done::Unexpected),
        Some(false) => Ok(Done::Expected),
        None => Err(anyhow!(
            "the wire says nothing of whether the recording was taken; --claims FILE would"
        )),
    }
}

fn wire(args: &Args, selection: &Selection, output: Output) -> Result<Wire> {
    let (systems, profiles) = (&selection.system, &selection.profile);
    let ([_] | []) = systems.as_slice() else { bail!("--from: one --system only") };
    let profile = match profiles.as_slice() {
        [] => "as-built",
        [profile] => profile,
        _ => bail!("--from: one --profile only"),
    };
    if systems.is_empty() && args.layout.is_none() {
        bail!("--from needs --system or --layout: without frames nobody knows what an answer is");
    }
    Wire::named(systems.first().map(String::as_str), profile, args.layout.as_deref(), output)
}

/// Whether the server took the recording, if that can be said. What it claims itself counts more than what the wire shows.
fn accepted(verdict: &Verdict, claimed: Option<&Claimed>) -> Option<bool> {
    if let Some(accepted) = claimed.and_then(Claimed::accepted) {
        return Some(accepted);
    }
    match verdict {
        Verdict::Taken { .. } | Verdict::Otherwise { .. } => Some(true),
        Verdict::Refused { .. } => Some(false),
        Verdict::Unknown => None,
    }
}

fn conclusion(session: &Session, verdict: &Verdict, claimed: Option<&Claimed>) -> String {
    let mut lines = vec![String::new(), verdict.to_string()];
    let tail = unanswered(session);
    if matches!(verdict, Verdict::Taken { .. }) {
        if tail > 0 {
            let which = if tail == 1 { "frame".to_owned() } else { format!("{tail} frames") };
            lines.push(format!("the last {which} of the client had no answer to compare"));
        }
        if claimed.is_none() {
            lines.push("whether anything was delivered, the wire does not say".to_owned());
        }
    }
    lines.extend(claimed.into_iter().flat_map(Claimed::lines));
    lines.join("\n") + "\n"
}

/// Draws the ladder.
struct Drawing<'s> {
    output: Output,
    session: &'s Session,
    number: u32,
    lanes: Lanes,
    /// Until it fails; it is played to its end all the same.
    printed: io::Result<()>,
}

impl<'s> Drawing<'s> {
    fn new(session: &'s Session, output: Output) -> Self {
        let links = if session.links.len() > 1 { Links::Several } else { Links::One };
        let lanes = Lanes::new(links, output.page().columns.map(usize::from));
        Self { output, session, number: 0, lanes, printed: Ok(()) }
    }

    fn draws(&self) -> bool {
        self.output.format == Format::Text && !self.output.quiet
    }

    fn begin(&mut self) {
        if self.draws() {
            let (number, frames) = (self.session.number, self.session.frames.len());
            let head = self.lanes.head();
            let text = format!("session {number} of the capture, {frames} frames\n");
            self.line(&Row { text: text + &head, tone: Tone::Head });
        }
    }

    fn line(&mut self, row: &Row) {
        if self.printed.is_ok() {
            self.printed = print(&(self.output.paint().row(row) + "\n"));
        }
    }

    fn show(&mut self, happening: &Happening) {
        if self.draws() {
            let row = self.row(happening);
            self.line(&row);
        }
    }

    fn row(&mut self, happening: &Happening) -> Row {
        let (who, what, weight) = match &happening.what {
            What::Sent { number, kind, len } => {
                return self.frame(
                    happening,
                    ["attacker", "server"],
                    kind,
                    *len,
                    &format!("frame {number}"),
                );
            }
            What::Came { kind, len, like } => {
                let remark = match like {
                    Some((number, Likeness::Same)) => format!("frame {number}, the same bytes"),
                    Some((number, Likeness::SameType)) => format!("frame {number}, other bytes"),
                    Some((number, Likeness::OtherType)) => format!("in place of frame {number}"),
                    None => "not in the recording".to_owned(),
                };
                return self.frame(happening, ["server", "client"], kind, *len, &remark);
            }
            What::Connected(to) => ("attacker", format!("connects to {to}"), Weight::Step),
            What::NotConnected(why) => {
                ("attacker", format!("cannot connect again: {why}"), Weight::Refusal)
            }
            What::Finished => ("attacker", "ends, as recorded".to_owned(), Weight::Step),
            What::Closed(When::InTheEnd) => ("server", "closes".to_owned(), Weight::Step),
            What::Closed(When::Early) => ("server", "closes early".to_owned(), Weight::Refusal),
            What::Reset(_) => ("server", "resets the connection".to_owned(), Weight::Refusal),
            What::Silent(number) => {
                ("server", format!("is silent: frame {number} does not come"), Weight::Refusal)
            }
        };
        let link = link(happening);
        let (at_us, who) = (happening.at.0 / 1000, who.to_owned());
        let event = Event { at_us, moment: 0, link, who, what, weight, cause: None };
        self.lanes.event(&event)
    }

    fn frame(
        &mut self,
        happening: &Happening,
        [from, to]: [&str; 2],
        kind: &str,
        bytes: usize,
        remark: &str,
    ) -> Row {
        self.number += 1;
        let frame = Frame {
            number: self.number,
            at_us: happening.at.0 / 1000,
            moment: 0,
            link: link(happening),
            from: from.to_owned(),
            to: to.to_owned(),
            client: "attacker".to_owned(),
            kind: kind.to_owned(),
            bytes,
            copy_of: None,
            did: Vec::new(),
            // What the server says ends at the attacker: there is no client.
            fate: if to == "client" { "absorbed" } else { "delivered" }.to_owned(),
            anatomy: None,
        };
        let mut row = self.lanes.frame(&frame);
        row.text = format!("{}  {remark}", row.text.trim_end());
        row
    }
}

fn link(happening: &Happening) -> u32 {
    u32::try_from(happening.link + 1).unwrap_or(u32::MAX)
}

fn document(
    session: &Session,
    happened: &[Happening],
    verdict: &Verdict,
    claimed: Option<&Claimed>,
    accepted: Option<bool>,
) -> Value {
    let rows: Vec<Value> = happened.iter().map(happening_json).collect();
    let claimed = claimed.map(|claimed| {
        let delivered = claimed
            .delivered
            .iter()
            .map(|(what, before)| json!({ "message": what, "before": before }));
        json!({
            "delivered": delivered.collect::<Vec<_>>(),
            "established": claimed.established,
            "rejected": claimed.rejected,
        })
    });
    json!({
        "session": session.number,
        "happened": rows,
        "verdict": verdict.name(),
        "why": verdict.to_string(),
        "unanswered_at_the_end": unanswered(session),
        "claims": claimed,
        "accepted": accepted,
    })
}

fn happening_json(happening: &Happening) -> Value {
    let mut row = match &happening.what {
        What::Connected(to) => json!({ "what": "connected", "to": to.to_string() }),
        What::NotConnected(why) => json!({ "what": "not connected", "why": why }),
        What::Sent { number, kind, len } => {
            json!({ "what": "sent", "frame": number, "type": kind, "bytes": len })
        }
        What::Came { kind, len, like } => {
            let compared = like.map(|(_, likeness)| match likeness {
                Likeness::Same => "same bytes",
                Likeness::SameType => "same type",
                Likeness::OtherType => "other type",
            });
            let frame = like.map(|(number, _)| number);
            json!({ "what": "came", "type": kind, "bytes": len, "frame": frame, "compared": compared })
        }
        What::Finished => json!({ "what": "finished" }),
        What::Closed(when) => json!({ "what": "closed", "early": *when == When::Early }),
        What::Reset(when) => json!({ "what": "reset", "early": *when == When::Early }),
        What::Silent(number) => json!({ "what": "silent", "frame": number }),
    };
    if let Value::Object(row) = &mut row {
        row.insert("at".to_owned(), happening.at.0.into());
        row.insert("connection".to_owned(), link(happening).into());
    }
    row
}
