//! How bytes get from an endpoint to the attacker and back. Without a transport they simply arrive. A transport moves them over something
//! real, such as TCP; the world still decides the order.

use std::fmt::Debug;
use std::io;

use bytes::Bytes;
use protocol::endpoint::Side;

/// The connection between one end of a link and the attacker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Leg {
    /// The link, from 1.
    pub link: u32,
    /// Which end of it.
    pub side: Side,
}

/// In which direction bytes go on a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the endpoint to the attacker.
    ToAttacker,
    /// From the attacker to the endpoint.
    ToEndpoint,
}

/// Takes bytes from one end of a connection to the other.
pub trait Transport: Debug + Send {
    /// Move `bytes` to the other end, and return what each read there returned.
    ///
    /// # Errors
    /// The connection cannot be made, or broke.
    fn transfer(&mut self, leg: Leg, direction: Direction, bytes: &Bytes)
    -> io::Result<Vec<Bytes>>;

    /// Close the connection from the sending end of `direction`; the other end sees it. A connection that does not exist yet is made first.
    ///
    /// # Errors
    /// The connection cannot be made, or broke.
    fn close(&mut self, leg: Leg, direction: Direction) -> io::Result<()>;

    /// Another one like it, for a fork of the world: what goes on there goes over connections of its own.
    fn fork(&self) -> Box<dyn Transport>;
}

impl Clone for Box<dyn Transport> {
    fn clone(&self) -> Self {
        self.fork()
    }
}
