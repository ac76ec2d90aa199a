//! `ecdh-middle`: take part in an unauthenticated key agreement on both sides, and read and rewrite everything.

use std::sync::Arc;

use protocol::endpoint::Fact;

use crate::attacker::{Acting, KeyAgreementMitm};
use crate::condition::Event;
use crate::misfire::MisfireCause;
use crate::params::{BuildError, Param, ParamKind, text};
use crate::strategy::{Strategy, StrategySpec, Tools};
use crate::trace::{ClaimRecord, Effort};
use crate::world::World;

/// The name in files and reports.
const NAME: &str = "ecdh-middle";

/// Mixed into the seed: the attacker draws other shares than the victims.
const OTHER: u64 = 0x6563_6468;

pub(super) const SPEC: StrategySpec = StrategySpec {
    name: NAME,
    about: "put own shares into a key agreement, to both sides, and read and rewrite everything",
    waits: true,
    params: &[
        Param::new(
            "find",
            ParamKind::Text,
            "a text to replace, wherever it stands in what is read",
        ),
        Param::new("put", ParamKind::Text, "what to put there"),
    ],
    build: |args| {
        let edit = match (text(args, "find"), text(args, "put")) {
            (Some(find), Some(put)) => Some((find.to_owned(), put.to_owned())),
            (None, None) => None,
            _ => return Err(BuildError("`find` and `put` go together")),
        };
        Ok(Arc::new(EcdhMiddle { edit }))
    },
};

#[derive(Debug)]
struct EcdhMiddle {
    edit: Option<(String, String)>,
}

impl Strategy for EcdhMiddle {
    fn attack(
        &self,
        world: &mut World,
        acting: &Acting,
        _: &Tools<'_>,
    ) -> Result<(), MisfireCause> {
        let plan = world.spec();
        let name = world.layout().system;
        let make = plan.system().and_then(|system| system.middle);
        let make = make.ok_or(MisfireCause::NoKeyAgreement(name))?;
        if acting.event != Event::Open {
            return Err(MisfireCause::BeginsAtOpening);
        }
        let middle = make(plan.profile, plan.seed ^ OTHER);
        let between = KeyAgreementMitm { middle, edit: self.edit.clone(), read: 0 };
        world.attacker_mut().join_key_agreement(acting.link, between);
        Ok(())
    }

    fn review(&self, world: &mut World, _: &Tools<'_>) -> Result<(), MisfireCause> {
        let mut read = 0;
        let mut links = 0;
        for between in world.attacker_mut().key_agreements() {
            read += between.read;
            links += 1;
        }
        if links == 0 {
            return Ok(());
        }
        let ended = match read {
            0 => "nothing could be read".to_owned(),
            _ => "in between to the end".to_owned(),
        };
        let refused = |record: &ClaimRecord| matches!(record.claim.fact, Fact::Rejected(_));
        let stopped = world.trace().claims.iter().any(refused);
        let idle = (read == 0 && !stopped)
            .then(|| "nothing could be read, and nobody refused anything".to_owned());
        let effort = Effort { recovered: read, ended, idle, ..Effort::of(NAME) };
        world.trace_mut().efforts.push(effort);
        Ok(())
    }
}
