//! `--capture`: the cases of a run as files for Wireshark.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use mitm_proxy::capture::Format;

use super::output::Output;
use crate::capture::{self, Place, Plaintext};
use crate::diagnostic::quote;
use crate::judge::{Case, Judgement};

/// How much is written at once, in bytes.
const WRITTEN: usize = 1 << 18;

/// Options for captures.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct CaptureArgs {
    /// Write what happened on both sides of the attacker for Wireshark: pcapng, or pcap by extension; a folder for several cases
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Put what the endpoints deliver into the capture, as comments on the packets that carried it
    #[arg(long, requires = "capture")]
    plaintext: bool,
}

impl CaptureArgs {
    /// Whether any capture is.
    pub(super) fn is_wanted(&self) -> bool {
        self.capture.is_some()
    }
}

/// Writes the captures that were asked for. What cannot be written is told at the end.
#[derive(Debug)]
pub(super) struct Recorder {
    place: Option<Place>,
    plaintext: Plaintext,
    failed: Mutex<Option<anyhow::Error>>,
}

impl Recorder {
    /// Ready for that many cases.
    pub(super) fn new(args: &CaptureArgs, cases: usize) -> Self {
        let plaintext = if args.plaintext { Plaintext::Shown } else { Plaintext::Hidden };
        let mut place = args.capture.as_deref().map(|path| Place::of(path, cases));
        let made = place.as_ref().map_or(Ok(()), Place::prepare);
        let failed = made.err().map(|error| {
            let path = args.capture.clone().unwrap_or_default();
            place = None;
            anyhow::Error::new(error).context(format!("cannot make the folder {}", shown(&path)))
        });
        Self { place, plaintext, failed: Mutex::new(failed) }
    }

    /// Write a case, if that was asked for and nothing failed before.
    pub(super) fn record(&self, case: Case<'_>, judgement: &Judgement) {
        let Some(place) = &self.place else { return };
        if self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        let path = place.file(case);
        let written = write(&path, case, judgement, self.plaintext);
        if let Err(error) = written.with_context(|| format!("cannot write {}", shown(&path))) {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    /// Say where the captures are, or what went wrong.
    pub(super) fn finish(self, output: Output) -> Result<()> {
        if let Some(error) = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        match &self.place {
            Some(Place::File(file)) => output.remark(&format!("capture: {}", file.display())),
            Some(Place::Folder(folder)) => {
                output.remark(&format!("captures: a file a case in {}", folder.display()));
            }
            Some(Place::Beside(file)) => {
                output.remark(&format!("captures: a file a case beside {}", file.display()));
            }
            None => {}
        }
        Ok(())
    }
}

fn write(
    path: &Path,
    case: Case<'_>,
    judgement: &Judgement,
    plaintext: Plaintext,
) -> io::Result<()> {
    let out = BufWriter::with_capacity(WRITTEN, File::create(path)?);
    capture::write(out, Format::of(path), case, judgement, plaintext)?.flush()
}

fn shown(path: &Path) -> String {
    quote(&path.display().to_string())
}
