//! The reasoning of the attack, a value without IO: [`Attack::question`] says what to ask, [`Attack::answer`] takes the reply.

use std::fmt;

use num_bigint::BigUint;
use num_integer::Integer;
use protocol::entropy::Entropy;

use super::bounds::{Interval, Ladder, Range};
use super::trim::Trimming;
use crate::world::Reply;

/// Questions about random numbers, to see how wrong padding is answered.
const USUAL: usize = 8;
/// Sizes of keys that somebody could have encrypted, in bytes.
const KEYS: [usize; 4] = [16, 24, 32, 48];
/// Questions about random right paddings before it is believed that none is answered otherwise.
const PATIENCE: u64 = 64;
/// Such questions at most.
const SAMPLE: u64 = 2048;
/// Right answers that are enough to know the rate.
const ENOUGH: u64 = 16;

/// An RSA public key as numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    modulus: BigUint,
    exponent: BigUint,
    /// The size of the modulus in bytes.
    pub size: usize,
}

impl PublicKey {
    /// From modulus and exponent, big-endian.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Self {
        let modulus = BigUint::from_bytes_be(modulus);
        let size = usize::try_from(modulus.bits().div_ceil(8)).unwrap_or(0);
        Self { modulus, exponent: BigUint::from_bytes_be(exponent), size }
    }

    /// The ciphertext that asks a question about `target`, big-endian, as long as the modulus.
    pub fn ciphertext(&self, target: &[u8], question: &Question) -> Vec<u8> {
        let encrypt = |number: &BigUint| number.modpow(&self.exponent, &self.modulus);
        let number = match question {
            Question::Block(block) => encrypt(block),
            Question::Times(s) => BigUint::from_bytes_be(target) * encrypt(s) % &self.modulus,
        };
        block(&number, self.size)
    }
}

/// A number as a block of that many bytes, big-endian.
pub(super) fn block(number: &BigUint, size: usize) -> Vec<u8> {
    let digits = number.to_bytes_be();
    let mut block = vec![0; size.saturating_sub(digits.len())];
    block.extend(digits);
    block
}

/// What to ask about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// This plaintext, which the attacker has made itself.
    Block(BigUint),
    /// The unknown plaintext times this, modulo the modulus.
    Times(BigUint),
}

/// The attack on one ciphertext.
#[derive(Clone, Debug)]
pub struct Attack {
    key: PublicKey,
    target: Vec<u8>,
    range: Range,
    entropy: Entropy,
    /// The most questions, all in all.
    budget: u64,
    /// How wrong padding is answered.
    usual: Option<String>,
    stage: Stage,
    /// What the plaintext can be.
    intervals: Vec<Interval>,
    /// The plaintext, once it is known.
    plaintext: Option<Vec<u8>>,
    /// The last question.
    asked: Option<Question>,
}

#[derive(Clone, Debug)]
enum Stage {
    /// What is answered to random numbers, in words.
    Usual(Vec<String>),
    /// Is any right padding of something like a key answered otherwise? The one of that number is asked about.
    Keys {
        at: usize,
        answered: u64,
    },
    /// And how many of random messages?
    Rate {
        asked: u64,
        answered: u64,
        of_keys: u64,
    },
    /// And the ciphertext itself?
    Original {
        one_in: f64,
    },
    Trim(Trimming),
    Search {
        ladders: Vec<Ladder>,
        turn: usize,
    },
    Over(Ending),
}

/// How the attack ended.
#[derive(Clone, Debug)]
enum Ending {
    Decrypted,
    /// The ciphertext has another size than the modulus.
    WrongLength,
    NobodyAnswers,
    /// The recorded ciphertext has right padding, and the victim answers it as it answers wrong padding.
    OriginalIsWrong,
    /// The victim answers wrong padding in several ways.
    WrongVaries,
    /// The victim answers right padding as it answers wrong padding.
    SameAnswer,
    /// So few right paddings are recognised that the budget cannot be enough.
    TooRare {
        asked: u64,
        answered: u64,
        /// How many questions the attack would take at least.
        least: f64,
    },
    Contradiction,
    /// The plaintext that was found does not encrypt to the ciphertext.
    NotThePlaintext,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decrypted => "decrypted",
            Self::WrongLength => "the ciphertext is not as long as the modulus",
            Self::NobodyAnswers => "nobody answers",
            Self::OriginalIsWrong => {
                "the recorded ciphertext itself is answered like wrong padding"
            }
            Self::WrongVaries => "wrong paddings are answered in more than one way",
            Self::SameAnswer => "right padding is answered like wrong padding",
            Self::TooRare { asked, answered, least } => {
                return write!(
                    f,
                    "an oracle of no use: of {asked} right paddings {answered} are answered otherwise than wrong ones, so it takes more than {least:.0} questions"
                );
            }
            Self::Contradiction => "the answers contradict one another",
            Self::NotThePlaintext => "what came out does not encrypt to the ciphertext",
        })
    }
}

