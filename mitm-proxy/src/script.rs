//! What an application does in a run: a client's, or the server's.

use std::time::Duration;

use protocol::endpoint::Message;

/// One step of a script. A client's begins with an implied [`Step::Connect`]; a server's only sends and waits.
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
