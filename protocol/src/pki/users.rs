//! People and their passwords: the two files `suite` keeps them in, as text in and text out. The published
//! one has lines `user,sha256hex(password)`; the hardened one has lines `user,` and a PHC string of Argon2id
//! (RFC 9106), which names its own salt and cost. The caller does the reading and writing.

use std::fmt;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::crypto::checksum;
use crate::entropy::Entropy;

/// The longest user name, in bytes, where names are checked.
pub const MAX_NAME: usize = 64;
/// The longest password, in bytes.
pub const MAX_PASSWORD: usize = 128;
/// The most memory a stored password may ask for, in KiB: 64 MiB, the larger of what RFC 9106 recommends.
pub const MAX_MEMORY: u32 = 64 * 1024;
/// The most passes a stored password may ask for.
pub const MAX_PASSES: u32 = 10;
/// The most lanes a stored password may ask for.
pub const MAX_LANES: u32 = 4;
/// The bytes of a salt (RFC 9106 section 3.1).
const SALT: usize = 16;
/// The bytes of a tag.
const TAG: usize = 32;

/// What one guess at a password costs: the parameters of Argon2id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// For real users: the first choice of the OWASP password storage cheat sheet, 19 MiB and two passes.
pub const OWASP: Cost = Cost { memory: 19 * 1024, passes: 2, lanes: 1 };
/// For the lab only, where thousands of worlds log in: 64 KiB and one pass take less than a tenth of a
/// millisecond, and stop nobody who has the file.
pub const LAB: Cost = Cost { memory: 64, passes: 1, lanes: 1 };

/// How a file keeps passwords.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// SHA-256 of the password, without salt: equal passwords look equal, and a graphics card tries
    /// thousands of millions a second.
    Sha256,
    /// Argon2id, salted.
    Argon2id,
}

/// Which names can be registered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Names {
    /// Letters, digits, `-`, `_`, `.` and `@`; 1 to 64 bytes; not beginning with a dot.
    Checked,
    /// Whatever was typed, as the published program has it: a comma or a line end writes further entries.
    Unchecked,
}

/// Why people cannot be read, registered or logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UsersError {
    /// A line, from 1, is not what it should be.
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// The name is not allowed.
    Name,
    /// The name is taken.
    Taken,
    /// The password is empty or too long.
    Password,
    /// The cost is out of bounds.
    Cost,
    /// No such user, or another password: which of them is not told.
    Login,
}

/// What is wrong with a line of a password file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineFault {
    /// It is not a name, a comma and a hash.
    Form,
    /// The hash is none of this file's scheme.
    Hash,
    /// Checking it would take more memory, passes or lanes than allowed.
    Cost,
    /// The name stands in an earlier line.
    Taken,
}

impl UsersError {
    /// The line it is about, from 1, if it is about one.
    pub fn line(&self) -> Option<usize> {
        if let Self::Line { line, .. } = self { Some(*line) } else { None }
    }
}

impl fmt::Display for UsersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, fault } => write!(f, "line {line}: {fault}"),
            Self::Name => write!(
                f,
                "a name has 1 to {MAX_NAME} letters, digits or `-_.@`, and does not begin with a dot"
            ),
            Self::Taken => f.write_str("that name is taken"),
            Self::Password => write!(f, "a password has 1 to {MAX_PASSWORD} bytes"),
            Self::Cost => write!(
                f,
                "at least 8 KiB a lane and one pass, at most {MAX_MEMORY} KiB, {MAX_PASSES} passes and {MAX_LANES} lanes"
            ),
            Self::Login => f.write_str("wrong user name or password"),
        }
    }
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a name, a comma and a hash",
            Self::Hash => "not a hash of this file's kind",
            Self::Cost => "checking this hash would cost too much",
            Self::Taken => "the name stands in an earlier line",
        })
    }
}

impl std::error::Error for UsersError {}

/// Everybody in one password file.
#[derive(Clone, PartialEq, Eq)]
pub struct Users {
    scheme: Scheme,
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    hash: String,
}

