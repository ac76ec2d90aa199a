//! What is known of the plaintext: intervals, and the multipliers worth asking about.
//!
//! B is 256^(k-2) for a modulus of k bytes: a plaintext has right padding only if it lies in [2B, 3B).

use num_bigint::BigUint;
use num_integer::Integer;

/// The modulus, and the numbers that begin like a padded message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Range {
    /// The modulus.
    pub(super) modulus: BigUint,
    /// The smallest number that begins with the bytes 0 and 2.
    pub(super) two_b: BigUint,
    /// The largest.
    pub(super) last: BigUint,
}

/// The plaintext is one of these numbers, both ends included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Interval {
    pub(super) low: BigUint,
    pub(super) high: BigUint,
}

impl Range {
    /// For a modulus of that many bytes, at least 11.
    pub(super) fn new(modulus: BigUint, bytes: usize) -> Self {
        let b = BigUint::from(1u8) << (8 * bytes.saturating_sub(2));
        let (two_b, last) = (&b * 2u8, &b * 3u8 - 1u8);
        Self { modulus, two_b, last }
    }

    /// Where a message lies that was padded as it should be: eight bytes that are not zero, then a zero somewhere
    /// (RFC 8017 section 7.2.1).
    pub(super) fn of_message(&self, bytes: usize) -> Interval {
        let ones = BigUint::from_bytes_be(&[1; 8]);
        let low = &self.two_b + (ones << (8 * bytes.saturating_sub(10)));
        // The last byte at the latest is the zero.
        Interval { low, high: &self.last - 255u8 }
    }

    /// The smallest and the largest s for which s times something in the interval can be r times the modulus and a right padding.
    fn multipliers(&self, of: &Interval, r: &BigUint) -> (BigUint, BigUint) {
        let turns = r * &self.modulus;
        ((&self.two_b + &turns).div_ceil(&of.high), (&self.last + turns) / &of.low)
    }

    /// Step 3 of Bleichenbacher 1998: what is left of the intervals when s times the plaintext has right padding.
    pub(super) fn narrow(&self, intervals: &[Interval], s: &BigUint) -> Vec<Interval> {
        let mut left: Vec<Interval> = Vec::new();
        for Interval { low, high } in intervals {
            let (smallest, largest) = (low * s, high * s);
            let mut r = match smallest.cmp(&self.last) {
                std::cmp::Ordering::Greater => (smallest - &self.last).div_ceil(&self.modulus),
                _ => BigUint::ZERO,
            };
            while &r * &self.modulus + &self.two_b <= largest {
                let turns = &r * &self.modulus;
                let new_low = (&self.two_b + &turns).div_ceil(s).max(low.clone());
                let new_high = ((&self.last + turns) / s).min(high.clone());
                if new_low <= new_high {
                    left.push(Interval { low: new_low, high: new_high });
                }
                r += 1u8;
            }
        }
        left.sort_by(|one, two| one.low.cmp(&two.low));
        left.dedup_by(|later, earlier| {
            let meets = later.low <= earlier.high;
            if meets && later.high > earlier.high {
                earlier.high.clone_from(&later.high);
            }
            meets
        });
        left
    }
}

/// The multipliers worth asking about for one interval, in order: those that no number of the interval allows are left out
/// (Bardou et al. 2012, "skipping holes").
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ladder {
    of: Interval,
    r: BigUint,
    next: BigUint,
    last: BigUint,
}

impl Ladder {
    /// From the smallest multiplier that can lead past the modulus.
    pub(super) fn first(range: &Range, of: Interval) -> Self {
        Self::from(range, of, BigUint::from(1u8))
    }

    /// Where the last multiplier was `s`: twice as far round the modulus, so that an answer halves the interval (step 2c).
    pub(super) fn after(range: &Range, of: Interval, s: &BigUint) -> Self {
        let reach = (&of.high * s).max(range.two_b.clone()) - &range.two_b;
        let r = (reach * 2u8).div_ceil(&range.modulus);
        Self::from(range, of, r)
    }

    fn from(range: &Range, of: Interval, r: BigUint) -> Self {
        let (next, last) = range.multipliers(&of, &r);
        Self { of, r, next, last }
    }

    /// The next one.
    pub(super) fn step(&mut self, range: &Range) -> BigUint {
        while self.next > self.last {
            self.r += 1u8;
            let (first, last) = range.multipliers(&self.of, &self.r);
            self.last = last;
            if first > self.next {
                self.next = first;
            }
        }
        let s = self.next.clone();
        self.next += 1u8;
        s
    }
}
