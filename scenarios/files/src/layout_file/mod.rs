//! A layout file: the frames of somebody's own protocol as data, read from TOML. With it the attacker cuts the
//! protocol's streams and rules name its fields, and nobody writes Rust.
//!
//! Reading keeps every span, as for scenarios: all mistakes of a file are reported in one go, each at its line and
//! column with what would have been right.

use std::path::Path;

use protocol::layout::{FrameSpec, Layout};
use protocol::registry::Registry;
use protocol::weakness::Profile;

use crate::diagnostic::Diagnostics;
use crate::load::{LoadError, read, text};

mod check;
mod fields;
mod frames;
mod starter;
#[cfg(test)]
mod tests;

pub use starter::starter;

/// The largest layout file, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// The most frame types of a protocol.
pub const MAX_FRAMES: usize = 200;

/// The most ports of a protocol.
pub const MAX_PORTS: usize = 100;

/// The most fields of a frame type.
pub const MAX_FIELDS: usize = 100;

/// The largest tag or delimiter, in bytes.
pub const MAX_TAG: usize = 256;

/// The largest frame of a type that declares no maximum, in bytes.
pub const DEFAULT_MAX: usize = 1 << 20;

/// The largest maximum a frame type can declare, in bytes.
pub const LARGEST_MAX: usize = 1 << 30;

/// Somebody's own protocol.
#[derive(Clone, Debug)]
pub struct LayoutFile {
    /// Its frames. No turns are known: every frame can come at any time.
    pub layout: Layout,
    /// One line about it.
    pub about: String,
    /// One name for each port its server listens on, at least one.
    pub ports: Vec<String>,
}

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
