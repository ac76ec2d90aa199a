//! `dictionary`: guess words of a list in a pattern, and check each guess against a hash in clear, a password file, or a recorded
//! session that a guessed key opens. No victim is asked.
//!
//! The budget is work, counted in computations of SHA-256: a slow password hash makes one guess cost many
//! of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use protocol::crypto::checksum::hex;
use protocol::crypto::sha256;
use protocol::keyfiles::KeyFiles;
use protocol::pki::users::{Scheme, Users};

use super::pattern::{NUMBER, WORD, expand};
use crate::misfire::MisfireCause;
use crate::params::{Args, BuildError, Param, ParamKind, number, text, texts};
use crate::strategy::{Strategy, StrategySpec, Tools};
use crate::trace::{Effort, Finding, Loot};
use crate::world::World;

/// The most work if nothing else is said.
const BUDGET: u64 = 5_000_000;

/// The name in files and reports.
const NAME: &str = "dictionary";
/// How it is said that it found something out.
const HOW: &str = "the dictionary";

/// What Argon2id computes for a KiB of memory in one pass, in compressions of SHA-256: 2 times 8 rounds over 64 bytes.
const ARGON2_KIB: u64 = 16;

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: NAME,
    about: "guess messages, passwords or keys with a word list",
    waits: false,
    params: &[
        Param::new(
            "against",
            ParamKind::Word(&["digest", "passwords", "keys"]),
            "a SHA-256 of the plaintext that stands in a frame; a password file; or recorded sessions that the key opens",
        ),
        Param::new("field", ParamKind::Text, "for `digest`: the field it stands in"),
        Param::new(
            "file",
            ParamKind::Texts,
            "for `passwords`: a file that was compromised, the first of these that there is; for `keys`: the one to make",
        ),
        Param::new(
            "guess",
            ParamKind::Texts,
            "patterns: `{word}` stands for every word, `{number}` for every number; only words if not given",
        ),
        Param::new(
            "numbers",
            ParamKind::Number(1, 1_000_000),
            "how many numbers, from 0; 1000 if not given",
        ),
        Param::new(
            "budget",
            ParamKind::Number(1, 1 << 40),
            "the most work, in SHA-256 computations; 5000000 if not given",
        ),
    ],
    build,
};

#[derive(Debug)]
struct Dictionary {
    against: Against,
    patterns: Vec<String>,
    numbers: u64,
    budget: u64,
}

#[derive(Debug)]
enum Against {
    Digest(String),
    Passwords(Vec<String>),
    Keys(String),
}

fn build(args: &Args) -> Result<Arc<dyn Strategy>, BuildError> {
    let of = |name, why| text(args, name).map(str::to_owned).ok_or(BuildError(why));
    let against = match text(args, "against") {
        Some("digest") => Against::Digest(of("field", "`digest` needs `field`")?),
        Some(word) => match (word, texts(args, "file")) {
            (_, files) if files.is_empty() => return Err(BuildError("`against` needs `file`")),
            ("passwords", files) => Against::Passwords(files),
            (_, files) => Against::Keys(files.concat()),
        },
        None => return Err(BuildError("`dictionary` needs `against`")),
    };
    let mut patterns = texts(args, "guess");
    if patterns.is_empty() {
        patterns.push(WORD.to_owned());
    }
    let numbers = number(args, "numbers").unwrap_or(1000);
    let budget = number(args, "budget").unwrap_or(BUDGET);
    Ok(Arc::new(Dictionary { against, patterns, numbers, budget }))
}

/// What guessing came to.
#[derive(Debug, Default)]
struct Tally {
    tries: u64,
    work: u64,
    recovered: usize,
    found: usize,
    idle: Option<String>,
    /// There was more to guess.
    left: bool,
}

impl Strategy for Dictionary {
    fn review(&self, world: &mut World, tools: &Tools<'_>) -> Result<(), MisfireCause> {
        let budget = tools.budget.unwrap_or(self.budget);
        let tally = match &self.against {
            Against::Digest(field) => self.digests(world, field, tools, budget),
            Against::Passwords(files) => self.passwords(world, files, tools, budget)?,
            Against::Keys(file) => self.keys(world, file, tools, budget),
        };
        let Tally { tries, work, recovered, found, idle, left } = tally;
        let exhausted = work >= budget && left;
        let over = if work >= budget { ", the budget is spent" } else { "" };
        let ended = format!("{found} found with the work of {work} SHA-256{over}");
        let effort = Effort { tries, recovered, ended, idle, exhausted, ..Effort::of(NAME) };
        world.trace_mut().efforts.push(effort);
        Ok(())
    }
}

