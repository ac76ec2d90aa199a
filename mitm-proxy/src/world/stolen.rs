//! Secrets that the attacker has stolen: a copy of a memory follows its original, and stolen key files are tried on recordings.

use protocol::endpoint::{Command, Fact, Input, Output, Side};

use super::guarded::guarded;
use super::state::World;
use super::step_causes::StepCauses;
use crate::memory::Memory;
use crate::misfire::MisfireCause;
use crate::trace::{Compromise, Finding, Loot, Misfire};

/// Mixed into the seed for what the attacker draws: it never draws what a victim does.
pub(super) const OTHER: u64 = 0x6d65_6464_6c65_7221;

impl World {
    /// Copy the memory of an endpoint for the attacker.
    pub(super) fn copy_memory(&mut self, link: u32, of: Side, rule: u32) {
        let Some(actor) = self.actor_at(link, of) else { return };
        let Some(victim) = self.actors.get(actor) else { return };
        let Some(endpoint) = victim.endpoint.compromised(self.spec.seed ^ OTHER) else {
            return self.trace.misfires.push(Misfire { rule, why: MisfireCause::NoMemoryCopy });
        };
        let (at, moment) = (self.clock, self.trace.next_moment());
        let loot = Loot::Memory(actor);
        let compromise = self.trace.compromises.len();
        self.trace.compromises.push(Compromise { at, moment, rule, loot });
        self.attacker.add_memory(actor, Memory { endpoint, compromise, sent_since: Vec::new() });
    }

    /// Give the stolen copy of an actor the same input. The attacker learns what the copy delivers and what it sends. It does not learn
    /// messages that the application gave to the original after the theft: these are not in the stolen memory.
    pub(super) fn step_stolen_copy(
        &mut self,
        actor: usize,
        input: Input<'_>,
        step_causes: &StepCauses,
    ) {
        let Some(memory) = self.attacker.memory_mut(actor) else { return };
        if let Input::Command(Command::Send(message)) = input {
            memory.sent_since.push(message.clone());
        }
        let mut out = Output::default();
        if guarded(&mut memory.endpoint, self.clock, input, &mut out).is_err() {
            // A copy that panics is dropped. The original gets the same input and is judged by itself.
            self.attacker.forget_memory(actor);
            return;
        }
        let from = Some(memory.compromise);
        let mut known = Vec::new();
        for (at, claim) in std::mem::take(&mut out.claims).into_iter().enumerate() {
            match claim.fact {
                Fact::Delivered(message) => known.push((at, message)),
                Fact::Sent(message) => {
                    match memory.sent_since.iter().position(|sent| *sent == message) {
                        Some(place) => drop(memory.sent_since.remove(place)),
                        None => known.push((at, message)),
                    }
                }
                _ => {}
            }
        }
        for (at, message) in known {
            // The copy reads what the original reads.
            let readings = out.readings.iter().filter(|reading| reading.claims <= at).count();
            let (cause, content) = (step_causes.after(readings), Finding::Content(message.body));
            self.trace.know(self.clock, "the stolen memory", from, cause, content);
        }
    }

    /// When the run is over: try the stolen key files on every recorded session.
    pub fn open_recordings(&mut self) {
        let stolen = self.trace.compromises.iter().enumerate();
        let stolen = stolen.filter_map(|(at, leak)| match &leak.loot {
            Loot::Files(names) => Some((at, names.clone())),
            Loot::Memory(_) => None,
        });
        let stolen: Vec<(usize, Vec<String>)> = stolen.collect();
        if stolen.is_empty() {
            return;
        }
        let profile = self.spec.profile;
        let decrypt = self.spec.system().and_then(|system| system.decrypt_recording);
        let (lab, recordings) = (self.spec.lab_keys(), self.recordings());
        for (at, names) in stolen {
            let mut files = lab.clone();
            files.retain(|path, _| names.contains(path));
            let rule = self.trace.compromises.get(at).map_or(0, |leak| leak.rule);
            if files.is_empty() {
                let why = MisfireCause::NoFile(names.clone());
                self.trace.misfires.push(Misfire { rule, why });
            }
            let Some(decrypt) = decrypt else {
                self.trace.misfires.push(Misfire { rule, why: MisfireCause::NoDecryption });
                continue;
            };
            for recording in &recordings {
                let opened = decrypt(profile, &files, &recording.overheard());
                for (place, message) in opened {
                    let (number, content) =
                        (recording.number(place), Finding::Content(message.body));
                    self.trace.know(self.clock, "the stolen keys", Some(at), number, content);
                }
            }
        }
    }
}
