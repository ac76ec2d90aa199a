//! How fast the live proxy is, as ratios to no proxy at all; a plain copy and haproxy stand beside it. All ways take turns in one
//! run. `proxy [--quick]`.
//!
//! `proxy idle [LINKS [LIMIT]]` starts `scenarios proxy`, opens so many links, 1000 if not given, has one exchange on each, and
//! fails if a link then takes `LIMIT` KiB or more.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use benches::between::{Between, Rules, stand};
use benches::spread;
use benches::traffic::{SMALL, Server, connections, exchange, opened, throughput};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

/// What is compared.
const WATCHING: Between = Between::Attacker(Rules::Watch);
const EDITING: Between = Between::Attacker(Rules::Edit);
const COPY: Between = Between::Copy(8 * 1024);
const LARGE_COPY: Between = Between::Copy(64 * 1024);

struct Bench {
    server: Server,
    disk: PathBuf,
    rounds: usize,
    scale: usize,
}

/// One way, measured once each round.
type Measured = (Between, Vec<f64>);

impl Bench {
    /// Measure each way once in every round, and compare with the first.
    fn compare(
        &self,
        title: &str,
        unit: &str,
        ways: &[Between],
        measure: impl Fn(std::net::SocketAddr) -> io::Result<f64>,
    ) -> io::Result<()> {
        let mut measured: Vec<Measured> = Vec::new();
        let mut standing = Vec::new();
        for way in ways {
            match stand(*way, self.server.address, &self.disk) {
                Ok(there) => {
                    standing.push(there);
                    measured.push((*way, Vec::new()));
                }
                Err(error) => writeln!(io::stderr(), "{} is not here: {error}", way.name())?,
            }
        }
        for _ in 0..self.rounds {
            for (there, (_, figures)) in standing.iter().zip(&mut measured) {
                figures.push(measure(there.address)?);
            }
        }
        drop(standing);
        let mut table = Table::new();
        let first = ways.first().map(|way| way.name()).unwrap_or_default();
        let ratio = format!("to {first}: min");
        table.load_style(ASCII_MARKDOWN).set_header([title, unit, &ratio, "median", "max"]);
        let base = measured.first().map(|(_, figures)| figures.clone()).unwrap_or_default();
        for (way, figures) in &measured {
            let ratios = figures.iter().zip(&base).map(|(figure, base)| figure / base).collect();
            let [least, median, most] = spread(ratios);
            let [_, figure, _] = spread(figures.clone());
            let cells = [least, median, most].map(|ratio| format!("{ratio:.2}"));
            let [least, median, most] = cells;
            table.add_row([way.name(), format!("{figure:.1}"), least, median, most]);
        }
        writeln!(io::stdout(), "{table}\n")
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => compare_all(false),
        ["--quick"] => compare_all(true),
        ["idle"] => idle(1000, None),
        ["idle", links] => idle(links.parse()?, None),
        ["idle", links, limit] => idle(links.parse()?, Some(limit.parse()?)),
        _ => Err("usage: proxy [--quick] | proxy idle [LINKS [LIMIT]]".into()),
    }
}

/// What an idle link costs.
fn idle(links: u32, limit: Option<f64>) -> Result<ExitCode, Box<dyn Error>> {
    let server = Server::start()?;
    let program = env::current_exe()?.with_file_name("scenarios");
    let upstream = server.address.to_string();
    let mut proxy = Command::new(&program)
        .args(["proxy", "--quiet", "--listen", "0", "--upstream", &upstream])
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}; build it first", program.display()))?;
    let measured = measure_idle(&mut proxy, links);
    proxy.kill()?;
    proxy.wait()?;
    let kib = measured?;
    writeln!(io::stdout(), "{links} idle links: {kib:.1} KiB each")?;
    if limit.is_some_and(|limit| kib >= limit) {
        writeln!(io::stderr(), "that is too much")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn measure_idle(proxy: &mut Child, links: u32) -> Result<f64, Box<dyn Error>> {
    let mut line = String::new();
    let stderr = proxy.stderr.take().ok_or("no standard error")?;
    BufReader::new(stderr).read_line(&mut line)?;
    let address = line.split(',').next().and_then(|line| line.trim().rsplit(' ').next());
    let address = address.ok_or("no address")?.parse()?;
    let mut open = vec![opened(address)?];
    let before = resident(proxy.id())?;
    for _ in 0..links {
        open.push(opened(address)?);
    }
    Ok((resident(proxy.id())? - before) / f64::from(links))
}

/// What a process holds in memory, in KiB.
fn resident(process: u32) -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let held = held.and_then(|held| held.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(held.parse()?)
}

fn compare_all(quick: bool) -> Result<ExitCode, Box<dyn Error>> {
    let disk = env::temp_dir().join(format!("meddle-bench-{}.bin", std::process::id()));
    let bench = Bench {
        server: Server::start()?,
        disk: disk.clone(),
        rounds: if quick { 3 } else { 9 },
        scale: if quick { 4 } else { 1 },
    };
    let large = 1024 * 1024 * 1024 / bench.scale;
    bench.compare(
        "16 KiB frames",
        "MiB/s",
        &[Between::Direct, COPY, LARGE_COPY, Between::Haproxy, WATCHING, Between::Capturing],
        |address| Ok(throughput(address, 16 * 1024, large)? / 1024.0 / 1024.0),
    )?;
    let small = 64 * 1024 * 1024 / bench.scale;
    bench.compare(
        "64-byte frames",
        "MiB/s",
        &[Between::Direct, COPY, LARGE_COPY, Between::Haproxy, WATCHING, EDITING],
        |address| Ok(throughput(address, SMALL, small)? / 1024.0 / 1024.0),
    )?;
    bench.compare(
        "64-byte exchange, median",
        "µs",
        &[COPY, Between::Direct, LARGE_COPY, Between::Haproxy, WATCHING, EDITING],
        |address| Ok(exchange(address, 20_000 / bench.scale)? * 1e6),
    )?;
    for at_once in [1, 64] {
        bench.compare(
            &format!("connections, {at_once} at once"),
            "a second",
            &[COPY, Between::Direct, LARGE_COPY, Between::Haproxy, WATCHING],
            |address| {
                let (rate, lost) = connections(address, 5000 / bench.scale, at_once)?;
                if lost > 0 {
                    return Err(io::Error::other(format!("{lost} connections were lost")));
                }
                Ok(rate)
            },
        )?;
    }
    let _ = fs::remove_file(disk);
    Ok(ExitCode::SUCCESS)
}
