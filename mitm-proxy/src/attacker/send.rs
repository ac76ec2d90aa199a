//! Putting frames on their way: at once, later, in segments, joined with others, or as a recorded server.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::endpoint::{PortIndex, Side};

use super::context::StepContext;
use super::effect::Effect;
use super::state::{Attacker, Joining, LinkKind, Planned};
use crate::action::{Outgoing, Target};
use crate::misfire::MisfireCause;
use crate::trace::{AttackerAction, Fate, FrameRecord, LinkEvent, Misfire, Origin};

/// The pause before a connection of the attacker's own is closed: time for the last answer.
pub(super) const LINGER: Duration = Duration::from_millis(2);

/// The most frames the attacker makes in one run: a rule that feeds itself must end.
const MOST_MADE: u32 = 20_000;

impl Attacker {
    /// Send the frames that a rule left. Frames for a new connection in place of the same link share one connection.
    pub(super) fn send_all(&mut self, ctx: &mut StepContext<'_>, out: Vec<Outgoing>, rule: u32) {
        // By the link that each new connection stands in for.
        let mut own: BTreeMap<u32, (u32, Duration)> = BTreeMap::new();
        let mut paced: BTreeMap<u32, Vec<Outgoing>> = BTreeMap::new();
        for outgoing in out {
            let on = match outgoing.on {
                Target::Link(on) => on,
                Target::NewConnection { like } => {
                    let (on, last) = own
                        .entry(like)
                        .or_insert_with(|| (self.connect(ctx, like, rule), Duration::ZERO));
                    *last = outgoing.after.max(*last);
                    if self.patience.is_some() {
                        paced.entry(*on).or_default().push(outgoing);
                        continue;
                    }
                    *on
                }
            };
            self.send(ctx, outgoing, Some(rule), on);
        }
        for (on, last) in own.into_values() {
            if let Some(frames) = paced.remove(&on) {
                self.play_transcript(ctx, on, frames, rule);
                continue;
            }
            let close = Planned::Close { link: on, to: Side::Server };
            self.plan(close, last + LINGER, ctx.effects);
        }
    }

    /// Open a connection of the attacker's own, to the port that link `like` went to.
    fn connect(&mut self, ctx: &mut StepContext<'_>, like: u32, rule: u32) -> u32 {
        let link = self.next_link();
        let service = self.links.get(&like).map_or(PortIndex::default(), |like| like.service);
        self.links.insert(link, self.new_link(LinkKind::AttackerOwned, service));
        ctx.trace.link(ctx.now, link, service, LinkEvent::OpenedByAttacker, Some(rule));
        ctx.effects.push(Effect::Connect { link, service });
        link
    }

    /// Plan something for later. Returns the token of its timer.
    pub(super) fn plan(
        &mut self,
        planned: Planned,
        after: Duration,
        effects: &mut Vec<Effect>,
    ) -> u64 {
        self.last_token += 1;
        let token = self.last_token;
        self.planned.insert(token, planned);
        effects.push(Effect::Wake { token, after });
        token
    }

    /// A time asked for with [`Effect::Wake`] has come.
    pub fn on_timer(&mut self, ctx: &mut StepContext<'_>, token: u64) {
        match self.planned.remove(&token) {
            Some(Planned::Send { outgoing, rule, on }) => {
                self.send(ctx, *outgoing, rule, on);
            }
            Some(Planned::Close { link, to }) => ctx.effects.push(Effect::Close { link, to }),
            Some(Planned::GoOn { link }) => self.on_patience_over(ctx, link),
            None => {}
        }
    }

    /// Send one frame, or plan to if it is delayed. A frame that the attacker made gets its number here, so that numbers follow the order
    /// of sending.
    pub(super) fn send(
        &mut self,
        ctx: &mut StepContext<'_>,
        outgoing: Outgoing,
        rule: Option<u32>,
        on: u32,
    ) {
        if !outgoing.after.is_zero() {
            let after = outgoing.after;
            if let Some(record) = outgoing.number.and_then(|number| ctx.trace.frame_mut(number)) {
                record.fate = Fate::Held;
            }
            let outgoing = Box::new(Outgoing { after: Duration::ZERO, ..outgoing });
            self.plan(Planned::Send { outgoing, rule, on }, after, ctx.effects);
            return;
        }
        let Outgoing { frame, to, number, copy_of, cuts, join, done, .. } = outgoing;
        let attacker_actions =
            done.into_iter().map(|what| AttackerAction { rule: rule.unwrap_or(0), what });
        let bytes = frame.bytes.clone();
        // The virtual clock may stand still while other records are made. Such a frame changed its place, not its time, and that is a
        // difference too.
        let happened = ctx.trace.moments();
        let number = if let Some(number) = number {
            if let Some(record) = ctx.trace.frame_mut(number) {
                if record.frame.bytes != frame.bytes {
                    record.original = Some(std::mem::replace(&mut record.frame, frame));
                }
                record.attacker_actions.extend(attacker_actions);
                if record.fate == Fate::Lost {
                    return;
                }
                let on_patience_over = record.fate == Fate::Held && happened > record.moment;
                record.moved |= ctx.now > record.at || on_patience_over || !cuts.is_empty();
                record.fate = Fate::Pending;
            }
            number
        } else {
            self.made += 1;
            if self.made > MOST_MADE {
                let why = MisfireCause::TooManyFrames(MOST_MADE);
                if self.made == MOST_MADE + 1 {
                    ctx.trace.misfires.push(Misfire { rule: rule.unwrap_or(0), why });
                }
                return;
            }
            let moment = ctx.trace.next_moment();
            ctx.trace.add(FrameRecord {
                number: 0,
                at: ctx.now,
                moment,
                link: on,
                to,
                frame,
                original: None,
                origin: Origin::Attacker { copy_of },
                attacker_actions: attacker_actions.collect(),
                moved: false,
                fate: Fate::Pending,
                sent: None,
                answers: None,
                read: None,
            })
        };
        // There is no segment without bytes: a frame that was truncated to nothing never arrives.
        if bytes.is_empty() {
            if let Some(record) = ctx.trace.frame_mut(number) {
                let made = record.origin != Origin::Endpoint;
                record.fate = if made { Fate::Lost } else { Fate::Dropped };
            }
            return;
        }
        let Some(state) = self.links.get_mut(&on) else { return };
        let joining = match to {
            Side::Client => &mut state.joining[0],
            Side::Server => &mut state.joining[1],
        };
        let Some(mut waiting) = joining.take() else {
            if join == 0 {
                return send_cut(on, to, bytes, &cuts, number, ctx.effects);
            }
            let bytes = BytesMut::from(&bytes[..]);
            *joining = Some(Joining { left: join, bytes, numbers: vec![number] });
            if let Some(record) = ctx.trace.frame_mut(number) {
                record.fate = Fate::Held;
            }
            return;
        };
        waiting.bytes.extend_from_slice(&bytes);
        waiting.numbers.push(number);
        waiting.left -= 1;
        for number in &waiting.numbers {
            if let Some(record) = ctx.trace.frame_mut(*number) {
                record.moved = true;
                record.fate = if waiting.left > 0 { Fate::Held } else { Fate::Pending };
            }
        }
        if waiting.left > 0 {
            *joining = Some(waiting);
        } else {
            let Joining { bytes, numbers, .. } = waiting;
            ctx.effects.push(Effect::Send { link: on, to, bytes: bytes.freeze(), numbers });
        }
    }

