//! The attack against a block cipher that is none.

use std::collections::VecDeque;

use bytes::Bytes;

use super::target::{BLOCK, Block};
use super::{Attack, Target};
use crate::world::Reply;

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
    (1..=BLOCK).contains(&count) && text[BLOCK - count..].iter().all(|b| usize::from(*b) == count)
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
