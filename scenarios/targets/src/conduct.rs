//! One run of a target: the server is started, then the attacker and the client; what they print is read as it comes;
//! and when it is over, everything is stopped.
//!
//! One thread does all of it, the links included. Before anything that came from a program goes on, everything that any of them
//! has printed is read: so what a program said before it sent a frame is known before whatever that frame causes.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use files::diagnostic::quote;
use files::target_file::{Channel, JudgedFrom, Ready, Sign, Target};
use mitm_proxy::attacker::Attacker;
use net::proxy::{Activity, Keep, Options, ProxyOutcome, Spacing, proxy};
use protocol::endpoint::Side;
use protocol::layout::Layout;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::conclude::{Ending, Evidence, conclude};
use super::launch::{Folder, Launch, Ports, alone, doors, failed};
use super::ports::{self, Look};
use super::process::Ended;
use super::programs::Programs;
use super::transcript::Pulse;
use super::{Finding, Interrupt, NOT_IMPLEMENTED, Prompt, Run, TargetError};

/// How often programs are looked at although they print nothing.
const TICK: Duration = Duration::from_millis(10);

/// How often it is looked whether the server still listens.
const LISTENS: Duration = Duration::from_millis(100);

/// The shortest silence that means anything: what links do is heard of a little later.
const HEARD: Duration = Duration::from_millis(50);

/// How long programs have to end once they are asked to.
const GRACE: Duration = Duration::from_secs(1);

/// How long a client may be silent once its server has ended.
const ALONE: Duration = Duration::from_secs(2);

/// Run it once with this attacker in the middle; `ports` are the names of those the server has, and `prompt` what an honest run has shown of
/// the programs: nothing, in that run itself.
///
/// It takes no signals: whoever calls it sees to it that Ctrl-C triggers `stop`, or the programs outlive this one.
///
/// # Errors
/// A program cannot be started, or the target does not fit the layout. What goes wrong later is a [`Finding`].
pub fn run(
    target: &Target,
    layout: Arc<Layout>,
    ports: &[String],
    attacker: Attacker,
    prompt: Prompt,
    stop: &Interrupt,
) -> Result<Run, TargetError> {
    for observation in &target.observe {
        if let Sign::Reply(name) = &observation.sign
            && !layout.frames.iter().any(|spec| spec.name == name)
        {
            let known = layout.frames.iter().map(|spec| spec.name).collect();
            return Err(TargetError::NoSuchFrame { name: name.clone(), known });
        }
    }
    let _alone = alone(target);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed("the run cannot begin"))?;
    runtime.block_on(whole(target, ports, attacker, prompt, stop))
}

async fn whole(
    target: &Target,
    ports: &[String],
    attacker: Attacker,
    prompt: Prompt,
    stop: &Interrupt,
) -> Result<Run, TargetError> {
    let folder = match target.judged_from {
        JudgedFrom::Claims(Channel::File) => Some(Folder::create()?),
        _ => None,
    };
    let (doors, _reserved) = doors(target, ports.len()).await?;
    let behind: Vec<u16> = doors.iter().map(|door| door.upstream.port()).collect();
    let before = doors.iter().map(|door| Ok(door.listener.local_addr()?.port()));
    let before: io::Result<Vec<u16>> = before.collect();
    let before = before.map_err(failed("no port for the attacker"))?;
    let client = Launch::new(
        target,
        Side::Client,
        Ports { names: ports, numbers: &before },
        folder.as_ref(),
    )?;
    let server = Launch::new(
        target,
        Side::Server,
        Ports { names: ports, numbers: &behind },
        folder.as_ref(),
    )?;

    let mut stage = Stage {
        target,
        prompt,
        programs: Programs::new(Rc::new(target.clone()), server.start()?, server),
        activity: Activity::default(),
        look: Look::best(),
        ports: behind
            .into_iter()
            .map(|port| Port { number: port, listened: false, missing: None })
            .collect(),
    };
    let not_started = match stage.until_ready(stop).await {
        Started::Ready => None,
        Started::Interrupted => Some(Vec::new()),
        Started::Not(finding) => Some(vec![finding]),
    };
    if let Some(findings) = not_started {
        let interrupted = findings.is_empty();
        stage.stop().await;
        return Ok(stage.without_frames(findings, interrupted));
    }
    match client.start() {
        Ok(client) => stage.programs.join(client),
        Err(error) => {
            stage.stop().await;
            return Err(error);
        }
    }

    let pulse = Pulse::default();
    let (tell, told) = oneshot::channel::<()>();
    let (_reloads, rules) = mpsc::channel(1);
    // Links and programs have one clock, or what is printed because of a frame could be dated before it.
    let began = Instant::now();
    stage.programs.begin(began);
    let options = Options {
        keep: Keep::All,
        recorder: Some(Box::new(pulse.clone())),
        witness: Some(stage.programs.witness()),
        spacing: Spacing::ByReads(patience(target)),
        delay: target.server.delay,
        is_there: stage.programs.is_there(),
        activity: stage.activity.clone(),
        rules,
        began,
    };
    let links = proxy(attacker, doors, options, async {
        let _ = told.await;
    });
    let watch = async {
        let ending = stage.watch(stop, &pulse).await;
        let _ = tell.send(());
        ending
    };
    // The links end first: what programs do because they are stopped is no part of the run.
    let (outcome, ending) = tokio::join!(links, watch);
    stage.stop().await;
    let outcome = outcome.map_err(failed("the links cannot be recorded"))?;
    Ok(stage.with_frames(outcome, ending, &pulse))
}

