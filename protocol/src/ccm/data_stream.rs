//! The two data streams of a session, one connection each: an endpoint sends messages on one and receives them on the other.
//! The client sends where the server receives, so both ends are made of these two.

use std::collections::VecDeque;

use crate::ccm::content::{self, Content};
use crate::ccm::keys::Keys;
use crate::ccm::record::{CRASH, Channel};
use crate::ccm::session::{SessionPeers, Setting};
use crate::ccm::wire::{self, EXIT, TO_CLIENT, TO_SERVER, assemble};
use crate::channel::Channel as _;
use crate::compromise::Edit;
use crate::count::Count;
use crate::endpoint::{Check, Conn, End, Fact, Message, Output, PortIndex, Reject, Side, Tick};
use crate::entropy::Entropy;
use crate::inbox::{Inbox, Received};
use crate::layout::number;
use crate::session::SessionOutput;
use crate::weakness::{Profile, Weakness};

/// The word of a receipt under its MAC.
const RECEIPT: &str = "receipt";
/// The word of a frame that binds a connection to a session.
const BIND: &str = "bind";

/// The port on which `from` speaks.
fn port_of(from: Side) -> PortIndex {
    match from {
        Side::Client => TO_SERVER,
        Side::Server => TO_CLIENT,
    }
}

/// Who speaks on this port.
pub(super) fn speaks_on(port: PortIndex) -> Side {
    if port == TO_SERVER { Side::Client } else { Side::Server }
}

/// What a stream works with besides its own data.
#[derive(Debug)]
pub(super) struct Context<'a, 'b> {
    pub(super) now: Tick,
    pub(super) setting: &'a Setting,
    pub(super) keys: &'a Keys,
    pub(super) entropy: &'a mut Entropy,
    pub(super) peers: &'a mut SessionPeers<'b>,
}

impl Context<'_, '_> {
    fn on(&mut self, conn: Conn) -> SessionOutput<'_> {
        self.peers.on(conn)
    }

    fn out(&mut self) -> &mut Output {
        self.peers.out
    }

    fn has(&self, weakness: Weakness) -> bool {
        self.setting.profile.has(weakness)
    }

    /// A frame that is no record, authenticated.
    fn control(&self, frame: &str, port: PortIndex, from: Side, word: &str, count: u64) -> Vec<u8> {
        let (token, mac) = (self.keys.token(), self.keys.mac(port, from, word, count));
        let count = count.to_be_bytes();
        let values = [("token", &token[..]), ("count", &count), ("mac", &mac)];
        assemble(&self.setting.layout, frame, &values)
    }

    /// Check such a frame; the count in it.
    fn check(
        &self,
        frame: &Received,
        port: PortIndex,
        from: Side,
        word: &str,
    ) -> Result<u64, Reject> {
        let count = number(frame.field("count"));
        if self.keys.verifies(port, from, word, count, frame.field("mac")) {
            Ok(count)
        } else {
            Err(Reject::new(Check::Mac, "mac"))
        }
    }

    /// Check the reply to a goodbye, or the notice of a failure. `records` is how many there should have been.
    fn check_exit(
        &self,
        exit: &Received,
        port: PortIndex,
        from: Side,
        records: u64,
    ) -> Result<(), Reject> {
        if self.has(Weakness::PlaintextExit) {
            return Ok(());
        }
        let count = self.check(exit, port, from, EXIT)?;
        // Replays make counts differ where records are not numbered.
        if count != records && !self.has(Weakness::NoSequence) {
            return Err(Reject::new(Check::Sequence, "count"));
        }
        Ok(())
    }
}

/// What the other end said that changes a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// Nothing of the kind.
    Nothing,
    /// The sealed goodbye.
    Goodbye,
    /// `Exit`, in reply to a goodbye or because of a failure.
    Exit,
}

/// The frame by which a client tells a data connection's session.
pub(super) fn bind(context: &Context<'_, '_>, port: PortIndex) -> Option<Vec<u8>> {
    wire::binds(context.setting.profile)
        .then(|| context.control("BIND", port, Side::Client, BIND, 0))
}