impl Users {
    /// Nobody yet.
    pub fn new(scheme: Scheme) -> Self {
        Self { scheme, entries: Vec::new() }
    }

    /// Read a password file. Empty lines are skipped. As in the published program, a name may stand in several
    /// lines of a SHA-256 file, and each of its passwords is good.
    ///
    /// # Errors
    /// [`UsersError::Line`] for the first line that is not what it should be.
    pub fn from_text(scheme: Scheme, text: &str) -> Result<Self, UsersError> {
        let mut users = Self::new(scheme);
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if !content.is_empty() {
                let entry = users.entry(content);
                let entry = entry.map_err(|fault| UsersError::Line { line, fault })?;
                users.entries.push(entry);
            }
        }
        Ok(users)
    }

    fn entry(&self, line: &str) -> Result<Entry, LineFault> {
        let (name, hash) = line.split_once(',').ok_or(LineFault::Form)?;
        match self.scheme {
            Scheme::Sha256 if hash.contains(',') => return Err(LineFault::Form),
            Scheme::Sha256 => {
                if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(LineFault::Hash);
                }
            }
            Scheme::Argon2id => {
                let cost = cost_of(hash).ok_or(LineFault::Hash)?;
                cost.params().map_err(|_| LineFault::Cost)?;
                if self.names().any(|taken| taken == name) {
                    return Err(LineFault::Taken);
                }
            }
        }
        Ok(Entry { name: name.to_owned(), hash: hash.to_owned() })
    }

    /// The file, a line a user, in the order of registration. Names go in as they are: where they were not
    /// checked, what is read back can be somebody else.
    pub fn to_text(&self) -> String {
        self.entries
            .iter()
            .fold(String::new(), |text, Entry { name, hash }| text + name + "," + hash + "\n")
    }

    /// Add a user. The published program checks nothing, not even whether the name is taken. `cost` and
    /// `entropy`, which gives the salt, are for Argon2id.
    ///
    /// # Errors
    /// [`UsersError::Name`], [`UsersError::Taken`], [`UsersError::Password`], [`UsersError::Cost`].
    pub fn register(
        &mut self,
        name: &str,
        password: &str,
        names: Names,
        cost: Cost,
        entropy: &mut Entropy,
    ) -> Result<(), UsersError> {
        if names == Names::Checked {
            if !is_allowed(name) {
                return Err(UsersError::Name);
            }
            if self.names().any(|taken| taken == name) {
                return Err(UsersError::Taken);
            }
        }
        if password.is_empty() || password.len() > MAX_PASSWORD {
            return Err(UsersError::Password);
        }
        let hash = match self.scheme {
            Scheme::Sha256 => checksum::checksum(password.as_bytes(), checksum::Algorithm::Sha256),
            Scheme::Argon2id => hash(password, cost, entropy.bytes())?,
        };
        self.entries.push(Entry { name: name.to_owned(), hash });
        Ok(())
    }

    /// Take every entry of that name out; whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.name != name);
        self.entries.len() < before
    }

    /// Whether `password` is that of `name`. An unknown name costs as much as a known one.
    ///
    /// # Errors
    /// [`UsersError::Login`], whatever was wrong.
    pub fn log_in(&self, name: &str, password: &[u8]) -> Result<(), UsersError> {
        let mut own = self.entries.iter().filter(|entry| entry.name == name).peekable();
        if own.peek().is_none() {
            // Who measures the time must not learn who is registered.
            let _ = self.entries.first().map(|entry| self.fits(entry, password));
            return Err(UsersError::Login);
        }
        if own.any(|entry| self.fits(entry, password)) { Ok(()) } else { Err(UsersError::Login) }
    }

    fn fits(&self, entry: &Entry, password: &[u8]) -> bool {
        if password.len() > MAX_PASSWORD {
            return false;
        }
        match self.scheme {
            Scheme::Sha256 => {
                checksum::checksum(password, checksum::Algorithm::Sha256) == entry.hash
            }
            Scheme::Argon2id => PasswordHash::new(&entry.hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
        }
    }

    /// The names, in the order of registration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }
}