/// A port of the server's.
struct Port {
    number: u16,
    listened: bool,
    /// Since when it does not any more.
    missing: Option<Instant>,
}

enum Started {
    Ready,
    Interrupted,
    Not(Finding),
}

/// The programs of a run, and all that is known of it so far.
struct Stage<'a> {
    target: &'a Target,
    /// What an honest run has shown of the programs.
    prompt: Prompt,
    programs: Programs,
    activity: Activity,
    look: Look,
    ports: Vec<Port>,
}

impl Stage<'_> {
    async fn until_ready(&mut self, stop: &Interrupt) -> Started {
        let program = &self.target.server;
        if let Ready::Line(line) = &program.ready {
            self.programs.wait_for(line);
        }
        let until = Instant::now() + program.start;
        let mut ticks = ticks(TICK);
        let not = |how: String| Started::Not(Finding::NotStarted { who: Side::Server, how });
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.triggered() => return Started::Interrupted,
            }
            self.programs.look();
            let is_ready = match &program.ready {
                Ready::Listens => self.all_listen(),
                Ready::Line(_) => self.programs.has_met(),
            };
            match self.programs.ended(Side::Server) {
                Some(Ended::Status(NOT_IMPLEMENTED)) => {
                    return Started::Not(Finding::NotImplemented { who: Side::Server });
                }
                // The kernel keeps a port for a while, even from the server that had it in the run before.
                Some(_) if !program.ports.is_empty() && Instant::now() < until => {
                    tokio::time::sleep(LISTENS).await;
                    self.programs.start_again();
                }
                Some(ended) => {
                    let words = self.programs.last_words(Side::Server);
                    return not(format!("{ended} before it was ready{words}"));
                }
                None if is_ready => {
                    if program.ready == Ready::Listens {
                        self.programs.remark(self.look.in_words());
                    }
                    return Started::Ready;
                }
                None if Instant::now() >= until => {
                    return not(self.why_not_ready());
                }
                None => {}
            }
        }
    }

    /// Why the server is not ready in time.
    fn why_not_ready(&mut self) -> String {
        let listens = self.all_listen();
        let program = &self.target.server;
        let (what, but) = match &program.ready {
            Ready::Line(line) => {
                let but =
                    if listens { ", but its port listens: is its output flushed?" } else { "" };
                (format!("it printed no line with {}", quote(line)), but)
            }
            Ready::Listens => {
                let mut silent = self.ports.iter().filter(|port| !port.listened);
                let port = silent.next().map(|port| port.number).unwrap_or_default();
                (format!("it did not listen on port {port} of {}", ports::HOST), "")
            }
        };
        let within = humantime::format_duration(program.start);
        format!("{what} within {within}{but}{}", self.programs.last_words(Side::Server))
    }

    fn all_listen(&mut self) -> bool {
        let group = self.programs.server_group();
        for port in &mut self.ports {
            port.listened = port.listened || self.look.listens_for(port.number, group);
        }
        self.ports.iter().all(|port| port.listened)
    }

    /// Note if the server has stopped listening. Nothing is tried out: its port is not ours to take.
    fn still_listens(&mut self) {
        if self.look != Look::Table || self.programs.ended(Side::Server).is_some() {
            return;
        }
        let group = self.programs.server_group();
        for port in &mut self.ports {
            if self.look.listens_for(port.number, group) {
                (port.listened, port.missing) = (true, None);
            } else if port.listened {
                port.missing.get_or_insert_with(Instant::now);
            }
        }
    }

    /// A port that the server, which lives, has not listened on for long. One that is started again for each client comes back.
    fn gone(&self) -> Option<u16> {
        let patience = patience(self.target);
        let is_gone = |port: &&Port| port.missing.is_some_and(|since| since.elapsed() >= patience);
        self.ports.iter().find(is_gone).map(|port| port.number)
    }

    /// Until it is over.
    async fn watch(&mut self, stop: &Interrupt, pulse: &Pulse) -> Ending {
        let until = Instant::now() + self.target.limit;
        let quiet = self.target.quiet.max(HEARD);
        let (mut ticks, mut listens) = (ticks(TICK), ticks(LISTENS));
        loop {
            tokio::select! {
                () = self.programs.readable() => {}
                _ = ticks.tick() => {}
                _ = listens.tick() => self.still_listens(),
                () = stop.triggered() => {
                    self.programs.look();
                    return Ending::Interrupted;
                }
            }
            // A program that prints without end must not keep the links waiting.
            tokio::task::yield_now().await;
            self.programs.look();
            let now = Instant::now();
            let moved = self.programs.moved().max(pulse.moved());
            let silent = moved.map_or(Duration::MAX, |moved| now - moved);
            let client = self.programs.ended(Side::Client);
            let server = self.programs.ended(Side::Server);
            if self.programs.is_not_implemented() {
                return Ending::AtRest;
            }
            if client.is_some() && silent >= quiet && self.is_at_rest() {
                return Ending::AtRest;
            }
            if client.is_none() && server.is_some() && silent >= ALONE {
                return Ending::Alone;
            }
            if now >= until {
                return if silent >= quiet { Ending::Limit } else { Ending::Busy };
            }
        }
    }

    /// Whether nothing more can be expected: the attacker has done everything, and the server has ended every connection it had, or
    /// says so.
    fn is_at_rest(&self) -> bool {
        let activity = &self.activity;
        let over = activity.open() == 0 || self.programs.ended(Side::Server).is_some();
        let said = || self.programs.ends_claimed(Side::Server) >= activity.opened();
        let listens = self.ports.iter().all(|port| port.missing.is_none()) || self.gone().is_some();
        !activity.is_planned() && (over || said()) && listens
    }

    /// Ask all programs to end, and end those that do not.
    async fn stop(&mut self) {
        let until = Instant::now() + GRACE;
        let mut ticks = ticks(TICK);
        self.programs.ask_to_end();
        while Instant::now() < until && !self.programs.seem_gone() {
            ticks.tick().await;
            self.programs.look();
        }
        self.programs.end();
    }

    fn without_frames(self, findings: Vec<Finding>, interrupted: bool) -> Run {
        let outcome = ProxyOutcome {
            trace: mitm_proxy::trace::Trace::default(),
            open_ends: Vec::new(),
            refused: 0,
        };
        let ending = if interrupted { Ending::Interrupted } else { Ending::AtRest };
        let mut run = self.with_frames(outcome, ending, &Pulse::default());
        // That it ended is told already.
        run.findings = findings;
        run
    }

    fn with_frames(self, outcome: ProxyOutcome, ending: Ending, pulse: &Pulse) -> Run {
        let words = |who| self.programs.last_words(who);
        let gone = self.gone();
        let evidence = Evidence {
            output: self.programs.output(),
            last_words: [words(Side::Server), words(Side::Client)],
            transcript: self.programs.into_transcript(),
            gone,
            first_ends: pulse.first_ends(),
            ending,
        };
        conclude(self.target, outcome, evidence, self.prompt)
    }
}

/// How long anything is waited for that should come by itself.
fn patience(target: &Target) -> Duration {
    target.limit / 4
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
