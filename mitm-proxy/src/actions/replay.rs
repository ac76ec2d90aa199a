//! `replay`: what was recorded is sent again: a frame in its session, or a whole transcript to a server or
//! client that has never seen it.

use std::sync::Arc;
use std::time::Duration;

use protocol::endpoint::Side;

use crate::action::{Action, ActionContext, ActionPlan, ActionSpec, Needs, Outgoing, Target};
use crate::condition::FrameRef;
use crate::misfire::MisfireCause;
use crate::params::{BuildError, MAX_DELAY_MS, Param, ParamKind, flag, frame, number, text};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "replay",
    about: "send a recorded frame, or a whole transcript, again",
    params: &[
        Param::new("times", ParamKind::Number(1, 1000), "how many copies; 1 if not given"),
        Param::new("frame", ParamKind::Frame, "which frame; the one in hand if not given"),
        Param::new("before", ParamKind::Flag, "ahead of the frame in hand, not after it"),
        Param::new(
            "delay_ms",
            ParamKind::Number(1, MAX_DELAY_MS),
            "how much later, in virtual time",
        ),
        Param::new(
            "transcript",
            ParamKind::Word(&["client", "server"]),
            "all the client sent on `link`, into a new connection; or all the server sent on \
             `link`, to the client in hand, posing as the server",
        ),
        Param::new("link", ParamKind::Number(1, 1000), "whose transcript; link 1 if not given"),
    ],
    build: |args| {
        let alone = ["times", "frame", "before"].iter().any(|name| args.contains_key(name));
        let delay = Duration::from_millis(number(args, "delay_ms").unwrap_or(0));
        let link = u32::try_from(number(args, "link").unwrap_or(1)).unwrap_or(u32::MAX);
        Ok(match text(args, "transcript") {
            None if args.contains_key("link") => {
                return Err(BuildError("`link` goes with `transcript`"));
            }
            None => Arc::new(Replay {
                times: number(args, "times").unwrap_or(1),
                frame: frame(args, "frame"),
                before: flag(args, "before"),
                delay,
            }),
            Some(_) if alone => {
                return Err(BuildError("`transcript` goes with `link` and `delay_ms` only"));
            }
            Some("client") => Arc::new(ReplayToServer { link, delay }),
            Some(_) => Arc::new(ReplayToClient { link }),
        })
    },
};

/// Send this many copies of the frame after it.
///
/// ```
/// use mitm_proxy::prelude::*;
///
/// let rule = Rule::new(when("CLIENT_DATA").from(Side::Client).nth(1), replay(1));
/// # let _ = rule;
/// ```
pub fn replay(times: u64) -> impl Action {
    Replay { times, frame: None, before: false, delay: Duration::ZERO }
}

/// Send a recorded frame once more, to the end that it went to.
pub fn replay_recorded(frame: FrameRef) -> impl Action {
    Replay { times: 1, frame: Some(frame), before: false, delay: Duration::ZERO }
}

/// Send all that the client sent on this link into a new connection to the server.
pub fn replay_to_server(link: u32) -> impl Action {
    ReplayToServer { link, delay: Duration::ZERO }
}

/// Pose as the server, and send all that the server sent on that other link.
pub fn replay_to_client(link: u32) -> impl Action {
    ReplayToClient { link }
}

#[derive(Debug)]
struct Replay {
    times: u64,
    frame: Option<FrameRef>,
    before: bool,
    delay: Duration,
}

impl Action for Replay {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let (number, frame, to) = match (&self.frame, ctx.trigger) {
            (Some(wanted), _) => {
                let (number, frame) = ctx.recorded(wanted)?;
                let to = ctx.trace.frame(number).map_or(Side::Server, |record| record.to);
                (number, frame, to)
            }
            (None, Some(number)) => {
                let record = ctx.trace.frame(number);
                let record = record.ok_or(MisfireCause::NoFrame)?;
                (number, record.as_sent().clone(), record.to)
            }
            (None, None) => return Err(MisfireCause::FrameNotNamed),
        };
        let on = Target::Link(ctx.link);
        for copy in 0..self.times {
            let what = format!("replay of {number}");
            let mut outgoing = Outgoing::made(frame.clone(), to, on, Some(number), what);
            outgoing.after = self.delay;
            if self.before {
                ctx.out.insert(usize::try_from(copy).unwrap_or(0).min(ctx.out.len()), outgoing);
            } else {
                ctx.out.push(outgoing);
            }
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        if self.frame.is_some() { Needs::Recordings } else { Needs::Frame }
    }
}

#[derive(Debug)]
struct ReplayToServer {
    link: u32,
    delay: Duration,
}

impl Action for ReplayToServer {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let (mut first, mut answers) = (None, 0);
        for (number, record) in ctx.trace.honest().filter(|(_, one)| one.link == self.link) {
            if record.to == Side::Client {
                answers += 1;
            } else {
                // At the pace of the recording: some servers depend on it.
                let first = *first.get_or_insert(record.at);
                let what = format!("replay of {number}");
                let frame = record.as_sent().clone();
                let mut outgoing = Outgoing::made(
                    frame,
                    Side::Server,
                    Target::NewConnection { like: self.link },
                    Some(number),
                    what,
                );
                outgoing.after =
                    self.delay + Duration::from_nanos(record.at.0.saturating_sub(first.0));
                outgoing.answers = answers;
                ctx.out.push(outgoing);
            }
        }
        if first.is_none() {
            return Err(MisfireCause::NothingRecorded { from: Side::Client, link: self.link });
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::Recordings
    }
}

#[derive(Debug)]
struct ReplayToClient {
    link: u32,
}

impl Action for ReplayToClient {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let from_server = |record: &&crate::trace::FrameRecord| {
            record.link == self.link && record.to == Side::Client
        };
        if !ctx.trace.honest().map(|(_, record)| record).any(|record| from_server(&record)) {
            return Err(MisfireCause::NothingRecorded { from: Side::Server, link: self.link });
        }
        ctx.plans.push(ActionPlan::Impersonate { source: self.link });
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::Recordings
    }
}
