//! A judged run as a capture for Wireshark: both sides of the attacker as TCP conversations, with what the rules did and
//! what the judge says as comments on the packets.
//!
//! It is made from the trace after the run, so a run that nobody wants to see costs nothing. Packets are seen from the attacker: what
//! an endpoint sent, when the attacker had it; what the attacker sent, when it sent it. Segments towards an endpoint
//! are those the attacker made; what an endpoint sent stands there frame by frame. Frames that reached nobody are on the sender's side only.

use std::io::{self, Write};

use capture::{Format, Writer};
use files::scenario::ScenarioRun;
use judge::Judgement;
use mitm_proxy::trace::SecretRecord;
use protocol::endpoint::Side;
use protocol::system::EPOCH;

use crate::key_log::{Connection, Line};

mod events;
mod legs;
mod notes;
mod place;
mod subject;
#[cfg(test)]
mod tests;

pub use place::{Naming, Place, What};
pub use subject::{Plaintext, Subject};

/// The secrets of the sessions in the capture of a run.
pub fn key_log(case: ScenarioRun<'_>, judgement: &Judgement) -> Vec<Line> {
    let subject = Subject::from(case);
    let trace = &judgement.trace;
    let legs = legs::Legs::of(trace);
    let line = |record: &SecretRecord| {
        let SecretRecord { actor, link, secret } = record;
        let end = if *actor == 0 { Side::Server } else { Side::Client };
        let port = trace.links.iter().find(|record| record.link == *link)?.service;
        let [client, server] = legs.ends(&subject.ports, (*link, end), port)?;
        let (system, profile, link) = (case.system, case.profile, *link);
        let connection = Connection { system, profile, end, link, client, server, port };
        Some(Line { connection, secret: secret.clone() })
    };
    trace.secrets.iter().filter_map(line).collect()
}

/// Write the run that a judgement shows.
///
/// # Errors
/// It cannot be written.
pub fn write<W: Write>(
    out: W,
    format: Format,
    subject: &Subject<'_>,
    judgement: &Judgement,
    plaintext: Plaintext,
) -> io::Result<W> {
    let legs = legs::Legs::of(&judgement.trace);
    let notes = notes::Notes::of(subject, judgement, &legs, plaintext);
    let mut writer = Writer::new(out, format, &notes.section)?;
    let began = EPOCH.saturating_mul(1_000_000_000);
    events::replay(&subject.ports, &judgement.trace, &legs, notes, began, &mut writer)?;
    writer.finish()
}