impl Attack {
    /// Decrypt `target`, a ciphertext under `key`, with at most so many questions. It gives up early where no such number can be enough.
    pub fn new(key: PublicKey, target: &[u8], entropy: Entropy, budget: u64) -> Self {
        let range = Range::new(key.modulus.clone(), key.size);
        let intervals = vec![range.of_message(key.size)];
        let stage = if key.size < 11 || target.len() != key.size {
            Stage::Over(Ending::WrongLength)
        } else {
            Stage::Usual(Vec::new())
        };
        let (target, usual) = (target.to_vec(), None);
        let (plaintext, asked) = (None, None);
        Self { key, target, range, entropy, budget, usual, stage, intervals, plaintext, asked }
    }

    /// What to ask next; nothing when all is over.
    pub fn question(&mut self) -> Option<Question> {
        let question = loop {
            match &mut self.stage {
                Stage::Over(_) => return None,
                Stage::Usual(_) => {
                    let random = BigUint::from_bytes_be(&self.random(self.key.size + 8));
                    break Question::Block(random % &self.key.modulus);
                }
                Stage::Keys { at, .. } => {
                    let size = KEYS.get(*at % KEYS.len()).copied().unwrap_or_default();
                    break Question::Block(self.padded(size));
                }
                Stage::Rate { .. } => {
                    let mut message = self.random(self.key.size);
                    for (byte, front) in message.iter_mut().zip([0, 2]) {
                        *byte = front;
                    }
                    break Question::Block(BigUint::from_bytes_be(&message));
                }
                Stage::Original { .. } => break Question::Times(BigUint::from(1u8)),
                Stage::Trim(trimming) => match trimming.question() {
                    Some((numerator, denominator)) => {
                        let inverse = BigUint::from(denominator).modinv(&self.key.modulus);
                        let s = inverse.unwrap_or_default() * numerator % &self.key.modulus;
                        break Question::Times(s);
                    }
                    None => self.trimmed(),
                },
                Stage::Search { ladders, turn } => {
                    *turn = (*turn + 1) % ladders.len().max(1);
                    break Question::Times(ladders.get_mut(*turn)?.step(&self.range));
                }
            }
        };
        self.asked = Some(question.clone());
        Some(question)
    }

    /// What the victim answered to the last question.
    pub fn answer(&mut self, reply: &Reply) {
        let Some(question) = self.asked.take() else { return };
        if reply.gone {
            return self.over(Ending::NobodyAnswers);
        }
        let answer = reply.describe();
        let is_right = self.usual.as_ref().is_some_and(|usual| *usual != answer);
        match &mut self.stage {
            Stage::Over(_) => {}
            Stage::Usual(answers) => {
                answers.push(answer);
                if answers.len() == USUAL {
                    self.settle_usual();
                }
            }
            Stage::Keys { at, answered } => {
                *at += 1;
                *answered += u64::from(is_right);
                if *at == 2 * KEYS.len() {
                    let of_keys = *answered;
                    self.stage = Stage::Rate { asked: 0, answered: 0, of_keys };
                }
            }
            Stage::Rate { asked, answered, of_keys } => {
                *asked += 1;
                *answered += u64::from(is_right);
                let counts = (*asked, *answered, *of_keys);
                self.judge_rate(counts);
            }
            Stage::Original { .. } if !is_right => {
                self.over(Ending::OriginalIsWrong);
            }
            Stage::Original { one_in } => self.stage = Stage::Trim(Trimming::new(*one_in)),
            Stage::Trim(trimming) => trimming.told(is_right),
            Stage::Search { .. } => {
                if let (true, Question::Times(s)) = (is_right, question) {
                    self.found(&s);
                }
            }
        }
    }

    /// The plaintext without its padding, once it is known.
    pub fn recovered(&self) -> Option<&[u8]> {
        let padded = self.plaintext.as_deref()?.strip_prefix(&[0, 2])?;
        let end = padded.iter().position(|byte| *byte == 0)?;
        padded.get(end + 1..)
    }

    /// Whether the plaintext is being narrowed down; before that, it is found out how.
    pub fn is_decrypting(&self) -> bool {
        matches!(self.stage, Stage::Trim(_) | Stage::Search { .. })
    }

