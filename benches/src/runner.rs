//! Running something many times with a clock beside it: what criterion and the table of ratios have in common.

#![expect(clippy::disallowed_methods, reason = "measuring is what this is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Runs something so many times, and says how long that took in all.
pub type Runner = Box<dyn FnMut(u64) -> Duration>;

/// How many bytes of inputs are made at a time.
const AHEAD: usize = 4 << 20;

/// Runs `run`, and drops what it returns, with the clock on.
pub fn repeat<O>(mut run: impl FnMut() -> O + 'static) -> Runner {
    Box::new(move |times| {
        let begin = Instant::now();
        for _ in 0..times {
            black_box(run());
        }
        begin.elapsed()
    })
}

/// Runs `run` on an input of its own, of about `bytes` bytes each time. Inputs are made, and outputs dropped, with the clock off.
pub fn consume<I, O>(
    bytes: usize,
    mut make: impl FnMut() -> I + 'static,
    mut run: impl FnMut(I) -> O + 'static,
) -> Runner {
    let most = (AHEAD / bytes.max(1)).clamp(1, 256);
    Box::new(move |times| {
        let mut left = usize::try_from(times).unwrap_or(usize::MAX);
        let mut taken = Duration::ZERO;
        while left > 0 {
            let batch = left.min(most);
            let inputs: Vec<I> = (0..batch).map(|_| make()).collect();
            let mut outputs = Vec::with_capacity(batch);
            let begin = Instant::now();
            for input in inputs {
                outputs.push(run(black_box(input)));
            }
            taken += begin.elapsed();
            black_box(outputs);
            left -= batch;
        }
        taken
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn as_often_as_asked() {
        let count = Rc::new(Cell::new(0));
        let seen = count.clone();
        repeat(move || seen.set(seen.get() + 1))(7);
        assert_eq!(count.get(), 7);
        let seen = count.clone();
        consume(1 << 20, || 10, move |more| seen.set(seen.get() + more))(9);
        assert_eq!(count.get(), 97);
    }
}
