//! Which byte stands in front of bytes already known: all 256 in the order of likelihood. Text is guessed in a few
//! tries instead of 128.
//!
//! Prediction by partial matching (Cleary and Witten 1984; escape method C of Moffat 1990) over a small corpus of English, JSON and
//! program output, read backwards, and over what has been recovered so far. A corpus of random bytes would do no harm: every byte is
//! in the list once.

use std::ops::Range;
use std::sync::LazyLock;

/// Text of this project: what it says of itself, and records as programs write them.
static CORPUS: &str = include_str!("../../data/corpus.txt");

/// The longest context looked at, in bytes.
const ORDER: usize = 6;

/// Recovered text counts as many times as text of the corpus: it is of the same kind as what is still hidden.
const OWN: u32 = 6;

static SHARED: LazyLock<Indexed> = LazyLock::new(|| Indexed::new(CORPUS.as_bytes()));

/// A byte in a key has 9 bits: there is one value more, for the end of the text.
const BITS: usize = 9;

/// Every place of a text, in an order in which all with a given text behind them stand together.
#[derive(Debug)]
struct Indexed {
    /// What stands from there on, [`ORDER`] bytes in one number.
    keys: Vec<u64>,
    /// What stands in front.
    before: Vec<u8>,
}

impl Indexed {
    fn new(text: &[u8]) -> Self {
        let mut key = 0;
        let mut places: Vec<(u64, u8)> = Vec::with_capacity(text.len());
        for byte in text.iter().rev() {
            places.push((key, *byte));
            key = key >> BITS | symbol(*byte) << ((ORDER - 1) * BITS);
        }
        places.sort_unstable();
        let (keys, before) = places.into_iter().unzip();
        Self { keys, before }
    }

    /// Of the places with `order - 1` bytes of a context behind them those that have `order`.
    fn narrow(&self, places: Range<usize>, context: u64, order: usize) -> Range<usize> {
        let low = context << ((ORDER - order) * BITS);
        let high = (context + 1) << ((ORDER - order) * BITS);
        let keys = self.keys.get(places.clone()).unwrap_or_default();
        let from = keys.partition_point(|key| *key < low);
        let count = keys.get(from..).unwrap_or_default().partition_point(|key| *key < high);
        places.start + from..places.start + from + count
    }
}

fn symbol(byte: u8) -> u64 {
    u64::from(byte) + 1
}

/// How often each byte was seen in one context.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Counts {
    of: [u32; 256],
    total: u32,
    distinct: u32,
}

impl Counts {
    const fn none() -> Self {
        Self { of: [0; 256], total: 0, distinct: 0 }
    }

    fn add(&mut self, byte: u8, times: u32) {
        if let Some(count) = self.of.get_mut(usize::from(byte)) {
            self.distinct += u32::from(*count == 0);
            *count += times;
            self.total += times;
        }
    }
}

/// What each byte was seen in front of one byte, or of none: these contexts are long lists, counted once.
static SHORT: LazyLock<Vec<Counts>> = LazyLock::new(|| {
    let mut counts = vec![Counts::none(); 257];
    let text = CORPUS.as_bytes();
    for (byte, after) in text.iter().zip(text.iter().skip(1)) {
        if let Some(counts) = counts.get_mut(usize::from(*after)) {
            counts.add(*byte, 1);
        }
    }
    if let Some(all) = counts.last_mut() {
        for byte in text {
            all.add(*byte, 1);
        }
    }
    counts
});

/// Guesses bytes from the end of a text to its beginning.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ranking {
    /// What has been recovered, last byte first.
    known: Vec<u8>,
}

impl Ranking {
    /// The byte in front of all known ones turned out to be this.
    pub fn learn(&mut self, byte: u8) {
        self.known.push(byte);
    }

    /// It turned out not to be.
    pub fn forget(&mut self) {
        self.known.pop();
    }

