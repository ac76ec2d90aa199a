//! What captures cost: writing one of every case of the catalogue, as a ratio to running it; and importing a large one, in MiB a
//! second and MiB of memory.
//!
//! `captures` does both; `captures run` and `captures import [MiB [PROGRAM]]` one of them. The import is that of the program
//! `scenarios`, beside this one unless given, as a process of its own; its memory is what the system says it had at most.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use capture::{Ending, Format, Writer};
use files::catalogue::catalogue;
use files::scenario::ScenarioRun;
use judge::Over;
use protocol::endpoint::Side;
use protocol::weakness::Profile;
use recordings::run_capture::{Plaintext, Subject, write};

/// How often everything is measured.
const ROUNDS: usize = 3;
/// The size of the capture to import if none is given, in MiB.
const SIZE: usize = 1024;
/// The frames in it, in bytes of payload.
const FRAME: usize = 16 << 10;
/// How many sessions it has.
const SESSIONS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => {
            run()?;
            import(SIZE, &beside()?)
        }
        ["run"] => run(),
        ["import"] => import(SIZE, &beside()?),
        ["import", size] => import(size.parse()?, &beside()?),
        ["import", size, program] => import(size.parse()?, Path::new(program)),
        _ => Err("usage: captures [run | import [MiB [PROGRAM]]]".into()),
    }
}

fn beside() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("scenarios"))
}

/// A folder of this run's own, removed when it is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("meddle-captures-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[expect(clippy::disallowed_methods, reason = "measuring is what this program is for")]
fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = run();
    (start.elapsed(), done)
}

/// Every case is run and then written, so that a busy moment of the machine hits both.
fn run() -> Result<(), Box<dyn Error>> {
    let folder = Folder::new()?;
    let scenarios = catalogue();
    let mut ratios = Vec::new();
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let (mut running, mut writing) = (Duration::ZERO, Duration::ZERO);
        bytes = 0;
        for scenario in &scenarios {
            for system in &scenario.systems {
                for profile in [Profile::as_built(system), Profile::HARDENED] {
                    let (seed, over) = (scenario.seed, Over::World);
                    let case = ScenarioRun { scenario, system, profile, seed, over };
                    let (took, judgement) = timed(|| case.judge());
                    running += took;
                    let path = folder.0.join("case.pcapng");
                    let (took, written) = timed(|| {
                        let out = BufWriter::with_capacity(1 << 18, File::create(&path)?);
                        write(
                            out,
                            Format::Pcapng,
                            &Subject::from(case),
                            &judgement,
                            Plaintext::Hidden,
                        )?
                        .flush()
                    });
                    written?;
                    writing += took;
                    bytes += path.metadata()?.len();
                }
            }
        }
        ratios.push(1.0 + writing.as_secs_f64() / running.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let [low, middle, high] =
        [0, ROUNDS / 2, ROUNDS - 1].map(|at| ratios.get(at).copied().unwrap_or(f64::NAN));
    writeln!(
        io::stdout(),
        "the catalogue with captures ({} KiB) to without: {middle:.3} ({low:.3} to {high:.3}); asked: at most 1.15",
        bytes >> 10,
    )?;
    Ok(())
}

/// A capture of `helo` records, as many as fit; nobody can decrypt them.
fn make(path: &Path, size: usize) -> Result<(), Box<dyn Error>> {
    let out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut writer = Writer::new(out, Format::Pcapng, &[])?;
    let length = u32::try_from(FRAME)?;
    let frame = [b"<SECX>".as_slice(), &length.to_be_bytes(), &vec![7; FRAME]].concat();
    let frames = (size << 20) / frame.len() / SESSIONS;
    for session in 0..u32::try_from(SESSIONS)? {
        let client = SocketAddr::from(([10, 0, 0, 1], 20_000 + u16::try_from(session)?));
        let server = SocketAddr::from(([10, 0, 0, 2], 9999));
        writer.open(0, session, client, server)?;
        for _ in 0..frames {
            writer.data(0, session, Side::Client, &frame, &[])?;
        }
        writer.close(0, session, Side::Client, Ending::Finished, &[])?;
        writer.close(0, session, Side::Server, Ending::Finished, &[])?;
    }
    writer.finish()?.flush()?;
    Ok(())
}

fn import(size: usize, program: &Path) -> Result<(), Box<dyn Error>> {
    let folder = Folder::new()?;
    let path = folder.0.join("large.pcapng");
    make(&path, size)?;
    let mib = (path.metadata()?.len() >> 20).max(1);
    for (what, options) in
        [("as frames of helo", &["--system", "helo"][..]), ("packet by packet", &[][..])]
    {
        let (mut rates, mut peak) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let (took, most) = timed(|| child(program, &path, options));
            peak = peak.max(most?);
            rates.push(f64::from(u32::try_from(mib)?) / took.as_secs_f64());
        }
        rates.sort_by(f64::total_cmp);
        let [low, middle, high] =
            [0, ROUNDS / 2, ROUNDS - 1].map(|at| rates.get(at).copied().unwrap_or(f64::NAN));
        writeln!(
            io::stdout(),
            "import of {mib} MiB {what}: {middle:.0} MiB/s ({low:.0} to {high:.0}), {} MiB of memory; \
             asked: 200 MiB/s, under 200 MiB",
            peak >> 10,
        )?;
    }
    Ok(())
}

/// Run the program; its peak memory in KiB.
fn child(program: &Path, path: &Path, options: &[&str]) -> Result<u64, Box<dyn Error>> {
    let mut child = Command::new(program)
        .arg("import")
        .arg(path)
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut most = 0;
    loop {
        // Gone once it has ended.
        if let Ok(status) = fs::read_to_string(&status) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().next());
            most = kib.and_then(|kib| kib.parse().ok()).unwrap_or(most);
        }
        if let Some(ended) = child.try_wait()? {
            if !ended.success() {
                return Err(format!("{} has failed: {ended}", program.display()).into());
            }
            return Ok(most);
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "a process is watched")]
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}
