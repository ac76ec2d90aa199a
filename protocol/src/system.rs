//! What a driver, a judge or a report needs to know of a system, and what its endpoints are made from. The systems themselves are
//! in the table of `systems.rs`; nothing here names one of them.

use crate::compromise::{DecryptRecording, InTheMiddle, Secrets, Transport};
use crate::endpoint::{Endpoint, Kind, Side};
use crate::entropy::Entropy;
use crate::keyfiles::{KeyError, KeyFiles, KeySource};
use crate::layout::Layout;
use crate::records::RecordLayer;
use crate::weakness::{Profile, Weakness};

/// A system under attack: everything a driver, a judge or a report needs to know of it.
#[derive(Debug)]
pub struct System {
    /// The name scenario files use.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// The TCP ports of the published program. A client opens the first; others when it needs them.
    pub ports: &'static [Listening],
    /// What it does, a line each.
    pub features: &'static [&'static str],
    /// What its applications can send.
    pub carries: &'static [Kind],
    /// Whether the server's application sends messages of its own.
    pub server_speaks: bool,
    /// Whether its certificates have dates. Those of the lab are valid in the lab's time, and so an endpoint that has them lives in
    /// that time, wherever it runs.
    pub dated: bool,
    /// How many client identities the lab has for it, numbered from 1.
    pub clients: u32,
    /// The weaknesses of the published program.
    pub planted: &'static [WeaknessInfo],
    /// The frames it speaks under a profile.
    pub layout: fn(Profile) -> Layout,
    /// Its record layer by itself, to be measured.
    pub records: fn(Profile) -> Box<dyn RecordLayer>,
    /// Makes a client with the keys of the lab.
    pub client: fn(Setup) -> Box<dyn Endpoint>,
    /// Makes the server with the keys of the lab.
    pub server: fn(Setup) -> Box<dyn Endpoint>,
    /// How to use other keys than the lab's.
    pub keys: KeySet,
    /// The lab's own key files under a profile, private and public, named as in [`KeySet::files`]; those of further clients too.
    pub lab: fn(Profile) -> KeyFiles,
    /// What long-term keys open of a recorded session.
    pub decrypt_recording: DecryptRecording,
    /// What the secrets of a session open of it.
    pub secrets: Secrets,
    /// How somebody registers, where a system has users.
    pub register: Option<Register>,
    /// Somebody in the middle of a session, where sessions begin with a key agreement that somebody without any key can take part
    /// in under some profile.
    pub middle: Option<InTheMiddle>,
    /// The frames whose content whoever has the memory of their receiver can change ([`Endpoint::rewrite`]).
    pub sealed: &'static [&'static str],
    /// What `scenarios timing` forges, where something is known to forge.
    pub forgery: Option<Forgery>,
    /// How a session's key travels, where the client chooses it and encrypts it under the server's RSA key.
    pub transport: Option<Transport>,
}

/// Two kinds of a forged frame that its receiver should refuse alike, and in the same time.
#[derive(Clone, Copy, Debug)]
pub struct Forgery {
    /// The type of the frame, which a client sends.
    pub frame: &'static str,
    /// What is wrong with it.
    pub kinds: Forged,
}

/// What is wrong with a forged frame, in two ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forged {
    /// The key encrypted in the field `ct` has right PKCS #1 padding, or wrong padding.
    KeyPadding,
    /// The record in the field `ct` has wrong padding, or a wrong MAC.
    PaddingOrMac,
    /// The MAC is wrong in its first byte, or in its last byte.
    MacEnds,
}

/// A port a server listens on.
#[derive(Debug)]
pub struct Listening {
    /// What its connections are for.
    pub name: &'static str,
    /// The TCP port of the published program.
    pub port: u16,
}

/// A weakness as one system has it.
#[derive(Debug)]
pub struct WeaknessInfo {
    /// Which defence is off.
    pub weakness: Weakness,
    /// What an attacker gains from it.
    pub breaks: &'static str,
    /// What the hardened profile does instead.
    pub fix: &'static str,
    /// Where in the repository the defence is.
    pub code: &'static str,
}

