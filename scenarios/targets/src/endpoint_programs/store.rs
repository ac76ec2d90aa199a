//! Where received files go: `<folder>/<time>_<name>`. The name comes from the peer and is not trusted.

use std::path::PathBuf;
use std::time::SystemTime;

use accounts::user_files::{Existing, WriteError, write};
use protocol::endpoint::Message;

/// The longest name kept, in bytes. File systems allow 255.
const LONGEST: usize = 120;

/// A folder for received files.
#[derive(Clone, Debug)]
pub struct Store {
    /// The folder. It is made when the first file comes.
    pub folder: PathBuf,
}

impl Store {
    /// Store a received file; return where.
    ///
    /// # Errors
    /// It cannot be written; nothing is left of it then.
    pub fn keep(&self, at: SystemTime, message: &Message) -> Result<PathBuf, WriteError> {
        let name = message.name.as_ref().map_or("unnamed", |name| name.as_str());
        let time = humantime::format_rfc3339_millis(at).to_string().replace(['-', ':'], "");
        let name = harmless(name);
        let mut path = self.folder.join(format!("{time}_{name}"));
        let mut copy = 1;
        loop {
            match write(&path, &message.body, Existing::Keep) {
                Err(WriteError::Exists(_)) => {
                    copy += 1;
                    path = self.folder.join(format!("{time}-{copy}_{name}"));
                }
                result => return result.map(|()| path),
            }
        }
    }
}

/// A name that stays in its folder and shows what it is: letters, digits, `.`, `-` and `_`.
fn harmless(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let mut name: String = name.chars().map(plain).collect();
    while name.len() > LONGEST {
        // What stands at the end says what kind of file it is.
        name.remove(0);
    }
    if name.trim_matches('.').is_empty() { "unnamed".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_in_the_folder() {
        assert_eq!(harmless("cat é.png"), "cat_é.png");
        assert_eq!(harmless("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(harmless("a\nb\u{1b}[31m.png"), "a_b__31m.png");
        assert_eq!(harmless(".."), "unnamed");
        assert_eq!(harmless(""), "unnamed");
        assert_eq!(harmless(&format!("{}.png", "x".repeat(999))).len(), LONGEST);
    }
}
