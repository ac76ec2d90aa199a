//! `reflect`: send the frame back to its sender. The original goes on.

use std::sync::Arc;

use super::{Action, ActionSpec, Hand, Outgoing, Target};

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "reflect",
    about: "send the frame back to its sender; the original goes on",
    params: &[],
    build: |_| Ok(Arc::new(Reflect)),
};

#[derive(Debug)]
struct Reflect;

impl Action for Reflect {
    fn apply(&self, hand: &mut Hand<'_>) -> Result<(), String> {
        let number = hand.trigger.ok_or_else(|| "there is no frame in hand".to_owned())?;
        let frame = hand.current()?.frame.clone();
        let deed = format!("reflection of {number}");
        let on = Target::Link(hand.link);
        hand.out.push(Outgoing::made(frame, hand.from, on, Some(number), deed));
        Ok(())
    }
}