/// Check such a frame.
pub(super) fn check_bind(keys: &Keys, port: PortIndex, frame: &Received) -> Result<(), Reject> {
    if keys.verifies(port, Side::Client, BIND, 0, frame.field("mac")) {
        Ok(())
    } else {
        Err(Reject::new(Check::Mac, "mac"))
    }
}

/// The connection on which an endpoint sends messages.
#[derive(Clone, Hash, Debug)]
pub(super) struct SendingStream {
    pub(super) conn: Conn,
    pub(super) inbox: Inbox,
    /// The goodbye has been answered.
    pub(super) over: bool,
    /// Until when to send nothing, where messages would run into each other.
    pub(super) quiet: Option<Tick>,
    /// Messages the peer has not given a receipt for.
    outstanding: VecDeque<Message>,
    receipts: u64,
    from: Side,
    sealer: Channel,
}

impl SendingStream {
    pub(super) fn new(conn: Conn, from: Side, profile: Profile, keys: &Keys) -> Self {
        let key = keys.of(from).clone();
        Self {
            conn,
            inbox: Inbox::default(),
            over: false,
            quiet: None,
            outstanding: VecDeque::new(),
            receipts: 0,
            from,
            sealer: Channel::new(profile, key),
        }
    }

    /// Whether it must not send anything yet.
    pub(super) fn is_quiet(&self, now: Tick) -> bool {
        self.quiet.is_some_and(|until| until > now)
    }

    /// Whether the peer owes it a receipt.
    pub(super) fn awaits_receipt(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// Send one message; what cannot be sent is refused here and the session goes on.
    pub(super) fn say(&mut self, message: Message, context: &mut Context<'_, '_>) {
        let profile = context.setting.profile;
        let frame = content::write(profile, &message)
            .and_then(|(head, body)| self.sealer.seal(&[&head, &body], context.entropy));
        match frame {
            Ok(frame) => {
                let mut output = context.on(self.conn);
                output.send(frame);
                output.claim(Fact::Sent(message.clone()));
                if !context.has(Weakness::NoSequence) {
                    self.outstanding.push_back(message);
                }
                self.quiet = context.setting.pause(context.now);
            }
            Err(reject) => context.on(self.conn).claim(Fact::Rejected(reject)),
        }
    }

    /// Say goodbye.
    pub(super) fn say_goodbye(&mut self, context: &mut Context<'_, '_>) -> Result<(), Reject> {
        let goodbye = content::goodbye(context.setting.profile);
        let frame = self.sealer.seal(&[&goodbye], context.entropy)?;
        context.on(self.conn).send(frame);
        self.quiet = context.setting.pause(context.now);
        Ok(())
    }

    /// Say that this was all.
    pub(super) fn exit(&mut self, context: &mut Context<'_, '_>) {
        let frame = context.control("EXIT", port_of(self.from), self.from, EXIT, self.sealer.count);
        context.on(self.conn).send(frame);
    }

    /// Take in what has arrived.
    pub(super) fn hear(&mut self, context: &mut Context<'_, '_>) -> Result<Heard, Reject> {
        let (profile, layout) = (context.setting.profile, &context.setting.layout);
        let (port, peer) = (port_of(self.from), self.from.other());
        loop {
            let due = &["RCPT", "EXIT"];
            let next = |inbox: &mut Inbox| wire::next(layout, profile, due, inbox);
            let Some(frame) = self.inbox.read(self.conn, context.out(), next)? else { break };
            if frame.spec.name == "EXIT" {
                context.check_exit(&frame, port, peer, self.sealer.count)?;
                return Ok(Heard::Exit);
            }
            let count = context.check(&frame, port, peer, RECEIPT)?;
            self.receipts = self.receipts.successor("count")?;
            let message = self.outstanding.pop_front().filter(|_| count == self.receipts);
            let message = message.ok_or(Reject::new(Check::Acknowledgement, "count"))?;
            context.on(self.conn).claim(Fact::Acknowledged(message));
        }
        Ok(Heard::Nothing)
    }
}

/// The connection on which an endpoint receives messages.
#[derive(Clone, Hash, Debug)]
pub(super) struct ReceivingStream {
    pub(super) conn: Conn,
    pub(super) inbox: Inbox,
    /// The peer has said goodbye.
    pub(super) over: bool,
    from: Side,
    opener: Channel,
}

impl ReceivingStream {
    pub(super) fn new(conn: Conn, from: Side, profile: Profile, keys: &Keys) -> Self {
        let opener = Channel::new(profile, keys.of(from).clone());
        Self { conn, inbox: Inbox::default(), over: false, from, opener }
    }

