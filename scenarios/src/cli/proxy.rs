//! `scenarios proxy`: the attacker between any client and any server.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use capture::Format as CaptureFormat;
use files::diagnostic::{quote, quote_path, times};
use files::layout_file::LayoutFile;
use files::load::LoadError;
use files::load::{read, text};
use files::scenario::{Frames, RuleFile};
use mitm_proxy::attacker::Attacker;
use mitm_proxy::rule::Rule;
use net::proxy::{ForwardedPort, Keep, Options, Tap, proxy};
use net::{HostPort, raise_descriptors};
use protocol::layout::Layout;
use protocol::system::System;
use protocol::weakness::Profile;
use targets::Interrupt;
use targets::endpoint_programs::addresses_of;
use targets::proxy_view::{Ladder, Log, Names, Watch};
use terminal::stdout::Stdout;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::Instant;

use super::check::explain;
use super::done::Done;
use super::output::{Format, Output};
use super::sniff::CaptureLive;
use super::{interrupt, live};

/// How often it is looked whether the rules have changed.
const LOOK: Duration = Duration::from_millis(300);
/// How many frames are kept for rules that look back.
const LAST: usize = 10_000;

/// Options of `proxy`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Where clients come: HOST, PORT or HOST:PORT; port 0 takes a free one. Several ports of one protocol with commas
    #[arg(long, value_name = "ADDR")]
    listen: String,
    /// Where the server is, the same way
    #[arg(long, value_name = "ADDR")]
    upstream: String,
    /// The frames are those of this system
    #[arg(long, value_name = "SYSTEM", conflicts_with = "layout")]
    system: Option<String>,
    /// In this profile
    #[arg(long, value_name = "PROFILE", requires = "system", default_value = "as-built")]
    profile: String,
    /// The frames are those of this layout file; without it and --system, what one read returns is one frame, `RAW`
    #[arg(long, value_name = "FILE")]
    layout: Option<PathBuf>,
    /// Act by the rules of this scenario
    #[arg(long, value_name = "FILE", conflicts_with = "rules")]
    scenario: Option<PathBuf>,
    /// Act by these rules, `[[rule]]` as in scenarios; they are read again when the file changes
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Write every byte into this capture, for Wireshark: .pcapng, or classic .pcap
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    #[command(flatten)]
    capture_live: CaptureLive,
    /// Write everything that happens into this file, a line of JSON each
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The largest frame that is gathered for a rule, in bytes; larger ones pass as `RAW`
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    max_frame: u64,
    /// Allow an address that others can reach
    #[arg(long)]
    danger_listen: bool,
}

/// The protocol on the wire.
pub(super) enum Wire {
    System(&'static System, Layout),
    Own(LayoutFile),
    /// Nobody knows.
    Raw(Layout),
}

impl Wire {
    fn of(args: &Args, output: Output) -> Result<Self> {
        Self::named(args.system.as_deref(), &args.profile, args.layout.as_deref(), output)
    }

    /// That of a layout file, of a system, or unknown.
    pub(super) fn named(
        system: Option<&str>,
        profile: &str,
        layout: Option<&Path>,
        output: Output,
    ) -> Result<Self> {
        if let Some(path) = layout {
            let file = LayoutFile::load(path, output.catalogue.registry)
                .map_err(|error| explain(&[error], output))?;
            return Ok(Self::Own(file));
        }
        if let Some(name) = system {
            return Self::system(name, profile, output);
        }
        Ok(Self::Raw(Layout { system: "raw", frames: Vec::new(), turns: &[] }))
    }

    fn system(name: &str, profile: &str, output: Output) -> Result<Self> {
        let found = super::select::Selection::systems_named(&[name.to_owned()], output)?;
        let system = found.first().copied().ok_or_else(|| anyhow!("unknown system"))?;
        let named = Profile::named(system, profile);
        let profile =
            named.ok_or_else(|| anyhow!("{} has no profile {}", system.name, quote(profile)))?;
        Ok(Self::System(system, (system.layout)(profile)))
    }

    pub(super) fn layout(&self) -> &Layout {
        match self {
            Self::System(_, layout) | Self::Raw(layout) => layout,
            Self::Own(file) => &file.layout,
        }
    }

