//! Numbers that only go up: sequence numbers, rounds, epochs, counts of messages. They are as wide as the field they travel in, so
//! they have an end, and a number that wraps around comes a second time: under the same keys, a replay fits again. A number that
//! stays where it is repeats as well. So the session ends before that, by a named check.

use crate::endpoint::{Check, Reject};

/// A number that only goes up.
///
/// ```
/// use protocol::count::Count;
/// use protocol::endpoint::{Check, Reject};
///
/// assert_eq!(7_u64.successor("sequence"), Ok(8));
/// assert_eq!(u64::MAX.successor("sequence"), Err(Reject::new(Check::Exhausted, "sequence")));
/// ```
pub trait Count: Sized {
    /// The number after this one.
    ///
    /// # Errors
    /// [`Check::Exhausted`] for `field` when this is the last number of its width.
    fn successor(self, field: &'static str) -> Result<Self, Reject>;
}

macro_rules! counts {
    ($($width:ty)*) => {
        $(impl Count for $width {
            fn successor(self, field: &'static str) -> Result<Self, Reject> {
                self.checked_add(1).ok_or(Reject::new(Check::Exhausted, field))
            }
        })*
    };
}

counts!(u16 u32 u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_up_to_the_end_of_its_width_and_no_further() {
        let end = Err(Reject::new(Check::Exhausted, "round"));
        assert_eq!(0u32.successor("round"), Ok(1));
        assert_eq!((u16::MAX - 1).successor("round"), Ok(u16::MAX));
        assert_eq!(u16::MAX.successor("round"), end.map(|(): ()| 0));
        assert_eq!(u32::MAX.successor("round"), end.map(|(): ()| 0));
        assert_eq!(u64::MAX.successor("round"), end.map(|(): ()| 0));
    }
}
