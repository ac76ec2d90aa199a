//! The frames of a system, declared once as data: their fields, how a stream is cut into them, and
//! where each field lies. Endpoints, the attacker, reports and dissectors all read this one table.

mod assemble;
mod deframer;
mod field;
mod intern;
mod json;
mod length;
mod measure;
mod overlap;
mod spec;
#[cfg(test)]
mod tests;

pub use assemble::AssembleError;
pub use deframer::{Deframer, Front};
pub use field::{Field, FrameDecl, Role, Size};
pub(crate) use intern::intern_names;
pub use intern::{intern, intern_bytes};
pub use length::{Counts, Encoding, Length, number};
pub use measure::{Measure, first_match};
pub use spec::{Frame, FrameOrder, FrameSpec, Layout, RAW, Turn};
