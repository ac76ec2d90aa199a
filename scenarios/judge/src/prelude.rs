//! What a test of your own needs most, for `use judge::prelude::*`.

pub use crate::case::Judgement;
pub use crate::lab::Lab;
pub use crate::properties::{Finished, PropertySpec, Ruling};
pub use crate::property::{Outcome, Property};
pub use mitm_proxy::prelude::*;
pub use protocol::endpoint::{Check, Endpoint};
pub use protocol::weakness::{Profile, Weakness};

/// The application sends this text.
pub fn text(text: &str) -> Step {
    Step::Send(Message::text(text))
}

/// The application sends these comma-separated numbers.
pub fn numbers(text: &str) -> Step {
    Step::Send(Message::numbers(text))
}

/// The application ends the session.
pub fn end() -> Step {
    Step::End
}
