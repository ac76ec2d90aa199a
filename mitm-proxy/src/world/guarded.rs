//! A step of an endpoint, whose panic is caught and becomes a finding.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use protocol::endpoint::{Endpoint, Input, Output, Tick};

thread_local! {
    static STEPPING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside an endpoint's step right now. A panic there is caught and becomes a finding, so
/// a panic hook may keep silent about it.
pub fn stepping() -> bool {
    STEPPING.get()
}

/// Let an endpoint take one input. The message of its panic, if it panics.
pub(super) fn guarded(
    endpoint: &mut Box<dyn Endpoint>,
    now: Tick,
    input: Input<'_>,
    out: &mut Output,
) -> Result<(), String> {
    STEPPING.set(true);
    let stepped = catch_unwind(AssertUnwindSafe(|| endpoint.step(now, input, out)));
    STEPPING.set(false);
    stepped.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|message| (*message).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "panic".to_owned())
    })
}
