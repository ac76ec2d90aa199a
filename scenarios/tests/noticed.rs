//! Endpoints with a flaw that no system of the table has, and runs in which one end only is at fault: each property must notice by
//! its verdict, not by the words of its evidence.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

use std::hash::Hasher;

use bytes::Bytes;
use files::scenario::ScenarioRun;
use files::scenario::{Payloads, Scenario};
use judge::property::{Outcome, Property};
use judge::{Judgement, Over};
use protocol::endpoint::{Conn, Endpoint, Fact, Input, Kind, Output, Tick};
use protocol::system::System;
use protocol::systems::system;
use protocol::weakness::Profile;
use protocol::{ratchet, suite};

/// What is wrong with an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    /// It keeps everything that it ever received.
    Hoards,
    /// It sends the content of every file in clear beside the record.
    LeaksFiles,
    /// It throws away what [`Flaw::LeaksFiles`] sends, so that the conversation succeeds.
    SkipsLeaks,
    /// It offers neither its memory nor what its keys can change.
    OffersNothing,
}

/// What a leak begins with.
const LEAK: &[u8] = b"LEAK";

/// An endpoint of a system with a flaw.
#[derive(Clone, Debug)]
struct Flawed {
    inner: Box<dyn Endpoint>,
    flaw: Flaw,
    hoard: usize,
}

impl Flawed {
    fn boxed(inner: Box<dyn Endpoint>, flaw: Flaw) -> Box<dyn Endpoint> {
        Box::new(Self { inner, flaw, hoard: 0 })
    }
}

impl Endpoint for Flawed {
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Output) {
        match input {
            Input::Received(_, bytes) if self.flaw == Flaw::Hoards => self.hoard += bytes.len(),
            Input::Received(_, bytes)
                if self.flaw == Flaw::SkipsLeaks && bytes.starts_with(LEAK) =>
            {
                return;
            }
            _ => {}
        }
        let earlier = out.claims.len();
        self.inner.step(now, input, out);
        for claim in &out.claims[earlier..] {
            if let Fact::Sent(message) = &claim.fact
                && self.flaw == Flaw::LeaksFiles
                && message.kind != Kind::Text
            {
                out.writes.push((claim.conn, [LEAK, &message.body].concat()));
            }
        }
    }

    fn fork(&self) -> Box<dyn Endpoint> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut dyn Hasher) {
        hasher.write_usize(self.hoard);
        self.inner.digest(hasher);
    }

    fn buffered(&self) -> usize {
        self.inner.buffered() + self.hoard
    }

    fn compromised(&self, seed: u64) -> Option<Box<dyn Endpoint>> {
        if self.flaw == Flaw::OffersNothing { None } else { self.inner.compromised(seed) }
    }

    fn rewrite(
        &self,
        conn: Conn,
        frame: &[u8],
        edit: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        self.inner.rewrite(conn, frame, edit)
    }
}

static HOARDING: System = System {
    server: &|setup| Flawed::boxed((ratchet::SYSTEM.server)(setup), Flaw::Hoards),
    ..ratchet::SYSTEM
};

static LEAKING: System = System {
    client: &|setup| Flawed::boxed((suite::SYSTEM.client)(setup), Flaw::LeaksFiles),
    server: &|setup| Flawed::boxed((suite::SYSTEM.server)(setup), Flaw::SkipsLeaks),
    ..suite::SYSTEM
};

static SILENT: System = System {
    server: &|setup| Flawed::boxed((suite::SYSTEM.server)(setup), Flaw::OffersNothing),
    decrypt_recording: None,
    ..suite::SYSTEM
};

/// One picture, whatever its name is.
struct Picture;

impl Payloads for Picture {
    fn read(&self, _: &str) -> Result<Bytes, String> {
        Ok(Bytes::from_static(b"\x89PNG\r\n\x1a\n the content of this picture is secret"))
    }
}

fn judged(source: &str, system: &'static System, profile: Profile) -> Judgement {
    let head = "name = \"noticed\"\nsummary = \"s\"\nteaches = \"t\"\n";
    let tail = "\n[expect.as-built]\n[expect.hardened]\n";
    let source = format!("{head}system = \"{}\"\n{source}{tail}", system.name);
    let scenario =
        Scenario::parse("noticed.toml", &source, &Picture, protocol::registry::Registry::BUILTIN);
    let scenario = scenario.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    ScenarioRun { scenario: &scenario, system, profile, seed: 7, over: Over::World }.judge()
}

