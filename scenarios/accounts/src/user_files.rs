//! Files the program writes for its user: readable by the owner only, whole or not at all, and never in place
//! of another file unless that was asked for. And small files it reads: never more than they should hold.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use files::diagnostic::quote_path;
use tempfile::NamedTempFile;

/// No file of keys, certificates or users is larger, in bytes.
pub const LARGEST: usize = 1 << 20;

/// What to do where there is a file already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// Leave it and fail.
    Keep,
    /// Replace it.
    Replace,
}

/// Why a file was not written.
#[derive(Debug)]
pub enum WriteError {
    /// There is one already.
    Exists(PathBuf),
    /// The system refuses.
    Failed(PathBuf, io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, why) = match self {
            Self::Exists(path) => (path, "there is one already; --force replaces it".to_owned()),
            Self::Failed(path, error) => (path, error.to_string()),
        };
        write!(f, "cannot write {}: {why}", quote_path(path))
    }
}

impl std::error::Error for WriteError {}

/// Why a file was not read.
#[derive(Debug)]
pub enum ReadError {
    /// The system refuses.
    Failed(PathBuf, io::Error),
    /// It is a folder, a pipe or a device.
    NotAFile(PathBuf),
    /// It has more than so many bytes.
    TooLarge(PathBuf, usize),
    /// It is not UTF-8.
    NotText(PathBuf),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, why) = match self {
            Self::Failed(path, error) => (path, error.to_string()),
            // A pipe may never end.
            Self::NotAFile(path) => (path, "not a regular file".to_owned()),
            Self::TooLarge(path, most) => (path, format!("larger than {most} bytes")),
            Self::NotText(path) => (path, "not UTF-8 text".to_owned()),
        };
        write!(f, "cannot read {}: {why}", quote_path(path))
    }
}

impl std::error::Error for ReadError {}

/// Read all of a small text file, of at most [`LARGEST`] bytes.
///
/// # Errors
/// [`ReadError`].
pub fn read_text(path: &Path) -> Result<String, ReadError> {
    read_text_within(path, LARGEST)
}

/// Read all of a text file of at most so many bytes.
///
/// # Errors
/// [`ReadError`].
pub fn read_text_within(path: &Path, most: usize) -> Result<String, ReadError> {
    let content = read_within(path, most)?;
    String::from_utf8(content).map_err(|_| ReadError::NotText(path.to_owned()))
}

/// Read all of a file of at most so many bytes, which may be anything.
///
/// # Errors
/// [`ReadError`], but never [`ReadError::NotText`].
pub fn read_within(path: &Path, most: usize) -> Result<Vec<u8>, ReadError> {
    let own = || path.to_owned();
    let failed = |error| ReadError::Failed(own(), error);
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(ReadError::NotAFile(own()));
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most as u64 + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() > most {
        return Err(ReadError::TooLarge(own(), most));
    }
    Ok(content)
}

/// Write a file with this content. Folders on the way are made.
///
/// # Errors
/// [`WriteError`]; nothing is left behind then, and what was there before is as it was.
pub fn write(path: &Path, content: &[u8], existing: Existing) -> Result<(), WriteError> {
    let failed = |error| WriteError::Failed(path.to_owned(), error);
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        return Err(WriteError::Exists(path.to_owned()));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let written = match existing {
        Existing::Replace => file.persist(path),
        Existing::Keep => file.persist_noclobber(path),
    };
    written.map(drop).map_err(|failure| match failure.error.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists(path.to_owned()),
        _ => failed(failure.error),
    })
}

/// Open a file to append to, for the owner only if it is new.
///
/// # Errors
/// The system refuses.
pub fn append(path: &Path) -> io::Result<File> {
    owner_only(OpenOptions::new().append(true).create(true)).open(path)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("meddle-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_the_owners_and_is_replaced_only_on_demand() {
        let folder = Scratch::new("files");
        let path = folder.0.join("new/key.pem");
        write(&path, b"one", Existing::Keep).unwrap();
        assert!(matches!(write(&path, b"two", Existing::Keep), Err(WriteError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"two", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let entries = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(entries, 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_read_is_small_text() {
        let folder = Scratch::new("read");
        let path = folder.0.join("file");
        let said = |path: &Path| read_text(path).unwrap_err().to_string();
        assert!(said(&path).starts_with("cannot read `"));
        assert!(said(&folder.0).ends_with("not a regular file"));
        fs::write(&path, b"caf\xe9").unwrap();
        assert!(said(&path).ends_with("not UTF-8 text"));
        File::create(&path).unwrap().set_len(100 << 20).unwrap();
        assert!(said(&path).ends_with("larger than 1048576 bytes"));
        fs::write(&path, "one\n").unwrap();
        assert_eq!(read_text(&path).unwrap(), "one\n");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = Scratch::new("unwritable");
        let file = folder.0.join("file");
        write(&file, b"", Existing::Keep).unwrap();
        let error = write(&file.join("below"), b"", Existing::Keep).unwrap_err();
        assert!(error.to_string().contains("file/below"), "{error}");
    }
}
