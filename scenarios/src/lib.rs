//! The judge: reads scenario files, runs them with an honest twin, and says from what the endpoints really
//! did which security properties held.

pub mod anatomy;
pub mod capture;
pub mod catalogue;
pub mod cli;
pub mod credential;
pub mod diagnostic;
pub mod dissector;
pub mod divergence;
mod dom;
#[cfg(test)]
mod draft;
pub mod expect;
pub mod family;
pub mod files;
pub mod import;
pub mod judge;
pub mod key_log;
pub mod layout_file;
pub mod lesson;
pub mod live;
pub mod matrix;
pub mod measured;
pub mod payload;
pub mod people;
pub mod properties;
pub mod property;
pub mod scenario;
mod search;
mod sent;
pub mod sniff;
pub mod starter;
pub mod stdout;
pub mod target;
pub mod target_file;
pub mod terminal;
pub mod trial;
mod uri;
pub mod view;
pub mod watch;
pub mod words;
