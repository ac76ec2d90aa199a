//! Trimming: find a divisor of the plaintext, and with it fractions of the plaintext that have right padding too
//! (Bardou et al. 2012, section 3). They narrow the interval before the long search begins, and the narrower it is, the more
//! multipliers need not be asked about.
//!
//! If t divides m, then m times u over t is asked about by multiplying with u and the inverse of t. Where it has right
//! padding, m is at least 2B t / u and below 3B t / u. If t does not divide m, what is asked about is as good as random.

use num_integer::Integer;

/// The most questions. Bardou et al. ask 500 to 2000, by the strictness of the oracle.
const MOST: u64 = 2000;
/// A divisor is worth looking for while its product with what is known stays below this. The long search costs some
/// 400,000 questions times the relative width of the interval, which is about one over that product; a try costs three.
const WORTH: u64 = 1 << 17;
/// Below this, numbers that are no primes are tried too.
const SMALL: u64 = 36;
/// The ends are looked for until this part of the divisor.
const FINE: u64 = 1 << 11;

/// The search for divisors and for the two ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trimming {
    /// The divisor known so far.
    pub(super) divisor: u64,
    /// The smallest numerator with right padding.
    pub(super) lowest: u64,
    /// The largest.
    pub(super) highest: u64,
    /// How many fractions are asked about before something is believed not to be so.
    tries: usize,
    asked: u64,
    stage: Stage,
    /// Numerators still to be asked about in this stage, last first.
    pending: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Is this a divisor as well?
    Factor(u64),
    /// The lower end is above this.
    Low {
        above: u64,
        middle: u64,
    },
    /// The upper end is below this.
    High {
        below: u64,
        middle: u64,
    },
    Done,
}

impl Trimming {
    /// Where one in so many right paddings is answered as such.
    pub(super) fn new(one_in: f64) -> Self {
        let tries = (1.5 * one_in).ceil().clamp(1.0, 8.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 8"
        )]
        let tries = tries as usize;
        let mut trimming = Self {
            divisor: 1,
            lowest: 1,
            highest: 1,
            tries,
            asked: 0,
            stage: Stage::Factor(2),
            pending: Vec::new(),
        };
        trimming.pending = trimming.around(2, 2);
        trimming
    }

    /// The denominator of the fractions of this stage.
    fn denominator(&self) -> u64 {
        match self.stage {
            Stage::Factor(prime) => self.divisor * prime,
            _ => self.divisor,
        }
    }

    /// The next fraction to ask about: numerator and denominator.
    pub(super) fn question(&mut self) -> Option<(u64, u64)> {
        loop {
            if let Some(numerator) = self.pending.last() {
                return Some((*numerator, self.denominator()));
            }
            if self.stage == Stage::Done {
                return None;
            }
            self.not_so();
        }
    }

    /// Whether that fraction of the plaintext has right padding.
    pub(super) fn told(&mut self, is_right: bool) {
        self.asked += 1;
        let Some(numerator) = self.pending.pop() else { return };
        if !is_right {
            return;
        }
        if let Stage::Factor(prime) = self.stage {
            self.divisor *= prime;
            self.lowest *= prime;
            self.highest *= prime;
        }
        self.lowest = self.lowest.min(numerator);
        self.highest = self.highest.max(numerator);
        match self.stage {
            // Smaller primes once more: some fractions only now lie near enough to 1.
            Stage::Factor(_) => self.look_for(2),
            Stage::Low { above, .. } => self.lower(above),
            Stage::High { below, .. } => self.raise(below),
            Stage::Done => {}
        }
    }

    /// Nothing that was asked about in this stage was right.
    fn not_so(&mut self) {
        match self.stage {
            Stage::Factor(prime) => self.look_for(next_factor(prime)),
            Stage::Low { middle, .. } => self.lower(middle),
            Stage::High { middle, .. } => self.raise(middle),
            Stage::Done => {}
        }
    }

    fn look_for(&mut self, prime: u64) {
        if self.asked < MOST && self.divisor.saturating_mul(prime) < WORTH {
            self.stage = Stage::Factor(prime);
            let denominator = self.denominator();
            self.pending = self.around(denominator, denominator);
        } else {
            self.lower(self.divisor * 2 / 3);
        }
    }

    fn lower(&mut self, above: u64) {
        let middle = above + self.lowest.saturating_sub(above) / 2;
        if self.lowest.saturating_sub(above) <= 1 + self.divisor / FINE {
            return self.raise((self.divisor * 3).div_ceil(2));
        }
        self.stage = Stage::Low { above, middle };
        let (from, to) = (above, self.lowest);
        self.pending = self.around(middle, self.divisor);
        self.pending.retain(|numerator| (from..to).contains(numerator));
    }

    fn raise(&mut self, below: u64) {
        let middle = self.highest + below.saturating_sub(self.highest) / 2;
        if below.saturating_sub(self.highest) <= 1 + self.divisor / FINE {
            self.stage = Stage::Done;
            self.pending.clear();
            return;
        }
        self.stage = Stage::High { below, middle };
        let (from, to) = (self.highest + 1, below + 1);
        self.pending = self.around(middle, self.divisor);
        self.pending.retain(|numerator| (from..to).contains(numerator));
    }

    /// The numerators nearest to `middle` that make a fraction of their own, between two thirds and three halves. The nearest
    /// comes last.
    fn around(&self, middle: u64, denominator: u64) -> Vec<u64> {
        let fits = |numerator: &u64| {
            numerator * 3 > denominator * 2
                && numerator * 2 < denominator * 3
                && numerator.gcd(&denominator) == 1
        };
        let farthest = 4 * self.tries as u64;
        let mirrored = (0..=farthest).flat_map(|far| [middle.saturating_sub(far), middle + far]);
        let mut found: Vec<u64> = mirrored.filter(fits).take(self.tries + 1).collect();
        found.dedup();
        found.truncate(self.tries);
        found.reverse();
        found
    }
}

/// Small numbers, and then primes: near 1 there are no halves and hardly any thirds, but there are fourths and sixths.
fn next_factor(after: u64) -> u64 {
    let has_divisor = |n: u64| (2..=n.isqrt()).any(|divisor| n.is_multiple_of(divisor));
    (after + 1..WORTH).find(|n| *n <= SMALL || !has_divisor(*n)).unwrap_or(WORTH)
}
