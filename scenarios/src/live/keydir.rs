//! A folder with key files (`--keys DIR`).

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

use protocol::keyfiles::{KeyError, KeyProblem, KeySource};

/// No key file is larger, in bytes.
const LARGEST: usize = 1 << 20;

/// A folder with key files.
#[derive(Clone, Debug)]
pub struct KeyDir(pub PathBuf);

impl KeySource for KeyDir {
    fn read(&self, path: &str) -> Result<Option<String>, KeyError> {
        let wrong = |why| KeyError::new(path, why);
        let failed = |error: std::io::Error| wrong(KeyProblem::Unreadable(error.kind()));
        let place = self.0.join(path);
        match place.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            // A pipe may never end.
            Ok(about) if !about.is_file() => return Err(wrong(KeyProblem::Not("a regular file"))),
            Ok(_) => {}
        }
        let mut content = Vec::new();
        let file = File::open(place).map_err(failed)?;
        file.take(LARGEST as u64 + 1).read_to_end(&mut content).map_err(failed)?;
        if content.len() > LARGEST {
            return Err(wrong(KeyProblem::TooLarge(LARGEST)));
        }
        String::from_utf8(content).map(Some).map_err(|_| wrong(KeyProblem::NotText))
    }
}