    /// How many bytes of the block are known, about.
    pub fn known(&self) -> u64 {
        let width = |interval: &Interval| (&interval.high - &interval.low).bits();
        let open = self.intervals.iter().map(width).max().unwrap_or(0);
        (self.key.size as u64).saturating_sub(open.div_ceil(8))
    }

    /// How it ended, in words.
    pub fn verdict(&self) -> String {
        match &self.stage {
            Stage::Over(ending) => ending.to_string(),
            _ => "not finished".to_owned(),
        }
    }

    /// Whether it has come to an end.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }

    fn over(&mut self, ending: Ending) {
        self.stage = Stage::Over(ending);
    }

    fn settle_usual(&mut self) {
        let Stage::Usual(answers) = &self.stage else { return };
        let count = |answer: &String| answers.iter().filter(|other| *other == answer).count();
        // By chance one random number in 65,536 or so has right padding.
        let usual = answers.iter().find(|answer| count(answer) + 1 >= USUAL).cloned();
        if usual.is_none() {
            return self.over(Ending::WrongVaries);
        }
        self.usual = usual;
        self.stage = Stage::Keys { at: 0, answered: 0 };
    }

    fn judge_rate(&mut self, (asked, answered, of_keys): (u64, u64, u64)) {
        if answered + of_keys == 0 && asked >= PATIENCE {
            return self.over(Ending::SameAnswer);
        }
        if answered < ENOUGH && asked < SAMPLE {
            return;
        }
        // In the end each right answer halves what the plaintext can be, and every second question would be right if all right
        // paddings were answered. Where hardly any is, three stand for the none to three that a sample would show by chance.
        #[expect(clippy::cast_precision_loss, reason = "counts of questions")]
        let (sample, right, bits) = (asked as f64, answered as f64, self.key.size as f64 * 8.0);
        let one_in = sample / right.max(3.0);
        let least = 2.0 * bits * one_in;
        #[expect(clippy::cast_precision_loss, reason = "a comparison of magnitudes")]
        if least > self.budget as f64 {
            self.over(Ending::TooRare { asked, answered, least });
        } else {
            self.stage = Stage::Original { one_in };
        }
    }

    /// What trimming has found narrows the interval.
    fn trimmed(&mut self) {
        let Stage::Trim(Trimming { divisor, lowest, highest, .. }) = self.stage else { return };
        let low = (&self.range.two_b * divisor).div_ceil(&BigUint::from(lowest));
        let high = &self.range.last * divisor / highest;
        for interval in &mut self.intervals {
            interval.low = interval.low.clone().max(low.clone());
            interval.high = interval.high.clone().min(high.clone());
        }
        self.intervals.retain(|interval| interval.low <= interval.high);
        let ladders =
            self.intervals.iter().map(|i| Ladder::first(&self.range, i.clone())).collect();
        self.stage = Stage::Search { ladders, turn: 0 };
        self.finish_if_known();
    }

    /// The plaintext times s has right padding.
    fn found(&mut self, s: &BigUint) {
        self.intervals = self.range.narrow(&self.intervals, s);
        // Several intervals are followed at once, each as if it were the only one.
        let follow = |interval: &Interval| Ladder::after(&self.range, interval.clone(), s);
        let ladders = self.intervals.iter().map(follow).collect();
        self.stage = Stage::Search { ladders, turn: 0 };
        self.finish_if_known();
    }

    fn finish_if_known(&mut self) {
        match &self.intervals[..] {
            [] => self.over(Ending::Contradiction),
            [Interval { low, high }] if low == high => {
                let encrypted = low.modpow(&self.key.exponent, &self.key.modulus);
                if encrypted == BigUint::from_bytes_be(&self.target) {
                    self.plaintext = Some(block(low, self.key.size));
                    self.over(Ending::Decrypted);
                } else {
                    self.over(Ending::NotThePlaintext);
                }
            }
            _ => {}
        }
    }

    fn random(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.entropy.bytes::<1>()[0]).collect()
    }

    /// A key of that many printable bytes, as its owner would pad it; as many as fit.
    fn padded(&mut self, size: usize) -> BigUint {
        let size = size.min(self.key.size.saturating_sub(11));
        let mut block = vec![0, 2];
        block.extend(self.random(self.key.size - 3 - size).iter().map(|byte| byte | 1));
        block.push(0);
        block.extend(self.random(size).iter().map(|byte| b'!' + byte % 94));
        BigUint::from_bytes_be(&block)
    }
}