    fn frames(&self) -> Frames<'_> {
        match self {
            Self::System(system, _) => Frames::System(system),
            Self::Raw(layout) => Frames::Layout(layout),
            Self::Own(file) => Frames::Own(file),
        }
    }

    /// The ports of the published program, or how far those of others are from the first.
    pub(super) fn ports(&self) -> Vec<u16> {
        match self {
            Self::System(system, _) => system.ports.iter().map(|port| port.port).collect(),
            Self::Own(file) => (0..).take(file.ports.len()).collect(),
            Self::Raw(_) => vec![0],
        }
    }

    pub(super) fn hosts(&self, flag: &str, text: &str) -> Result<Vec<HostPort>> {
        let layout = self.layout();
        addresses_of(&self.ports(), layout.system, Some(text))
            .map_err(|why| anyhow!("{flag}: {why}"))
    }
}

/// Stand between until Ctrl-C.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let (wire, rules) = if let Some(path) = &args.scenario {
        of_scenario(path, args, output)?
    } else {
        let wire = Wire::of(args, output)?;
        let rules = args.rules.as_deref().map(|path| read_rules(path, &wire, output));
        (wire, rules.transpose()?.unwrap_or_default())
    };
    let listen = wire.hosts("--listen", &args.listen)?;
    live::refuse_open(&listen, args.danger_listen, "whoever comes is passed on")?;
    let upstream = wire.hosts("--upstream", &args.upstream)?;
    if let Some(nowhere) = upstream.iter().find(|host| host.port() == 0) {
        bail!("--upstream: {nowhere} has no port; expected HOST:PORT");
    }
    let most = usize::try_from(args.max_frame).unwrap_or(usize::MAX);
    let layout = Arc::new(wire.layout().clone().limited(most));
    let watch = watching(args, &layout, output)?;
    let tally = watch.tally();
    let attacker = Attacker::new(layout, rules.into());
    raise_descriptors();
    let interrupt = Interrupt::default();
    let captured = interrupt::reported_to(&interrupt, || {
        live::runtime()?.block_on(async {
            let stop = interrupt.triggered();
            let listeners = live::listen(&listen).await?;
            let mut bound = Vec::new();
            for listener in &listeners {
                bound.push(listener.local_addr().context("cannot listen")?);
            }
            let running =
                args.capture_live.start(&[&bound[..], &live::all_addresses(&upstream)].concat())?;
            let bound: Vec<String> = bound.iter().map(ToString::to_string).collect();
            let to: Vec<String> = upstream.iter().map(ToString::to_string).collect();
            // Whoever starts this from a program waits for this line.
            let _ = writeln!(
                io::stderr(),
                "proxy listens on {}, before {}",
                bound.join(", "),
                to.join(", ")
            );
            let doors = listeners.into_iter().zip(upstream);
            let doors =
                doors.map(|(listener, upstream)| ForwardedPort { listener, upstream }).collect();
            let (reload, reloads) = channel(1);
            let options = Options {
                recorder: Some(Box::new(watch)),
                ..Options::new(Keep::Last(LAST), reloads, Instant::now())
            };
            let run = proxy(attacker, doors, options, stop);
            tokio::select! {
                outcome = run => Ok((outcome.context("cannot start")?, running)),
                () = look_for_changes(args.rules.as_deref(), &wire, reload, output) => {
                    bail!("nobody looks after the rules")
                }
            }
        })
    })
    .map(|(outcome, running)| {
        for misfire in outcome.trace.misfires.iter().take(MOST_MISFIRES) {
            let _ = writeln!(io::stderr(), "rule {} could not act: {}", misfire.rule, misfire.why);
        }
        if outcome.refused > 0 {
            let how_often = times(outcome.refused);
            let _ = writeln!(io::stderr(), "the server could not be reached {how_often}");
        }
        running.finish(output)
    })?;
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = writeln!(io::stderr(), "{}", tally.describe());
    Ok(if tally.failed.is_empty() { captured } else { Done::Unexpected })
}

/// The most misfires shown at the end.
const MOST_MISFIRES: usize = 5;

