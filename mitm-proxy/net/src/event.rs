//! What a live endpoint does, as its observer sees it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use protocol::endpoint::{Claim, Conn, Input, PortIndex, Tick};
use protocol::session_secret::SessionSecret;

use super::host::HostPort;

/// Something an observer of a live endpoint may want to know.
#[derive(Debug)]
pub enum Event<'a> {
    /// A connection is open.
    Opened {
        /// Its number.
        conn: Conn,
        /// To which of the server's ports.
        service: PortIndex,
        /// The other end.
        address: SocketAddr,
        /// This end, where the system says so.
        local: Option<SocketAddr>,
    },
    /// The endpoint states a fact.
    Claimed(&'a Claim),
    /// The endpoint took a secret into use.
    Secret {
        /// On this connection.
        conn: Conn,
        /// Which.
        secret: &'a SessionSecret,
    },
    /// The endpoint was given this: claims because of it came before, what it sends because of it comes later. The
    /// time is the one at which it was given.
    Stepped(Input<'a>),
    /// Bytes that came after this end had closed; nobody reads them.
    Discarded {
        /// On this connection.
        conn: Conn,
        /// As one read returned them.
        bytes: &'a [u8],
    },
    /// The system took these bytes.
    Wrote {
        /// On this connection.
        conn: Conn,
        /// As one write took them.
        bytes: &'a [u8],
    },
    /// The peer sends no more. The endpoint has had its input before, if it gets one.
    HungUp {
        /// On this connection.
        conn: Conn,
    },
    /// The connection broke: the peer reset it, or is no longer there.
    Reset {
        /// Which.
        conn: Conn,
    },
    /// This end sends no more.
    Finished {
        /// On this connection.
        conn: Conn,
    },
    /// Part of a large message has been sent.
    Sending {
        /// On this connection.
        conn: Conn,
        /// Bytes so far.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Part of a large message has arrived. How long it is, only the endpoint knows.
    Receiving {
        /// On this connection.
        conn: Conn,
        /// Bytes that wait for the rest of their message.
        waiting: u64,
    },
    /// A connection is gone.
    Closed {
        /// Its number.
        conn: Conn,
    },
    /// Something went wrong that is no input of the endpoint. Other connections go on.
    Trouble {
        /// The connection, if it was one.
        conn: Option<Conn>,
        /// What.
        what: Trouble,
    },
}

/// What can go wrong around an endpoint.
#[derive(Debug)]
pub enum Trouble {
    /// A connection cannot be accepted.
    Accept(io::Error),
    /// A further connection cannot be made.
    Connect(HostPort, io::Error),
    /// The connection broke.
    Broken(io::Error),
    /// The peer does not read what it is sent: more than this many bytes wait for it.
    NotReading(usize),
    /// There was no room for another connection, and this one's peer had not shown who it is.
    Crowded,
    /// There is no room for another connection, and every peer has shown who it is: the new one is closed.
    Full,
    /// The endpoint panicked on what this connection sent. It is closed.
    Panicked,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(error) => write!(f, "cannot accept a connection: {error}"),
            Self::Connect(to, error) => write!(f, "cannot connect to {to}: {error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::NotReading(waiting) => {
                write!(f, "the peer does not read; {waiting} bytes wait for it: closed")
            }
            Self::Crowded => f.write_str(
                "no room for more connections: closed, its peer has not shown who it is",
            ),
            Self::Full => f.write_str("no room for another connection: closed"),
            Self::Panicked => f.write_str("the endpoint panicked (a bug): closed"),
        }
    }
}

/// Watches a live endpoint: writes its log, stores what it delivers, draws progress.
pub trait Observer {
    /// Something happened, this long after the endpoint was started.
    fn on_event(&mut self, now: Tick, event: Event<'_>);
}
