//! Where the captures of several cases go.

use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::{fs, io};

use crate::judge::Case;

/// What somebody who asked for captures gets: one file, or one a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// This file.
    File(PathBuf),
    /// A file a case in this folder.
    Folder(PathBuf),
    /// A file a case, with its name behind this one's.
    Beside(PathBuf),
}

impl Place {
    /// Where the captures of that many cases go if `path` was asked for. A folder is one that there is, or a name that ends in
    /// a separator; for several cases also one without `.pcapng` or `.pcap`.
    pub fn of(path: &Path, cases: usize) -> Self {
        let text = path.as_os_str().to_string_lossy();
        let own = path.to_owned();
        let is_capture = path.extension().is_some_and(|extension| {
            ["pcapng", "pcap"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        });
        if text.ends_with(['/', MAIN_SEPARATOR]) || path.is_dir() || (cases > 1 && !is_capture) {
            Self::Folder(own)
        } else if cases > 1 {
            Self::Beside(own)
        } else {
            Self::File(own)
        }
    }

    /// Make the folder that is needed.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn prepare(&self) -> io::Result<()> {
        match self {
            Self::Folder(folder) => fs::create_dir_all(folder),
            Self::File(_) | Self::Beside(_) => Ok(()),
        }
    }

    /// The file of a case.
    pub fn file(&self, case: Case<'_>) -> PathBuf {
        let name = format!("{}-{}-{}", case.scenario.name, case.system.name, case.profile.name());
        match self {
            Self::File(file) => file.clone(),
            Self::Folder(folder) => folder.join(format!("{name}.pcapng")),
            Self::Beside(file) => {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                let extension = file.extension().unwrap_or_default().to_string_lossy();
                file.with_file_name(format!("{stem}-{name}.{extension}"))
            }
        }
    }
}
