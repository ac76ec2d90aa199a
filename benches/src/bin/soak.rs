//! `soak [MESSAGES [PERCENT]]`: every system's server as a program, and so many messages in all (a million if not given), in sessions one
//! after the other. The server's memory may grow by so many percent (10 if not given) from the end of the first session to the last.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command as Process, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::spawn;

use benches::live::runtime;
use net::{Event, Observer};
use protocol::endpoint::{Command, Fact, Kind, Message, Tick};
use protocol::system::{Setup, System};
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;
use tokio::sync::mpsc::{Receiver, channel};

/// How many messages if not given.
const MESSAGES: u64 = 1_000_000;
/// How many percent if not given.
const PERCENT: f64 = 10.0;
/// How many messages a session carries. Keys and counters are used up some day: those of csr after 131,072.
const OF_A_SESSION: u64 = 50_000;
/// How many messages may be on their way.
const IN_FLIGHT: u64 = 64;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (messages, percent) = match &args[..] {
        [] => (MESSAGES, PERCENT),
        [messages] => (messages.parse()?, PERCENT),
        [messages, percent] => (messages.parse()?, percent.parse()?),
        _ => return Err("usage: soak [MESSAGES [PERCENT]]".into()),
    };
    let each = messages.div_ceil(SYSTEMS.len() as u64).max(5);
    let mut flat = true;
    for system in SYSTEMS {
        let [early, late] = soak(system, each)?;
        let grown = (late / early - 1.0) * 100.0;
        let name = system.name;
        writeln!(io::stdout(), "{name}: {each} messages, {early:.0} KiB, then {late:.0} KiB")?;
        if grown > percent {
            writeln!(io::stderr(), "{name}: the server grew by {grown:.0} %: too much")?;
            flat = false;
        }
    }
    Ok(if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The server's memory in KiB, after the first session and after all.
fn soak(system: &'static System, messages: u64) -> Result<[f64; 2], Box<dyn Error>> {
    let program = env::current_exe()?.with_file_name("scenarios");
    let mut server = Process::new(&program)
        .args(["serve", system.name, "--profile", "hardened", "--quiet", "--listen", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}; build it first", program.display()))?;
    let measured = sessions(system, &mut server, messages);
    server.kill()?;
    server.wait()?;
    measured
}

fn sessions(
    system: &'static System,
    server: &mut Child,
    messages: u64,
) -> Result<[f64; 2], Box<dyn Error>> {
    let mut line = String::new();
    let mut errors = BufReader::new(server.stderr.take().ok_or("no standard error")?);
    errors.read_line(&mut line)?;
    let (_, listed) = line.trim().split_once(" listens on ").ok_or("it does not listen")?;
    let addresses: Result<Vec<SocketAddr>, _> = listed.split(", ").map(str::parse).collect();
    let addresses = addresses?;
    let mut held = Vec::new();
    let mut left = messages;
    while left > 0 {
        let count = left.min(OF_A_SESSION);
        session(system, &addresses, count)?;
        held.push(resident(server.id())?);
        left -= count;
    }
    let (first, last) = held.first().copied().zip(held.last().copied()).ok_or("no messages")?;
    Ok([first, last])
}

/// A session of so many messages.
fn session(
    system: &'static System,
    addresses: &[SocketAddr],
    messages: u64,
) -> Result<(), Box<dyn Error>> {
    let (say, commands) = channel(1);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let counter = Acknowledged(acknowledged.clone());
    let addresses = addresses.to_vec();
    let client = spawn(move || converse(system, addresses, commands, counter));
    let message = if system.carries.contains(&Kind::Text) {
        Message::text("meet me at noon")
    } else {
        Message::numbers("1.25")
    };
    for sent in 1..=messages {
        say.blocking_send(Command::Send(message.clone()))
            .map_err(|_| format!("{}: the session ended early, at {sent}", system.name))?;
        // What nobody has read yet is not what is measured.
        while sent > acknowledged.load(Ordering::Relaxed) + IN_FLIGHT && !client.is_finished() {
            std::thread::yield_now();
        }
    }
    drop(say);
    Ok(client.join().map_err(|_| "the client has panicked")?)
}

/// Counts what the server is known to have.
struct Acknowledged(Arc<AtomicU64>);

impl Observer for Acknowledged {
    fn on_event(&mut self, _: Tick, event: Event<'_>) {
        if let Event::Claimed(claim) = event
            && let Fact::Acknowledged(_) = claim.fact
        {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Be a client until there are no more commands.
fn converse(
    system: &System,
    addresses: Vec<SocketAddr>,
    commands: Receiver<Command>,
    acknowledged: Acknowledged,
) {
    let endpoint = (system.client)(Setup { patience: 1000, ..Setup::lab(Profile::HARDENED, 5, 1) });
    let hosts = addresses.into_iter().map(Into::into).collect();
    let forever = std::future::pending();
    let session = net::connect(endpoint, hosts, commands, None, Box::new(acknowledged), forever);
    assert!(runtime().block_on(session).is_ok(), "the server is there");
}

/// What a process has in memory, in KiB.
fn resident(process: u32) -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let held = held.and_then(|held| held.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(held.parse()?)
}
