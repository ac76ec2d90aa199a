//! The task of one connection: it reads and writes as the driver wants, until both directions are closed.

use std::io::ErrorKind;
use std::time::Duration;

use protocol::endpoint::Conn;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::driver::{Driver, Made};
use super::event::{Event, Trouble};

/// How long a closed connection is still read, so that what was sent before it closed is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

/// How much of it is read, in bytes. A peer that sends more is reset.
const MOST_DISCARDED: usize = 16 * 1024 * 1024;

/// Attend to every connection that the driver makes: one task each.
pub(super) async fn attend_all(driver: Driver, mut made: UnboundedReceiver<Made>) {
    while let Some(made) = made.recv().await {
        spawn_local(attend(driver.clone(), made));
    }
}

/// Attend to a connection until it is over.
async fn attend(driver: Driver, Made { conn, mut stream, wake }: Made) {
    let mut ended = false;
    loop {
        let interest = driver.interest(conn);
        if interest.close {
            break;
        }
        let result = tokio::select! {
            ready = stream.readable(), if interest.read && !ended => match ready {
                Ok(()) => driver.read(conn, &stream),
                Err(error) => Err(error),
            },
            ready = stream.writable(), if interest.write => match ready {
                Ok(()) => driver.write(conn, &stream).map(|()| true),
                Err(error) => Err(error),
            },
            () = wake.notified() => Ok(true),
        };
        match result {
            Ok(true) => {}
            Ok(false) => {
                ended = true;
                driver.hung_up(conn);
                driver.observe(Event::HungUp { conn });
            }
            Err(error) => {
                driver.observe(Event::Trouble { conn: Some(conn), what: Trouble::Broken(error) });
                driver.hung_up(conn);
                driver.observe(Event::Reset { conn });
                return driver.remove(conn);
            }
        }
    }
    // A connection that was closed to make room gets no time to end.
    if driver.has(conn) && stream.shutdown().await.is_ok() {
        driver.observe(Event::Finished { conn });
        if !ended {
            let _ = timeout(LINGER, discard(&driver, conn, &stream)).await;
        }
    }
    driver.remove(conn);
}

/// Read to the end, and throw it away.
async fn discard(driver: &Driver, conn: Conn, stream: &TcpStream) {
    let mut buffer = [0; 4096];
    let mut left = MOST_DISCARDED;
    while left > 0 && stream.readable().await.is_ok() {
        match stream.try_read(&mut buffer) {
            Ok(0) => return driver.observe(Event::HungUp { conn }),
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                return driver.observe(Event::Reset { conn });
            }
            Ok(read) => {
                let bytes = buffer.get(..read).unwrap_or_default();
                driver.observe(Event::Discarded { conn, bytes });
                left = left.saturating_sub(read);
            }
            Err(_) => {}
        }
    }
}
