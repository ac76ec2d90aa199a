//! What Ctrl-C, a request to terminate and the end of the terminal (SIGINT, SIGTERM, SIGHUP) do: they end the program at once, but
//! where somebody else sees to it first.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use targets::Interrupt;

/// Whether Ctrl-C is somebody else's business.
static LEFT_TO_OTHERS: AtomicBool = AtomicBool::new(false);

/// Who is told the first time.
static TOLD: Mutex<Option<Interrupt>> = Mutex::new(None);

/// The exit code of the signal that came first.
static CODE: AtomicU8 = AtomicU8::new(SIGINT);

/// The exit codes of shells: 128 and the number of the signal.
const SIGINT: u8 = 128 + 2;
#[cfg(unix)]
const SIGHUP: u8 = 128 + 1;
#[cfg(unix)]
const SIGTERM: u8 = 128 + 15;

/// From now on each of the signals ends the program at once.
pub(super) fn ends_the_program() {
    if let Err(error) = watch() {
        let _ = writeln!(io::stderr(), "warning: Ctrl-C will not end cleanly: {error}");
    }
}

/// Catch the signals, in a thread of their own.
fn watch() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // Signals are caught from here on, not from when the thread runs.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    let watch = move || {
        loop {
            came(runtime.block_on(signals.next()));
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map(drop)
}

/// What comes next.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// None where it is ignored.
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let hangup = (!is_hangup_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { interrupt, terminate, hangup })
    }

    /// The exit code of the next one.
    async fn next(&mut self) -> u8 {
        let Self { interrupt, terminate, hangup } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => SIGINT,
            _ = terminate.recv() => SIGTERM,
            _ = hangup => SIGHUP,
        }
    }
}

/// Whether the program was started to outlive its terminal: `nohup` has SIGHUP ignored.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The first signal is the last bit.
    mask.is_some_and(|mask| mask.trim().ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => SIGINT,
            Err(_) => std::future::pending().await,
        }
    }
}

/// A signal came.
fn came(code: u8) {
    if LEFT_TO_OTHERS.load(Ordering::SeqCst) {
        if code == SIGINT {
            return;
        }
        terminal::restore();
    }
    let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(interrupt) = told {
        CODE.store(code, Ordering::SeqCst);
        interrupt.trigger();
    } else {
        end(code)
    }
}

/// The terminal as it was before something was typed into it that it does not show.
mod terminal {
    #[cfg(unix)]
    use std::sync::{Mutex, PoisonError};

    #[cfg(unix)]
    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    #[cfg(unix)]
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// Remember how it is.
    pub(super) fn remember() {
        #[cfg(unix)]
        {
            let now = tcgetattr(std::io::stdin()).ok();
            *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }

    /// Set it right.
    pub(super) fn restore() {
        #[cfg(unix)]
        if let Some(before) = &*BEFORE.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// While `f` runs, Ctrl-C is its business: a terminal that hides what is typed is set right. It must not end the program's work
/// because of one: the handler may hear of it only when `f` is over. The other signals end the program, and set it right too.
pub(super) fn left_to<T>(f: impl FnOnce() -> T) -> T {
    terminal::remember();
    LEFT_TO_OTHERS.store(true, Ordering::SeqCst);
    let result = f();
    LEFT_TO_OTHERS.store(false, Ordering::SeqCst);
    result
}

/// While `f` runs, the first signal is told to `interrupt`: programs are stopped, live ends say goodbye, and what there is is
/// reported. The second ends the program at once.
pub(super) fn reported_to<T>(interrupt: &Interrupt, f: impl FnOnce() -> T) -> T {
    *TOLD.lock().unwrap_or_else(PoisonError::into_inner) = Some(interrupt.clone());
    let result = f();
    *TOLD.lock().unwrap_or_else(PoisonError::into_inner) = None;
    result
}

/// The exit code after a signal that was told to somebody.
pub(super) fn code() -> u8 {
    CODE.load(Ordering::SeqCst)
}

/// End the program as a signal does.
pub(super) fn interrupted() -> ! {
    end(code())
}

fn end(code: u8) -> ! {
    let _ = writeln!(io::stderr(), "interrupted");
    std::process::exit(code.into())
}
