//! The machine in the middle, without IO: it gets what the endpoints do and answers with effects.
//! Every back end drives this one piece of code, so a scenario means the same in memory and over TCP.

mod act;
mod agreement;
mod context;
mod effect;
mod matching;
mod pass;
mod receive;
mod send;
mod state;
mod transcript;

pub use agreement::KeyAgreementMitm;
pub use context::StepContext;
pub use effect::Effect;
pub use pass::Passage;
pub use receive::Acting;
pub use state::Attacker;
