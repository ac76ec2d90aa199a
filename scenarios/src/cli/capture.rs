//! `--capture` and `--key-log`: the cases of a run as files for Wireshark, and the secrets that open them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ::capture::Format;
use accounts::user_files::{self, Existing};
use anyhow::{Context, Result};
use files::diagnostic::quote_path;
use files::scenario::ScenarioRun;
use judge::Judgement;
use recordings::key_log::{self, Line};
use recordings::run_capture::{self, Naming, Place, Plaintext, Subject, What};

use super::output::Output;

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
    /// Write the secrets of the sessions, for `scenarios capture --keys`; a folder for several cases
    #[arg(long, value_name = "FILE")]
    key_log: Option<PathBuf>,
}

impl CaptureArgs {
    /// Whether secrets are.
    pub(super) fn wants_secrets(&self) -> bool {
        self.key_log.is_some()
    }
}

/// Writes the captures and key logs that were asked for. What cannot be written is told at the end.
#[derive(Debug)]
pub(super) struct Recorder {
    captures: Option<Place>,
    key_logs: Option<Place>,
    plaintext: Plaintext,
    failed: Mutex<Option<anyhow::Error>>,
}

impl Recorder {
    /// Ready for that many cases.
    pub(super) fn new(args: &CaptureArgs, cases: usize) -> Self {
        let plaintext = if args.plaintext { Plaintext::Shown } else { Plaintext::Hidden };
        let mut failed = None;
        let mut place = |what, path: Option<&PathBuf>| {
            let path = path?;
            let place = Place::of(what, path, cases);
            let made = place.prepare();
            let made = made.with_context(|| format!("cannot make the folder {}", quote_path(path)));
            made.map_err(|error| failed.get_or_insert(error)).ok()?;
            Some(place)
        };
        let captures = place(What::Capture, args.capture.as_ref());
        let key_logs = place(What::KeyLog, args.key_log.as_ref());
        Self { captures, key_logs, plaintext, failed: Mutex::new(failed) }
    }

    /// Write a case, if that was asked for and nothing failed before.
    pub(super) fn record(&self, case: ScenarioRun<'_>, judgement: &Judgement) {
        let secrets = || run_capture::key_log(case, judgement);
        self.keep(self.try_record(&Subject::from(case), judgement, Some(&secrets)));
    }

    /// The same of a run against somebody's own programs. They have told no secrets.
    pub(super) fn record_own(&self, subject: &Subject<'_>, judgement: &Judgement) {
        self.keep(self.try_record(subject, judgement, None));
    }

    fn keep(&self, recorded: Result<()>) {
        if let Err(error) = recorded {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    fn try_record(
        &self,
        subject: &Subject<'_>,
        judgement: &Judgement,
        secrets: Option<&dyn Fn() -> Vec<Line>>,
    ) -> Result<()> {
        if self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        if let Some(path) = self.captures.as_ref().map(|place| place.file(subject)) {
            write(&path, subject, judgement, self.plaintext)
                .with_context(|| format!("cannot write {}", quote_path(&path)))?;
        }
        let key_log = self.key_logs.as_ref().map(|place| place.file(subject));
        if let Some((path, secrets)) = key_log.zip(secrets) {
            let text = key_log::written(&secrets());
            user_files::write(&path, text.as_bytes(), Existing::Replace)?;
        }
        Ok(())
    }

    /// Say where the files are, or what went wrong.
    pub(super) fn finish(self, output: Output) -> Result<()> {
        if let Some(error) = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        for (what, place) in [("capture", &self.captures), ("key log", &self.key_logs)] {
            let Some(place) = place else { continue };
            output.remark(&match &place.naming {
                Naming::File(file) => format!("{what}: {}", file.display()),
                Naming::Folder(folder) => {
                    format!("{what}s: a file a case in {}", folder.display())
                }
                Naming::Beside(file) => {
                    format!("{what}s: a file a case beside {}", file.display())
                }
            });
        }
        Ok(())
    }
}

fn write(
    path: &Path,
    subject: &Subject<'_>,
    judgement: &Judgement,
    plaintext: Plaintext,
) -> io::Result<()> {
    let out = BufWriter::with_capacity(WRITTEN, File::create(path)?);
    run_capture::write(out, Format::of(path), subject, judgement, plaintext)?.flush()
}
