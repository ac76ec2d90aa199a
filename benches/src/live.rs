//! Servers over loopback, on threads of their own.

use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread::{JoinHandle, spawn};

use net::{Event, Limits, Observer};
use protocol::endpoint::{Endpoint, Tick};
use protocol::system::{Setup, System};
use protocol::weakness::Profile;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A server on a thread of its own.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens, a port of the system after the other.
    pub addresses: Vec<SocketAddr>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Serving {
    /// Start the server of the lab.
    pub fn start(
        system: &'static System,
        profile: Profile,
        observer: impl Observer + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = channel();
        let thread = spawn(move || {
            runtime().block_on(async {
                let mut listeners = Vec::new();
                for _ in system.ports {
                    listeners.extend(TcpListener::bind("127.0.0.1:0").await);
                }
                let own = listeners.iter().filter_map(|listener| listener.local_addr().ok());
                let _ = tell.send(own.collect());
                let endpoint: Box<dyn Endpoint> = (system.server)(Setup::lab(profile, 1, 0));
                let (_silent, commands) = tokio::sync::mpsc::channel(1);
                let (limits, observer) = (Limits::of_this_process(), Box::new(observer));
                let stop = async {
                    let _ = stopped.await;
                };
                net::serve(endpoint, listeners, limits, commands, observer, stop).await;
            });
        });
        let addresses = told.recv().unwrap_or_default();
        Self { addresses, stop, thread }
    }

    /// Stop it and wait until it has.
    pub fn end(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// What waits on one thread.
pub fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|_| unreachable!("a thread can wait"))
}

/// Hears nothing.
#[derive(Clone, Copy, Debug)]
pub struct Deaf;

impl Observer for Deaf {
    fn on_event(&mut self, _: Tick, _: Event<'_>) {}
}
