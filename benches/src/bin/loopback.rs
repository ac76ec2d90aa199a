//! Systems over loopback: how fast a file arrives compared with sealing and opening it in memory, how many sessions
//! a second begin and end, and what idle connections cost a server.
//!
//! `loopback [MiB]` measures a file of that many MiB, 32 if not given; both ways of carrying it take turns, and the
//! ratio of each turn is what counts. `loopback idle [CONNECTIONS [LIMIT]]` starts `scenarios serve`, opens so many
//! connections, 1000 if not given, and fails if the process then takes `LIMIT` MiB or more.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command as Process, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use benches::direct::Direct;
use benches::live::{Deaf, Serving, runtime};
use benches::{file, spread};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use net::{Event, Observer};
use protocol::endpoint::{Command, Fact, Kind, Message, Tick};
use protocol::system::{Setup, System};
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;
use tokio::net::TcpStream;

/// The size of the file if none is given, in MiB.
const SIZE: usize = 32;
/// How often every way is measured.
const ROUNDS: usize = 7;
/// How many sessions one after the other make a rate.
const SESSIONS: u32 = 40;
/// How many idle connections if not given.
const IDLE: usize = 1000;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => live(SIZE),
        ["idle"] => idle(IDLE, None),
        ["idle", count] => idle(count.parse()?, None),
        ["idle", count, limit] => idle(count.parse()?, Some(limit.parse()?)),
        [size] => live(size.parse()?),
        _ => Err("usage: loopback [MiB] | loopback idle [CONNECTIONS [LIMIT]]".into()),
    }
}

fn live(size: usize) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        format!("{size} MiB, hardened").as_str(),
        "memory MiB/s",
        "loopback MiB/s",
        "ratio: min",
        "median",
        "max",
    ]);
    let body = file(size << 20);
    let carriers = SYSTEMS.iter().filter(|system| system.carries.contains(&Kind::Video));
    for system in carriers {
        let message = Message::file("clip.mp4", body.clone());
        let (mut memory, mut loopback, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let direct = Direct::new(system, Profile::HARDENED).carry(message.clone());
            let live = Live::start(system, Profile::HARDENED).carry(message.clone());
            ratios.push(direct.as_secs_f64() / live.as_secs_f64());
            memory.push(megabytes(size, direct));
            loopback.push(megabytes(size, live));
        }
        let [_, memory, _] = spread(memory);
        let [_, loopback, _] = spread(loopback);
        let ratios = spread(ratios).map(|ratio| format!("{ratio:.2}"));
        let row = [system.name.to_owned(), format!("{memory:.0}"), format!("{loopback:.0}")];
        table.add_row(row.into_iter().chain(ratios));
    }
    writeln!(out, "{table}\n")?;

    let mut table = Table::new();
    let header = ["sessions over loopback, one after the other", "a second: min", "median", "max"];
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for system in SYSTEMS {
        for profile in [Profile::as_built(system), Profile::HARDENED] {
            let rates: Vec<f64> = (0..3).map(|_| sessions(system, profile)).collect();
            let rates = spread(rates).map(|rate| format!("{rate:.0}"));
            let name = format!("{} {}", system.name, profile.name());
            table.add_row([name].into_iter().chain(rates));
        }
    }
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::cast_precision_loss, reason = "a table of three digits")]
fn megabytes(size: usize, time: Duration) -> f64 {
    size as f64 / time.as_secs_f64()
}

/// A server and a client with a connection between them, each on a thread of its own.
struct Live {
    commands: tokio::sync::mpsc::Sender<Command>,
    delivered: Receiver<Instant>,
    server: Serving,
    client: JoinHandle<()>,
}

/// Tells when messages are delivered.
struct Deliveries(Sender<Instant>);

impl Observer for Deliveries {
    #[expect(clippy::disallowed_methods, reason = "measuring is what this program is for")]
    fn on_event(&mut self, _: Tick, event: Event<'_>) {
        if let Event::Claimed(claim) = event
            && matches!(claim.fact, Fact::Delivered(_))
        {
            let _ = self.0.send(Instant::now());
        }
    }
}

