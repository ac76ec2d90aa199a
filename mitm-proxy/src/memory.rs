//! Memories of endpoints that were stolen: copies that go on beside the original and read what it is sent.

use std::collections::BTreeMap;

use protocol::endpoint::{Endpoint, Message};

/// Copies of memories, by actor: 0 the server, n client n.
pub type Stolen = BTreeMap<usize, Memory>;

/// A copy of an endpoint's memory. It is told all that the endpoint is told from then on.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The copy.
    pub endpoint: Box<dyn Endpoint>,
    /// The compromise it is, by its place from 0.
    pub compromise: usize,
    /// What the application told the endpoint to send since then, and the copy has not sent yet.
    pub told: Vec<Message>,
}