/// The rules of a scenario, and the frames they speak of.
fn of_scenario(path: &Path, args: &Args, output: Output) -> Result<(Wire, Vec<Rule>)> {
    let scenario = output.catalogue.load_file(path).map_err(|error| explain(&[error], output))?;
    if scenario.plan.strategy.is_some() {
        bail!("{} has a strategy: those ask endpoints of the lab", quote(&scenario.path));
    }
    let chosen = args.system.is_some() || args.layout.is_some();
    let wire = match (scenario.systems.as_slice(), &scenario.target_set) {
        _ if chosen => Wire::of(args, output)?,
        // It was read with these frames.
        (_, Some(own)) => Wire::Own((*own.layout).clone()),
        ([only], None) => Wire::system(only.name, &args.profile, output)?,
        _ => bail!("{} is for several systems: --system says which", scenario.name),
    };
    if let Wire::System(system, _) = &wire
        && !scenario.systems.iter().any(|known| known.name == system.name)
    {
        bail!("{} is not for {}", scenario.name, system.name);
    }
    fit_for_programs(&scenario.plan.rules, &scenario.plan.rule_lines, &scenario.path)?;
    Ok((wire, scenario.plan.rules))
}

/// Read a file of rules.
fn read_rules(path: &Path, wire: &Wire, output: Output) -> Result<Vec<Rule>> {
    let shown = path.display().to_string();
    let source = read(path).and_then(|content| text(&shown, content));
    let file = source.and_then(|source| {
        RuleFile::parse(&shown, &source, wire.frames()).map_err(LoadError::Invalid)
    });
    let file = file.map_err(|error| explain(&[error], output))?;
    Ok(file.rules)
}

/// Refuse rules of a scenario for the lab that cannot be carried out between programs.
fn fit_for_programs(rules: &[Rule], lines: &[usize], path: &str) -> Result<()> {
    let lacking = |rule: &Rule| {
        let mut actions = rule.actions.iter();
        actions.find_map(|action| action.needs().lacking_in_programs())
    };
    let mut rules = rules.iter().zip(lines);
    let Some((line, why)) = rules.find_map(|(rule, line)| Some((line, lacking(rule)?))) else {
        return Ok(());
    };
    bail!("{}: the rule in line {line} cannot be carried out here: {why}", quote(path))
}

/// Look whether the rules have changed, all the time. Rules with mistakes are explained, and the old ones stay.
async fn look_for_changes(
    path: Option<&Path>,
    wire: &Wire,
    reload: Sender<Arc<[Rule]>>,
    output: Output,
) {
    let Some(path) = path else { return std::future::pending().await };
    let mut known = stamp(path);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = stamp(path);
        if now == known || now.is_none() {
            continue;
        }
        known = now;
        match read_rules(path, wire, output) {
            Ok(rules) => {
                output.remark(&format!("rules read again: {}", rules.len()));
                if reload.send(rules.into()).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "{error}\nthe rules stay as they were");
            }
        }
    }
}

/// What changes when a file does.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// All that watches.
fn watching(args: &Args, layout: &Layout, output: Output) -> Result<Watch> {
    let ladder = (!output.quiet && output.format == Format::Text)
        .then(|| Ladder::new(Box::new(Stdout::new()), output.page()));
    let mut log = None;
    if let Some(path) = &args.log {
        let file = OpenOptions::new().create(true).append(true).open(path);
        log = Some(Log::new(Box::new(BufWriter::new(file.with_context(|| cannot(path))?))));
    } else if output.format == Format::Json {
        log = Some(Log::new(Box::new(Stdout::new())));
    }
    let mut tap = None;
    if let Some(path) = &args.capture {
        let out = recordings::disk::capture_file(path).with_context(|| cannot(path))?;
        let about = format!("{} through a proxy", layout.system);
        let tapped = Tap::new(out, CaptureFormat::of(path), now(), &[about]);
        tap = Some(tapped.with_context(|| cannot(path))?);
    }
    Ok(Watch::new(Names::of(layout)).with_ladder(ladder).with_log(log).with_capture(tap))
}

fn cannot(path: &Path) -> String {
    format!("cannot write {}", quote_path(path))
}

/// Nanoseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a capture of real traffic has real times")]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