impl Live {
    /// Connect, and carry one text, so that the session is established.
    fn start(system: &'static System, profile: Profile) -> Self {
        let (sender, delivered) = channel();
        let server = Serving::start(system, profile, Deliveries(sender));
        let (commands, received) = tokio::sync::mpsc::channel(1);
        let addresses = server.addresses.clone();
        let client = spawn(move || converse(system, profile, addresses, received));
        let mut live = Self { commands, delivered, server, client };
        live.deliver(Message::text("first"));
        live
    }

    fn deliver(&mut self, message: Message) -> Instant {
        assert!(self.commands.blocking_send(Command::Send(message)).is_ok(), "the client is there");
        self.delivered.recv().unwrap_or_else(|_| unreachable!("the message arrives"))
    }

    /// How long `message` takes to arrive.
    #[expect(clippy::disallowed_methods, reason = "measuring is what this program is for")]
    fn carry(mut self, message: Message) -> Duration {
        let begin = Instant::now();
        let end = self.deliver(message);
        drop(self.commands);
        let _ = self.client.join();
        self.server.end();
        end - begin
    }
}

/// Be a client until there are no more commands.
fn converse(
    system: &System,
    profile: Profile,
    addresses: Vec<SocketAddr>,
    commands: tokio::sync::mpsc::Receiver<Command>,
) {
    let hosts = addresses.into_iter().map(Into::into).collect();
    let endpoint = (system.client)(Setup::lab(profile, 5, 1));
    let observer = Box::new(Deaf);
    let forever = std::future::pending();
    // As built, ccm's goodbye may be lost to its own delimiter, and then both ends would wait for ever.
    let patience = Some(Duration::from_secs(5));
    let ended =
        runtime().block_on(net::connect(endpoint, hosts, commands, patience, observer, forever));
    assert!(ended.is_ok(), "the server is there");
}

/// How many sessions a second begin and end, one after the other.
#[expect(clippy::disallowed_methods, reason = "measuring is what this program is for")]
fn sessions(system: &'static System, profile: Profile) -> f64 {
    let server = Serving::start(system, profile, Deaf);
    let begin = Instant::now();
    for _ in 0..SESSIONS {
        let (_, commands) = tokio::sync::mpsc::channel(1);
        converse(system, profile, server.addresses.clone(), commands);
    }
    let rate = f64::from(SESSIONS) / begin.elapsed().as_secs_f64();
    server.end();
    rate
}

/// The memory of a server with idle connections.
fn idle(count: usize, limit: Option<f64>) -> Result<ExitCode, Box<dyn Error>> {
    let program = env::current_exe()?.with_file_name("scenarios");
    let mut server = Process::new(&program)
        .args(["serve", "helo", "--quiet", "--listen", "0"])
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}; build it first", program.display()))?;
    let measured = measure_idle(&mut server, count);
    server.kill()?;
    server.wait()?;
    let mib = measured?;
    writeln!(io::stdout(), "{count} idle connections: {mib:.1} MiB")?;
    if limit.is_some_and(|limit| mib >= limit) {
        writeln!(io::stderr(), "that is too much")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn measure_idle(server: &mut std::process::Child, count: usize) -> Result<f64, Box<dyn Error>> {
    let mut line = String::new();
    let stderr = server.stderr.take().ok_or("no standard error")?;
    BufReader::new(stderr).read_line(&mut line)?;
    let address = line.trim().rsplit(' ').next().ok_or("no address")?.to_owned();
    runtime().block_on(async {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(TcpStream::connect(&address).await?);
        }
        // The last one is answered only after all others were accepted: each sends a byte more than nothing.
        if let Some(last) = connections.last() {
            last.writable().await?;
            last.try_write(b"not a hello")?;
            last.readable().await?;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", server.id()))?;
        let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let held = held.and_then(|held| held.split_whitespace().next()).ok_or("no VmRSS")?;
        Ok(held.parse::<f64>()? / 1024.0)
    })
}
