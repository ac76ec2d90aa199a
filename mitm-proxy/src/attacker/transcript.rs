//! A recorded transcript played to a live server: each frame waits for the answers that had come before it, since a server that is
//! slower than it was would find two frames where it looks for one.

use std::time::Duration;

use protocol::endpoint::Side;

use super::context::StepContext;
use super::effect::Effect;
use super::send::LINGER;
use super::state::{Attacker, Planned, Transcript};
use crate::action::Outgoing;

impl Attacker {
    /// Play these frames on a link of the attacker's own, and close it after the last answer.
    pub(super) fn play_transcript(
        &mut self,
        ctx: &mut StepContext<'_>,
        link: u32,
        frames: Vec<Outgoing>,
        rule: u32,
    ) {
        let source =
            frames.first().and_then(|first| first.copy_of).and_then(|n| ctx.trace.frame(n));
        let answers = source.map_or(0, |source| {
            let of_source = ctx.trace.honest().filter(|(_, record)| record.link == source.link);
            let answers = of_source.filter(|(_, record)| record.to == Side::Client);
            u32::try_from(answers.count()).unwrap_or(u32::MAX)
        });
        // Where the server speaks first, that is waited for.
        let patience = self.patience.unwrap_or_default();
        let first = frames.first().map_or(Duration::ZERO, |first| {
            if first.answers > 0 { first.after + patience } else { first.after }
        });
        let wait = self.plan(Planned::GoOn { link }, first, ctx.effects);
        let transcript = Transcript { rest: frames.into(), rule, heard: 0, answers, wait };
        if let Some(state) = self.links.get_mut(&link) {
            state.transcript = Some(transcript);
        }
    }

    /// A frame came from the server on this link.
    pub(super) fn on_answer(&mut self, ctx: &mut StepContext<'_>, link: u32) {
        let Some(transcript) = self.transcript_mut(link) else { return };
        transcript.heard += 1;
        // A server that speaks first has no say in when the transcript begins.
        let wanted = transcript.rest.front().map_or(transcript.answers, |next| next.answers);
        if wanted > 0 && transcript.heard >= wanted {
            self.send_answered(ctx, link);
        }
    }

    /// The wait is over: send the next frame although its answers have not come.
    pub(super) fn on_patience_over(&mut self, ctx: &mut StepContext<'_>, link: u32) {
        let number = ctx.trace.next_number();
        let Some(transcript) = self.transcript_mut(link) else { return };
        match transcript.rest.front().map(|next| next.answers) {
            Some(answers) if answers > transcript.heard => {
                // From here on it is another conversation than the recorded one.
                transcript.heard = answers;
                ctx.trace.unanswered.push(number);
                self.send_answered(ctx, link);
            }
            Some(_) => self.send_answered(ctx, link),
            None => self.end_transcript(link, ctx.effects),
        }
    }

    /// Send the frames whose answers have come.
    fn send_answered(&mut self, ctx: &mut StepContext<'_>, link: u32) {
        while let Some(transcript) = self.transcript_mut(link) {
            let next = transcript.rest.front();
            if next.is_none_or(|next| next.answers > transcript.heard) {
                break;
            }
            let Some(next) = transcript.rest.pop_front() else { break };
            let rule = transcript.rule;
            let next = Outgoing { after: Duration::ZERO, ..next };
            self.send(ctx, next, Some(rule), link);
        }
        let Some(transcript) = self.transcript_mut(link) else { return };
        let is_over = transcript.rest.is_empty() && transcript.heard >= transcript.answers;
        let wait = transcript.wait;
        self.planned.remove(&wait);
        if is_over {
            return self.end_transcript(link, ctx.effects);
        }
        let patience = self.patience.unwrap_or_default();
        let wait = self.plan(Planned::GoOn { link }, patience, ctx.effects);
        if let Some(transcript) = self.transcript_mut(link) {
            transcript.wait = wait;
        }
    }

    /// The link is closed: drop the rest of its transcript.
    pub(super) fn forget_transcript(&mut self, link: u32) {
        let state = self.links.get_mut(&link);
        if let Some(transcript) = state.and_then(|state| state.transcript.take()) {
            self.planned.remove(&transcript.wait);
        }
    }

    fn end_transcript(&mut self, link: u32, effects: &mut Vec<Effect>) {
        self.forget_transcript(link);
        self.plan(Planned::Close { link, to: Side::Server }, LINGER, effects);
    }

    fn transcript_mut(&mut self, link: u32) -> Option<&mut Transcript> {
        self.links.get_mut(&link)?.transcript.as_mut()
    }
}
