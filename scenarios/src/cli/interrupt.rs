//! What Ctrl-C does: it ends the program at once, but where somebody else sees to it first.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody else sees to it.
static LEFT_TO_OTHERS: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C ends the program at once.
pub(super) fn ends_the_program() {
    let handler = || {
        if !LEFT_TO_OTHERS.load(Ordering::SeqCst) {
            interrupted();
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        let _ = writeln!(io::stderr(), "warning: Ctrl-C will not end cleanly: {error}");
    }
}

/// While `f` runs, Ctrl-C is its business: a live endpoint says goodbye, a terminal that hides what is typed is
/// set right.
pub(super) fn left_to<T>(f: impl FnOnce() -> T) -> T {
    LEFT_TO_OTHERS.store(true, Ordering::SeqCst);
    let result = f();
    LEFT_TO_OTHERS.store(false, Ordering::SeqCst);
    result
}

/// End the program as Ctrl-C does.
pub(super) fn interrupted() -> ! {
    let _ = writeln!(io::stderr(), "interrupted");
    std::process::exit(130)
}
