//! Memories of endpoints that were stolen: copies that go on beside the original and read what it is sent.

use std::collections::BTreeMap;

use protocol::endpoint::{Endpoint, Message};

/// Copies of memories, by actor: 0 the server, n client n.
pub type Stolen = BTreeMap<usize, Memory>;

/// A copy of an endpoint's memory. From then on it gets the same inputs as the endpoint.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The copy.
    pub endpoint: Box<dyn Endpoint>,
    /// The compromise it is, by its place from 0.
    pub compromise: usize,
    /// Messages that the application gave to the endpoint after the theft, and that the copy has not sent yet.
    pub sent_since: Vec<Message>,
}
