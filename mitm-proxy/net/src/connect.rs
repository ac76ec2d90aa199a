//! A client: one endpoint, one session.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use protocol::endpoint::{Command, Endpoint, Input, PortIndex, Side};
use tokio::sync::mpsc::Receiver;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::connection::attend_all;
use super::driver::Driver;
use super::event::Observer;
use super::host::HostPort;

/// How long the session is given to end once the client is stopped.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a client's run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Every connection is over.
    Over,
    /// It was stopped.
    Stopped,
    /// The server was silent for too long.
    Silence,
}

/// Connect to `addresses`, one for each of the system's ports in order, give the endpoint what comes from
/// `commands`, and run until the session is over. With `patience`, silence of that length ends it too, once all
/// commands are given.
///
/// # Errors
/// The first connection cannot be made.
pub async fn connect(
    endpoint: Box<dyn Endpoint>,
    addresses: Vec<HostPort>,
    commands: Receiver<Command>,
    patience: Option<Duration>,
    observer: Box<dyn Observer>,
    stop: impl Future<Output = ()>,
) -> io::Result<Ending> {
    let no_address = || io::Error::new(io::ErrorKind::InvalidInput, "no address");
    let first = addresses.first().cloned().ok_or_else(no_address)?;
    let mut stop = pin!(stop);
    let (stream, address) = tokio::select! {
        connected = first.connect() => connected?,
        () = &mut stop => return Ok(Ending::Stopped),
    };
    let local = LocalSet::new();
    let run = async move {
        let (driver, made) = Driver::new(endpoint, Side::Client, addresses, observer);
        spawn_local(attend_all(driver.clone(), made));
        driver.add(stream, PortIndex::default(), address);
        let ending = tokio::select! {
            ending = converse(&driver, commands, patience) => ending,
            () = stop => Ending::Stopped,
        };
        if ending == Ending::Stopped {
            driver.step(Input::Command(&Command::End));
            let _ = timeout(FAREWELL, over(&driver)).await;
        }
        ending
    };
    Ok(local.run_until(run).await)
}

async fn over(driver: &Driver) {
    while !driver.is_idle() {
        driver.changed().await;
    }
}

async fn converse(
    driver: &Driver,
    mut commands: Receiver<Command>,
    patience: Option<Duration>,
) -> Ending {
    let mut speaking = true;
    while !driver.is_idle() {
        let room = driver.has_room();
        let left = patience.map(|patience| patience.saturating_sub(driver.silence()));
        tokio::select! {
            command = commands.recv(), if speaking && room => {
                speaking = command.is_some();
                // When there is nothing more to say, goodbye.
                driver.step(Input::Command(&command.unwrap_or(Command::End)));
            }
            () = driver.changed() => {}
            () = sleep(left.unwrap_or_default()), if left.is_some() && !(speaking && room) => {
                if patience.is_some_and(|patience| driver.silence() >= patience) {
                    return Ending::Silence;
                }
            }
        }
    }
    Ending::Over
}