/// What an endpoint is made from.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Which defences are off.
    pub profile: Profile,
    /// Decides every random byte.
    pub seed: u64,
    /// Which client identity, from 1; the server ignores it.
    pub number: u32,
    /// When tick 0 is, in seconds since 1970.
    pub epoch: u64,
    /// How many times as long as usual it waits for its peer: 1, but for peers that are held up, or a machine that is busy. What never
    /// gives up still does not.
    pub patience: u32,
}

impl Setup {
    /// In the lab, whose time begins at [`EPOCH`].
    pub fn lab(profile: Profile, seed: u64, number: u32) -> Self {
        Self { profile, seed, number, epoch: EPOCH, patience: 1 }
    }
}

/// Tick 0 of the lab, 2026-01-01T00:00:00Z, in seconds since 1970.
pub const EPOCH: u64 = 1_767_225_600;

/// Makes an endpoint with keys of a folder.
pub type FromKeys = fn(Setup, &dyn KeySource) -> Result<Box<dyn Endpoint>, KeyError>;

/// Registers a user of this name and password in the server's password file, as it is done under a profile; whether it was.
pub type Register = fn(Profile, &mut KeyFiles, &str, &str) -> bool;

/// The frames under a profile with keys of a folder.
pub type LayoutFromKeys = fn(Profile, &dyn KeySource) -> Result<Layout, KeyError>;

/// What an endpoint makes for itself at every start. Both go by side and, for a client, number.
#[derive(Clone, Copy, Debug)]
pub struct Fresh {
    /// The file of its private key: if that is there, nothing is made.
    pub private: fn(Side, u32) -> String,
    /// Makes that file, which nobody else sees, and those for others to find.
    pub make: fn(&mut Entropy, Side, u32) -> Result<KeyFiles, KeyError>,
}

/// How a system comes to keys that are not the lab's.
#[derive(Clone, Copy, Debug)]
pub struct KeySet {
    /// The files, as the published program names them, and what each holds. Further clients have files of
    /// their own beside those of the first.
    pub files: &'static [(&'static str, &'static str)],
    /// Makes a client with keys of a folder. It needs its own secrets and the public half of others.
    pub client: FromKeys,
    /// Makes the server with keys of a folder.
    pub server: FromKeys,
    /// The frames as they are with keys of a folder, where their sizes depend on them.
    pub layout: Option<LayoutFromKeys>,
    /// The lab's files once more, for a system with users who may log in to the lab under other names.
    pub lab: Option<fn() -> KeyFiles>,
    /// What a published program makes for itself at every start, if it does.
    pub fresh: Option<Fresh>,
    /// Makes new files for everybody.
    pub generate: fn(&mut Wanted<'_>) -> Result<KeyFiles, KeyError>,
}

/// What new keys are made from.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Decides every key.
    pub entropy: &'a mut Entropy,
    /// When certificates begin to be valid, in seconds since 1970.
    pub from: u64,
    /// For how many clients.
    pub clients: u32,
}

impl System {
    /// What is known of `weakness` in this system, if it has it.
    pub fn planted(&self, weakness: Weakness) -> Option<&'static WeaknessInfo> {
        self.planted.iter().find(|planted| planted.weakness == weakness)
    }
}

/// The profiles of a system.
impl Profile {
    /// The weaknesses of the published program.
    pub fn as_built(system: &System) -> Self {
        Self::of("as-built", system.planted.iter().map(|planted| planted.weakness))
    }

    /// `as-built`, `hardened`, or the name of one weakness that `system` has.
    pub fn named(system: &System, name: &str) -> Option<Self> {
        match name {
            "as-built" => Some(Self::as_built(system)),
            "hardened" => Some(Self::HARDENED),
            _ => system
                .planted
                .iter()
                .map(|planted| planted.weakness)
                .find(|weakness| weakness.name() == name)
                .map(Self::only),
        }
    }
}
