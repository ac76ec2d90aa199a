//! `scenarios import`: what is in a capture, and a scenario from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use accounts::user_files::{self, Existing};
use anyhow::{Context, Result, anyhow, bail};
use files::diagnostic::quote_path;
use files::name::is_name;
use protocol::layout::Layout;
use recordings::import::write::{Target, Written, written};
use recordings::import::{Keep, Recording, listing, session};

use super::done::Done;
use super::output::{Format, Output, all_of, counted, print};
use super::proxy::Wire;

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
    /// Only this session is listed, and goes into the scenario [default: all, and the first with frames]
    #[arg(long, value_name = "NUMBER")]
    session: Option<u32>,
    /// Write a scenario in which the recorded client is played again; the name of the file is its name
    #[arg(long, value_name = "FILE.toml")]
    out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "out")]
    force: bool,
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
        let fits =
            |session: &recordings::import::Session| session.frames.is_empty() || session.fits();
        if known && !self.recording.sessions.iter().any(fits) {
            let shown = quote_path(path);
            return Some(format!("nothing in {shown} is a frame of {}", self.layout.system));
        }
        self.recording.broken.clone()
    }
}

/// List what is in a capture, and write a scenario.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    let wire = Wire::named(args.system.as_deref(), &args.profile, args.layout.as_deref(), output)?;
    let mut cut = Cut::read(&args.file, wire)?;
    if let Some(number) = args.session {
        cut.recording.session(Some(number))?;
        cut.recording.sessions.retain(|session| session.number == number);
    }
    let written = args.out.as_ref().map_or(Ok(()), |out| scenario(args, &cut, out, output));
    let printed = match output.format {
        Format::Json => print(&format!("{:#}\n", listing::json(&cut.recording))),
        Format::Text if output.quiet => Ok(()),
        Format::Text => print(&listing::text(&cut.recording)),
    };
    let complaint = cut.complaint(&args.file).map_or(Ok(()), |why| Err(anyhow!(why)));
    all_of([written, printed.map_err(Into::into), complaint])?;
    Ok(Done::Expected)
}

/// Write the scenario, and what lies beside it.
fn scenario(args: &Args, cut: &Cut, out: &Path, output: Output) -> Result<()> {
    let name = out.file_stem().unwrap_or_default().to_string_lossy();
    let toml = out.extension().is_some_and(|extension| extension == "toml");
    if !toml || !is_name(&name) {
        bail!(
            "--out {}: expected a name such as `played-again.toml`: small letters, digits and single hyphens",
            quote_path(out)
        );
    }
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let folder = out.parent().unwrap_or(Path::new(""));
    let beside = args.layout.as_deref().map(|layout| beside(layout, folder));
    let target = match (&cut.wire, &beside) {
        (Wire::System(system, _), _) => Target::System(system),
        (_, Some(layout)) => Target::Own(layout),
        _ => bail!("--out needs --system or --layout: a scenario is for somebody"),
    };
    let session =
        session(&args.file, &cut.layout, &cut.wire.ports(), &cut.recording, args.session)?;
    let number = session.number;
    if !session.fits() {
        bail!("nothing in session {number} is a frame of {}", cut.layout.system);
    }
    let Written { scenario, files } = written(&name, &args.file, &session, &target);
    for (path, bytes) in &files {
        let path = folder.join(path);
        let shown = || format!("cannot write {}", quote_path(&path));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(shown)?;
        }
        user_files::write(&path, bytes, existing)?;
    }
    user_files::write(out, scenario.as_bytes(), existing)?;
    let (shown, beside) = (out.display(), files.len());
    let beside = if beside == 0 {
        String::new()
    } else {
        format!(", with {} beside it", counted(beside, "file"))
    };
    output
        .remark(&format!("session {number} is in {shown}{beside}; run it: scenarios run {shown}"));
    Ok(())
}

/// The path of a layout as a scenario in this folder names it.
fn beside(layout: &Path, folder: &Path) -> String {
    let real = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().ok()
    };
    let there = real(layout).zip(real(folder));
    let path = match there {
        Some((file, folder)) => match file.strip_prefix(&folder) {
            Ok(inside) => inside.to_owned(),
            Err(_) => file,
        },
        None => layout.to_owned(),
    };
    path.display().to_string()
}
