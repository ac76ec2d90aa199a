//! `scenarios layout`: the frames of somebody's own protocol, declared in a file.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use capture::Visitor;
use clap::Subcommand;
use files::diagnostic::quote_path;
use files::layout_file::{LayoutFile, starter};
use protocol::endpoint::Side;
use protocol::layout::{Counts, Encoding, Field, FrameSpec, Length, Role, Size};
use recordings::layout_against::{Cutter, Listing};
use serde_json::json;
use terminal::stdout::Stdout;

use super::check::explain;
use super::done::Done;
use super::new;
use super::output::{Format, Output, print};
use super::systems::{LINE, arrow, wrapped};

/// How much of a capture is read at once, in bytes.
const READ: usize = 1 << 20;

/// Options of `layout`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand, Clone, Debug)]
enum Commands {
    /// Write a commented starter layout
    New {
        /// The protocol's name: lower-case words joined by `-`
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Validate a layout and show its frames, or how it cuts a recording
    Check {
        /// The layout file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Cut this recording of the protocol: exit code 1 if anything of it is left
        #[arg(long, value_name = "CAPTURE")]
        against: Option<PathBuf>,
    },
}

/// Write or check a layout.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    match &args.command {
        Commands::New { name } => {
            let path = new::write(name, "protocol", "my-protocol", starter)?;
            output.remark(&format!("see what it says: scenarios layout check {}", path.display()));
            Ok(Done::Expected)
        }
        Commands::Check { file, against } => {
            let found = LayoutFile::load(file, output.catalogue.registry)
                .map_err(|error| explain(&[error], output))?;
            match against {
                Some(capture) => cut(found, capture, output),
                None => show(&found, output),
            }
        }
    }
}

/// Cut a recording.
fn cut(file: LayoutFile, capture: &Path, output: Output) -> Result<Done> {
    let mut out = Stdout::new();
    let mut nothing = io::sink();
    let listing = match output.format {
        Format::Json => Listing::Json,
        Format::Text if output.quiet => Listing::Text(&mut nothing),
        Format::Text => Listing::Text(&mut out),
    };
    let mut cutter = Cutter::new(Arc::new(file.layout), listing);
    feed(capture, &mut cutter)?;
    let (summary, document) = cutter.finish()?;
    drop(out);
    if output.format == Format::Json {
        print(&format!("{document:#}\n"))?;
    }
    Ok(if summary.is_complete() { Done::Expected } else { Done::Unexpected })
}

/// Tell the cutter of every session in a recording. What there was before a mistake is listed.
fn feed(path: &Path, cutter: &mut Cutter<'_>) -> Result<()> {
    let shown = quote_path(path);
    let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let summary = match capture::read(BufReader::with_capacity(READ, file), cutter) {
        Ok(summary) => summary,
        Err(error) => {
            let so_far = error.so_far.packets;
            cutter.problem(so_far + 1, &format!("the capture ends here: {error}"));
            return Ok(());
        }
    };
    if summary.sessions == 0 {
        bail!("{shown} has {}", summary.reasons());
    }
    Ok(())
}

/// The frames in the order they are tried, with their fields.
fn show(file: &LayoutFile, output: Output) -> Result<Done> {
    if output.format == Format::Json {
        let frames: Vec<_> = file.layout.frames.iter().map(|spec| frame_json(spec, file)).collect();
        let layout = json!({
            "layout": file.layout.system,
            "about": file.about,
            "ports": file.ports,
            "frames": frames,
        });
        print(&format!("{layout:#}\n"))?;
        return Ok(Done::Expected);
    }
    if output.quiet {
        return Ok(Done::Expected);
    }
    let mut text = format!("{}: {}\n", file.layout.system, file.about);
    let _ = writeln!(text, "ports: {}\n", file.ports.join(", "));
    let _ = writeln!(text, "{:<36}server", "client");
    for spec in &file.layout.frames {
        let to = spec.from.map(|from| match from {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        });
        let one_read = if spec.is_one_read() { ", one read is one frame" } else { "" };
        let port = file.port_of(spec).map(|port| format!(", on {port}")).unwrap_or_default();
        let (way, max) = (arrow(spec.name, to), spec.max);
        let _ = writeln!(text, "{way}  at most {max} bytes{port}{one_read}");
        let fields: Vec<String> = spec.fields.iter().map(field).collect();
        for line in wrapped(&fields.join(", "), LINE - 4) {
            let _ = writeln!(text, "    {line}");
        }
    }
    print(&text)?;
    Ok(Done::Expected)
}

fn frame_json(spec: &FrameSpec, file: &LayoutFile) -> serde_json::Value {
    let fields: Vec<_> = spec
        .fields
        .iter()
        .map(|field| json!({ "name": field.name, "is": is(field), "size": size(field.size) }))
        .collect();
    json!({
        "type": spec.name,
        "from": spec.from.map(|from| from.to_string()),
        "port": file.port_of(spec),
        "max": spec.max,
        "one_read": spec.is_one_read(),
        "fields": fields,
    })
}

/// A field in a few words.
fn field(field: &Field) -> String {
    format!("{} {} ({})", field.name, size(field.size), is(field))
}

fn size(size: Size) -> String {
    match size {
        Size::Fixed(bytes) => bytes.to_string(),
        Size::Rest => "rest".to_owned(),
        Size::Until(delimiter) => format!("until \"{}\"", delimiter.escape_ascii()),
        Size::Object => "object".to_owned(),
        Size::Member(key) => format!("member {key:?}"),
    }
}

fn is(field: &Field) -> String {
    match field.role {
        Role::Tag(tag) => format!("always \"{}\"", tag.escape_ascii()),
        Role::Length(length) => format!("length, {}", counts(length)),
        Role::Number(encoding) => format!("number, {}", order(encoding)),
        Role::Nonce => "nonce".to_owned(),
        Role::Iv => "iv".to_owned(),
        Role::Ciphertext => "ciphertext".to_owned(),
        Role::Mac => "mac".to_owned(),
        Role::Signature => "signature".to_owned(),
        Role::Certificate => "certificate".to_owned(),
        Role::PublicKey => "public-key".to_owned(),
        Role::Bytes => "bytes".to_owned(),
    }
}

fn counts(length: Length) -> String {
    let counts = match length.counts {
        Counts::Following => "what follows",
        Counts::Frame => "the frame",
    };
    let plus = match length.plus {
        0 => String::new(),
        plus => format!(" {plus:+}"),
    };
    format!("{}, {counts}{plus}", order(length.encoding))
}

fn order(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Big => "big-endian",
        Encoding::Little => "little-endian",
        Encoding::Digits => "digits",
    }
}
