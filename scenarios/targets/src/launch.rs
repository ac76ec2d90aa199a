//! What a run needs before anything happens in it: ports, a folder for claims, and commands with everything in its place.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use files::target_file::{Program, Target};
use files::target_file::{fill, is_placeholder};
use net::HostPort;
use net::proxy::ForwardedPort;
use protocol::endpoint::Side;
use tokio::net::TcpListener;

use super::TargetError;
use super::ports::{self, Look, Reserved};
use super::process::Process;
use super::stream::ClaimsFile;

/// This machine does not let us.
pub(super) fn failed(what: &'static str) -> impl FnOnce(io::Error) -> TargetError {
    move |error| TargetError::Io { what, error }
}

/// Where the attacker listens, and where the server will.
pub(super) async fn doors(
    target: &Target,
    ports: usize,
) -> Result<(Vec<ForwardedPort>, Reserved), TargetError> {
    let at = |port: u16| HostPort::from(SocketAddr::from((ports::HOST, port)));
    let mut doors = Vec::with_capacity(ports);
    for nth in 0..ports {
        let fixed = target.client.ports.get(nth).copied();
        let listener = TcpListener::bind((ports::HOST, fixed.unwrap_or(0))).await;
        let listener = listener.map_err(|error| match fixed {
            Some(port) if error.kind() == io::ErrorKind::AddrInUse => {
                TargetError::PortTaken { who: Side::Client, port }
            }
            _ => failed("no port for the attacker")(error),
        })?;
        doors.push(ForwardedPort { listener, upstream: at(0) });
    }
    // Chosen once all others are taken.
    let free = ports::free(ports).map_err(failed("no port for the server"))?;
    for (nth, (door, port)) in doors.iter_mut().zip(free.ports.iter().copied()).enumerate() {
        let fixed = target.server.ports.get(nth).copied();
        door.upstream = at(fixed.unwrap_or(port));
        if let Some(port) = fixed.filter(|port| Look::best().listens(*port)) {
            return Err(TargetError::PortTaken { who: Side::Server, port });
        }
    }
    Ok((doors, free))
}

/// Held while a program with a fixed port runs: no two of them can at a time.
static FIXED: Mutex<()> = Mutex::new(());

/// Wait until no other run has programs with fixed ports, if this one has.
pub(super) fn alone(target: &Target) -> Option<MutexGuard<'static, ()>> {
    let fixed = !(target.server.ports.is_empty() && target.client.ports.is_empty());
    fixed.then(|| FIXED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The ports a program is told, in the order of the layout.
pub(super) struct Ports<'a> {
    pub(super) names: &'a [String],
    pub(super) numbers: &'a [u16],
}

impl Ports<'_> {
    /// That of a placeholder: `port`, `port2`, `port:NAME`.
    fn of(&self, placeholder: &str) -> Option<u16> {
        let at = match placeholder.strip_prefix("port:") {
            Some(name) => self.names.iter().position(|known| known == name)?,
            None => match placeholder.strip_prefix("port")? {
                "" => 0,
                number => number.parse::<usize>().ok()?.checked_sub(1)?,
            },
        };
        self.numbers.get(at).copied()
    }
}

/// A program that is about to be started, maybe more than once.
pub(super) struct Launch {
    who: Side,
    program: Program,
    command: Vec<String>,
    file: Option<PathBuf>,
}

impl Launch {
    pub(super) fn new(
        target: &Target,
        who: Side,
        ports: Ports<'_>,
        folder: Option<&Folder>,
    ) -> Result<Self, TargetError> {
        let program = match who {
            Side::Client => &target.client,
            Side::Server => &target.server,
        };
        let file = folder.map(|folder| folder.0.join(format!("{who}.jsonl")));
        let mut missing = None;
        let mut value = |name: &str| {
            if !is_placeholder(name) {
                return None;
            }
            match name {
                "host" => Some(ports::HOST.to_string()),
                "target" => Some(target.name.clone()),
                "claims" => file.as_ref().map(|file| file.display().to_string()),
                port => {
                    let port = ports.of(port);
                    if port.is_none() {
                        missing = Some(format!("{{{name}}}"));
                    }
                    port.map(|port| port.to_string())
                }
            }
        };
        let command = program.command.iter().map(|word| fill(word, &mut value)).collect();
        match missing {
            Some(placeholder) => {
                Err(TargetError::NoSuchPort { who, placeholder, ports: ports.names.to_vec() })
            }
            None => Ok(Self { who, program: program.clone(), command, file }),
        }
    }

    pub(super) fn start(&self) -> Result<Process, TargetError> {
        let file = self.file.as_deref().map(ClaimsFile::create).transpose();
        self.start_with(file.map_err(failed("no file for claims"))?)
    }

    /// Start it again, with the file of claims it had.
    pub(super) fn start_with(&self, file: Option<ClaimsFile>) -> Result<Process, TargetError> {
        let who = self.who;
        Process::start(who, &self.command, &self.program, file).map_err(|error| {
            let program = self.command.first().cloned().unwrap_or_default();
            TargetError::CannotStart { who, program, error }
        })
    }

    /// Whether it is started again once it has ended.
    pub(super) fn is_restarted(&self) -> bool {
        self.program.restart
    }
}

/// A folder of our own for claims; it goes when the run does.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn create() -> Result<Self, TargetError> {
        Self::create_in(&std::env::temp_dir())
    }

    fn create_in(folder: &Path) -> Result<Self, TargetError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("meddle-claims-{}-{number}", std::process::id());
        let path = folder.join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        match made {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(TargetError::NoFolder { path, error }),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(Path::new(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_what_to_do() {
        let made = Folder::create_in(&std::env::temp_dir()).map(|folder| folder.0.is_dir());
        assert!(made.unwrap());
        let error = Folder::create_in(Path::new("/no/such/folder")).err().unwrap().to_string();
        assert!(error.contains("`/no/such/folder/meddle-claims-"), "{error}");
        assert!(error.contains("No such file") && error.contains("TMPDIR"), "{error}");
    }
}
