//! The judge: reads scenario files, runs them with an honest twin, and says from what the endpoints really
//! did which security properties held.

pub mod properties;
pub mod property;
