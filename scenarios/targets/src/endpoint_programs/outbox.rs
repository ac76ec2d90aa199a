//! What a live endpoint is to say: what the flags name, or the lines of standard input.

use std::fs;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use files::diagnostic::{quote, quote_path};
use files::payload::Payload;
use files::scenario::MAX_PAYLOAD;
use protocol::endpoint::{Command, Kind, Message, Name};
use protocol::system::System;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The longest line of standard input that is sent, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// One thing to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// Text.
    Text(String),
    /// Comma-separated numbers.
    Numbers(String),
    /// A file: of this kind, or of the kind its name says.
    File(PathBuf, Option<Kind>),
}

impl Item {
    /// Whether `system` can carry it and, for a file, whether it is there.
    ///
    /// # Errors
    /// Why it cannot be sent, in a line.
    pub fn check(&self, system: &System) -> Result<(), String> {
        let carried = |kind: Kind| {
            let carries: Vec<&str> = system.carries.iter().map(|kind| kind.name()).collect();
            let (name, carries) = (system.name, carries.join(", "));
            let no = || format!("{name} does not carry {}, but {carries}", kind.name());
            if system.carries.contains(&kind) { Ok(()) } else { Err(no()) }
        };
        match self {
            Self::Text(_) => carried(Kind::Text),
            Self::Numbers(text) => {
                carried(Kind::Numbers)?;
                let wrong = text.split(',').find(|part| part.trim().parse::<f64>().is_err());
                wrong.map_or(Ok(()), |part| Err(format!("{} is no number", quote(part.trim()))))
            }
            Self::File(path, kind) => {
                let shown = quote_path(path);
                let name = path.file_name().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| format!("{shown} has no file name in UTF-8"))?;
                carried(kind.unwrap_or_else(|| Kind::of_file(name)))?;
                let about = fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
                if !about.is_file() {
                    return Err(format!("{shown} is not a regular file"));
                }
                if about.len() > MAX_PAYLOAD as u64 {
                    let size = about.len();
                    return Err(format!(
                        "{shown} has {size} bytes, at most {MAX_PAYLOAD} are sent"
                    ));
                }
                Ok(())
            }
        }
    }

    fn into_message(self) -> Result<Message, String> {
        Ok(match self {
            Self::Text(text) => Message::text(text),
            Self::Numbers(text) => Message::numbers(text),
            Self::File(path, kind) => {
                let (name, body): (String, Bytes) = Payload::read(&path)?;
                let kind = kind.unwrap_or_else(|| Kind::of_file(&name));
                Message { kind, name: Some(Name::from(name.as_str())), body }
            }
        })
    }
}

/// How the outbox came to its end, once it has.
pub type Outcome = std::thread::JoinHandle<Result<u64, String>>;

/// Give out `items` one after the other, as they are asked for; a file is read when its turn comes.
pub fn of_items(items: Vec<Item>) -> (Receiver<Command>, Outcome) {
    start(move |sender| {
        let mut count = 0;
        for item in items {
            if sender.blocking_send(Command::Send(item.into_message()?)).is_err() {
                break;
            }
            count += 1;
        }
        Ok(count)
    })
}

/// Give out the lines of standard input: as numbers where `system` carries numbers and no text.
pub fn of_lines(system: &'static System) -> (Receiver<Command>, Outcome) {
    let numbers = !system.carries.contains(&Kind::Text);
    start(move |sender| {
        let mut input = io::stdin().lock();
        for number in 1.. {
            let mut line = Vec::new();
            let read = (&mut input).take(LONGEST_LINE + 1).read_until(b'\n', &mut line);
            read.map_err(|error| format!("standard input, line {number}: {error}"))?;
            if line.is_empty() {
                return Ok(number - 1);
            }
            if line.len() as u64 > LONGEST_LINE {
                return Err(format!(
                    "standard input, line {number}: longer than {LONGEST_LINE} bytes"
                ));
            }
            let line = String::from_utf8(line)
                .map_err(|_| format!("standard input, line {number}: not UTF-8"))?;
            let text = line.trim_end_matches(['\r', '\n']).to_owned();
            let item = if numbers { Item::Numbers(text) } else { Item::Text(text) };
            item.check(system).map_err(|why| format!("standard input, line {number}: {why}"))?;
            if sender.blocking_send(Command::Send(item.into_message()?)).is_err() {
                return Ok(number);
            }
        }
        Ok(0)
    })
}

fn start(
    give: impl FnOnce(&Sender<Command>) -> Result<u64, String> + Send + 'static,
) -> (Receiver<Command>, Outcome) {
    let (sender, receiver) = channel(1);
    (receiver, std::thread::spawn(move || give(&sender)))
}

/// Read a secret, such as a password, from the first line of a file.
///
/// # Errors
/// Why not, in a line that names the file.
pub fn first_line(path: &Path) -> Result<String, String> {
    let shown = quote_path(path);
    let mut line = String::new();
    fs::File::open(path)
        .and_then(|file| io::BufReader::new(file.take(4097)).read_line(&mut line))
        .map_err(|error| format!("{shown}: {error}"))?;
    let line = line.trim_end_matches(['\r', '\n']);
    match line.len() {
        0 => Err(format!("{shown}: the first line is empty")),
        4097.. => Err(format!("{shown}: the first line is longer than 4096 bytes")),
        _ => Ok(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use protocol::systems::system;

    use super::*;

    #[test]
    fn what_a_system_does_not_carry_is_said_before_anything_is_sent() {
        let (helo, ratchet) = (system("helo").unwrap(), system("ratchet").unwrap());
        assert_eq!(Item::Text("hi".into()).check(helo), Ok(()));
        let no = Item::Text("hi".into()).check(ratchet).unwrap_err();
        assert_eq!(no, "ratchet does not carry text, but numbers");
        let no = Item::Numbers("1, x".into()).check(ratchet).unwrap_err();
        assert_eq!(no, "`x` is no number");
        let no = Item::File("nowhere/..".into(), None).check(helo).unwrap_err();
        assert_eq!(no, "`nowhere/..` has no file name in UTF-8");
        assert!(Item::File("nowhere.png".into(), None).check(helo).is_err());
    }
}
