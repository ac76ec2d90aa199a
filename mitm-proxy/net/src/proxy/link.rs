//! The task of one link: it reads both ends and writes what waits for them, until the link is over.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use protocol::endpoint::{PortIndex, Side};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::relay::Relay;
use crate::host::HostPort;

/// How often both ends are read in a row before other links have their turn.
const TURNS: usize = 16;

/// The pause before the server is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// What a link is read from.
#[derive(Debug, Default)]
pub(super) struct Readers {
    client: Option<OwnedReadHalf>,
    server: Option<OwnedReadHalf>,
}

/// A client has come.
pub(super) async fn serve(relay: Relay, client: TcpStream, from: SocketAddr, service: PortIndex) {
    let _ = client.set_nodelay(true);
    let (reader, writer) = client.into_split();
    let (link, connects) = relay.open(writer, from, service);
    let mut readers = Readers { client: Some(reader), server: None };
    if connects {
        readers.server = connect(&relay, link, service).await;
    }
    attend(relay, link, readers).await;
}

/// Connect to the server for every link that the attacker opens: one task each.
pub(super) async fn dial_all(relay: Relay, mut dials: UnboundedReceiver<(u32, PortIndex)>) {
    while let Some((link, service)) = dials.recv().await {
        spawn_local(dial(relay.clone(), link, service));
    }
}

/// The attacker makes a connection of its own.
async fn dial(relay: Relay, link: u32, service: PortIndex) {
    let server = connect(&relay, link, service).await;
    attend(relay, link, Readers { client: None, server }).await;
}

async fn connect(relay: &Relay, link: u32, service: PortIndex) -> Option<OwnedReadHalf> {
    let upstream = relay.upstream(service)?;
    match reach(relay, &upstream).await {
        Ok(stream) => {
            let _ = stream.set_nodelay(true);
            let (reader, writer) = stream.into_split();
            relay.connected(link, writer);
            Some(reader)
        }
        Err(error) => {
            relay.refused(link, &upstream, &error);
            None
        }
    }
}

/// Connect to the server. A server that serves one client and is then restarted is away for a moment, so a refused connection is tried
/// again until the patience of the proxy is over.
async fn reach(relay: &Relay, upstream: &HostPort) -> io::Result<TcpStream> {
    if !relay.delay().is_zero() {
        sleep(relay.delay()).await;
    }
    let (nth, began) = (relay.next_connection(), Instant::now());
    while !relay.is_there(nth) && began.elapsed() < relay.patience() {
        sleep(AGAIN).await;
    }
    loop {
        let error = match upstream.connect().await {
            Ok((stream, _)) => return Ok(stream),
            Err(error) => error,
        };
        let refused = error.kind() == io::ErrorKind::ConnectionRefused;
        if !refused || began.elapsed() >= relay.patience() {
            return Err(error);
        }
        sleep(AGAIN).await;
    }
}

async fn attend(relay: Relay, link: u32, mut readers: Readers) {
    poll_fn(|cx| poll(&relay, link, &mut readers, cx)).await;
    relay.over(link);
}

fn poll(relay: &Relay, link: u32, readers: &mut Readers, cx: &mut Context<'_>) -> Poll<()> {
    relay.wake_with(link, cx.waker());
    for _ in 0..TURNS {
        let mut read = false;
        // Write first: an end is read only while the other one has room.
        relay.poll_write(link, Side::Client, cx);
        relay.poll_write(link, Side::Server, cx);
        for (side, reader) in
            [(Side::Client, &mut readers.client), (Side::Server, &mut readers.server)]
        {
            let Some(half) = reader.as_mut().filter(|_| relay.may_read(link, side)) else {
                continue;
            };
            let polled = relay.read_into(link, side, |buffer| {
                let mut space = ReadBuf::new(buffer);
                let polled = Pin::new(half).poll_read(cx, &mut space);
                polled.map_ok(|()| space.filled().len())
            });
            read |= polled.is_ready();
        }
        if relay.is_over(link) {
            return Poll::Ready(());
        }
        if !read {
            return Poll::Pending;
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
