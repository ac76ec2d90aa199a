//! The attacker: a scripted machine in the middle of every link, and the in-memory world it works in. Nothing here does IO: no socket, no
//! clock, no randomness of the system.
//!
//! # The life of a frame
//!
//! 1. An endpoint writes bytes. In a [`World`](world::World) they reach [`Attacker::on_bytes`](attacker::Attacker::on_bytes) one
//!    [`HOP`](world::HOP) later; there the deframer of the link cuts frames out of them by the layout. A live proxy (the crate `net`)
//!    keeps what it reads in its own buffer, and [`Attacker::inspect`](attacker::Attacker::inspect) finds the frames in that.
//! 2. Every rule is compared with the frame and counts it. The first rule that matches, and whose `nth` it is, acts.
//! 3. [`Attacker::take_frame`](attacker::Attacker::take_frame) puts the frame into the [`Trace`](trace::Trace), and lets that rule act.
//!    This is the only place where that happens, whatever the back end.
//! 4. Each action of the rule works on an [`ActionContext`](action::ActionContext): it changes the frame in hand, adds or removes
//!    frames, or asks for more with an [`ActionPlan`](action::ActionPlan). An action that cannot be done says a
//!    [`MisfireCause`](misfire::MisfireCause), and the verdict is inconclusive.
//! 5. What is left is sent, held or delayed. It leaves the attacker as [`Effect`](attacker::Effect)s.
//! 6. The back end applies the effects and decides nothing. In a world, an [`Effect::Send`](attacker::Effect::Send) arrives one hop
//!    later, and the endpoint steps.
//! 7. The endpoint says how far it has read and what it claims. Both go into the trace; what it writes begins at 1.
//! 8. The judge reads the claims in the trace. It is not part of this crate.
//!
//! # Rules in Rust
//!
//! ```
//! use mitm_proxy::prelude::*;
//! use protocol::systems::SYSTEMS;
//!
//! let victim = SYSTEMS.first().unwrap();
//! let spec = WorldSpec::new(Victims::System(victim))
//!     .client([Step::End])
//!     .rule(Rule::new(when_any_frame().from(Side::Client).nth(1), flip("*", 0)));
//! let mut world = World::new(&spec);
//! world.run();
//! assert_eq!(world.trace().fired, [1]);
//! ```
//!
//! Conditions and actions can be closures ([`closure::act`], [`When::that`](condition::When::that)), and the endpoints can be one's own
//! ([`world::OwnEndpoints`]). The folder `examples/` has a program for each.

pub mod action;
pub mod actions;
pub mod attacker;
pub mod closure;
pub mod condition;
pub mod memory;
pub mod misfire;
pub mod params;
pub mod place;
pub mod prelude;
mod replace;
pub mod rule;
pub mod script;
pub mod strategies;
pub mod strategy;
pub mod trace;
pub mod world;
