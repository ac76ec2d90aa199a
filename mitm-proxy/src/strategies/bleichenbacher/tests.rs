//! The attack against oracles that are none but a function.

use bytes::Bytes;
use num_bigint::BigUint;
use protocol::entropy::Entropy;

use super::attack::block;
use super::{Attack, PublicKey, Question};
use crate::world::Reply;

const BUDGET: u64 = 200_000;

/// What a victim answers to a block.
type Oracle = fn(&[u8]) -> bool;

struct Lab {
    key: PublicKey,
    modulus: BigUint,
    message: BigUint,
    target: Vec<u8>,
}

impl Lab {
    /// A modulus of so many bytes, a message of `len` bytes, and its ciphertext. Nobody here decrypts, so the modulus need not
    /// be a product of two primes.
    fn new(seed: u64, bytes: usize, len: usize) -> Self {
        let mut entropy = Entropy::new(seed, "bleichenbacher");
        let mut draw =
            |len: usize| -> Vec<u8> { (0..len).map(|_| entropy.bytes::<1>()[0]).collect() };
        let small: BigUint = (2..5000u64).map(BigUint::from).product();
        let modulus = loop {
            let mut modulus = draw(bytes);
            modulus[0] |= 0x80;
            let modulus = BigUint::from_bytes_be(&modulus);
            if modulus.modinv(&small).is_some() {
                break modulus;
            }
        };
        let padding: Vec<u8> = draw(bytes - 3 - len).iter().map(|byte| (*byte).max(1)).collect();
        let message = [&[0, 2][..], &padding, &[0], &draw(len)].concat();
        let message = BigUint::from_bytes_be(&message);
        let key = PublicKey::new(&modulus.to_bytes_be(), &[1, 0, 1]);
        let target = block(&message.modpow(&BigUint::from(65537u32), &modulus), bytes);
        Self { key, modulus, message, target }
    }

    fn secret(&self) -> Vec<u8> {
        let block = block(&self.message, self.key.size);
        let end = block.iter().skip(2).position(|byte| *byte == 0).unwrap();
        block[end + 3..].to_vec()
    }

    /// Attack, with at most so many questions; how many that took.
    fn attack(&self, seed: u64, most: u64, oracle: Oracle) -> (Attack, u64) {
        let entropy = Entropy::new(seed, "attacker");
        let mut attack = Attack::new(self.key.clone(), &self.target, entropy, BUDGET);
        let mut asked = 0;
        while asked < most
            && let Some(question) = attack.question()
        {
            asked += 1;
            let number = match &question {
                Question::Block(block) => block.clone(),
                Question::Times(s) => s * &self.message % &self.modulus,
            };
            attack.answer(&said(oracle(&block(&number, self.key.size))));
        }
        (attack, asked)
    }
}

fn said(right: bool) -> Reply {
    let segments = if right { vec![Bytes::from_static(&[7; 77])] } else { Vec::new() };
    Reply { segments, closed: !right, gone: false }
}

/// Two bytes are looked at and nothing else: `TTT` of Bardou et al. 2012.
fn lenient(block: &[u8]) -> bool {
    block.starts_with(&[0, 2])
}

/// Eight bytes of padding and an end are looked for, whatever comes then: `FFT`, and what ccm's server does.
fn standard(block: &[u8]) -> bool {
    let end = block.iter().skip(2).position(|byte| *byte == 0);
    block.starts_with(&[0, 2]) && end.is_some_and(|end| end >= 8)
}

#[test]
fn recovers_what_was_encrypted_whatever_the_sizes() {
    for (seed, (bytes, len)) in (0..).zip([(32, 16), (32, 0), (33, 21), (48, 24), (64, 32)]) {
        let lab = Lab::new(seed, bytes, len);
        for oracle in [lenient, standard] {
            let (attack, asked) = lab.attack(seed, 2_000_000, oracle);
            assert_eq!(attack.verdict(), "decrypted", "{bytes} bytes after {asked}");
            assert_eq!(attack.recovered(), Some(&lab.secret()[..]), "{bytes} bytes");
            assert_eq!(attack.known(), bytes as u64);
        }
    }
}

#[test]
fn ciphertexts_are_those_of_the_products() {
    let lab = Lab::new(1, 32, 8);
    let s = BigUint::from(12345u32);
    let asked = lab.key.ciphertext(&lab.target, &Question::Times(s.clone()));
    let product = s * &lab.message % &lab.modulus;
    assert_eq!(asked, lab.key.ciphertext(&[], &Question::Block(product)));
    assert_eq!(lab.key.ciphertext(&[], &Question::Block(lab.message.clone())), lab.target);
}

#[test]
fn where_no_answer_differs_it_ends_soon() {
    let lab = Lab::new(2, 32, 8);
    let (attack, asked) = lab.attack(2, 10_000, |_| false);
    assert_eq!(attack.verdict(), "right padding is answered like wrong padding");
    assert_eq!((attack.recovered(), asked), (None, 80));
    let (attack, _) = lab.attack(2, 10_000, |block| block[31] & 1 == 1);
    assert_eq!(attack.verdict(), "wrong paddings are answered in more than one way");
}

/// As the published server, which wants text besides: only short messages have a chance.
#[test]
fn an_oracle_that_is_too_strict_is_given_up_before_the_budget_is_spent() {
    let strict = |block: &[u8]| {
        let end = block.iter().skip(2).position(|byte| *byte == 0).filter(|end| *end >= 8);
        let message = end.map(|end| block[end + 3..].is_ascii());
        block.starts_with(&[0, 2]) && message == Some(true)
    };
    let lab = Lab::new(3, 128, 32);
    let (attack, asked) = lab.attack(3, 200_000, strict);
    assert!(attack.verdict().starts_with("an oracle of no use: "), "{}", attack.verdict());
    assert!(asked < 2100, "{asked}");
}

#[test]
fn an_attack_can_stop_anywhere_and_a_lost_connection_ends_it() {
    let lab = Lab::new(4, 64, 32);
    let (attack, asked) = lab.attack(4, 1500, standard);
    assert_eq!((&attack.verdict()[..], asked), ("not finished", 1500));
    let mut attack = Attack::new(lab.key.clone(), &lab.target, Entropy::new(4, "attacker"), 9);
    attack.question();
    attack.answer(&Reply { gone: true, ..Reply::default() });
    assert_eq!((attack.verdict(), attack.question()), ("nobody answers".to_owned(), None));
    let short = Attack::new(lab.key.clone(), &[1], Entropy::new(4, "attacker"), 9);
    assert_eq!(short.verdict(), "the ciphertext is not as long as the modulus");
}

#[test]
fn an_oracle_for_another_key_contradicts_itself() {
    let lab = Lab::new(5, 32, 8);
    let mut attack =
        Attack::new(lab.key.clone(), &lab.target, Entropy::new(5, "attacker"), 1 << 20);
    let mut coin = Entropy::new(5, "coin");
    let mut asked = 0;
    while let Some(question) = attack.question() {
        asked += 1;
        let right = match &question {
            Question::Block(number) => lenient(&block(number, 32)),
            // The ciphertext itself is answered, and after that now and then one.
            Question::Times(s) => *s == BigUint::from(1u8) || coin.bytes::<1>()[0] == 0,
        };
        attack.answer(&said(right));
        assert!(asked < 1 << 20);
    }
    assert_eq!(attack.recovered(), None);
    let ends =
        ["the answers contradict one another", "what came out does not encrypt to the ciphertext"];
    assert!(ends.contains(&&attack.verdict()[..]), "{}", attack.verdict());
}
