//! What a client's application does in a run.

use std::time::Duration;

use protocol::endpoint::Message;

/// One step of a client's script. Every script begins with an implied [`Step::Connect`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// Open a new connection, once the one before is over.
    Connect,
    /// Send a message.
    Send(Message),
    /// Say goodbye.
    End,
    /// Do nothing for this long, in virtual time.
    Wait(Duration),
}
