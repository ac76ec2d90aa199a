//! Impostors: endpoints that the attacker puts in the place of honest ones.

use protocol::endpoint::{Claim, Fact, Kind, Message, PortIndex, Side};
use protocol::system::Setup;

use super::state::{Actor, Impostor, World};
use super::stolen::OTHER;
use crate::action::ImpostorSpec;
use crate::misfire::MisfireCause;
use crate::script::Step;
use crate::trace::{Finding, LinkEvent, Misfire};

impl World {
    /// Put an impostor into the world.
    pub(super) fn place_impostor(&mut self, link: u32, part: &ImpostorSpec, rule: u32) {
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
        // An impostor sends no goodbye: its session stays open, and what it achieved stays so.
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

    /// The attacker knows what its impostor was told. The other claims of an impostor do not count.
    pub(super) fn learn_from(&mut self, claim: Claim, cause: Option<u32>) {
        if let Fact::Delivered(message) = claim.fact {
            let content = Finding::Content(message.body);
            self.trace.know(self.clock, "the impostor", None, cause, content);
        }
    }
}
