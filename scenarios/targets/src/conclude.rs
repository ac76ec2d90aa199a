//! What a run was, once it is over: the claims among the frames, and what went wrong that is no verdict.

use std::collections::{BTreeMap, BTreeSet};

use files::diagnostic::times;
use files::target_file::{Sign, Target};
use mitm_proxy::trace::{ClaimRecord, Departing, Fate, FrameRecord, Origin, Trace};
use net::proxy::ProxyOutcome;
use protocol::endpoint::{Claim, Conn, Fact, Name, Side, Tick};

use super::connections::Connections;
use super::facts::facts;
use super::order::{self, Said, in_order};
use super::process::Ended;
use super::transcript::{Content, NEVER, Seen, Transcript, known};
use super::{Finding, NOT_IMPLEMENTED, Output, OwnEnd, Prompt, Run};

/// Why a run is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// The client has ended, and nothing moves.
    AtRest,
    /// The server has ended, and the client neither ends nor does anything.
    Alone,
    /// It took too long, and nothing moves.
    Limit,
    /// It took too long, and something still moves.
    Busy,
    /// Somebody wanted an end.
    Interrupted,
}

/// What is there to conclude from, but for the frames.
pub(super) struct Evidence {
    pub(super) transcript: Transcript,
    pub(super) output: Output,
    /// Of the server and the client.
    pub(super) last_words: [String; 2],
    /// A port that the server, which lived, listened on no more.
    pub(super) gone: Option<u16>,
    /// Who was the first to end each link.
    pub(super) first_ends: BTreeMap<u32, (Side, Tick)>,
    pub(super) ending: Ending,
}

/// What a run was.
pub(super) fn conclude(
    target: &Target,
    outcome: ProxyOutcome,
    evidence: Evidence,
    prompt: Prompt,
) -> Run {
    let ProxyOutcome { mut trace, mut open_ends, refused } = outcome;
    let mut findings = findings(target, &trace, refused, &evidence);
    findings.extend(unknown_connections(&trace, &evidence.transcript));
    findings.extend(unsaid_connections(&trace, &evidence.transcript));
    let Evidence { mut transcript, output, first_ends, ending, .. } = evidence;
    let ended = [Side::Server, Side::Client].map(|who| {
        let (ended, at) = transcript.account(who).ended?;
        Some(OwnEnd { at, how: format!("{ended}{}", after(&trace, who, at)) })
    });
    for who in [Side::Server, Side::Client] {
        let late = transcript.account(who).late;
        if late > 0 {
            transcript.remark(&format!(
                "{late} claims of the {who} came only when it was stopped and do not count; does it flush them?"
            ));
        }
    }
    let mut seen = std::mem::take(&mut transcript.seen);
    let died =
        |who| findings.iter().any(|one| matches!(one, Finding::Died { who: of, .. } if *of == who));
    seen.extend(observed(target, &trace, &transcript, &first_ends, died));
    // Each program's own order, with what was seen of its frames among it.
    seen.sort_by_key(|seen| seen.by);
    let (said, unmatched) = facts(&trace, seen);
    let (server, client) = said.into_iter().partition(|said: &Said| said.who == Side::Server);
    let order = in_order(&trace, server, client, prompt);
    let prompt = order::prompt(&trace, &order);
    // Who says that a session is over does not wait for anything on it.
    open_ends.retain(|(link, side)| {
        !order.iter().any(|said| {
            said.conn == *link && said.who == *side && matches!(said.fact, Fact::Ended(_))
        })
    });
    never_read(&mut trace, &order);
    weave(&mut trace, order);
    let (remarks, interrupted) = (transcript.remarks, ending == Ending::Interrupted);
    Run { trace, open_ends, findings, output, remarks, interrupted, unmatched, ended, prompt }
}

/// Claims on connections that there never were: nobody knows what they are about.
fn unknown_connections(trace: &Trace, transcript: &Transcript) -> Option<Finding> {
    let known: BTreeSet<u32> = trace.links.iter().map(|record| record.link).collect();
    let (seen, link) = transcript.seen.iter().find_map(|seen| {
        let link = seen.conn.filter(|link| !known.contains(link))?;
        Some((seen, link))
    })?;
    let how = format!("one is about connection {link}, and there were only {}", known.len());
    (!known.is_empty()).then_some(Finding::Unreadable { who: seen.who, how })
}

