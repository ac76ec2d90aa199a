//! Whether two kinds of forgeries take a victim different times: the statistics, without a clock.
//!
//! Welch's t-test compares the means of two samples without supposing equal variances (Welch 1947); its degrees of freedom are
//! Satterthwaite's. Times on a real machine have a long tail of interruptions that has nothing to do with the
//! victim, so the slowest are left out first, by one limit for both kinds (as Reparaz, Balasch and Verbauwhede 2017 do).

use statrs::function::beta::checked_beta_reg;

/// The share of all times that is kept: of both kinds together, the fastest.
pub const KEPT: f64 = 0.95;

/// Mean and variance of one sample.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Summary {
    /// How many values.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their variance, as an estimate of that of what they are drawn from (divided by one less than the count).
    pub variance: f64,
}

impl Summary {
    /// Of these values. Nothing of fewer than two.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / float(count);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { count, mean, variance: squares / float(count - 1) })
    }

    /// The variance of the mean.
    fn of_mean(&self) -> f64 {
        self.variance / float(self.count)
    }
}

/// What Welch's t-test says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Welch {
    /// The difference of the means over its standard error.
    pub t: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// How probable a difference at least as large is, in either direction, if the means are equal.
    pub p: f64,
}

impl Welch {
    /// Compare two samples. Nothing where neither varies at all.
    pub fn of(one: &Summary, other: &Summary) -> Option<Self> {
        let (a, b) = (one.of_mean(), other.of_mean());
        if a + b <= 0.0 {
            return None;
        }
        let t = (one.mean - other.mean) / (a + b).sqrt();
        let squares = a * a / float(one.count - 1) + b * b / float(other.count - 1);
        let freedom = (a + b).powi(2) / squares;
        Some(Self { t, freedom, p: two_sided(t, freedom) })
    }
}

/// Two kinds of forgeries, timed in turns.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Comparison {
    /// The first kind, in the unit of the times.
    pub one: Summary,
    /// The second.
    pub other: Summary,
    /// The mean of the first less that of the second.
    pub difference: f64,
    /// The ratio of the means, first by second: in the round where it is least, in the middle one, and where it is greatest.
    pub ratios: [f64; 3],
    /// Times above this were left out.
    pub limit: f64,
    /// The test; nothing where no time varies.
    pub welch: Option<Welch>,
}

impl Comparison {
    /// Of rounds, each with the times of both kinds. Nothing if too few are left in some round.
    pub fn of(rounds: &[(Vec<f64>, Vec<f64>)]) -> Option<Self> {
        let all = rounds.iter().flat_map(|(one, other)| one.iter().chain(other));
        let mut sorted: Vec<f64> = all.copied().collect();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length"
        )]
        let kept = (float(sorted.len()) * KEPT).ceil() as usize;
        let limit = *sorted.get(kept.checked_sub(1)?)?;
        let keep = |times: &[f64]| -> Vec<f64> {
            times.iter().copied().filter(|time| *time <= limit).collect()
        };
        let rounds: Vec<_> = rounds.iter().map(|(a, b)| (keep(a), keep(b))).collect();
        let mut ratios = Vec::new();
        for (one, other) in &rounds {
            let (one, other) = (mean(one)?, mean(other)?);
            ratios.push(one / other);
        }
        ratios.sort_by(f64::total_cmp);
        let ratios = [*ratios.first()?, *ratios.get(ratios.len() / 2)?, *ratios.last()?];
        let one: Vec<f64> = rounds.iter().flat_map(|(one, _)| one).copied().collect();
        let other: Vec<f64> = rounds.iter().flat_map(|(_, other)| other).copied().collect();
        let (one, other) = (Summary::of(&one)?, Summary::of(&other)?);
        let difference = one.mean - other.mean;
        Some(Self { one, other, difference, ratios, limit, welch: Welch::of(&one, &other) })
    }

    /// Whether the means differ, at this confidence between 0 and 1.
    pub fn differs(&self, confidence: f64) -> bool {
        match self.welch {
            Some(welch) => welch.p < 1.0 - confidence,
            None => self.difference.abs() > 0.0,
        }
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / float(values.len()))
}

#[expect(clippy::cast_precision_loss, reason = "counts of measurements stay far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

