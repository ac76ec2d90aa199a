//! One session as the server has it, from the keys on: up to two data connections, and what is said on them.

use std::time::Duration;

use crate::ccm::data_stream::{Context, Heard, ReceivingStream, SendingStream, finish};
use crate::ccm::keys::Keys;
use crate::ccm::session::{IDLE_PATIENCE, PATIENCE, SessionPeers, Setting};
use crate::ccm::wire::TO_SERVER;
use crate::compromise::Edit;
use crate::endpoint::{Conn, End, Fact, Message, Name, Output, PortIndex, Reject, Side, Tick};
use crate::entropy::Entropy;
use crate::inbox::Inbox;
use crate::weakness::Weakness;

/// A session.
#[derive(Clone, Hash, Debug)]
pub(super) struct Conversation {
    /// The connection of the exchange.
    pub(super) exchange: Conn,
    /// Whom the server believes to be talking to.
    pub(super) peer: Name,
    /// When the client was last heard.
    pub(super) heard: Tick,
    keys: Keys,
    established: bool,
    listener: Option<ReceivingStream>,
    speaker: Option<SendingStream>,
    /// How much of what is to be said has been said.
    spoken: usize,
    /// The client has said goodbye.
    leaving: bool,
}

impl Conversation {
    pub(super) fn new(exchange: Conn, peer: Name, keys: Keys, now: Tick) -> Self {
        Self {
            exchange,
            peer,
            heard: now,
            keys,
            established: false,
            listener: None,
            speaker: None,
            spoken: 0,
            leaving: false,
        }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether `conn` is one of its data connections.
    pub(super) fn has(&self, conn: Conn) -> bool {
        self.streams().any(|(stream, _)| stream == conn)
    }

    /// Its data connections, and whether each is over.
    fn streams(&self) -> impl Iterator<Item = (Conn, bool)> {
        let listener = self.listener.iter().map(|stream| (stream.conn, stream.over));
        listener.chain(self.speaker.iter().map(|stream| (stream.conn, stream.over)))
    }

    /// The connection that stands for the session in claims about all of it.
    pub(super) fn main(&self) -> Conn {
        self.streams().next().map_or(self.exchange, |(conn, _)| conn)
    }

    /// Whether it has no data connection of this kind.
    pub(super) fn lacks(&self, service: PortIndex) -> bool {
        if service == TO_SERVER { self.listener.is_none() } else { self.speaker.is_none() }
    }

    /// The server believes that the client has the keys.
    pub(super) fn commit(&mut self, local: &Name, out: &mut Output) {
        if !std::mem::replace(&mut self.established, true) {
            let data = Fact::Established(self.keys.fingerprint());
            SessionPeers { local, peer: &self.peer, out }.on(self.exchange).claim(data);
        }
    }

    /// A data connection belongs to this session, with what has arrived on it.
    pub(super) fn attach(
        &mut self,
        now: Tick,
        conn: Conn,
        service: PortIndex,
        inbox: Inbox,
        setting: &Setting,
    ) {
        let profile = setting.profile;
        self.heard = now;
        if service == TO_SERVER {
            let mut stream = ReceivingStream::new(conn, Side::Client, profile, &self.keys);
            stream.inbox = inbox;
            self.listener = Some(stream);
        } else {
            let mut stream = SendingStream::new(conn, Side::Server, profile, &self.keys);
            stream.inbox = inbox;
            self.speaker = Some(stream);
        }
    }

    pub(super) fn receive(&mut self, now: Tick, conn: Conn, bytes: &[u8]) {
        self.heard = now;
        if let Some(stream) = self.listener.as_mut().filter(|stream| stream.conn == conn) {
            stream.inbox.push(bytes);
        } else if let Some(stream) = self.speaker.as_mut().filter(|stream| stream.conn == conn) {
            stream.inbox.push(bytes);
        }
    }

    /// What whoever has its keys makes of a record that is not heard yet.
    pub(super) fn rewrite(
        &self,
        conn: Conn,
        setting: &Setting,
        frame: &[u8],
        entropy: &mut Entropy,
        edit: Edit<'_>,
    ) -> Option<Vec<u8>> {
        let listener = self.listener.as_ref().filter(|stream| stream.conn == conn)?;
        listener.rewrite(setting, frame, entropy, edit)
    }

    /// How long to wait for the client as things stand.
    pub(super) fn patience(&self) -> Duration {
        let complete = self.listener.is_some() && self.speaker.is_some();
        let owed = self.speaker.as_ref().is_some_and(SendingStream::awaits_receipt);
        if complete && !owed && !self.leaving { IDLE_PATIENCE } else { PATIENCE }
    }

    /// Until when not to speak, if there is something to say.
    pub(super) fn quiet(&self, now: Tick, said: usize) -> Option<Tick> {
        let quiet = self.speaker.as_ref()?.quiet?;
        (quiet > now && (self.leaving || self.spoken < said)).then_some(quiet)
    }

    pub(super) fn buffered(&self) -> usize {
        let listener = self.listener.iter().map(|stream| stream.inbox.waiting().len());
        let speaker = self.speaker.iter().map(|stream| stream.inbox.waiting().len());
        listener.chain(speaker).max().unwrap_or(0)
    }

    /// Go as far as what has arrived and what is to be said allow; how the session ends, if it does.
    pub(super) fn drive(
        &mut self,
        now: Tick,
        setting: &Setting,
        said: &[Message],
        local: &Name,
        entropy: &mut Entropy,
        out: &mut Output,
    ) -> Result<Option<End>, Reject> {
        let Self { keys, peer, listener, speaker, spoken, leaving, .. } = self;
        let mut peers = SessionPeers { local, peer, out };
        let mut context = Context { now, setting, keys, entropy, peers: &mut peers };
        if let Some(listener) = listener.as_mut().filter(|stream| !stream.over)
            && listener.hear(&mut context)? != Heard::Nothing
        {
            *leaving = true;
            listener.over = true;
            listener.exit(&mut context);
            let mut output = context.peers.on(listener.conn);
            output.log("goodbye received");
            output.claim(Fact::Ended(End::Clean));
        }
        let accepted = listener.as_ref().is_some_and(|stream| stream.accepted() > 0);
        if let Some(speaker) = speaker {
            if speaker.hear(&mut context)? == Heard::Exit {
                if !setting.profile.has(Weakness::GoesOnAfterFailure) {
                    return Ok(Some(End::AbortedByPeer));
                }
                context.peers.on(speaker.conn).log("the client says Exit, going on");
            }
            while !speaker.over && !speaker.is_quiet(now) {
                match said.get(*spoken) {
                    Some(message) => {
                        speaker.say(message.clone(), &mut context);
                        *spoken += 1;
                    }
                    None if *leaving => {
                        speaker.exit(&mut context);
                        speaker.over = true;
                        context.peers.on(speaker.conn).claim(Fact::Ended(End::Clean));
                    }
                    None => break,
                }
            }
        }
        // The connection to the client may come late: it has to be said there, too, that this was all.
        let said_all =
            speaker.as_ref().is_some_and(|stream| stream.over && !stream.awaits_receipt());
        let done = *leaving && said_all;
        if accepted {
            self.commit(local, out);
        }
        Ok(done.then_some(End::Clean))
    }

    /// The session is over.
    pub(super) fn finish(self, end: End, local: &Name, out: &mut Output) {
        let mut peers = SessionPeers { local, peer: &self.peer, out };
        finish(end, self.exchange, self.streams(), &mut peers);
    }
}
