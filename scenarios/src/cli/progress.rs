//! How far a long run is: a bar on a terminal, a line now and then elsewhere; nothing in the first two seconds, and nothing with
//! `--quiet`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mitm_proxy::strategy::Progress;
use reports::view::Case;
use terminal;

use super::output::Output;

/// Runs that are over before show nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a bar is drawn.
const BAR: Duration = Duration::from_millis(100);
/// How often a line is written.
const LINE: Duration = Duration::from_secs(10);
/// The most names shown of what is running.
const NAMES: usize = 3;

/// Shows how far a run is, until dropped.
#[derive(Debug)]
pub(super) struct Shown {
    state: Arc<Mutex<State>>,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Debug, Default)]
struct State {
    done: usize,
    total: usize,
    /// What is running, by the order in which it began.
    running: BTreeMap<usize, String>,
    begun: usize,
    strategy: Option<String>,
}

impl Shown {
    /// Of that many cases.
    pub(super) fn new(total: usize, output: Output) -> Self {
        let state = Arc::new(Mutex::new(State { total, ..State::default() }));
        let ticker = (!output.quiet).then(|| {
            let (stop, stopped) = channel();
            let state = state.clone();
            let ticker = std::thread::spawn(move || {
                let told =
                    |wait| matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
                if !told(PATIENCE) {
                    return;
                }
                if terminal::draws() {
                    let bar = bar();
                    draw(&bar, &state);
                    while told(BAR) {
                        draw(&bar, &state);
                    }
                    bar.finish_and_clear();
                } else {
                    let mut seconds = PATIENCE;
                    line(&state, seconds);
                    while told(LINE) {
                        seconds += LINE;
                        line(&state, seconds);
                    }
                }
            });
            (stop, ticker)
        });
        Self { state, ticker }
    }

    /// Do one case, which has this name, and measure how long it takes.
    pub(super) fn timed(&self, name: &str, work: impl FnOnce() -> Case) -> Case {
        let Ok(case) = timed(|| Ok::<_, Infallible>(self.case(name, work)));
        case
    }

    /// Do one case, which has this name.
    pub(super) fn case<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        let number = {
            let mut state = lock(&self.state);
            let number = state.begun;
            state.begun += 1;
            state.running.insert(number, name.to_owned());
            number
        };
        let done = work();
        let mut state = lock(&self.state);
        state.running.remove(&number);
        state.done += 1;
        // It may have been this one's.
        state.strategy = None;
        done
    }
}

impl Progress for Shown {
    fn report(&self, strategy: &'static str, done: u64, total: u64, queries: u64) {
        lock(&self.state).strategy =
            Some(format!("{strategy} {done} of {total}, {queries} queries"));
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some((stop, ticker)) = self.ticker.take() {
            drop(stop);
            let _ = ticker.join();
        }
    }
}

/// Do a case, and measure how long it takes.
#[expect(
    clippy::disallowed_methods,
    reason = "real time, for reports that have it; no verdict knows"
)]
pub(super) fn timed<E>(work: impl FnOnce() -> Result<Case, E>) -> Result<Case, E> {
    let began = Instant::now();
    let case = work()?;
    Ok(Case { took: Some(began.elapsed()), ..case })
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {pos}/{len} cases  {wide_msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn draw(bar: &ProgressBar, state: &Mutex<State>) {
    let state = lock(state);
    bar.set_length(state.total as u64);
    bar.set_position(state.done as u64);
    bar.set_message(running(&state));
}

fn line(state: &Mutex<State>, after: Duration) {
    let state = lock(state);
    let (done, total, seconds) = (state.done, state.total, after.as_secs());
    let running = running(&state);
    let _ = writeln!(io::stderr(), "{done} of {total} cases after {seconds} s; running {running}");
}

/// What began first and is not over: what everybody waits for.
fn running(state: &State) -> String {
    let names: Vec<&str> = state.running.values().take(NAMES).map(String::as_str).collect();
    let mut text = names.join(", ");
    if let Some(more @ 1..) = state.running.len().checked_sub(NAMES) {
        let _ = write!(text, " and {more} more");
    }
    if let Some(strategy) = &state.strategy {
        let _ = write!(text, " ({strategy})");
    }
    text
}