/// Every property that is not held, with its evidence.
fn noticed(judgement: &Judgement) -> Vec<(Property, Outcome, String)> {
    let rulings = judgement.rulings.iter();
    let broken = rulings.filter(|(_, ruling)| ruling.outcome != Outcome::Held);
    broken.map(|(property, ruling)| (*property, ruling.outcome, ruling.evidence.clone())).collect()
}

fn violated(judgement: &Judgement) -> Vec<Property> {
    let noticed = noticed(judgement);
    assert!(noticed.iter().all(|(_, outcome, _)| *outcome == Outcome::Violated), "{noticed:?}");
    noticed.into_iter().map(|(property, ..)| property).collect()
}

#[test]
fn an_endpoint_that_hoards_is_not_robust() {
    let numbers = vec!["1.5"; 3000].join(", ");
    let send = format!("{{ numbers = [{numbers}] }}, ").repeat(12);
    let source = format!("family = \"baseline\"\nscript.client = [{send}\"end\"]");
    let honest = system("ratchet").unwrap();
    assert_eq!(violated(&judged(&source, honest, Profile::HARDENED)), []);
    let hoards = judged(&source, &HOARDING, Profile::HARDENED);
    assert_eq!(violated(&hoards), [Property::Robustness]);
}

#[test]
fn a_file_in_clear_is_no_secret() {
    let script = |sends: &str| format!("family = \"baseline\"\nscript.client = [{sends}, \"end\"]");
    let file = script("{ image = \"picture.png\" }, { text = \"a picture went before\" }");
    let honest = system("suite").unwrap();
    assert_eq!(violated(&judged(&file, honest, Profile::HARDENED)), []);
    assert_eq!(violated(&judged(&file, &LEAKING, Profile::HARDENED)), [Property::Secrecy]);
    let text = script("{ text = \"and nothing else\" }");
    assert_eq!(violated(&judged(&text, &LEAKING, Profile::HARDENED)), []);
}

/// The attacker closes the connection to one end, and the other is left waiting: whichever end that is.
#[test]
fn one_end_that_waits_for_ever_is_enough() {
    let rule = |to: &str| {
        format!(
            "family = \"availability\"\nscript.client = [{{ numbers = [10.5, 20.25, 30.125] }}, \"end\"]\n\
             [[rule]]\nwhen = {{ from = \"client\", type = \"CLIENT_DATA\", nth = 1 }}\n\
             do = [{{ drop = {{}} }}, {{ close = {{ to = \"{to}\" }} }}]"
        )
    };
    let ratchet = system("ratchet").unwrap();
    for (to, waits) in [("server", "client"), ("client", "server")] {
        let judgement = judged(&rule(to), ratchet, Profile::as_built(ratchet));
        let found = noticed(&judgement).into_iter().find(|(p, ..)| *p == Property::Availability);
        let (_, outcome, evidence) = found.unwrap();
        assert_eq!(outcome, Outcome::Violated);
        assert_eq!(evidence, format!("the {waits} end of link 1 waits for ever"));
        assert_eq!(violated(&judged(&rule(to), ratchet, Profile::HARDENED)), []);
    }
}

/// What a system does not offer cannot be judged, and is not held because of that.
#[test]
fn what_a_system_does_not_offer_is_inconclusive() {
    for (loot, why) in [
        (
            "memory = \"server\"",
            "the endpoints offer no copy of their memory (`Endpoint::compromised`)",
        ),
        (
            "files = [\"server_private.pem\"]",
            "nothing says what the keys of these endpoints open (`System::decrypt_recording`)",
        ),
    ] {
        let source = format!(
            "family = \"compromise\"\nscript.client = [{{ text = \"first\" }}, \"end\"]\n\
             [[rule]]\nwhen = {{ from = \"client\", type = \"MSG\", nth = 1 }}\ndo = [{{ compromise = {{ {loot} }} }}]"
        );
        let judgement = judged(&source, &SILENT, Profile::as_built(&SILENT));
        let reason = judgement.inconclusive.unwrap();
        assert_eq!(reason, format!("rule 1 (line 7) could not act: {why}"));
    }
}
