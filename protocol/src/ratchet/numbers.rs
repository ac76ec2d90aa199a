//! What clients send, comma-separated decimal numbers, and what the server makes of all of them.

use crate::endpoint::{Check, Reject};
use crate::ratchet::wire::MAX_FRAME;
use crate::weakness::{Profile, Weakness};

/// More numbers than one round can have: a client is named by one byte, and each of its numbers takes at least a digit and a comma
/// of its frame.
const MOST_NUMBERS: usize = (u8::MAX as usize + 1) * (MAX_FRAME / 2);

/// Hardened: the largest number accepted. A check of each number by itself says nothing about their sum, so the bound is the one that
/// keeps the sum of a whole round finite: no client can spoil what the others are told.
#[expect(clippy::cast_precision_loss, reason = "a power of two is exact")]
const LARGEST: f64 = f64::MAX / MOST_NUMBERS as f64;

/// The decrypted numbers: text, and IEEE 754 bits.
///
/// # Errors
/// `content` for what are no numbers, `value` for numbers that are not finite, or so large that a sum might not be.
pub(super) fn read(profile: Profile, plaintext: Vec<u8>) -> Result<(String, Vec<u64>), Reject> {
    let text = String::from_utf8(plaintext).map_err(|_| Reject::new(Check::Content, "ct"))?;
    let mut numbers = Vec::new();
    for number in text.split(',') {
        let number: f64 = number.trim().parse().map_err(|_| Reject::new(Check::Content, "ct"))?;
        // A NaN is not less than anything.
        let in_bounds = number.abs() <= LARGEST;
        if !in_bounds && !profile.has(Weakness::NanAccepted) {
            return Err(Reject::new(Check::Value, "ct"));
        }
        numbers.push(number.to_bits());
    }
    Ok((text, numbers))
}

/// The mean of what the active clients sent in one round, each with the number of the round.
pub(super) fn aggregate<'a>(sent: impl Iterator<Item = &'a (u32, Vec<u64>)>) -> String {
    let values = sent.flat_map(|(_, numbers)| numbers.iter().map(|bits| f64::from_bits(*bits)));
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    let mean: f64 = sum / count;
    // The published program prints a NaN in lower case.
    if mean.is_nan() { "Aggregated: nan".to_owned() } else { format!("Aggregated: {mean:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratchet::SYSTEM;

    fn number(value: f64) -> Vec<u8> {
        format!("{value:e}").into_bytes()
    }

    #[test]
    fn the_largest_number_is_accepted_and_the_next_is_not() {
        let refused = Err(Reject::new(Check::Value, "ct"));
        for sign in [1.0, -1.0] {
            let (largest, next) = (sign * LARGEST, sign * LARGEST.next_up());
            let read_bits = |value| read(Profile::HARDENED, number(value)).map(|(_, bits)| bits);
            assert_eq!(read_bits(largest), Ok(vec![largest.to_bits()]));
            assert_eq!(read_bits(next), refused.clone());
            let as_built = read(Profile::as_built(&SYSTEM), number(next));
            assert_eq!(as_built.map(|(_, bits)| bits), Ok(vec![next.to_bits()]));
        }
        assert!(read(Profile::HARDENED, b"1e301".to_vec()).is_ok(), "no smaller than it must be");
        for text in ["nan", "-nan", "inf", "-inf", "1e309", "1e308", "1e302", "1,nan"] {
            let read = read(Profile::HARDENED, text.as_bytes().to_vec());
            assert_eq!(read.map(|(_, bits)| bits), refused, "{text}");
        }
    }

    #[test]
    fn as_many_of_the_largest_numbers_as_a_round_can_have_have_a_finite_mean() {
        let of_one_client = (1, vec![LARGEST.to_bits(); MAX_FRAME / 2]);
        let clients = usize::from(u8::MAX) + 1;
        let told = aggregate(std::iter::repeat_n(&of_one_client, clients));
        let mean: f64 = told.strip_prefix("Aggregated: ").unwrap().parse().unwrap();
        assert!(mean.is_finite() && mean > LARGEST / 2.0, "{told}");
    }
}
