//! Why an actor did what it did in one step: which frame it had read then.

use protocol::endpoint::Reading;

use super::unread::Cause;

/// What an actor did everything in a step for: up to each reading, the frame that was read before.
#[derive(Debug, Default)]
pub(super) struct StepCauses {
    pub(super) until: Vec<(UpTo, Cause)>,
}

/// How many writes and closes a step had made at one point of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct UpTo {
    writes: usize,
    closes: usize,
}

impl UpTo {
    pub(super) fn of(reading: Option<&Reading>) -> Self {
        let all = Self { writes: usize::MAX, closes: usize::MAX };
        reading.map_or(all, |reading| Self { writes: reading.writes, closes: reading.closes })
    }
}

impl StepCauses {
    fn before(&self, reached: impl Fn(&UpTo) -> bool) -> Cause {
        let first = self.until.iter().find(|(until, _)| reached(until));
        first.map(|(_, because)| *because).unwrap_or_default()
    }

    /// The frame that was read by so many readings.
    pub(super) fn after(&self, readings: usize) -> Option<u32> {
        let (_, because) = self.until.get(readings).or(self.until.last())?;
        because.frame
    }

    pub(super) fn of_write(&self, at: usize) -> Cause {
        self.before(|until| at < until.writes)
    }

    pub(super) fn of_close(&self, at: usize) -> Cause {
        self.before(|until| at < until.closes)
    }
}
