//! The reasoning: which forgeries to ask about, and what the answers say.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use super::target::{BLOCK, Block, Target};
use crate::strategies::ranking::Ranking;
use crate::world::Reply;

/// What is out of reach.
const HIDDEN: &str =
    "the first block cannot be decrypted: its initialization vector is not on the wire";

/// The attack, without IO: [`Attack::questions`] are ciphertexts to be sent, [`Attack::answer`] takes the replies in the same order.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What stands in front of each block that can be decrypted, and the block.
    pairs: Vec<(Block, Block)>,
    whole: Vec<Block>,
    /// Nothing on the wire stands in front of the first block, so nobody can decrypt it this way.
    first_is_hidden: bool,
    skip_last: usize,
    ranking: Ranking,
    /// How a victim answers wrong padding.
    wrong: Option<Reply>,
    /// Answers to the questions about the length of the padding.
    stage: Stage,
    /// What was recovered, last byte first.
    pub plaintext: Vec<u8>,
    /// How many bytes of the end of the plaintext are not wanted.
    unwanted: usize,
    /// Questions whose answer is still to come, by the byte they guess; 0 where nothing is guessed.
    asked: VecDeque<u8>,
    /// Answers still to come that nobody needs any more.
    stale: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    /// What is the answer to wrong padding?
    Wrong,
    /// And to right padding of a wrong record?
    Right,
    /// The padding has at least `low` bytes and at most `high`.
    Length { low: usize, high: usize },
    /// Block `at` of the pairs: its intermediate value from byte `from` on.
    Decrypting(Box<Decrypting>),
    /// There is nothing left, or nothing to be had.
    Over(Ending),
}

/// How the attack ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    Decrypted,
    /// Everything that can be decrypted is padding, or not wanted.
    NothingLeft,
    NobodyAnswers,
    SessionEnded,
    /// The victim answers wrong padding as it answers other wrong records.
    NoOracle,
    /// No value of a byte gave the answer to right padding.
    NoGuessIsRight,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decrypted => "decrypted",
            Self::NothingLeft => "nothing is left to decrypt",
            Self::NobodyAnswers => "nobody answers",
            Self::SessionEnded => "a forgery ended the session",
            Self::NoOracle => "wrong padding is answered like anything else that is wrong",
            Self::NoGuessIsRight => "no guess is right: the answers are not what they seemed",
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Decrypting {
    pair: usize,
    /// The byte that is guessed.
    byte: usize,
    /// The block cipher's output: what the plaintext is before the block in front is mixed in.
    inner: Block,
    guesses: VecDeque<u8>,
    /// There never was more than one guess.
    sure: bool,
    /// The guesses of the last byte that were not tried, in case it was right for the wrong reason.
    spare: VecDeque<u8>,
}

impl Attack {
    /// Decrypt `target`, all but `skip_last` bytes of its end.
    pub fn new(target: &Target, skip_last: usize) -> Self {
        let fronts = target.iv.iter().chain(&target.blocks);
        let skip = usize::from(target.iv.is_none());
        let pairs = fronts.zip(target.blocks.iter().skip(skip)).map(|(a, b)| (*a, *b)).collect();
        Self {
            pairs,
            whole: target.blocks.clone(),
            first_is_hidden: target.iv.is_none(),
            skip_last,
            ranking: Ranking::default(),
            wrong: None,
            stage: Stage::Wrong,
            plaintext: Vec::new(),
            unwanted: 0,
            asked: VecDeque::new(),
            stale: 0,
        }
    }

    /// Whether bytes are being recovered; before that, it is found out how.
    pub fn is_decrypting(&self) -> bool {
        matches!(self.stage, Stage::Decrypting(_))
    }

    /// The bytes it can recover at most.
    pub fn wanted(&self) -> usize {
        (self.pairs.len() * BLOCK).saturating_sub(self.unwanted)
    }

    /// What was recovered, in the order of the text.
    pub fn recovered(&self) -> Bytes {
        self.plaintext.iter().rev().copied().collect::<Vec<u8>>().into()
    }

    /// Why there was nothing to recover, if so, although the victim tells wrong padding from anything else.
    pub fn reaches_nothing(&self) -> Option<String> {
        (self.stage == Stage::Over(Ending::NothingLeft)).then(|| self.verdict())
    }

    /// How it ended, in words.
    pub fn verdict(&self) -> String {
        match self.stage {
            Stage::Over(ending @ Ending::Decrypted) if self.first_is_hidden => {
                format!("{ending}; {HIDDEN}")
            }
            Stage::Over(ending @ Ending::NothingLeft) if self.first_is_hidden => {
                format!("{ending}; {HIDDEN}; all of the text is in it")
            }
            Stage::Over(ending) => ending.to_string(),
            _ => "not finished".to_owned(),
        }
    }

