//! `scenarios import`: what is in a capture, and a scenario from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use protocol::layout::Layout;

use super::Done;
use super::output::{Format, Output, print};
use super::proxy::Wire;
use crate::diagnostic::quote;
use crate::import::{Keep, Recording, listing};

/// Options of `import`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The capture: pcapng or pcap
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Cut it into the frames of this system
    #[arg(long, value_name = "SYSTEM", conflicts_with = "layout")]
    system: Option<String>,
    /// In this profile
    #[arg(long, value_name = "PROFILE", requires = "system", default_value = "as-built")]
    profile: String,
    /// Cut it into the frames of this layout file; without it and --system, the data of one packet is one frame, `RAW`
    #[arg(long, value_name = "FILE")]
    layout: Option<PathBuf>,
    /// Which session goes into the scenario [default: the first with frames]
    #[arg(long, value_name = "NUMBER")]
    session: Option<u32>,
    /// Write a scenario in which the recorded client is played again; the name of the file is its name
    #[arg(long, value_name = "FILE.toml")]
    out: Option<PathBuf>,
}

/// A capture, and how it is cut.
pub(super) struct Cut {
    pub(super) wire: Wire,
    pub(super) layout: Arc<Layout>,
    pub(super) recording: Recording,
}

impl Cut {
    /// Read a capture.
    pub(super) fn read(path: &Path, wire: Wire) -> Result<Self> {
        let layout = Arc::new(wire.layout().clone());
        let recording = Recording::read(path, &layout, &wire.ports(), Keep::Nothing)?;
        Ok(Self { wire, layout, recording })
    }

    /// Why the capture is not all it should be, if so: it breaks off, or is of another protocol.
    pub(super) fn complaint(&self, path: &Path) -> Option<String> {
        let known = !self.layout.frames.is_empty();
        let fits = |session: &crate::import::Session| session.frames.is_empty() || session.fits();
        if known && !self.recording.sessions.iter().any(fits) {
            let shown = quote(&path.display().to_string());
            return Some(format!("nothing in {shown} is a frame of {}", self.layout.system));
        }
        self.recording.broken.clone()
    }
}

/// List what is in a capture, and write a scenario.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let wire = Wire::named(args.system.as_deref(), &args.profile, args.layout.as_deref(), output)?;
    let cut = Cut::read(&args.file, wire)?;
    match output.format {
        Format::Json => print(&format!("{:#}\n", listing::json(&cut.recording)))?,
        Format::Text if output.quiet => {}
        Format::Text => print(&listing::text(&cut.recording))?,
    }
    match cut.complaint(&args.file) {
        Some(why) => bail!("{why}"),
        None => Ok(Done::Expected),
    }
}