    /// Send the frame that `reorder` holds, if it waited for the frame of this number.
    pub(super) fn send_swapped(&mut self, ctx: &mut StepContext<'_>, number: u32, link: u32) {
        let Some(state) = self.links.get_mut(&link) else { return };
        let Some(record) = ctx.trace.frame(number) else { return };
        let due = state.swap.as_ref().is_some_and(|waiting| {
            waiting.number != Some(number)
                && waiting.to == record.to
                && waiting.frame.spec.name == record.as_sent().spec.name
        });
        if due && let Some(waiting) = state.swap.take() {
            if let Some(record) = waiting.number.and_then(|number| ctx.trace.frame_mut(number)) {
                record.moved = true;
            }
            self.send(ctx, waiting, None, link);
        }
    }

    /// An end closes: send what still waits for the other end. What waits for the closed end never arrives. `happened` is the last
    /// record before the close.
    pub(super) fn flush(
        &mut self,
        ctx: &mut StepContext<'_>,
        link: u32,
        closed: Side,
        happened: u64,
    ) {
        let Some(state) = self.links.get_mut(&link) else { return };
        let swapped = state.swap.take();
        let [to_client, to_server] = std::mem::take(&mut state.joining);
        for (to, joining) in [(Side::Client, to_client), (Side::Server, to_server)] {
            if let Some(Joining { bytes, numbers, .. }) = joining.filter(|_| to != closed) {
                for number in &numbers {
                    if let Some(record) = ctx.trace.frame_mut(*number) {
                        record.moved |= ctx.now > record.at || happened > record.moment;
                        record.fate = Fate::Pending;
                    }
                }
                ctx.effects.push(Effect::Send { link, to, bytes: bytes.freeze(), numbers });
            }
        }
        if let Some(swapped) = swapped {
            if swapped.to != closed {
                // The close itself is nothing that came between: the frame would have gone out before it.
                let record = swapped.number.and_then(|number| ctx.trace.frame_mut(number));
                if let Some(record) = record.filter(|record| record.moment == happened) {
                    record.fate = Fate::Pending;
                }
                return self.send(ctx, swapped, None, link);
            }
            if let Some(record) = swapped.number.and_then(|number| ctx.trace.frame_mut(number)) {
                record.fate = Fate::Dropped;
            }
        }
    }

    /// On an intercepted link: send what the recorded server sent after as many frames of the client as have come here.
    pub(super) fn answer_as_recorded(&mut self, ctx: &mut StepContext<'_>, link: u32) {
        let Some(state) = self.links.get(&link) else { return };
        let LinkKind::Intercepted { source, rule, heard } = state.kind else { return };
        let mut client_frames = 0;
        let mut answers = Vec::new();
        for (number, record) in ctx.trace.honest().filter(|(_, record)| record.link == source) {
            match record.to {
                Side::Server => client_frames += 1,
                Side::Client if client_frames == heard => {
                    let frame = record.as_sent().clone();
                    let what = format!("replay of {number}");
                    let on = Target::Link(link);
                    answers.push(Outgoing::made(frame, Side::Client, on, Some(number), what));
                }
                Side::Client => {}
            }
        }
        for answer in answers {
            self.send(ctx, answer, Some(rule), link);
        }
    }
}

/// Send a frame in segments.
fn send_cut(
    link: u32,
    to: Side,
    mut bytes: Bytes,
    cuts: &[usize],
    number: u32,
    effects: &mut Vec<Effect>,
) {
    let mut sent = 0;
    for cut in cuts {
        let segment = bytes.split_to((cut - sent).min(bytes.len()));
        sent = *cut;
        effects.push(Effect::Send { link, to, bytes: segment, numbers: vec![number] });
    }
    effects.push(Effect::Send { link, to, bytes, numbers: vec![number] });
}
