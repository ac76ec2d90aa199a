//! What a server claims to have accepted, read from the file its claims go to (`docs/claims.md`): what was in it before the recording was played, and
//! what came with it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use files::diagnostic::{escape, quote};
use serde_json::Value;

/// The most bytes of claims that are read.
const MOST: u64 = 64 << 20;
/// How often it is looked whether more has come.
const LOOK: Duration = Duration::from_millis(100);
/// How long nothing may come until it counts as all.
const QUIET: Duration = Duration::from_millis(500);
/// The longest that is waited for all, as a server may go on with others.
const LONGEST: Duration = Duration::from_secs(5);
/// How much of a text is shown, in characters.
const SHOWN: usize = 60;

/// A file that claims go to, and what is in it already.
#[derive(Debug)]
pub struct ClaimsFile {
    path: PathBuf,
    read: u64,
    /// The messages that were delivered before.
    before: Vec<Message>,
}

/// What came with the recording.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Claimed {
    /// The messages that were delivered, in words, and whether the same was delivered before.
    pub delivered: Vec<(String, bool)>,
    /// The peers with whom a session was established.
    pub established: Vec<String>,
    /// The checks that refused something.
    pub rejected: Vec<String>,
    /// How many sessions ended.
    pub ended: usize,
}

impl Claimed {
    /// Whether anything of the recording was accepted; none if nothing was claimed from which that would follow.
    pub fn accepted(&self) -> Option<bool> {
        let accepted = !self.delivered.is_empty() || !self.established.is_empty();
        let spoken = accepted || !self.rejected.is_empty() || self.ended > 0;
        spoken.then_some(accepted)
    }

    /// A line for each thing that follows.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for peer in &self.established {
            lines.push(format!("the server established a session with {peer}, who was not there"));
        }
        for (message, before) in &self.delivered {
            let twice = if *before {
                ": it was delivered before, delivery-at-most-once is violated"
            } else {
                ", which nobody sent now"
            };
            lines.push(format!("the server delivered {message}{twice}"));
        }
        for check in &self.rejected {
            lines.push(format!("the server refused: {check}"));
        }
        if self.accepted().is_none() {
            let why = "the claims say nothing: is that the server's file, and written at once?";
            lines.push(why.to_owned());
        } else if self.delivered.is_empty() {
            lines.push("the server claims to have delivered nothing".to_owned());
        }
        lines
    }
}

impl ClaimsFile {
    /// Read what is there already.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (objects, read) = objects(path, 0)?;
        let before = objects.into_iter().filter_map(|object| delivered(&object)).collect();
        Ok(Self { path: path.to_owned(), read, before })
    }

    /// Read what came since.
    ///
    /// # Errors
    /// It cannot be read any more.
    #[expect(clippy::disallowed_methods, reason = "a live server writes in real time")]
    pub fn since(&self) -> io::Result<Claimed> {
        let (began, mut changed) = (Instant::now(), Instant::now());
        let mut length = std::fs::metadata(&self.path)?.len();
        while changed.elapsed() < QUIET && began.elapsed() < LONGEST {
            std::thread::sleep(LOOK);
            let now = std::fs::metadata(&self.path)?.len();
            if now != length {
                (length, changed) = (now, Instant::now());
            }
        }
        let (objects, _) = objects(&self.path, self.read)?;
        let mut claimed = Claimed::default();
        let mut before = self.before.clone();
        for object in objects {
            let peer = object.get("peer").and_then(Value::as_str).unwrap_or("the client");
            if let Some(message) = delivered(&object) {
                claimed.delivered.push((message.words(), before.contains(&message)));
                before.push(message);
            } else if let Some(detail) = object.get("established") {
                let with = detail.get("with").and_then(Value::as_str).unwrap_or(peer);
                claimed.established.push(escape(with));
            } else if let Some(detail) = object.get("rejected") {
                let check = detail.get("check").unwrap_or(detail).as_str().unwrap_or("content");
                claimed.rejected.push(escape(check));
            } else if object.get("ended").is_some() {
                claimed.ended += 1;
            }
        }
        Ok(claimed)
    }
}

/// A message as it was claimed. Two are the same if all of it is.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Message {
    kind: String,
    name: Option<String>,
    /// Its content, or of a stored file the size.
    body: Result<Vec<u8>, u64>,
}

/// The message an object says was delivered.
fn delivered(object: &Value) -> Option<Message> {
    let message = object.get("delivered")?;
    let of = |key: &str| message.get(key).and_then(Value::as_str);
    let text = message.as_str().or_else(|| of("text")).map(|text| text.as_bytes().to_vec());
    let body = text
        .or_else(|| of("hex").and_then(|digits| hex::decode(digits).ok()))
        .or_else(|| of("base64").and_then(|text| STANDARD.decode(text).ok()))
        .ok_or_else(|| message.get("bytes").and_then(Value::as_u64).unwrap_or(0));
    let (kind, name) = (of("kind").unwrap_or("text").to_owned(), of("name").map(str::to_owned));
    Some(Message { kind, name, body })
}

impl Message {
    /// In words.
    fn words(&self) -> String {
        let name = self.name.as_deref().map(|name| format!(" {}", quote(name)));
        let name = name.unwrap_or_default();
        let text = self.body.as_ref().ok().and_then(|body| std::str::from_utf8(body).ok());
        match (text, &self.body) {
            (Some(text), _) if name.is_empty() => {
                let short: String = text.chars().take(SHOWN).collect();
                quote(&short)
            }
            (_, Ok(body)) => format!("{}{name} ({} bytes)", escape(&self.kind), body.len()),
            (_, Err(bytes)) => format!("{}{name} ({bytes} bytes)", escape(&self.kind)),
        }
    }
}

/// Every object in the file from here on, a line each, and where its last whole line ends.
fn objects(path: &Path, from: u64) -> io::Result<(Vec<Value>, u64)> {
    let mut file = File::open(path)?;
    // Shorter than it was: it has been begun again.
    let from = if file.metadata()?.len() < from { 0 } else { from };
    file.seek(SeekFrom::Start(from))?;
    let mut content = Vec::new();
    file.take(MOST).read_to_end(&mut content)?;
    let whole = memchr::memrchr(b'\n', &content).map_or(0, |at| at + 1);
    content.truncate(whole);
    let lines = content.split(|byte| *byte == b'\n');
    let objects = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let objects = objects.filter(Value::is_object).collect();
    Ok((objects, from + whole as u64))
}
