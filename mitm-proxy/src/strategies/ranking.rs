//! Which byte stands in front of bytes already known: all 256 in the order of likelihood. Text is guessed in a few
//! tries instead of 128.
//!
//! Prediction by partial matching (Cleary and Witten 1984; escape method C of Moffat 1990) over a small corpus of English, JSON and
//! program output, read backwards, and over what has been recovered so far. A corpus of random bytes would do no harm: every byte is
//! in the list once.

use std::sync::LazyLock;

/// Text of this project: what it says of itself, and records as programs write them.
static CORPUS: &str = include_str!("../../data/corpus.txt");

/// The longest context looked at, in bytes.
const ORDER: usize = 6;

/// Recovered text counts as many times as text of the corpus: it is of the same kind as what is still hidden.
const OWN: u32 = 6;

static SHARED: LazyLock<Indexed> = LazyLock::new(|| Indexed::new(CORPUS.as_bytes()));

/// Text in an order in which all places with a given text behind them stand together.
#[derive(Debug)]
struct Indexed {
    /// The text backwards.
    text: Vec<u8>,
    /// Places in it, ordered by what stands from there on.
    places: Vec<u32>,
}

impl Indexed {
    fn new(text: &[u8]) -> Self {
        let text: Vec<u8> = text.iter().rev().copied().collect();
        let mut places: Vec<u32> = (0..u32::try_from(text.len()).unwrap_or(u32::MAX)).collect();
        let key = |place: u32| {
            let rest = text.get(place as usize..).unwrap_or_default();
            rest.get(..=ORDER).unwrap_or(rest)
        };
        places.sort_by(|a, b| key(*a).cmp(key(*b)));
        Self { text, places }
    }

    /// Count what comes after `context`, in the backward text.
    fn count(&self, context: &[u8], counts: &mut Counts) {
        let rest = |place: &u32| self.text.get(*place as usize..).unwrap_or_default();
        let head = |place: &u32| {
            let rest = rest(place);
            rest.get(..context.len()).unwrap_or(rest)
        };
        let first = self.places.partition_point(|place| head(place) < context);
        for place in self.places.iter().skip(first) {
            if head(place) != context {
                break;
            }
            if let Some(next) = rest(place).get(context.len()) {
                counts.add(*next, 1);
            }
        }
    }
}

/// How often each byte was seen in one context.
#[derive(Clone, Debug)]
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
    let text = &SHARED.text;
    for (after, byte) in text.iter().zip(text.iter().skip(1)) {
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
        for order in 0..=ORDER.min(self.known.len()) {
            let mut context: Vec<u8> = self.known.iter().rev().take(order).copied().collect();
            context.reverse();
            let counts = self.counts(&context);
            if counts.total == 0 {
                break;
            }
            let (total, distinct) = (f64::from(counts.total), f64::from(counts.distinct));
            for (likely, count) in likely.iter_mut().zip(counts.of) {
                *likely = (f64::from(count) + distinct * *likely) / (total + distinct);
            }
        }
        let mut guesses: Vec<u8> = (0..=u8::MAX).collect();
        let likely = |byte: u8| likely.get(usize::from(byte)).copied().unwrap_or_default();
        guesses.sort_by(|a, b| likely(*b).total_cmp(&likely(*a)).then(a.cmp(b)));
        guesses
    }

    /// What was seen after `context`, in backward text: in the corpus, and in what is known.
    fn counts(&self, context: &[u8]) -> Counts {
        let mut counts = match context {
            [] => SHORT.last().cloned(),
            [one] => SHORT.get(usize::from(*one)).cloned(),
            _ => None,
        }
        .unwrap_or(Counts::none());
        if context.len() > 1 {
            SHARED.count(context, &mut counts);
        }
        for window in self.known.windows(context.len() + 1) {
            if let Some((next, before)) = window.split_last()
                && before == context
            {
                counts.add(*next, OWN);
            }
        }
        counts
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
