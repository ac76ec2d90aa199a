//! The moments of a conversation at which a system is looked at, and what was said in it.

use rand_core::Rng;

use super::super::talk::{Step, Talk, end, script, tell};
use crate::endpoint::{Claim, Endpoint, Fact, Message, Side, Tick};
use crate::entropy::Entropy;
use crate::system::System;
use crate::weakness::Profile;

pub(super) const SIDES: [Side; 2] = [Side::Client, Side::Server];
/// Long after every deadline.
pub(super) const LATE: Tick = Tick(1 << 60);

/// What one end was told in a conversation, and the end as it was before.
pub fn places(
    system: &System,
    profile: Profile,
    side: Side,
) -> impl Iterator<Item = (Box<dyn Endpoint>, Step)> {
    let mut endpoint = end(system, profile, 7, side);
    let steps = Talk::new(system, profile, 7, &script(system, 2)).steps;
    steps.into_iter().filter(move |step| step.side == side).map(move |step| {
        let before = endpoint.fork();
        let did = tell(&mut *endpoint, step.at, &step.told);
        assert_eq!(format!("{did:?}"), step.did, "the same again");
        (before, step)
    })
}

pub(super) fn messages(claims: &[Claim], wanted: fn(&Fact) -> Option<&Message>) -> Vec<&Message> {
    claims.iter().filter_map(|claim| wanted(&claim.fact)).collect()
}

pub(super) fn sent(fact: &Fact) -> Option<&Message> {
    if let Fact::Sent(message) = fact { Some(message) } else { None }
}

pub(super) fn delivered(fact: &Fact) -> Option<&Message> {
    if let Fact::Delivered(message) = fact { Some(message) } else { None }
}

/// At most so many random bytes.
pub(super) fn soup(entropy: &mut Entropy, most: u32) -> Vec<u8> {
    let mut bytes = vec![0; (entropy.next_u32() % (most + 1)) as usize];
    entropy.fill_bytes(&mut bytes);
    bytes
}
