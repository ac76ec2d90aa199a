//! Addresses of files, as SARIF wants them (2.1.0, sections 3.4.3 and 3.10.2): below the working folder relative to it and without dot
//! segments, all others as `file:`.

use std::env;
use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What is encoded: everything but the unreserved characters (RFC 3986, section 2.3) and the separator.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The address of a file, whose name is kept byte by byte.
pub(crate) fn of_file(path: &Path) -> String {
    let folder = env::current_dir().and_then(|folder| folder.canonicalize());
    of(path, &folder.unwrap_or_default())
}

/// The address of a path in the repository.
pub(crate) fn relative(path: &str) -> String {
    percent_encode(path.as_bytes(), ENCODED).to_string()
}

fn of(path: &Path, working: &Path) -> String {
    let whole = real(&working.join(path));
    match whole.strip_prefix(working) {
        Ok(inside) if !working.as_os_str().is_empty() => encoded(inside),
        _ => format!("file://{}", encoded(&whole)),
    }
}

/// The path without links and dot segments. The file itself may be a link; it is where it was found.
fn real(path: &Path) -> PathBuf {
    let found = path.parent().and_then(|folder| folder.canonicalize().ok()).zip(path.file_name());
    found.map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
}

fn encoded(path: &Path) -> String {
    let mut text = String::new();
    for part in path.components() {
        match part {
            Component::RootDir => text.push('/'),
            part => {
                if !text.is_empty() && !text.ends_with('/') {
                    text.push('/');
                }
                text.extend(percent_encode(part.as_os_str().as_encoded_bytes(), ENCODED));
            }
        }
    }
    text
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn what_is_below_the_working_folder_is_relative_and_everything_else_a_file() {
        let root = env::temp_dir().join(format!("meddle-uri-{}", std::process::id()));
        let work = root.join("work");
        std::fs::create_dir_all(work.join("attacks")).unwrap();
        std::fs::create_dir_all(root.join("beside")).unwrap();
        let (root, work) = (root.canonicalize().unwrap(), work.canonicalize().unwrap());
        let address = |path: &str| of(Path::new(path), &work);
        assert_eq!(address("a.toml"), "a.toml");
        assert_eq!(address("./attacks/../attacks/a b.toml"), "attacks/a%20b.toml");
        let absolute = work.join("attacks/é.toml");
        assert_eq!(of(&absolute, &work), "attacks/%C3%A9.toml");
        let beside = format!("file://{}/beside/a.toml", root.display());
        assert_eq!(address("../beside/a.toml"), beside);
        // A byte that is no letter in any encoding stays what it is.
        let name = OsStr::from_bytes(b"d\xe9r.toml");
        assert_eq!(of(Path::new(name), &work), "d%E9r.toml");
        std::fs::remove_dir_all(root).unwrap();
    }
}
