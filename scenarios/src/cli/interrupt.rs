//! What Ctrl-C does: it ends the program at once, but where somebody else sees to it first.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::target::Interrupt;

/// Whether somebody else sees to it.
static LEFT_TO_OTHERS: AtomicBool = AtomicBool::new(false);

/// Who is told the first time.
static TOLD: Mutex<Option<Interrupt>> = Mutex::new(None);

/// From now on Ctrl-C ends the program at once.
pub(super) fn ends_the_program() {
    let handler = || {
        if LEFT_TO_OTHERS.load(Ordering::SeqCst) {
            return;
        }
        match TOLD.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(interrupt) => interrupt.trigger(),
            None => interrupted(),
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        let _ = writeln!(io::stderr(), "warning: Ctrl-C will not end cleanly: {error}");
    }
}

/// While `f` runs, Ctrl-C is its business: a terminal that hides what is typed is set right. It must not end the program's work
/// because of one: the handler may hear of it only when `f` is over.
pub(super) fn left_to<T>(f: impl FnOnce() -> T) -> T {
    LEFT_TO_OTHERS.store(true, Ordering::SeqCst);
    let result = f();
    LEFT_TO_OTHERS.store(false, Ordering::SeqCst);
    result
}

/// While `f` runs, the first Ctrl-C is told to `interrupt`: programs are stopped, live ends say goodbye, and what there is is
/// reported. The second ends the program at once.
pub(super) fn reported_to<T>(interrupt: &Interrupt, f: impl FnOnce() -> T) -> T {
    *TOLD.lock().unwrap_or_else(PoisonError::into_inner) = Some(interrupt.clone());
    let result = f();
    *TOLD.lock().unwrap_or_else(PoisonError::into_inner) = None;
    result
}

/// End the program as Ctrl-C does.
pub(super) fn interrupted() -> ! {
    let _ = writeln!(io::stderr(), "interrupted");
    std::process::exit(130)
}
