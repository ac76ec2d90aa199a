//! Conversations of `helo` in memory: a device, a server, and a wire that can be meddled with.

mod honest;
mod meddled;
mod robust;
mod waiting;

use std::sync::Arc;

use super::*;
use crate::endpoint::{
    Check, Claim, Command, Conn, End, Endpoint, Fact, Input, Message, Output, PortIndex, Reject,
    Side, Tick,
};
use crate::entropy::Entropy;
use crate::layout::{Deframer, Frame};
use crate::peer::{IDLE_PATIENCE, PATIENCE};
use crate::testing::{
    LINK, Meddle, Pair, check, delivered, flipped, interleaved, once, replayed, sent, setup,
    untouched,
};
use crate::weakness::Profile;
use bytes::Bytes;

pub(super) fn profiles() -> Vec<Profile> {
    crate::testing::profiles(&SYSTEM)
}

fn as_built() -> Profile {
    Profile::as_built(&SYSTEM)
}

fn script() -> Vec<Command> {
    let video = Bytes::from((0..5000u32).map(|i| i.to_be_bytes()[3]).collect::<Vec<u8>>());
    vec![
        Command::Send(Message::text("pay bob 100")),
        Command::Send(Message::text("")),
        Command::Send(Message::file("cat é.png", Bytes::from_static(b"\x89PNG"))),
        Command::Send(Message::file("clip.mp4", video)),
        Command::End,
    ]
}

fn texts() -> Vec<Command> {
    let text = |text: &str| Command::Send(Message::text(text));
    vec![text("first"), text("second"), Command::End]
}

fn run(profile: Profile, commands: &[Command], meddle: Meddle<'_>) -> Pair {
    crate::testing::run(&SYSTEM, profile, commands, meddle)
}

fn retyped(frame: &Frame, header: &[u8]) -> Vec<Vec<u8>> {
    let mut bytes = frame.bytes.to_vec();
    bytes[..6].copy_from_slice(header);
    vec![bytes]
}
