//! Endpoints of the attacker's: copies of stolen memories, and impostors.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::compromise::RecordedFrame;
use protocol::endpoint::{Claim, Command, Fact, Input, Kind, Message, Output, PortIndex, Side};
use protocol::keyfiles::{Account, KeyError, KeyFiles, KeySource};
use protocol::layout::Frame;
use protocol::system::Setup;

use super::carry::{Reasons, guarded};
use super::{Actor, Planted, World};
use crate::actions::Part;
use crate::attacker::Memory;
use crate::script::Step;
use crate::trace::{Compromise, Finding, LinkEvent, Loot, Misfire};

/// Mixed into the seed for what the attacker draws: it never draws what a victim does.
const OTHER: u64 = 0x6d65_6464_6c65_7221;

/// A folder of key files that the attacker has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Folder {
    /// The files, by path.
    pub files: KeyFiles,
    /// Files that are those of the lab under the profile at hand, by path: the path they have there.
    pub lab: KeyFiles,
    /// Who logs in, where a system has users.
    pub account: Option<Account>,
}

impl KeySource for Folder {
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        self.files.read_bytes(path)
    }

    fn kept(&self) -> Option<Arc<dyn KeySource + Send + Sync>> {
        Some(Arc::new(self.clone()))
    }

    fn account(&self) -> Option<Account> {
        self.account.clone()
    }

    fn any_size(&self) -> bool {
        true
    }
}

/// One session as it was recorded: every frame, as it was sent, with its number in the trace.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Number, port, sender, frame.
    pub frames: Vec<(u32, PortIndex, Side, Frame)>,
}

impl Recording {
    /// The same, for whoever tries to open it.
    pub fn overheard(&self) -> Vec<RecordedFrame<'_>> {
        let frames = self.frames.iter();
        frames
            .map(|(_, service, from, frame)| RecordedFrame {
                service: *service,
                from: *from,
                frame,
            })
            .collect()
    }

    /// The number of the frame at this place.
    pub fn number(&self, place: usize) -> Option<u32> {
        self.frames.get(place).map(|(number, ..)| *number)
    }
}

impl Folder {
    /// The same, with the files of the lab in it.
    fn with_lab(&self, lab: &KeyFiles) -> Self {
        let mut folder = self.clone();
        let found = self.lab.iter().filter_map(|(path, there)| Some((path, lab.get(there)?)));
        folder.files.extend(found.map(|(path, content)| (path.clone(), content.clone())));
        folder
    }
}

impl World {
    /// The memory of an endpoint becomes the attacker's.
    pub(super) fn steal(&mut self, link: u32, of: Side, rule: u32) {
        let Some(actor) = self.actor_at(link, of) else { return };
        let Some(victim) = self.actors.get(actor) else { return };
        let Some(endpoint) = victim.endpoint.compromised(self.plan.seed ^ OTHER) else {
            let why = format!("{} offers no copy of an endpoint's memory", self.plan.system.name);
            return self.trace.misfires.push(Misfire { rule, why });
        };
        let (at, moment) = (self.clock, self.trace.next_moment());
        let loot = Loot::Memory(actor);
        let compromise = self.trace.compromises.len();
        self.trace.compromises.push(Compromise { at, moment, rule, loot });
        self.attacker.take(actor, Memory { endpoint, compromise, told: Vec::new() });
    }

    /// Whoever has a copy of that actor's memory lets it take the same input, and listens. What the copy delivers, the thief
    /// knows; and what it sends, but for what the application told the original since: that is no part of the memory.
    pub(super) fn tell_thief(&mut self, actor: usize, input: Input<'_>, reasons: &Reasons) {
        let Some(memory) = self.attacker.memory_mut(actor) else { return };
        if let Input::Command(Command::Send(message)) = input {
            memory.told.push(message.clone());
        }
        let mut out = Output::default();
        if guarded(&mut memory.endpoint, self.clock, input, &mut out).is_err() {
            // A copy that has lost its way is of no use any more; the original is judged on its own.
            self.attacker.lose(actor);
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
    pub(super) fn play(&mut self, link: u32, part: &Part, rule: u32) {
        let plan = self.plan.clone();
        let Some(folder) = plan.keys.get(&part.keys) else { return };
        let folder = folder.with_lab(&self.lab());
        let setup = Setup::lab(plan.profile, plan.seed ^ OTHER ^ u64::from(rule), part.number);
        let make = match part.side {
            Side::Client => plan.system.keys.client,
            Side::Server => plan.system.keys.server,
        };
        let endpoint = match make(setup, &folder) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                let why = format!("nobody can play the {} with these keys: {error}", part.side);
                self.trace.misfires.push(Misfire { rule, why });
                return;
            }
        };
        let texts = plan.system.carries.contains(&Kind::Text);
        let says = part.says.iter().map(|text| {
            Step::Send(if texts { Message::text(text) } else { Message::numbers(text) })
        });
        // It does not say goodbye: what it does lasts.
        let (number, script) = (self.actors.len(), says.collect());
        self.trace.parts.insert(number);
        let (at, open, waiting, dead) = (0, 0, false, false);
        let planted = Some(Planted { side: part.side, rule, insider: part.insider });
        let says_what_it_reads = false;
        self.actors.push(Actor {
            endpoint,
            script,
            at,
            open,
            waiting,
            dead,
            planted,
            says_what_it_reads,
        });
        match part.side {
            Side::Client => self.connect(number, PortIndex::default()),
            Side::Server => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.server = number;
                }
                self.attacker.plant(link, Side::Server, rule);
                self.trace.planted.insert(link);
                let (now, service) = (self.clock, self.service(link));
                self.trace.link(now, link, service, LinkEvent::Intercepted, Some(rule));
            }
        }
    }

    /// Every session of an honest client as somebody recorded it who only listened.
    pub fn recordings(&self) -> Vec<Recording> {
        let mut recordings: BTreeMap<(usize, usize), Recording> = BTreeMap::new();
        let sessions = self.trace.sessions();
        for (number, record) in self.trace.honest() {
            let Some(session) = sessions.get(&record.link) else { continue };
            let service = self.service(record.link);
            let frame = (number, service, record.to.other(), record.as_sent().clone());
            recordings.entry(*session).or_default().frames.push(frame);
        }
        recordings.into_values().collect()
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
        let (system, profile) = (self.plan.system, self.plan.profile);
        let (lab, recordings) = (self.lab(), self.recordings());
        for (at, names) in stolen {
            let mut files = lab.clone();
            files.retain(|path, _| names.contains(path));
            if files.is_empty() {
                let rule = self.trace.compromises.get(at).map_or(0, |leak| leak.rule);
                let why = format!("there is no file {}", names.join(", "));
                self.trace.misfires.push(Misfire { rule, why });
            }
            let Some(decrypt) = system.decrypt_recording else {
                let rule = self.trace.compromises.get(at).map_or(0, |leak| leak.rule);
                let why = format!("{} does not say what its keys open", system.name);
                self.trace.misfires.push(Misfire { rule, why });
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

    /// What an impostor is told, the attacker knows. What it believes is nobody's claim.
    pub(super) fn learn_from(&mut self, claim: Claim, cause: Option<u32>) {
        if let Fact::Delivered(message) = claim.fact {
            let content = Finding::Content(message.body);
            self.trace.know(self.clock, "the impostor", None, cause, content);
        }
    }
}