/// Shows who there is, and no hash.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({:?}, {} redacted)", self.scheme, self.entries.len())
    }
}

impl Cost {
    /// Checked before anything is allocated: what a file asks for must not exhaust the machine.
    fn params(self) -> Result<Params, UsersError> {
        let Self { memory, passes, lanes } = self;
        if memory > MAX_MEMORY || passes > MAX_PASSES || lanes > MAX_LANES {
            return Err(UsersError::Cost);
        }
        Params::new(memory, passes, lanes, Some(TAG)).map_err(|_| UsersError::Cost)
    }
}

/// Whether a name can do no harm: not in a password file, not as a file name, not in a log.
pub fn is_allowed(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.')
}

/// A PHC string of Argon2id.
fn hash(password: &str, cost: Cost, salt: [u8; SALT]) -> Result<String, UsersError> {
    let mut tag = [0; TAG];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
        .hash_password_into(password.as_bytes(), &salt, &mut tag)
        .map_err(|_| UsersError::Cost)?;
    let Cost { memory, passes, lanes } = cost;
    let (salt, tag) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(tag));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${tag}"))
}

/// What a PHC string asks for; nothing if it is none of Argon2id with salt and tag.
fn cost_of(hash: &str) -> Option<Cost> {
    let hash = PasswordHash::new(hash).ok()?;
    let number = |name: &str| hash.params.get_decimal(name);
    let complete = hash.salt.is_some() && hash.hash.is_some() && hash.version == Some(19);
    (hash.algorithm.as_str() == "argon2id" && complete).then_some(())?;
    Some(Cost { memory: number("m")?, passes: number("t")?, lanes: number("p")? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn registered(scheme: Scheme, names: Names, people: &[(&str, &str)]) -> Users {
        let mut users = Users::new(scheme);
        let mut entropy = Entropy::new(1, "salts");
        for (name, password) in people {
            users.register(name, password, names, LAB, &mut entropy).unwrap();
        }
        users
    }

    const PEOPLE: [(&str, &str); 2] = [("fady", "123456789"), ("maged", "123456789")];

    #[test]
    fn who_is_registered_can_log_in_also_from_the_file() {
        for scheme in [Scheme::Sha256, Scheme::Argon2id] {
            let users = registered(scheme, Names::Checked, &PEOPLE);
            let users = Users::from_text(scheme, &users.to_text()).unwrap();
            assert_eq!(users.names().collect::<Vec<_>>(), ["fady", "maged"]);
            assert_eq!(users.log_in("fady", b"123456789"), Ok(()));
            for (name, password) in [("fady", "12369857"), ("nobody", "123456789"), ("", "")] {
                assert_eq!(users.log_in(name, password.as_bytes()), Err(UsersError::Login));
            }
            assert!(!format!("{users:?}").contains("15e2"));
        }
    }

    #[test]
    fn who_is_removed_cannot_log_in_under_any_password() {
        let mut users = registered(Scheme::Sha256, Names::Unchecked, &PEOPLE);
        let mut entropy = Entropy::new(1, "salts");
        users.register("fady", "another", Names::Unchecked, LAB, &mut entropy).unwrap();
        assert!(users.remove("fady") && !users.remove("fady"));
        assert_eq!(users.names().collect::<Vec<_>>(), ["maged"]);
        assert_eq!(users.log_in("fady", b"another"), Err(UsersError::Login));
    }

    /// The line of the published program's own file.
    #[test]
    fn the_published_file() {
        let line = "fady,15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225\n";
        let users = registered(Scheme::Sha256, Names::Unchecked, &PEOPLE[..1]);
        assert_eq!(users.to_text(), line);
    }

    #[test]
    fn equal_passwords_look_equal_only_without_salt() {
        for (scheme, equal) in [(Scheme::Sha256, true), (Scheme::Argon2id, false)] {
            let users = registered(scheme, Names::Checked, &PEOPLE);
            assert_eq!(users.entries[0].hash == users.entries[1].hash, equal);
        }
    }

    /// RFC 9106 gives its vector with a secret and data, which a PHC string cannot hold; this one is from the
    /// reference implementation's own tests.
    #[test]
    fn a_hash_of_the_reference_implementation_is_believed() {
        let line = "user,$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let users = Users::from_text(Scheme::Argon2id, line).unwrap();
        assert_eq!(users.log_in("user", b"password"), Ok(()));
        assert_eq!(users.log_in("user", b"Password"), Err(UsersError::Login));
    }

    #[test]
    fn an_unchecked_name_writes_an_entry_of_its_own_choice() {
        let hash = checksum::checksum(b"mine", checksum::Algorithm::Sha256);
        let name = format!("eve,{hash}\nfady,{hash}\nlast");
        let mut users = registered(Scheme::Sha256, Names::Unchecked, &PEOPLE);
        let mut entropy = Entropy::new(1, "salts");
        users.register(&name, "x", Names::Unchecked, LAB, &mut entropy).unwrap();
        let read = Users::from_text(Scheme::Sha256, &users.to_text()).unwrap();
        assert_eq!(read.log_in("fady", b"mine"), Ok(()), "as fady, with a password of Eve's");
        for name in [&name, "", ".", "../x", "a,b", "a b", "a\n", "é", &"x".repeat(65)] {
            let refused = users.register(name, "x", Names::Checked, LAB, &mut entropy);
            assert_eq!(refused, Err(UsersError::Name), "{name:?}");
        }
    }

    #[test]
    fn a_hostile_file_is_refused_by_line_and_costs_nothing() {
        let good = registered(Scheme::Argon2id, Names::Checked, &PEOPLE[..1]).to_text();
        for (line, fault) in [
            ("nothing", LineFault::Form),
            ("eve,", LineFault::Hash),
            ("eve,$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", LineFault::Hash),
            ("eve,$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q", LineFault::Hash),
            (
                "fady,$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q",
                LineFault::Taken,
            ),
            (
                "eve,$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q",
                LineFault::Cost,
            ),
            (
                "eve,$argon2id$v=19$m=64,t=9999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q",
                LineFault::Cost,
            ),
            (
                "eve,$argon2id$v=19$m=64,t=1,p=99$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q",
                LineFault::Cost,
            ),
        ] {
            let text = format!("{good}\n{line}\n");
            let refused = Users::from_text(Scheme::Argon2id, &text).err();
            assert_eq!(refused, Some(UsersError::Line { line: 3, fault }), "{line}");
        }
        let hex = "0".repeat(64);
        for (line, fault) in [
            ("<<<<<<< HEAD".to_owned(), LineFault::Form),
            (format!("eve,x,{hex}"), LineFault::Form),
            (format!("eve,{}", &hex[1..]), LineFault::Hash),
        ] {
            let refused = Users::from_text(Scheme::Sha256, &line).err();
            assert_eq!(refused, Some(UsersError::Line { line: 1, fault }));
        }
    }

    #[test]
    fn what_cannot_be_registered() {
        let mut users = registered(Scheme::Argon2id, Names::Checked, &PEOPLE);
        let mut entropy = Entropy::new(1, "salts");
        let mut register = |name: &str, password: &str, cost| {
            users.register(name, password, Names::Checked, cost, &mut entropy)
        };
        assert_eq!(register("fady", "x", LAB), Err(UsersError::Taken));
        assert_eq!(register("eve", "", LAB), Err(UsersError::Password));
        assert_eq!(register("eve", &"x".repeat(129), LAB), Err(UsersError::Password));
        assert_eq!(register("eve", "x", Cost { memory: 7, ..LAB }), Err(UsersError::Cost));
        assert_eq!(register("eve", "x", OWASP), Ok(()));
        assert!(users.to_text().contains("eve,$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "[a-z0-9,$=\\n]{0,200}", argon in any::<bool>()) {
            let scheme = if argon { Scheme::Argon2id } else { Scheme::Sha256 };
            let _ = Users::from_text(scheme, &text);
        }
    }
}
