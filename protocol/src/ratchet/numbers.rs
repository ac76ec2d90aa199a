//! What clients send, comma-separated decimal numbers, and what the server makes of all of them.

use crate::endpoint::{Check, Reject};
use crate::weakness::{Profile, Weakness};

/// The decrypted numbers: text, and IEEE 754 bits.
///
/// # Errors
/// `content` for what are no numbers, `value` for numbers that are not finite.
pub(super) fn read(profile: Profile, plaintext: Vec<u8>) -> Result<(String, Vec<u64>), Reject> {
    let text = String::from_utf8(plaintext).map_err(|_| Reject::new(Check::Content, "ct"))?;
    let mut numbers = Vec::new();
    for number in text.split(',') {
        let number: f64 = number.trim().parse().map_err(|_| Reject::new(Check::Content, "ct"))?;
        if !number.is_finite() && !profile.has(Weakness::NanAccepted) {
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
