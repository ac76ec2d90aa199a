//! Where the captures of several cases go, and their key logs.

use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::{fs, io};

use super::Subject;

/// What somebody wants a file of for each case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// A capture.
    Capture,
    /// The secrets of its sessions.
    KeyLog,
}

impl What {
    /// The extensions such files have, the usual one first.
    fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Capture => &["pcapng", "pcap"],
            Self::KeyLog => &["keys"],
        }
    }
}

/// Where the files of a run go: to one file, or one a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    what: What,
    /// How the files are named.
    pub naming: Naming,
}

/// How files are named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Naming {
    /// This file.
    File(PathBuf),
    /// A file a case in this folder.
    Folder(PathBuf),
    /// A file a case, with its name behind this one's.
    Beside(PathBuf),
}

impl Place {
    /// Where the files of that many cases go if `path` was asked for. A folder is one that there is, or a name that ends in
    /// a separator; for several cases also one without `.pcapng` or `.pcap` for captures, `.keys` for key logs.
    pub fn of(what: What, path: &Path, cases: usize) -> Self {
        let text = path.as_os_str().to_string_lossy();
        let own = path.to_owned();
        let is_one = path.extension().is_some_and(|extension| {
            what.extensions().iter().any(|known| extension.eq_ignore_ascii_case(known))
        });
        let several = cases > 1;
        let is_folder =
            text.ends_with(['/', MAIN_SEPARATOR]) || path.is_dir() || (several && !is_one);
        let naming = match (is_folder, several) {
            (true, _) => Naming::Folder(own),
            (false, true) => Naming::Beside(own),
            (false, false) => Naming::File(own),
        };
        Self { what, naming }
    }

    /// Make the folder that is needed.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn prepare(&self) -> io::Result<()> {
        match &self.naming {
            Naming::Folder(folder) => fs::create_dir_all(folder),
            Naming::File(_) | Naming::Beside(_) => Ok(()),
        }
    }

    /// The file of a case.
    pub fn file(&self, subject: &Subject<'_>) -> PathBuf {
        let name = format!("{}-{}-{}", subject.scenario.name, subject.system, subject.profile);
        match &self.naming {
            Naming::File(file) => file.clone(),
            Naming::Folder(folder) => {
                let extension = self.what.extensions().first().unwrap_or(&"");
                folder.join(format!("{name}.{extension}"))
            }
            Naming::Beside(file) => {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                let extension = file.extension().unwrap_or_default().to_string_lossy();
                file.with_file_name(format!("{stem}-{name}.{extension}"))
            }
        }
    }
}