impl Dictionary {
    fn guesses<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = String> + 'a {
        self.patterns.iter().flat_map(move |pattern| expand(pattern, words, self.numbers))
    }

    /// Messages whose hash stands in clear.
    fn digests(&self, world: &mut World, field: &str, tools: &Tools<'_>, budget: u64) -> Tally {
        let mut wanted: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        for (number, record) in world.trace().honest() {
            if let Some(digest) = record.as_sent().field(field) {
                wanted.entry(digest.to_vec()).or_insert(number);
            }
        }
        let mut tally = Tally::default();
        if wanted.is_empty() {
            tally.idle = Some(format!("no frame has a field `{field}`"));
        }
        let now = world.now();
        for guess in self.guesses(tools.words) {
            if wanted.is_empty() || tally.work >= budget {
                tally.left = !wanted.is_empty();
                break;
            }
            tally.tries += 1;
            tally.work += 1;
            let digest = sha256(&[guess.as_bytes()]);
            let raw = wanted.remove(&digest[..]);
            let Some(number) = raw.or_else(|| wanted.remove(hex(&digest).as_bytes())) else {
                continue;
            };
            tally.found += 1;
            tally.recovered += guess.len();
            let content = Finding::Content(Bytes::from(guess));
            world.trace_mut().know(now, HOW, None, Some(number), content);
        }
        tally
    }

    /// Passwords of a file that was compromised.
    fn passwords(
        &self,
        world: &mut World,
        files: &[String],
        tools: &Tools<'_>,
        budget: u64,
    ) -> Result<Tally, MisfireCause> {
        let lab = world.spec().lab_keys();
        let file = files.iter().find(|name| lab.contains_key(*name));
        let file = file.ok_or_else(|| MisfireCause::NoFile(files.to_vec()))?;
        let leaked = world.trace().compromises.iter().position(|leak| match &leak.loot {
            Loot::Files(files) => files.contains(file),
            Loot::Memory(_) => false,
        });
        let leaked = leaked.ok_or_else(|| MisfireCause::FileNotCompromised(file.clone()))?;
        let text = lab.get(file).map_or("", String::as_str);
        let mut tally = Tally::default();
        let (users, salted) = match Users::from_text(Scheme::Sha256, text) {
            Ok(users) => (users, false),
            Err(_) => (
                Users::from_text(Scheme::Argon2id, text).map_err(|error| {
                    MisfireCause::NoPasswordFile { file: file.clone(), error: error.to_string() }
                })?,
                true,
            ),
        };
        let cost = if salted { argon2_work(text) } else { 1 };
        let mut names: Vec<String> = users.names().map(str::to_owned).collect();
        if names.is_empty() {
            tally.idle = Some(format!("{file} has no users"));
        }
        let now = world.now();
        for guess in self.guesses(tools.words) {
            // Without salt, one computation tries everybody.
            let mut each = if salted { 0 } else { cost };
            tally.work += each;
            let mut found = Vec::new();
            for (at, name) in names.iter().enumerate() {
                if salted {
                    each = cost;
                    tally.work += each;
                }
                if tally.work > budget {
                    break;
                }
                tally.tries += 1;
                if users.log_in(name, guess.as_bytes()).is_ok() {
                    found.push(at);
                }
            }
            for at in found.into_iter().rev() {
                let user = names.remove(at);
                tally.found += 1;
                tally.recovered += guess.len();
                let what = Finding::Password { user, password: guess.clone() };
                world.trace_mut().know(now, HOW, Some(leaked), None, what);
            }
            if names.is_empty() || tally.work >= budget {
                tally.left = !names.is_empty();
                break;
            }
        }
        tally.work = tally.work.min(budget);
        Ok(tally)
    }

    /// Keys that open a recorded session.
    fn keys(&self, world: &mut World, file: &str, tools: &Tools<'_>, budget: u64) -> Tally {
        let mut tally = Tally::default();
        let sessions = world.recordings();
        if sessions.is_empty() {
            tally.idle = Some("no session was recorded".to_owned());
        }
        let (system, profile, now) = (world.spec().system(), world.spec().profile, world.now());
        let Some(decrypt) = system.and_then(|system| system.decrypt_recording) else {
            tally.idle = Some("nothing says what keys of these endpoints open".to_owned());
            return tally;
        };
        for word in tools.words {
            if tally.work >= budget {
                tally.left = true;
                break;
            }
            // One key for each number: the file of all of them.
            let mut content = String::new();
            for number in 1..=self.numbers {
                for pattern in &self.patterns {
                    let key = pattern.replace(WORD, word).replace(NUMBER, &number.to_string());
                    let _ = writeln!(content, "{number} {}", hex(key.as_bytes()));
                }
            }
            tally.work += self.numbers * self.patterns.len() as u64;
            let files = KeyFiles::from([(file.to_owned(), content)]);
            for session in &sessions {
                tally.tries += 1;
                tally.work += session.frames.len() as u64;
                for (place, message) in decrypt(profile, &files, &session.overheard()) {
                    tally.found += 1;
                    tally.recovered += message.body.len();
                    let content = Finding::Content(message.body);
                    world.trace_mut().know(now, HOW, None, session.number(place), content);
                }
            }
            if tally.found > 0 {
                break;
            }
        }
        tally
    }
}

/// What one guess at a password of this file costs, by the parameters that stand in it.
fn argon2_work(text: &str) -> u64 {
    let parameter = |name: &str| {
        let (_, rest) = text.split_once(name)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()
    };
    let memory = parameter("$m=").unwrap_or(1);
    memory.saturating_mul(parameter(",t=").unwrap_or(1)).saturating_mul(ARGON2_KIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_a_guess_is_what_the_file_says() {
        assert_eq!(argon2_work("bob,$argon2id$v=19$m=64,t=1,p=1$salt$hash\n"), 1024);
        assert_eq!(argon2_work("bob,$argon2id$v=19$m=19456,t=2,p=1$salt$hash\n"), 622_592);
    }
}
