//! A program of a target: started in a process group of its own, so that what it starts is stopped with it.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use files::diagnostic::quote;
use files::target_file::{Channel, Program};
use protocol::endpoint::Side;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Streams;
use super::stream::{ClaimsFile, Cut, Source, Stream};

/// How a program ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody knows.
    Unknown,
}

impl Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "it ended with status {status}"),
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "{name} ended it"),
                None => write!(f, "signal {number} ended it"),
            },
            Self::Unknown => f.write_str("it ended, nobody knows how"),
        }
    }
}

fn signal_name(number: i32) -> Option<&'static str> {
    let known = [
        (Signal::ABORT, "SIGABRT"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::HUP, "SIGHUP"),
        (Signal::ILL, "SIGILL"),
        (Signal::INT, "SIGINT"),
        (Signal::KILL, "SIGKILL"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::TERM, "SIGTERM"),
        (Signal::TRAP, "SIGTRAP"),
    ];
    known.iter().find(|(signal, _)| signal.as_raw() == number).map(|(_, name)| *name)
}

/// A program that was started. It is gone when this is dropped, and so is what it started, but for what left its
/// process group.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) who: Side,
    child: Child,
    group: Pid,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    file: Option<ClaimsFile>,
    /// How it ended. It is not reaped yet, so nobody else gets its number.
    pub(super) ended: Option<Ended>,
    is_reaped: bool,
}

impl Process {
    /// Start a program. `command` has its placeholders filled.
    ///
    /// # Errors
    /// There is no such program, or it may not be started.
    pub(super) fn start(
        who: Side,
        command: &[String],
        how: &Program,
        file: Option<ClaimsFile>,
    ) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let dir = if how.dir.as_os_str().is_empty() { Path::new(".") } else { &how.dir };
        let dir = std::path::absolute(dir)?;
        // Which folder a relative program is looked for in is otherwise up to the platform.
        let is_path = program.contains('/');
        let program = if is_path { dir.join(program) } else { program.into() };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(dir).process_group(0);
        let stdin = if how.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        match &file {
            Some(file) => command.env(super::CLAIMS_VARIABLE, file.path()),
            None => command.env_remove(super::CLAIMS_VARIABLE),
        };
        command.envs(&how.env);
        let mut child = command.spawn()?;
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), &how.stdin) {
            // A pipe holds all of it. Who reads none of it has ended already.
            let _ = pipe.write_all(text.as_bytes());
        }
        let group = Pid::from_child(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // From here on it is stopped whatever happens.
        let mut process = Self {
            who,
            child,
            group,
            stdout: None,
            stderr: None,
            file,
            ended: None,
            is_reaped: false,
        };
        process.stdout = stdout.map(Stream::new).transpose()?;
        process.stderr = stderr.map(Stream::new).transpose()?;
        Ok(process)
    }

    /// What its output is read from, to wait for. [`Process::look`] has to follow.
    pub(super) fn sources(&self) -> impl Iterator<Item = Rc<Source>> {
        let file = self.file.as_ref().map(|file| &file.stream);
        let streams = [self.stdout.as_ref(), self.stderr.as_ref(), file];
        streams.into_iter().flatten().filter_map(Stream::source)
    }

    /// See whether it has ended, and read everything it printed before.
    pub(super) fn look(&mut self, tell: &mut dyn FnMut(Channel, u64, Cut<'_>)) {
        self.check();
        if let Some(stdout) = &mut self.stdout {
            stdout.look(&mut |number, cut| tell(Channel::Stdout, number, cut));
        }
        if let Some(stderr) = &mut self.stderr {
            stderr.look(&mut |number, cut| tell(Channel::Stderr, number, cut));
        }
        if let Some(file) = &mut self.file {
            let tell = &mut |number, cut: Cut<'_>| tell(Channel::File, number, cut);
            file.stream.look(tell);
            if self.ended.is_some() {
                file.stream.finish(tell);
            }
        }
    }

    /// Its file of claims, for the one that comes after it.
    pub(super) fn take_file(&mut self) -> Option<ClaimsFile> {
        self.file.take()
    }

    /// What was done to its file of claims that must not be.
    pub(super) fn spoilt(&self) -> Option<&'static str> {
        self.file.as_ref().and_then(ClaimsFile::spoilt)
    }

    fn check(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.ended = match waitid(WaitId::Pid(self.group), options) {
            Ok(None) | Err(rustix::io::Errno::INTR) => None,
            Ok(Some(status)) => Some(match (status.exit_status(), status.terminating_signal()) {
                (Some(status), _) => Ended::Status(status),
                (None, Some(signal)) => Ended::Signal(signal),
                (None, None) => Ended::Unknown,
            }),
            // Somebody else has reaped it, and its number may be another's by now.
            Err(_) => {
                self.is_reaped = true;
                Some(Ended::Unknown)
            }
        };
    }

    /// Ask it and what it started to end.
    pub(super) fn ask_to_end(&self) {
        if !self.is_reaped {
            let _ = kill_process_group(self.group, Signal::TERM);
        }
    }

    /// Whether it has ended and nobody holds its output open: most often nothing of it is left.
    pub(super) fn seems_gone(&self) -> bool {
        let over = |stream: &Option<Stream>| stream.as_ref().is_none_or(Stream::is_over);
        self.ended.is_some() && over(&self.stdout) && over(&self.stderr)
    }

    /// End it and what it started.
    pub(super) fn end(&mut self) {
        if !self.is_reaped {
            let _ = kill_process_group(self.group, Signal::KILL);
            self.is_reaped = true;
            let _ = self.child.wait();
        }
    }

    /// The end of what it printed.
    pub(super) fn streams(&self) -> Streams {
        let text = |stream: &Option<Stream>| stream.as_ref().map(Stream::text).unwrap_or_default();
        Streams { stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }

    /// Its last words, for a report; empty if it said nothing.
    pub(super) fn last_words(&self) -> String {
        let Streams { stdout, stderr } = self.streams();
        let last = |text: &str| {
            let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
            line.map(|line| format!("; its last words: {}", quote(line)))
        };
        last(&stderr).or_else(|| last(&stdout)).unwrap_or_default()
    }

    /// The group all of it is in.
    pub(super) fn group(&self) -> Pid {
        self.group
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
