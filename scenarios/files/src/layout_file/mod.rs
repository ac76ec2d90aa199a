//! A layout file: the frames of somebody's own protocol as data, read from TOML. With it the attacker cuts the
//! protocol's streams and rules name its fields, and nobody writes Rust.
//!
//! Reading keeps every span, as for scenarios: all mistakes of a file are reported in one go, each at its line and
//! column with what would have been right.

use std::path::Path;

use protocol::layout::FrameSpec;
use protocol::registry::Registry;
use protocol::weakness::Profile;

use crate::diagnostic::Diagnostics;
use crate::load::{LoadError, read, text};

mod check;
mod fields;
mod frames;
mod identifier;
mod limits;
mod model;
mod starter;
#[cfg(test)]
mod tests;

pub use limits::{DEFAULT_MAX, LARGEST_MAX, MAX_FIELDS, MAX_FILE, MAX_FRAMES, MAX_PORTS, MAX_TAG};
pub use model::LayoutFile;
pub use starter::starter;

/// How the name of a layout begins that comes with the program: `builtin:helo`, `builtin:helo/hardened`.
pub const BUILTIN: &str = "builtin:";

impl LayoutFile {
    /// The frames of a system, in a profile: `helo`, or `helo/hardened`; as built, if none is named.
    pub fn builtin(name: &str, registry: Registry) -> Option<Self> {
        let (name, profile) = name.split_once('/').unwrap_or((name, "as-built"));
        let system = registry.system(name)?;
        let profile = Profile::named(system, profile)?;
        let layout = (system.layout)(profile);
        let ports = system.ports.iter().map(|port| port.name.to_owned()).collect();
        Some(Self { layout, about: system.about.to_owned(), ports })
    }

    /// Read a layout file. `path` is for messages.
    ///
    /// # Errors
    /// Every mistake in `source`.
    pub fn parse(path: &str, source: &str) -> Result<Self, Diagnostics> {
        let wrong = |list| Diagnostics { path: path.to_owned(), source: source.to_owned(), list };
        frames::layout_file(source).map_err(wrong)
    }

    /// The name of the port that a frame type is sent on, if on one only.
    pub fn port_of(&self, spec: &FrameSpec) -> Option<&str> {
        let place = usize::from(spec.port?.0);
        self.ports.get(place).map(String::as_str)
    }

    /// Read the layout file at this path.
    ///
    /// # Errors
    /// It cannot be read, or has mistakes.
    pub fn load(path: &Path, registry: Registry) -> Result<Self, LoadError> {
        let shown = path.display().to_string();
        if let Some(name) = shown.strip_prefix(BUILTIN) {
            return Self::builtin(name, registry)
                .ok_or(LoadError::NoSuchLayout { name: name.to_owned() });
        }
        let source = text(&shown, read(path)?)?;
        Self::parse(&shown, &source).map_err(LoadError::Invalid)
    }
}