    /// How many records were accepted.
    pub(super) fn accepted(&self) -> u64 {
        self.opener.count
    }

    /// Say `Exit`: in reply to a goodbye, or because of a failure.
    pub(super) fn exit(&mut self, context: &mut Context<'_, '_>) {
        let (port, own) = (port_of(self.from), self.from.other());
        let frame = context.control("EXIT", port, own, EXIT, self.opener.count);
        context.on(self.conn).send(frame);
    }

    /// Take in what has arrived.
    pub(super) fn hear(&mut self, context: &mut Context<'_, '_>) -> Result<Heard, Reject> {
        let (profile, layout) = (context.setting.profile, &context.setting.layout);
        loop {
            let due = self.due();
            let next = |inbox: &mut Inbox| wire::next(layout, profile, due, inbox);
            let Some(frame) = self.inbox.read(self.conn, context.out(), next)? else { break };
            if frame.spec.name == "EXIT" {
                let port = port_of(self.from);
                context.check_exit(&frame, port, self.from, self.opener.count)?;
                return Ok(Heard::Exit);
            }
            match self.open(frame, context) {
                Ok(Content::Message(message)) => {
                    context.on(self.conn).claim(Fact::Delivered(message));
                    self.give_receipt(context);
                }
                Ok(Content::Goodbye) => return Ok(Heard::Goodbye),
                Err(reject) if goes_on(context, reject) => {
                    context.on(self.conn).claim(Fact::Rejected(reject));
                    self.exit(context);
                }
                Err(reject) => return Err(reject),
            }
        }
        Ok(Heard::Nothing)
    }

    /// What whoever has the keys makes of a record that is not heard yet.
    pub(super) fn rewrite(
        &self,
        setting: &Setting,
        frame: &[u8],
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let inbox = &mut Inbox::of(frame);
        let record = wire::next(&setting.layout, setting.profile, self.due(), inbox).ok()??;
        let sealed = record.spec.name == "MSG";
        sealed.then(|| self.opener.rewrite(&record, entropy, edit)).flatten()
    }

    /// Only the server ends its side with a plain word; the client's goodbye is sealed.
    fn due(&self) -> &'static [&'static str] {
        match self.from {
            Side::Client => &["MSG"],
            Side::Server => &["EXIT", "MSG"],
        }
    }

    fn open(&mut self, record: Received, context: &Context<'_, '_>) -> Result<Content, Reject> {
        let plaintext = self.opener.open(record)?;
        content::read(context.setting.profile, &plaintext)
    }

    /// Where records have no numbers there is nothing to give a receipt for.
    fn give_receipt(&mut self, context: &mut Context<'_, '_>) {
        if !context.has(Weakness::NoSequence) {
            let (port, own) = (port_of(self.from), self.from.other());
            let frame = context.control("RCPT", port, own, RECEIPT, self.opener.count);
            context.on(self.conn).send(frame);
        }
    }
}

/// Whether a session survives this refusal.
fn goes_on(context: &Context<'_, '_>, reject: Reject) -> bool {
    context.has(Weakness::GoesOnAfterFailure) && reject != CRASH
}

/// The session is over: say so on every data connection that is not yet over, and close all.
pub(super) fn finish(
    end: End,
    exchange: Conn,
    streams: impl Iterator<Item = (Conn, bool)>,
    peers: &mut SessionPeers<'_>,
) {
    let streams: Vec<(Conn, bool)> = streams.collect();
    if streams.is_empty() {
        return peers.on(exchange).end(end);
    }
    for (conn, over) in streams {
        if over {
            peers.out.closes.push(conn);
        } else {
            peers.on(conn).end(end);
        }
    }
    peers.out.closes.push(exchange);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_speaks_on_a_port_of_its_own() {
        for (side, port) in [(Side::Client, TO_SERVER), (Side::Server, TO_CLIENT)] {
            assert_eq!(port_of(side), port);
            assert_eq!(speaks_on(port), side);
        }
    }
}
