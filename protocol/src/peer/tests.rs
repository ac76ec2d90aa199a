//! A system of another's, as short as can be: texts in clear, each acknowledged. It conforms, and its server speaks.

use std::time::Duration;

use super::*;
use crate::endpoint::{Fact, Message, PortIndex};
use crate::inbox::{Cut, Received};
use crate::layout::{Field, FrameSpec, Layout, Role};
use crate::system::System;
use crate::testing::{Pair, conformance, untouched};

const PATIENCE: Duration = Duration::from_secs(5);

const TOY: System = System {
    about: "Texts in clear, each acknowledged.",
    ..System::minimal("toy", &layout, &|setup| client(&setup), &|setup| server(&setup))
};

fn layout(_: Profile) -> Layout {
    let tag = |tag| Field::new("type", Role::Tag(tag), 1);
    let text =
        vec![tag(b"M"), Field::new("length", Role::LENGTH, 2), Field::rest("text", Role::Bytes)];
    let frames = [
        FrameSpec::of("MSG", None, text, 1000),
        FrameSpec::of("ACK", Some(Side::Server), vec![tag(b"A")], 1),
        FrameSpec::of("END", Some(Side::Client), vec![tag(b"E")], 1),
    ];
    Layout { system: "toy", frames: frames.into_iter().map(Arc::new).collect(), turns: &[] }
}

fn client(setup: &Setup) -> Box<dyn Endpoint> {
    let peer: Peer<Client> =
        Peer::host(setup, Name::from("client"), "toy client".to_owned(), layout(setup.profile));
    Box::new(peer)
}

fn server(setup: &Setup) -> Box<dyn Endpoint> {
    let peer: Peer<Server> =
        Peer::host(setup, Name::from("server"), "toy server".to_owned(), layout(setup.profile));
    Box::new(peer)
}

fn cut(
    layout: &Layout,
    due: &'static [&'static str],
    inbox: &mut Inbox,
) -> Result<Option<Received>, Reject> {
    match inbox.cut(layout.frames.iter().filter(|spec| due.contains(&spec.name))) {
        Cut::Short => Ok(None),
        Cut::Whole(spec, bytes) => Ok(Some(Received { spec, bytes })),
        Cut::Bad(reject) => Err(reject),
    }
}

fn say(message: &Message, context: &mut Context<'_, '_, Layout>) {
    let length = u16::try_from(message.body.len()).unwrap().to_be_bytes();
    context.output.send([b"M", &length[..], &message.body].concat());
    context.output.claim(Fact::Sent(message.clone()));
}

fn hear(frame: &Received, context: &mut Context<'_, '_, Layout>) -> Result<(), Reject> {
    let text = String::from_utf8(frame.field("text").to_vec());
    let text = text.map_err(|_| Reject::new(Check::Content, "text"))?;
    context.output.claim(Fact::Delivered(Message::text(text)));
    Ok(())
}

#[derive(Clone, Hash, Debug)]
enum Client {
    Idle,
    ExpectAck(Message),
}

impl Session for Client {
    type Setting = Layout;
    type Frame = Received;

    const SIDE: Side = Side::Client;
    const PEER: &'static str = "server";

    fn begin(_: &mut Context<'_, '_, Layout>) -> Result<Self, Reject> {
        Ok(Self::Idle)
    }

    fn due(&self) -> &'static [&'static str] {
        &["MSG", "ACK"]
    }

    fn next(
        layout: &Layout,
        due: &'static [&'static str],
        inbox: &mut Inbox,
    ) -> Result<Option<Received>, Reject> {
        cut(layout, due, inbox)
    }

    fn receive(
        self,
        frame: &mut Received,
        context: &mut Context<'_, '_, Layout>,
    ) -> Result<Next<Self>, Reject> {
        match self {
            state if frame.spec.name == "MSG" => hear(frame, context).map(|()| Next::State(state)),
            Self::ExpectAck(message) => {
                context.output.claim(Fact::Acknowledged(message));
                Ok(Next::State(Self::Idle))
            }
            Self::Idle => Err(Reject::new(Check::Phase, "type")),
        }
    }

    fn waits(&self) -> Waits {
        match self {
            Self::Idle => Waits::FrameOrCommand,
            Self::ExpectAck(_) => Waits::Frame,
        }
    }

    fn is_established(&self) -> bool {
        true
    }

    fn patience(&self) -> Option<Duration> {
        matches!(self, Self::ExpectAck(_)).then_some(PATIENCE)
    }

    fn send(self, message: Message, context: &mut Context<'_, '_, Layout>) -> Result<Self, Reject> {
        say(&message, context);
        Ok(Self::ExpectAck(message))
    }

    fn say_goodbye(self, context: &mut Context<'_, '_, Layout>) {
        context.output.send(b"E".to_vec());
    }
}

#[derive(Clone, Hash, Debug)]
struct Server;

impl Session for Server {
    type Setting = Layout;
    type Frame = Received;

    const SIDE: Side = Side::Server;
    const PEER: &'static str = "client";
    const SPEAKS: bool = true;

    fn begin(_: &mut Context<'_, '_, Layout>) -> Result<Self, Reject> {
        Ok(Self)
    }

    fn due(&self) -> &'static [&'static str] {
        &["MSG", "END"]
    }

    fn next(
        layout: &Layout,
        due: &'static [&'static str],
        inbox: &mut Inbox,
    ) -> Result<Option<Received>, Reject> {
        cut(layout, due, inbox)
    }

    fn receive(
        self,
        frame: &mut Received,
        context: &mut Context<'_, '_, Layout>,
    ) -> Result<Next<Self>, Reject> {
        if frame.spec.name == "END" {
            return Ok(Next::End(End::Clean));
        }
        hear(frame, context)?;
        context.output.send(b"A".to_vec());
        Ok(Next::State(self))
    }

    fn waits(&self) -> Waits {
        Waits::FrameOrCommand
    }

    fn is_established(&self) -> bool {
        true
    }

    fn patience(&self) -> Option<Duration> {
        Some(PATIENCE)
    }

    fn send(self, message: Message, context: &mut Context<'_, '_, Layout>) -> Result<Self, Reject> {
        say(&message, context);
        Ok(self)
    }
}

#[test]
fn a_system_of_two_states_conforms() {
    conformance(&TOY);
}

#[test]
fn a_server_says_what_it_is_asked_to_in_every_session_once() {
    let mut pair = Pair::new(&TOY, Profile::HARDENED);
    let said = [Message::text("first"), Message::text("second")];
    for side in [Side::Server, Side::Client] {
        pair.step(side, Input::Command(&Command::Send(said[0].clone())));
    }
    pair.open();
    pair.step(Side::Server, Input::Command(&Command::Send(said[1].clone())));
    pair.step(Side::Server, Input::Command(&Command::End));
    pair.pump(&mut untouched);
    let delivered = |local| pair.facts(local).into_iter().filter_map(crate::testing::delivered);
    assert!(delivered("client").eq(said.iter().cloned()));
    assert!(delivered("server").eq(said[..1].iter().cloned()));
    // A later session hears all of it again.
    let mut out = Output::default();
    pair.server.step(pair.now, Input::Opened(Conn(2), PortIndex(0)), &mut out);
    assert_eq!(out.writes.len(), 2);
}
