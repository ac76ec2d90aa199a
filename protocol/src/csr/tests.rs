//! Conversations of `csr` in memory: a device, a server, and a wire that can be meddled with.

mod honest;
mod meddled;
mod middle;
mod robust;
mod waiting;

use std::sync::Arc;

use super::session::PAUSE;
use super::*;
use crate::endpoint::{
    Command, End, Endpoint, Fact, Input, Message, Output, PortIndex, Side, Tick,
};
use crate::entropy::Entropy;
use crate::layout::{Deframer, Frame};
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

/// As-built but for the counting, which else ends every conversation with its first file.
fn as_built_in_step() -> Profile {
    thread_local! {
        static PLANTED: &'static [crate::system::WeaknessInfo] = Box::leak(
            SYSTEM
                .planted
                .iter()
                .filter(|planted| planted.weakness != Weakness::CounterDesync)
                .map(|planted| crate::system::WeaknessInfo { ..*planted })
                .collect(),
        );
    }
    Profile::as_built(&System { planted: PLANTED.with(|planted| *planted), ..SYSTEM })
}

fn text(text: &str) -> Command {
    Command::Send(Message::text(text))
}

fn image() -> Command {
    Command::Send(Message::file("cat é.png", Bytes::from_static(b"\x89PNG")))
}

/// As much as a profile can carry: nothing decrypts after a file that is counted twice, not even a
/// sealed goodbye.
fn script(profile: Profile) -> Vec<Command> {
    let mut script = vec![text("pay bob 100"), text("")];
    if !profile.has(Weakness::CounterDesync) {
        let video = Bytes::from((0..9000u32).map(|i| i.to_be_bytes()[3]).collect::<Vec<u8>>());
        script.extend([image(), Command::Send(Message::file("clip.mp4", video)), image()]);
        script.push(text("after three files"));
    } else if profile.has(Weakness::EndNotAuthenticated) {
        script.push(image());
    }
    script.push(Command::End);
    script
}

fn texts() -> Vec<Command> {
    vec![text("first"), text("second"), Command::End]
}

fn run(profile: Profile, commands: &[Command], meddle: Meddle<'_>) -> Pair {
    crate::testing::run(&SYSTEM, profile, commands, meddle)
}
