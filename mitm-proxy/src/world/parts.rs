//! Endpoints of the attacker's: copies of stolen memories, and impostors.

use protocol::endpoint::{Claim, Command, Fact, Input, Kind, Message, Output, PortIndex, Side};
use protocol::system::Setup;

use super::guarded::guarded;
use super::reasons::Reasons;
use super::state::{Actor, Impostor, World};
use crate::action::ImpostorSpec;
use crate::memory::Memory;
use crate::misfire::MisfireCause;
use crate::script::Step;
use crate::trace::{Compromise, Finding, LinkEvent, Loot, Misfire};

/// Mixed into the seed for what the attacker draws: it never draws what a victim does.
const OTHER: u64 = 0x6d65_6464_6c65_7221;

impl World {
    /// The memory of an endpoint becomes the attacker's.
    pub(super) fn steal(&mut self, link: u32, of: Side, rule: u32) {
        let Some(actor) = self.actor_at(link, of) else { return };
        let Some(victim) = self.actors.get(actor) else { return };
        let endpoint = victim.endpoint.compromised(self.spec.seed ^ OTHER);
        let (at, moment) = (self.clock, self.trace.next_moment());
        let loot = Loot::Memory(actor);
        let compromise = self.trace.compromises.len();
        self.trace.compromises.push(Compromise { at, moment, rule, loot });
        self.attacker.add_memory(actor, Memory { endpoint, compromise, told: Vec::new() });
    }

    /// Whoever has a copy of that actor's memory lets it take the same input, and listens. What the copy delivers, the thief
    /// knows; and what it sends, but for what the application told the original since: that is no part of the memory.
    pub(super) fn step_stolen_copy(&mut self, actor: usize, input: Input<'_>, reasons: &Reasons) {
        let Some(memory) = self.attacker.memory_mut(actor) else { return };
        if let Input::Command(Command::Send(message)) = input {
            memory.told.push(message.clone());
        }
        let mut out = Output::default();
        if guarded(&mut memory.endpoint, self.clock, input, &mut out).is_err() {
            // A copy that has lost its direction is of no use any more; the original is judged on its own.
            self.attacker.forget_memory(actor);
            return;
        }
        let from = Some(memory.compromise);
        let mut known = Vec::new();
        for (at, claim) in std::mem::take(&mut out.claims).into_iter().enumerate() {
            match claim.fact {
                Fact::Delivered(message) => known.push((at, message)),
                Fact::Sent(message) => match memory.told.iter().position(|told| *told == message) {
                    Some(told) => drop(memory.told.remove(told)),
                    None => known.push((at, message)),
                },
                _ => {}
            }
        }
        for (at, message) in known {
            // The copy reads what the original reads.
            let readings = out.readings.iter().filter(|reading| reading.claims <= at).count();
            let (cause, content) = (reasons.after(readings), Finding::Content(message.body));
            self.trace.know(self.clock, "the stolen memory", from, cause, content);
        }
    }

    /// Somebody of the attacker's begins to play its part.
    pub(super) fn play(&mut self, link: u32, part: &ImpostorSpec, rule: u32) {
        let spec = self.spec.clone();
        let Some(folder) = spec.keys.get(&part.keys) else { return };
        let Some(system) = spec.system() else {
            return self.trace.misfires.push(Misfire { rule, why: MisfireCause::NoLabEndpoint });
        };
        let folder = folder.with_lab(&self.spec.lab_keys());
        let setup = Setup::lab(spec.profile, spec.seed ^ OTHER ^ u64::from(rule), part.number);
        let make = match part.side {
            Side::Client => system.keys.client,
            Side::Server => system.keys.server,
        };
        let endpoint = match make(setup, &folder) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                let why = MisfireCause::ImpostorKeys { plays: part.side, error: error.to_string() };
                self.trace.misfires.push(Misfire { rule, why });
                return;
            }
        };
        let texts = system.carries.contains(&Kind::Text);
        let says = part.says.iter().map(|text| {
            Step::Send(if texts { Message::text(text) } else { Message::numbers(text) })
        });
        // It does not say goodbye: what it does lasts.
        let (number, script) = (self.actors.len(), says.collect());
        self.trace.impostors.insert(number);
        let (at, open, waiting, dead) = (0, 0, false, false);
        let impostor = Some(Impostor { side: part.side, rule, insider: part.insider });
        let says_what_it_reads = false;
        self.actors.push(Actor {
            endpoint,
            script,
            at,
            open,
            waiting,
            dead,
            impostor,
            says_what_it_reads,
        });
        match part.side {
            Side::Client => self.connect(number, PortIndex::default()),
            Side::Server => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.server = number;
                }
                self.attacker.add_impostor(link, Side::Server, rule);
                self.trace.impostor_links.insert(link);
                let (now, service) = (self.clock, self.service(link));
                self.trace.link(now, link, service, LinkEvent::Intercepted, Some(rule));
            }
        }
    }

    /// At rest: try the key files that were stolen on every session that was recorded.
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
        let (system, profile) = (self.spec.system(), self.spec.profile);
        let (lab, recordings) = (self.spec.lab_keys(), self.recordings());
        for (at, names) in stolen {
            let mut files = lab.clone();
            files.retain(|path, _| names.contains(path));
            if files.is_empty() {
                let rule = self.trace.compromises.get(at).map_or(0, |leak| leak.rule);
                let why = MisfireCause::NoFile(names.clone());
                self.trace.misfires.push(Misfire { rule, why });
            }
            for recording in &recordings {
                let Some(system) = system else { continue };
                let opened = (system.decrypt_recording)(profile, &files, &recording.overheard());
                for (place, message) in opened {
                    let (number, content) =
                        (recording.number(place), Finding::Content(message.body));
                    self.trace.know(self.clock, "the stolen keys", Some(at), number, content);
                }
            }
        }
    }

    /// What an impostor is told, the attacker knows. What it believes is nobody's claim.
    pub(super) fn learn_from(&mut self, claim: Claim, cause: Option<u32>) {
        if let Fact::Delivered(message) = claim.fact {
            let content = Finding::Content(message.body);
            self.trace.know(self.clock, "the impostor", None, cause, content);
        }
    }
}
