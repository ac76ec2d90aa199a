//! The padding oracle of `csr`, asked for real: how many questions a byte takes, and how long they take, in the world,
//! over TCP, and where nothing but the padding is looked at.

use std::time::{Duration, Instant};

use protocol::entropy::Entropy;
use protocol::system::System;
use protocol::systems::system;

pub mod padding;
pub mod tcp;
pub mod world;

/// The most a text of `csr` has if the record, and the record of its reply, are to fit into the one read of 4096 bytes
/// that is a message as built. Of the reply 16 bytes are words, of either record 32 are the MAC.
pub const LONGEST: usize = 4096 - 1 - 32 - 16;

/// The bytes of the MAC at the end of the plaintext, which nobody wants to know.
const MAC: usize = 32;

/// The bytes at the beginning that stay hidden: the initialization vector in front of them is not on the wire.
const HIDDEN: usize = 16;

/// What is decrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Text {
    /// Random letters, of both cases: texts of `csr` are UTF-8, so not all bytes can be in them.
    Letters,
    /// A letter in English that is not in the corpus guesses are made from.
    English,
    /// Records in JSON that are not in it either.
    Json,
}

impl Text {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Letters, Self::English, Self::Json];

    /// The words in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Letters => "random letters",
            Self::English => "English",
            Self::Json => "JSON",
        }
    }

    /// The text. Letters differ from seed to seed, the others do not.
    pub fn text(self, seed: u64) -> String {
        match self {
            Self::Letters => letters(seed),
            Self::English => include_str!("../../mitm-proxy/data/held_out_english.txt").to_owned(),
            Self::Json => include_str!("../../mitm-proxy/data/held_out_json.txt").to_owned(),
        }
    }
}

/// [`LONGEST`] random letters.
fn letters(seed: u64) -> String {
    let mut entropy = Entropy::new(seed, "letters");
    let letters = std::iter::repeat_with(move || entropy.bytes::<64>()).flatten();
    // Six bits for each of 52 letters: what is over is not used, so that all are equally likely.
    let letters = letters.map(|byte| byte & 63).filter(|at| *at < 52);
    letters
        .map(|at| char::from(if at < 26 { b'A' + at } else { b'a' + at - 26 }))
        .take(LONGEST)
        .collect()
}

/// What a run of the attack came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Recovery {
    /// Bytes recovered.
    pub bytes: usize,
    /// All questions asked, those in vain and those spent on learning what answers mean included.
    pub questions: u64,
    /// The real time from the first question to the last byte.
    pub time: Duration,
    /// What was recovered is the end of what was sent, all that could be had, and the session went on as if nothing
    /// had happened.
    pub is_right: bool,
}

impl Recovery {
    /// Questions for each byte.
    #[expect(clippy::cast_precision_loss, reason = "a table of four digits")]
    pub fn questions_a_byte(&self) -> f64 {
        self.questions as f64 / self.bytes as f64
    }

    /// Questions a second.
    #[expect(clippy::cast_precision_loss, reason = "a table of four digits")]
    pub fn questions_a_second(&self) -> f64 {
        self.questions as f64 / self.time.as_secs_f64()
    }

    /// Recovered bytes a second.
    #[expect(clippy::cast_precision_loss, reason = "a table of four digits")]
    pub fn bytes_a_second(&self) -> f64 {
        self.bytes as f64 / self.time.as_secs_f64()
    }
}

/// Whether these bytes are all of a text that can be recovered.
fn is_the_end_of(text: &str, recovered: &[u8]) -> bool {
    text.as_bytes().get(HIDDEN..) == Some(recovered)
}

fn csr() -> &'static System {
    system("csr").expect("the system exists")
}

#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
fn clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_gives_every_text_away() {
        for text in Text::ALL {
            let recovery = world::Held::new(&text.text(1), 1).attack();
            assert!(recovery.is_right, "{}", text.name());
            assert_eq!(recovery.bytes, text.text(1).len() - HIDDEN);
        }
    }

    #[test]
    fn random_bytes_are_recovered_where_only_padding_is_looked_at() {
        let recovery = padding::attack(1, 1024);
        assert!(recovery.is_right);
        assert_eq!(recovery.bytes, 1024);
    }

    #[test]
    fn a_server_over_tcp_gives_the_text_away_however_many_questions_are_under_way() {
        let text = Text::Json.text(1);
        for way in tcp::Way::ALL {
            let recovery = tcp::attack(way, &text).unwrap();
            assert!(recovery.is_right, "{}", way.name());
            assert_eq!(recovery.bytes, text.len() - HIDDEN);
        }
    }
}
