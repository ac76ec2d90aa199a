//! `scenarios capture`: a capture and the secrets of its sessions in, what the sessions carried out.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use accounts::user_files;
use anyhow::{Context, Result, anyhow, bail};
use capture::{CaptureError, Comments};
use files::diagnostic::{escape, quote_path};
use recordings::key_log;
use recordings::key_log::open::{Listener, Opened};
use serde_json::json;

use super::done::Done;
use super::output::{Format, Output, all_of, counted, print};

/// How much is read and written at once, in bytes.
const AT_ONCE: usize = 1 << 18;

/// Options of `capture`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The capture: pcapng or pcap
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The secrets of its sessions, as `--key-log` writes them
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// Write the capture anew, as pcapng, with what the sessions carried as comments on its packets
    #[arg(long, value_name = "FILE.pcapng")]
    out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "out")]
    force: bool,
}

/// Show what a capture carried, and write it with that.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let text = user_files::read_text_within(&args.keys, key_log::MOST)?;
    let keys = quote_path(&args.keys);
    let lines = key_log::read(&text, output.catalogue.registry)
        .map_err(|mistake| anyhow!("{keys}, {mistake}"))?;
    let mut listener = Listener::new(&lines);
    let read = capture::read(open(&args.file)?, &mut listener);
    let opened = listener.finish();
    for (packet, what) in &listener.problems {
        output.remark(&format!("packet {packet}: {what}"));
    }
    let written = args.out.as_ref().map_or(Ok(()), |out| write(args, out, &opened, output));
    let printed = match output.format {
        Format::Json => print(&format!("{:#}\n", json(&opened))),
        Format::Text if output.quiet => Ok(()),
        Format::Text => print(&listed(&opened)),
    };
    output.remark(&format!(
        "{} in {}",
        counted(opened.len(), "message"),
        counted(listener.connections, "connection")
    ));
    let file = quote_path(&args.file);
    let read = match read {
        Err(error) => Err(anyhow!("{file}: {error}")),
        Ok(summary) if summary.sessions == 0 => Err(anyhow!("{file} has {}", summary.reasons())),
        Ok(_) => Ok(()),
    };
    all_of([written, printed.map_err(Into::into), read])?;
    if listener.connections == 0 {
        bail!("{keys} has no secret of a connection in {}", quote_path(&args.file));
    }
    Ok(Done::Expected)
}

fn write(args: &Args, out: &Path, opened: &[Opened], output: Output) -> Result<()> {
    let mut comments = Comments::new();
    for Opened { packet, from, kind, message } in opened {
        let text = format!("{kind} of the {from} decrypts to {}", escape(&message.to_string()));
        comments.entry(*packet).or_default().push(text);
    }
    let failed = || format!("cannot write {}", quote_path(out));
    if out.exists() {
        if !args.force {
            bail!("{}: there is one already; --force replaces it", failed());
        }
        if same(out, &args.file) {
            bail!("{}: it is the capture itself", failed());
        }
    }
    let file = BufWriter::with_capacity(AT_ONCE, File::create(out).with_context(failed)?);
    let said = match capture::annotate(open(&args.file)?, file, &comments) {
        Ok(said) => said,
        // What is wrong with the capture is said once, for all of it.
        Err(CaptureError { why: capture::Why::Unwritable(error), packet, .. }) => {
            bail!("{}, from packet {packet} on: {error}", failed());
        }
        Err(_) => comments.len() as u64,
    };
    let packets = usize::try_from(said).unwrap_or(usize::MAX);
    output.remark(&format!(
        "written with comments on {}: {}",
        counted(packets, "packet"),
        out.display()
    ));
    Ok(())
}

fn same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

fn listed(opened: &[Opened]) -> String {
    let mut text = String::new();
    for Opened { packet, from, kind, message } in opened {
        let message = escape(&message.to_string());
        let _ = writeln!(text, "packet {packet:>6}  {from:<6}  {kind:<20}  {message}");
    }
    text
}

fn json(opened: &[Opened]) -> serde_json::Value {
    let message = |Opened { packet, from, kind, message }: &Opened| {
        json!({
            "packet": packet,
            "from": from.name(),
            "type": kind,
            "kind": message.kind.name(),
            "name": message.name.as_ref().map(protocol::endpoint::Name::as_str),
            "bytes": message.body.len(),
            "text": std::str::from_utf8(&message.body).ok(),
        })
    };
    json!({ "messages": opened.iter().map(message).collect::<Vec<_>>() })
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", quote_path(path)))?;
    Ok(BufReader::with_capacity(AT_ONCE, file))
}