/// The probability that Student's t with so many degrees of freedom is at least as far from zero as `t`: the regularized
/// incomplete beta function I of freedom / 2 and 1/2 at freedom / (freedom + t^2) (Abramowitz and Stegun 26.7.1).
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    let p = checked_beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t));
    p.map_or(1.0, |p| p.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < 1e-9 * wanted.abs().max(1e-3), "{value} is not {wanted}");
    }

    /// Three textbook samples; the probabilities are from a numerical integration of the density.
    #[test]
    fn welch_as_computed_elsewhere() {
        let cases: [(&[f64], &[f64], [f64; 3]); 3] = [
            (
                &[
                    27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0,
                    21.7, 21.4,
                ],
                &[
                    27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9,
                    20.5, 24.4,
                ],
                [-2.455_356_398_286_01, 24.988_529_290_231_42, 0.021_378_001_462_862],
            ),
            (
                &[17.2, 20.9, 22.6, 18.1, 21.7, 21.4, 23.5, 24.2, 14.7, 21.8],
                &[
                    21.5, 22.8, 21.0, 23.0, 21.6, 23.6, 22.5, 20.7, 23.4, 21.8, 20.7, 21.7, 21.5,
                    22.5, 23.6, 21.5, 22.5, 23.5, 21.5, 21.8,
                ],
                [-1.565_433_523_598_507, 9.904_741_248_650_831, 0.148_841_696_605_327],
            ),
            (
                &[19.8, 20.4, 19.6, 17.8, 18.5, 18.9, 18.3, 18.9, 19.5, 22.0],
                &[
                    28.2, 26.6, 20.1, 23.3, 25.2, 22.1, 17.7, 27.6, 20.6, 13.7, 23.2, 17.5, 20.6,
                    18.0, 23.9, 21.6, 24.3, 20.4, 24.0, 13.2,
                ],
                [-2.219_240_915_822_62, 24.496_223_124_201_24, 0.035_972_271_029_785],
            ),
        ];
        for (one, other, [t, freedom, p]) in cases {
            let (one, other) = (Summary::of(one).unwrap(), Summary::of(other).unwrap());
            let welch = Welch::of(&one, &other).unwrap();
            near(welch.t, t);
            near(welch.freedom, freedom);
            near(welch.p, p);
        }
    }

    /// One and two degrees of freedom have closed forms; the others were integrated.
    #[test]
    fn the_tail_of_students_t() {
        for t in [0.1, 1.0, 2.0, 30.0] {
            let one = 1.0 - 2.0 / std::f64::consts::PI * f64::atan(t);
            near(two_sided(t, 1.0), one);
            near(two_sided(-t, 2.0), 1.0 - t / (2.0 + t * t).sqrt());
        }
        near(two_sided(2.0, 10.0), 0.073_388_034_770_74);
        near(two_sided(1.0, 3.7), 0.378_141_399_760_43);
        near(two_sided(4.0, 50.0), 0.000_209_190_246_359_5);
        near(two_sided(0.0, 8.0), 1.0);
        assert!((two_sided(2.576, 1e6) - 0.009_995_207).abs() < 1e-8);
        assert!(two_sided(1e6, 1e5) < 1e-200);
    }

    #[test]
    fn interruptions_are_left_out_and_what_is_left_is_compared() {
        let round = |shift: f64| {
            let times =
                |base: f64| (0..100).map(|at| base + f64::from(at % 7)).collect::<Vec<f64>>();
            let mut slow = times(100.0 + shift);
            slow[3] = 1e9;
            (slow, times(100.0))
        };
        let compared = Comparison::of(&[round(5.0), round(5.0), round(5.0)]).unwrap();
        assert!(compared.limit < 200.0 && compared.differs(0.999));
        assert!((3.0..=5.0).contains(&compared.difference), "{}", compared.difference);
        let [least, middle, most] = compared.ratios;
        assert!(1.0 < least && least <= middle && middle <= most);
        let same = Comparison::of(&[round(0.0), round(0.0)]).unwrap();
        assert!(!same.differs(0.99), "{same:?}");
        assert_eq!(Comparison::of(&[]), None);
        assert_eq!(Comparison::of(&[(vec![1.0], Vec::new())]), None);
        let constant = Comparison::of(&[(vec![1.0; 9], vec![1.0; 9])]).unwrap();
        assert_eq!((constant.welch, constant.differs(0.99)), (None, false));
    }
}