    /// Add the next questions, so that `most` are without an answer at most: several at once save waiting and may be asked
    /// in vain. When none has been added and none is without an answer, all is over.
    pub fn questions(&mut self, most: usize, questions: &mut VecDeque<Vec<u8>>) {
        let question = match &self.stage {
            Stage::Over(_) => return,
            Stage::Decrypting(_) => return self.guess(most, questions),
            // The next question depends on the answer.
            _ if !self.asked.is_empty() => return,
            // No padding is longer than 16 bytes: with its highest bit turned, the last byte says more.
            Stage::Wrong => self.with_turned(BLOCK - 1),
            // A bit turned two blocks before the end changes what is authenticated, and no padding.
            Stage::Right => self.with_front_turned(),
            Stage::Length { low, high } => {
                let middle = *low + (*high - *low) / 2;
                self.with_turned(BLOCK - 1 - middle)
            }
        };
        self.asked.push_back(0);
        questions.push_back(question);
    }

    fn guess(&mut self, most: usize, questions: &mut VecDeque<Vec<u8>>) {
        loop {
            let Stage::Decrypting(work) = &mut self.stage else { return };
            let Some(pair) = self.pairs.get(work.pair) else { return };
            // When one guess is left nobody need be asked, unless the last byte may have been right for the wrong reason.
            let sure = work.sure || !work.may_be_misled();
            if let (true, true, [only]) =
                (sure, self.asked.is_empty(), work.guesses.make_contiguous())
            {
                let only = *only;
                self.found(only);
                continue;
            }
            while self.asked.len() + self.stale < most.max(1) {
                let Some(guess) = work.guesses.pop_front() else { return };
                self.asked.push_back(guess);
                questions.push_back(work.question(guess, pair));
            }
            return;
        }
    }

    /// The whole record, with the highest bit of a byte of its last plaintext block turned.
    fn with_turned(&self, byte: usize) -> Vec<u8> {
        let mut blocks = self.whole.clone();
        let before_last = blocks.len().saturating_sub(2);
        if let Some(byte) = blocks.get_mut(before_last).and_then(|block| block.get_mut(byte)) {
            *byte ^= 0x80;
        }
        blocks.concat()
    }

    /// The whole record with a change that leaves its last plaintext block alone.
    fn with_front_turned(&self) -> Vec<u8> {
        let mut blocks = self.whole.clone();
        if blocks.len() > 2 {
            if let Some(byte) = blocks.first_mut().and_then(|block| block.first_mut()) {
                *byte ^= 0x80;
            }
            blocks.concat()
        } else {
            // Of two blocks the first decides the padding of the second: put it twice.
            let first = blocks.first().copied().unwrap_or_default();
            blocks.insert(0, first);
            blocks.concat()
        }
    }

    /// Take the answer to the oldest question that has none.
    pub fn answer(&mut self, reply: &Reply) {
        if self.stale > 0 {
            self.stale -= 1;
            return;
        }
        let Some(guess) = self.asked.pop_front() else { return };
        let padding_is_wrong = self.wrong.as_ref() == Some(reply);
        if matches!(self.stage, Stage::Over(_)) {
            return;
        }
        if reply.gone {
            self.stage = Stage::Over(Ending::NobodyAnswers);
            return;
        }
        if reply.closed {
            self.stage = Stage::Over(Ending::SessionEnded);
            return;
        }
        match &mut self.stage {
            Stage::Over(_) => {}
            Stage::Wrong => {
                self.wrong = Some(reply.clone());
                self.stage = Stage::Right;
            }
            Stage::Right if padding_is_wrong => {
                self.stage = Stage::Over(Ending::NoOracle);
            }
            Stage::Right => self.stage = Stage::Length { low: 1, high: BLOCK },
            Stage::Length { low, high } => {
                let middle = *low + (*high - *low) / 2;
                // The byte that many in front of the last is padding, if a change of it matters.
                if padding_is_wrong {
                    *low = middle + 1;
                } else {
                    *high = middle;
                }
                if low == high {
                    self.unwanted = *low + self.skip_last;
                    self.begin();
                }
            }
            Stage::Decrypting(work) => {
                if !padding_is_wrong {
                    self.found(guess);
                } else if work.guesses.is_empty() && self.asked.is_empty() {
                    self.go_back();
                }
            }
        }
    }