    /// All bytes, most likely first.
    pub fn guesses(&self) -> Vec<u8> {
        // Printable before anything else, then whatever is left.
        let mut likely = [0f64; 256];
        for (byte, likely) in (0..=u8::MAX).zip(&mut likely) {
            *likely = if matches!(byte, 0x20..=0x7e | b'\n') { 0.95 / 96.0 } else { 0.05 / 160.0 };
        }
        // Places in the corpus, and in what is known, with the same bytes behind them as the one that is guessed.
        let (mut shared, mut context) = (0..SHARED.keys.len(), 0);
        let mut own: Vec<usize> = (0..self.known.len()).collect();
        for order in 0..=ORDER.min(self.known.len()) {
            let behind = order.checked_sub(1).and_then(|back| self.known.iter().rev().nth(back));
            if let Some(byte) = behind {
                context = context << BITS | symbol(*byte);
                shared = SHARED.narrow(shared, context, order);
                let there = |place: usize| self.known.get(place.checked_sub(order)?);
                own.retain(|place| there(*place) == Some(byte));
            }
            let mut counts = match (order, behind) {
                (0, _) => SHORT.last().cloned(),
                (1, Some(byte)) => SHORT.get(usize::from(*byte)).cloned(),
                _ => None,
            }
            .unwrap_or(Counts::none());
            if order > 1 {
                let before = SHARED.before.get(shared.clone()).unwrap_or_default();
                for byte in before {
                    counts.add(*byte, 1);
                }
            }
            for byte in own.iter().filter_map(|place| self.known.get(*place)) {
                counts.add(*byte, OWN);
            }
            if counts.total == 0 {
                break;
            }
            let (total, distinct) = (f64::from(counts.total), f64::from(counts.distinct));
            for (likely, count) in likely.iter_mut().zip(counts.of) {
                *likely = (f64::from(count) + distinct * *likely) / (total + distinct);
            }
        }
        // Positive numbers are ordered as their bits are.
        let mut guesses: Vec<(u64, u8)> =
            likely.iter().map(|likely| !likely.to_bits()).zip(0..=u8::MAX).collect();
        guesses.sort_unstable();
        guesses.into_iter().map(|(_, byte)| byte).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_guessed_once_and_likely_ones_first() {
        let mut ranking = Ranking::default();
        for byte in b".gnihtyreve " {
            let mut guesses = ranking.guesses();
            guesses.sort_unstable();
            assert_eq!(guesses, (0..=255).collect::<Vec<u8>>());
            ranking.learn(*byte);
        }
        let mut ranking = Ranking::default();
        b" eht".iter().for_each(|byte| ranking.learn(*byte));
        assert_eq!(ranking.guesses().first(), Some(&b' '), "before `the `");
    }

    #[test]
    fn the_index_finds_what_looking_at_every_place_finds() {
        for text in [&b"banana bandana"[..], &[0; 9], &[0, 0, 1, 0, 0, 1, 0], b"ab"] {
            let index = Indexed::new(text);
            let longest = ORDER.min(text.len());
            for context in (1..=longest).flat_map(|len| text.windows(len)) {
                let (mut places, mut key) = (0..text.len(), 0);
                for (byte, order) in context.iter().zip(1..) {
                    key = key << BITS | symbol(*byte);
                    places = index.narrow(places, key, order);
                }
                let mut found = index.before[places].to_vec();
                found.sort_unstable();
                let all = text.windows(context.len() + 1).filter(|all| all[1..] == *context);
                let mut expected: Vec<u8> = all.map(|all| all[0]).collect();
                expected.sort_unstable();
                assert_eq!(found, expected, "in front of {context:?}");
            }
        }
    }

    /// How many guesses a byte of this text takes, on average.
    fn mean(text: &str) -> f64 {
        let mut ranking = Ranking::default();
        let mut guesses = 0;
        for byte in text.bytes().rev() {
            guesses += 1 + ranking.guesses().iter().position(|guess| *guess == byte).unwrap();
            ranking.learn(byte);
        }
        f64::from(u32::try_from(guesses).unwrap()) / f64::from(u32::try_from(text.len()).unwrap())
    }

    #[test]
    fn text_that_is_not_in_the_corpus_takes_a_few_guesses() {
        let english = include_str!("../../data/held_out_english.txt");
        let json = include_str!("../../data/held_out_json.txt");
        for text in [english, json] {
            let probe: String = text.chars().take(40).collect();
            assert!(!CORPUS.contains(&probe), "the test would be of what was learned by heart");
            let mean = mean(text);
            println!("{mean:.2} guesses a byte");
            assert!(mean < 18.0, "{mean}");
        }
    }
}
