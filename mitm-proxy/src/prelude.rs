//! What a test of one's own needs most, for `use mitm_proxy::prelude::*`.

pub use protocol::endpoint::{Message, Side};

pub use crate::action::{Action, ActionContext, ImpostorSpec, Outgoing};
pub use crate::actions::*;
pub use crate::closure::act;
pub use crate::condition::{
    FrameInHand, FrameRef, When, when, when_any_frame, when_closed, when_opened,
};
pub use crate::misfire::MisfireCause;
pub use crate::params::Template;
pub use crate::place::Place;
pub use crate::rule::Rule;
pub use crate::script::Step;
pub use crate::trace::Trace;
pub use crate::world::{OwnEndpoints, Victims, World, WorldSpec};