    /// No guess was right. The last byte of the block may have been taken for right because two bytes happened to be 2, or
    /// three 3, and so on: then the guesses after it are still to be tried.
    fn go_back(&mut self) {
        let Stage::Decrypting(work) = &mut self.stage else { return };
        if !work.may_be_misled() {
            self.stage = Stage::Over(Ending::NoGuessIsRight);
            return;
        }
        let (pair, found) = (work.pair, work.byte + 1..BLOCK);
        work.byte = BLOCK - 1;
        work.guesses = std::mem::take(&mut work.spare);
        for byte in found {
            if self.is_wanted(pair, byte) {
                self.plaintext.pop();
                self.ranking.forget();
            }
        }
    }

    /// How many bytes of the plaintext stand behind this one.
    fn behind(&self, pair: usize, byte: usize) -> usize {
        (self.pairs.len() * BLOCK).saturating_sub(pair * BLOCK + byte + 1)
    }

    fn is_wanted(&self, pair: usize, byte: usize) -> bool {
        self.behind(pair, byte) >= self.unwanted
    }

    /// The padding is known: decrypt from the last block that has anything wanted.
    fn begin(&mut self) {
        let pair = self.pairs.len().checked_sub(1 + self.unwanted / BLOCK);
        self.stage = match pair {
            // What is not wanted of that block must be guessed all the same: a byte needs all behind it.
            Some(pair) => Stage::Decrypting(Box::new(Decrypting::new(pair))),
            None => Stage::Over(Ending::NothingLeft),
        };
        self.prepare();
    }

    /// Get the guesses for the byte whose turn it is.
    fn prepare(&mut self) {
        let Stage::Decrypting(work) = &self.stage else { return };
        let behind = self.behind(work.pair, work.byte);
        let padding = self.unwanted - self.skip_last;
        let guesses = if behind < padding {
            // Padding is known already.
            vec![u8::try_from(padding).unwrap_or_default()]
        } else if behind < self.unwanted {
            (0..=u8::MAX).collect()
        } else {
            self.ranking.guesses()
        };
        let Stage::Decrypting(work) = &mut self.stage else { return };
        work.sure = guesses.len() == 1;
        work.guesses = guesses.into();
    }

    /// A guess was right.
    fn found(&mut self, guess: u8) {
        let Stage::Decrypting(work) = &mut self.stage else { return };
        let (pair, byte) = (work.pair, work.byte);
        let front = self.pairs.get(pair).and_then(|(front, _)| front.get(byte)).copied();
        if let (Some(inner), Some(front)) = (work.inner.get_mut(byte), front) {
            *inner = guess ^ front;
        }
        let rest = std::mem::take(&mut work.guesses);
        self.stale += self.asked.len();
        if byte + 1 == BLOCK {
            work.spare = self.asked.drain(..).chain(rest).collect();
        }
        self.asked.clear();
        match (byte.checked_sub(1), pair.checked_sub(1)) {
            (Some(byte), _) => work.byte = byte,
            (None, Some(pair)) => **work = Decrypting::new(pair),
            (None, None) => self.stage = Stage::Over(Ending::Decrypted),
        }
        if self.is_wanted(pair, byte) {
            self.plaintext.push(guess);
            self.ranking.learn(guess);
        }
        self.prepare();
    }
}

impl Decrypting {
    fn new(pair: usize) -> Self {
        let (guesses, spare) = (VecDeque::new(), VecDeque::new());
        Self { pair, byte: BLOCK - 1, inner: [0; BLOCK], guesses, sure: false, spare }
    }

    /// Whether a wrong last byte would show here: no guess is right then. If two bytes were 2, the byte in front of it has
    /// any value, for the last one is 1 when it is asked for, and the one in front of that has none. If more bytes were alike,
    /// the byte in front of the last one has none.
    fn may_be_misled(&self) -> bool {
        matches!(BLOCK - self.byte, 2 | 3) && !self.spare.is_empty()
    }

    /// Two blocks whose plaintext ends with right padding if the guess is right.
    fn question(&self, guess: u8, (front, block): &(Block, Block)) -> Vec<u8> {
        let padding = u8::try_from(BLOCK - self.byte).unwrap_or_default();
        let mut forged = [0; BLOCK];
        let bytes = forged.iter_mut().zip(self.inner).zip(*front).enumerate();
        for (at, ((forged, inner), front)) in bytes {
            *forged = match at.cmp(&self.byte) {
                // Anything; not the original, so that its padding cannot come through, and nothing that makes padding of text.
                std::cmp::Ordering::Less => front ^ 0x80,
                std::cmp::Ordering::Equal => guess ^ front ^ padding,
                std::cmp::Ordering::Greater => inner ^ padding,
            };
        }
        [forged, *block].concat()
    }
}
