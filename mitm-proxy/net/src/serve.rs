//! A server: one endpoint, any number of connections.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use protocol::endpoint::{Command, Endpoint, Input, PortIndex, Side};
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::connection::attend_all;
use super::driver::Driver;
use super::event::{Event, Observer, Trouble};
use super::limits::Limits;

/// The pause after a connection that could not be accepted: most often the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// How long connections are given to end once the server is stopped.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serve on `listeners`, one for each of the system's ports in order, until `stop`, and no more connections than `limits` allows. What
/// comes from `commands` the server says to its clients.
pub async fn serve(
    endpoint: Box<dyn Endpoint>,
    listeners: Vec<TcpListener>,
    limits: Limits,
    mut commands: Receiver<Command>,
    observer: Box<dyn Observer>,
    stop: impl Future<Output = ()>,
) {
    let local = LocalSet::new();
    local
        .run_until(async move {
            let (driver, made) = Driver::new(endpoint, Side::Server, Vec::new(), observer);
            spawn_local(attend_all(driver.clone(), made));
            for (service, listener) in (0..).map(PortIndex).zip(listeners) {
                spawn_local(accept(driver.clone(), listener, service, limits));
            }
            let mut stop = pin!(stop);
            loop {
                tokio::select! {
                    () = &mut stop => break,
                    Some(command) = commands.recv() => driver.step(Input::Command(&command)),
                }
            }
            driver.close_all();
            let gone = async {
                while !driver.is_idle() {
                    driver.changed().await;
                }
            };
            let _ = timeout(FAREWELL, gone).await;
        })
        .await;
}

async fn accept(driver: Driver, listener: TcpListener, service: PortIndex, limits: Limits) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) if driver.make_room(limits) => {
                driver.add(stream, service, address);
            }
            Ok(_) => {}
            Err(error) => {
                driver.observe(Event::Trouble { conn: None, what: Trouble::Accept(error) });
                sleep(PAUSE).await;
            }
        }
    }
}