/// Claims that do not say which connection they are about, of a program that had several in turn: which it is can only be guessed.
fn unsaid_connections(trace: &Trace, transcript: &Transcript) -> Vec<Finding> {
    let connections = Connections::of(trace);
    let guessed = [Side::Server, Side::Client].into_iter().filter(|who| {
        let Some(from) = connections.several(*who) else { return false };
        let is_about_one = |seen: &Seen| !matches!(seen.content, Content::Known(Fact::Logged(_)));
        let mut unsaid = transcript.seen.iter().filter(|seen| seen.conn.is_none());
        unsaid.any(|seen| seen.who == *who && seen.by > from && is_about_one(seen))
    });
    let how = "it had several connections at a time, and not all of its claims say which one they are about: give them `connection`";
    guessed.map(|who| Finding::Unreadable { who, how: how.to_owned() }).collect()
}

fn findings(target: &Target, trace: &Trace, refused: u64, evidence: &Evidence) -> Vec<Finding> {
    let transcript = &evidence.transcript;
    let mut findings = Vec::new();
    let mut has_server_died = false;
    let both = [Side::Server, Side::Client].into_iter().zip(&evidence.last_words);
    for (who, last_words) in both {
        let account = transcript.account(who);
        if let Some(how) = account.unreadable.clone() {
            findings.push(Finding::Unreadable { who, how });
        }
        if account.is_not_implemented {
            findings.push(Finding::NotImplemented { who });
        }
        let Some((ended, at)) = account.ended else { continue };
        if is_death(target, transcript, who, ended) {
            let after = after(trace, who, at);
            findings.push(Finding::Died { who, how: format!("{ended}{after}{last_words}") });
            has_server_died |= who == Side::Server;
        }
    }
    if let Some(port) = evidence.gone {
        let how = format!("it lives, and port {port} no longer listens");
        findings.push(Finding::ListenerGone { how });
    } else if refused > 0 && !has_server_died {
        let how = format!("the attacker's connection was refused {}", times(refused));
        findings.push(Finding::ListenerGone { how });
    }
    if !has_server_died {
        let has_client_ended = transcript.account(Side::Client).ended.is_some();
        findings.extend(hung(target, trace, evidence.ending).filter(|_| !has_client_ended));
    }
    findings
}

/// After which frame that was, for whom it was for.
fn after(trace: &Trace, who: Side, at: Tick) -> String {
    match last_frame(trace, Some(who), at) {
        Some((number, record)) => format!(" after frame {number} ({})", record.frame.spec.name),
        None => " before any frame reached it".to_owned(),
    }
}

/// Whether that end is one no healthy program has. One that has claimed a refusal or an end of its session may say so by its
/// status as well, and one whose status is observed is expected to.
fn is_death(target: &Target, transcript: &Transcript, who: Side, ended: Ended) -> bool {
    let status = match ended {
        Ended::Signal(_) => return true,
        Ended::Unknown | Ended::Status(0 | NOT_IMPLEMENTED) => return false,
        Ended::Status(status) => status,
    };
    let is_orderly = |seen: &Seen| {
        let said = matches!(seen.content, Content::Known(Fact::Rejected(_) | Fact::Ended(_)));
        seen.who == who && said
    };
    let mut observed = target.observe.iter().filter(|one| one.who == who);
    !transcript.seen.iter().any(is_orderly)
        && !observed.any(|one| matches!(one.sign, Sign::Exit(code) if code == status))
}

fn hung(target: &Target, trace: &Trace, ending: Ending) -> Option<Finding> {
    let within = humantime::format_duration(target.limit);
    let (who, how) = match ending {
        Ending::AtRest | Ending::Interrupted => return None,
        Ending::Alone => {
            (Side::Client, "its server has ended, and it neither ends nor does anything".to_owned())
        }
        Ending::Busy => {
            let how = format!("after {within} it still goes on");
            return Some(Finding::Busy { who: Side::Client, how });
        }
        Ending::Limit => match last_frame(trace, None, Tick(u64::MAX)) {
            Some((number, record)) => {
                let (who, name) = (record.to, record.frame.spec.name);
                let ends = "the client did not end within";
                (
                    who,
                    format!(
                        "{ends} {within}; the last frame, {number} ({name}), went to the {who}"
                    ),
                )
            }
            None if trace.links.is_empty() => {
                (Side::Client, format!("it did not connect within {within}, nor end"))
            }
            None => (Side::Client, format!("it did not end within {within}, and no frame arrived")),
        },
    };
    Some(Finding::Hung { who, how })
}

/// The last frame that anybody, or `to`, was given before.
fn last_frame(trace: &Trace, to: Option<Side>, before: Tick) -> Option<(u32, &FrameRecord)> {
    let delivered = trace.numbered().filter_map(|(number, record)| match record.fate {
        Fate::Delivered(at) if at <= before && to.is_none_or(|to| to == record.to) => {
            Some((at, number, record))
        }
        _ => None,
    });
    delivered
        .max_by_key(|(at, number, _)| (*at, *number))
        .map(|(_, number, record)| (number, record))
}

