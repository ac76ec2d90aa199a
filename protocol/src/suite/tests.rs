//! Conversations of `suite` in memory: a user, a server, and a wire that can be meddled with.

mod files;
mod honest;
mod meddled;
mod robust;
mod waiting;

use std::sync::Arc;

use super::session::PAUSE;
use super::*;
use crate::endpoint::{Command, Conn, End, Fact, Input, Message, Output, PortIndex, Side, Tick};
use crate::entropy::Entropy;
use crate::layout::Frame;
use crate::testing::{
    LINK, Meddle, Pair, check, delivered, flipped, interleaved, once, replayed, sent, setup,
    untouched,
};
use crate::weakness::Profile;
use bytes::Bytes;

const USER: &str = ACCOUNTS[0].0;

fn profiles() -> Vec<Profile> {
    crate::testing::profiles(&SYSTEM)
}

fn as_built() -> Profile {
    Profile::as_built(&SYSTEM)
}

fn text(text: &str) -> Command {
    Command::Send(Message::text(text))
}

fn file(name: &str, len: u32) -> Command {
    let body = (0..len).map(|i| i.to_be_bytes()[3]).collect::<Vec<u8>>();
    Command::Send(Message::file(name, Bytes::from(body)))
}

/// As much as a profile can carry. Where fields end at delimiters a seed may lose a frame by chance; this size, with
/// the seed of the tests, does not.
fn script(profile: Profile) -> Vec<Command> {
    let long = if profile.has(Weakness::DelimiterFraming) { 1500 } else { 300_000 };
    vec![
        text("pay bob 100"),
        text(""),
        file("cat é.png", 4),
        file("clip.mp4", long),
        text("after two files"),
        Command::End,
    ]
}

fn texts() -> Vec<Command> {
    vec![text("first"), text("second"), Command::End]
}

fn run(profile: Profile, commands: &[Command], meddle: Meddle<'_>) -> Pair {
    crate::testing::run(&SYSTEM, profile, commands, meddle)
}

fn established(pair: &Pair, local: &str) -> bool {
    pair.facts(local).iter().any(|fact| matches!(fact, Fact::Established(_)))
}

/// A conversation with other keyrings than those of the lab.
fn between(profile: Profile, client: Keyring, server: Keyring, commands: &[Command]) -> Pair {
    let client = Box::new(Client::with_keys(setup(profile, 1), Arc::new(client)));
    let server = Box::new(Server::with_keys(setup(profile, 0), Arc::new(server)));
    let mut pair = Pair::of(&SYSTEM, profile, client, server);
    pair.commands(commands);
    pair.open();
    pair.pump(&mut untouched);
    pair
}

fn lab() -> Keyring {
    Keyring::clone(&Keyring::lab())
}
