//! Two endpoints and nothing between them: what sealing and opening costs without a wire.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::endpoint::{
    Command, Conn, Endpoint, Fact, Input, Message, Output, PortIndex, Side, Tick,
};
use protocol::system::{Setup, System};
use protocol::weakness::Profile;

/// A client and a server with an established session.
#[derive(Debug)]
pub struct Direct {
    ends: [Box<dyn Endpoint>; 2],
    wire: VecDeque<(Side, Conn, Vec<u8>)>,
    last: u32,
    delivered: usize,
}

impl Direct {
    /// Connect, and carry one text, so that the session is established.
    pub fn new(system: &System, profile: Profile) -> Self {
        let client = (system.client)(Setup::lab(profile, 3, 1));
        let server = (system.server)(Setup::lab(profile, 1, 0));
        let ends = [client, server];
        let mut direct = Self { ends, wire: VecDeque::new(), last: 0, delivered: 0 };
        direct.open(PortIndex::default());
        direct.say(Message::text("first"));
        assert_eq!(direct.delivered, 1, "{}: the session is established", system.name);
        direct
    }

    fn open(&mut self, service: PortIndex) {
        self.last += 1;
        let conn = Conn(self.last);
        for side in [Side::Server, Side::Client] {
            self.step(side, Input::Opened(conn, service));
        }
    }

    fn say(&mut self, message: Message) {
        self.step(Side::Client, Input::Command(&Command::Send(message)));
        while let Some((from, conn, bytes)) = self.wire.pop_front() {
            self.step(from.other(), Input::Received(conn, &bytes));
        }
    }

    fn step(&mut self, side: Side, input: Input<'_>) {
        let [client, server] = &mut self.ends;
        let end = if side == Side::Client { client } else { server };
        let mut out = Output::default();
        end.step(Tick(0), input, &mut out);
        self.wire.extend(out.writes.into_iter().map(|(conn, bytes)| (side, conn, bytes)));
        let delivered = out.claims.iter().filter(|claim| matches!(claim.fact, Fact::Delivered(_)));
        self.delivered += delivered.count();
        for service in out.opens {
            self.open(service);
        }
    }

    /// How long it takes to seal and open `message`, and whatever the system answers.
    #[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
    pub fn carry(mut self, message: Message) -> Duration {
        let (begin, before) = (Instant::now(), self.delivered);
        self.say(message);
        let taken = begin.elapsed();
        assert_eq!(self.delivered, before + 1, "the message arrives");
        taken
    }
}