/// What is seen of frames, links and statuses.
fn observed(
    target: &Target,
    trace: &Trace,
    transcript: &Transcript,
    first_ends: &BTreeMap<u32, (Side, Tick)>,
    died: impl Fn(Side) -> bool,
) -> Vec<Seen> {
    let mut all = Vec::new();
    for observation in &target.observe {
        let (who, claim) = (observation.who, observation.claim);
        let mut see = |at, by, conn, content| {
            all.push(Seen { at, by, who, conn, local: None, peer: None, content });
        };
        match &observation.sign {
            Sign::Output(_) => {}
            Sign::Reply(name) => {
                let of_type = |record: &&FrameRecord| {
                    record.origin == Origin::Endpoint
                        && record.to == who.other()
                        && record.as_sent().spec.name == name
                };
                for record in trace.frames.iter().filter(of_type) {
                    see(record.at, record.moment, Some(record.link), known(claim));
                }
            }
            // A program that died has refused nothing.
            Sign::Close if died(who) => {}
            Sign::Close => {
                for (link, (_, at)) in first_ends.iter().filter(|(_, (by, _))| *by == who) {
                    see(*at, place(trace, *at), Some(*link), known(claim));
                }
            }
            Sign::Exit(status) => {
                if let Some((ended, at)) = transcript.account(who).ended
                    && ended == Ended::Status(*status)
                {
                    see(at, place(trace, at), None, known(claim));
                }
            }
        }
    }
    all
}

/// What a program was given and never read has not arrived; unless it said something after it was given that.
fn never_read(trace: &mut Trace, order: &[Said]) {
    for number in std::mem::take(&mut trace.unread) {
        let departed = trace.departures.iter().find(|departure| {
            matches!(&departure.what, Departing::Segment { numbers, .. } if numbers.contains(&number))
        });
        let Some((place, to)) = departed.map(|departure| (departure.moment, departure.to)) else {
            continue;
        };
        let has_spoken = order.iter().any(|said| said.who == to && said.by > place);
        if let Some(record) = trace.frame_mut(number).filter(|_| !has_spoken) {
            record.fate = Fate::Lost;
            trace.unread.push(number);
        }
    }
}

/// The place of the first record after that time.
fn place(trace: &Trace, at: Tick) -> u64 {
    let frames = trace.frames.iter().map(|record| (record.at, record.moment));
    let links = trace.links.iter().map(|record| (record.at, record.moment));
    let later = frames.chain(links).filter(|(other, _)| *other > at);
    later.map(|(_, moment)| moment).min().unwrap_or(NEVER)
}

/// Put claims, in order, among what else happened.
fn weave(trace: &mut Trace, order: Vec<Said>) {
    let mut places: Vec<u64> = Vec::new();
    places.extend(trace.frames.iter().map(|record| record.moment));
    places.extend(trace.links.iter().map(|record| record.moment));
    places.extend(trace.compromises.iter().map(|record| record.moment));
    places.extend(trace.knowledge.iter().map(|record| record.moment));
    places.sort_unstable();
    let (mut moved, mut new) = (BTreeMap::new(), 0);
    let mut places = places.into_iter().peekable();
    let (mut reached, mut last) = (0, Tick(0));
    for said in order {
        reached = said.by.max(reached);
        last = said.at.max(last);
        while let Some(old) = places.next_if(|place| *place <= reached) {
            new += 1;
            moved.insert(old, new);
        }
        new += 1;
        // Whoever adds a record later gets a place behind all of these.
        trace.next_moment();
        trace.claim(record(said, last, new));
    }
    for old in places {
        new += 1;
        moved.insert(old, new);
    }
    let place = |moment: &mut u64| {
        // What leaves, leaves after the last record before it.
        if let Some((_, new)) = moved.range(..=*moment).next_back() {
            *moment = *new;
        }
    };
    trace.frames.iter_mut().for_each(|record| place(&mut record.moment));
    trace.links.iter_mut().for_each(|record| place(&mut record.moment));
    trace.departures.iter_mut().for_each(|departure| place(&mut departure.moment));
    trace.compromises.iter_mut().for_each(|record| place(&mut record.moment));
    trace.knowledge.iter_mut().for_each(|record| place(&mut record.moment));
}

fn record(said: Said, at: Tick, moment: u64) -> ClaimRecord {
    let Said { who, conn, local, peer, fact, .. } = said;
    let local = local.unwrap_or_else(|| Name::from(who.name()));
    let peer = peer.unwrap_or_else(|| Name::from(who.other().name()));
    let claim = Claim { conn: Conn(conn), local, peer, fact };
    ClaimRecord { at, moment, actor: usize::from(who == Side::Client), cause: None, claim }
}
