//! What a driver, a judge or a report needs to know of a system, and what its endpoints are made from. The systems themselves are
//! in the table of `systems.rs`; nothing here names one of them.

use std::fmt;

use crate::compromise::{DecryptRecording, InTheMiddle, Secrets, Transport};
use crate::endpoint::{Check, Endpoint, Kind, Side};
use crate::entropy::Entropy;
use crate::keyfiles::{KeyError, KeyFiles, KeyProblem, KeySource};
use crate::layout::Layout;
use crate::records::RecordLayer;
use crate::weakness::{Profile, Weakness};

/// A system under attack: everything a driver, a judge or a report needs to know of it.
///
/// [`System::minimal`] has a default for all but the name, the frames and the two endpoints:
///
/// ```
/// use protocol::endpoint::{Conn, Endpoint, Input, Output, Tick};
/// use protocol::layout::Layout;
/// use protocol::system::System;
/// # use std::hash::Hasher;
/// # #[derive(Clone, Debug)]
/// # struct Mine;
/// # impl Endpoint for Mine {
/// #     fn step(&mut self, _: Tick, _: Input<'_>, _: &mut Output) {}
/// #     fn fork(&self) -> Box<dyn Endpoint> { Box::new(self.clone()) }
/// #     fn digest(&self, _: &mut dyn Hasher) {}
/// #     fn buffered(&self) -> usize { 0 }
/// # }
/// const MINE: System = System {
///     about: "A system of my own.",
///     ..System::minimal(
///         "mine",
///         &|_profile| Layout { system: "mine", frames: vec![], turns: &[] },
///         &|_setup| Box::new(Mine),
///         &|_setup| Box::new(Mine),
///     )
/// };
/// assert_eq!(MINE.clients, 1);
/// ```
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
    /// The checks that only this system has: scenario files may name them beside [`Check::ALL`].
    pub checks: &'static [Check],
    /// The frames it speaks under a profile.
    pub layout: &'static MakeLayout,
    /// Its record layer by itself, to be measured.
    pub records: Option<fn(Profile) -> Box<dyn RecordLayer>>,
    /// Makes a client with the keys of the lab.
    pub client: &'static MakeEndpoint,
    /// Makes the server with the keys of the lab.
    pub server: &'static MakeEndpoint,
    /// How to use other keys than the lab's.
    pub keys: KeySet,
    /// The lab's own key files under a profile, private and public, named as in [`KeySet::files`]; those of further clients too.
    pub lab: fn(Profile) -> KeyFiles,
    /// What long-term keys open of a recorded session. Without it nobody can try them, and a scenario that does is inconclusive.
    pub decrypt_recording: Option<DecryptRecording>,
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

/// Makes an endpoint. A closure that captures keys will do: a [`System`] made at run time is leaked, once.
pub type MakeEndpoint = dyn Fn(Setup) -> Box<dyn Endpoint> + Send + Sync;

/// The frames of a system under a profile.
pub type MakeLayout = dyn Fn(Profile) -> Layout + Send + Sync;

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

impl KeySet {
    /// Of a system that has no key files: whoever asks for an endpoint with other keys than its own is told so.
    pub const NONE: Self = Self {
        files: &[],
        client: |_, _| Err(no_key_files()),
        server: |_, _| Err(no_key_files()),
        layout: None,
        lab: None,
        fresh: None,
        generate: |_| Err(no_key_files()),
    };
}

fn no_key_files() -> KeyError {
    KeyError::new("keys", KeyProblem::Unmakeable("an endpoint: the system has no key files"))
}

impl System {
    /// A system with one port, one client, texts from it, and nothing else: no weaknesses, no key files, and nothing that only
    /// some scenarios need.
    pub const fn minimal(
        name: &'static str,
        layout: &'static MakeLayout,
        client: &'static MakeEndpoint,
        server: &'static MakeEndpoint,
    ) -> Self {
        Self {
            name,
            about: "",
            ports: &[Listening { name: "session", port: 7000 }],
            features: &[],
            carries: &[Kind::Text],
            server_speaks: false,
            dated: false,
            clients: 1,
            planted: &[],
            checks: &[],
            layout,
            records: None,
            client,
            server,
            keys: KeySet::NONE,
            lab: |_| KeyFiles::new(),
            decrypt_recording: None,
            secrets: Secrets { labels: &[], open: |_, _, _| Vec::new() },
            register: None,
            middle: None,
            sealed: &[],
            forgery: None,
            transport: None,
        }
    }

    /// What is known of `weakness` in this system, if it has it.
    pub fn planted(&self, weakness: Weakness) -> Option<&'static WeaknessInfo> {
        self.planted.iter().find(|planted| planted.weakness == weakness)
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "System({})", self.name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::system;

    #[test]
    fn a_system_needs_no_more_than_frames_and_two_endpoints() {
        let csr = system("csr").unwrap();
        // What an endpoint is made from may be known only at run time.
        let seed = csr.clients.into();
        let client = move |setup| (csr.client)(Setup { seed, ..setup });
        let client: &'static MakeEndpoint = Box::leak(Box::new(client));
        let own = System::minimal("own", csr.layout, client, csr.server);
        assert_eq!(Profile::as_built(&own), Profile::of("as-built", []));
        assert!(
            Profile::named(&own, "no-sequence").is_none()
                && csr.planted(Weakness::StaticIv).is_some()
        );
        assert!(own.planted(Weakness::StaticIv).is_none());
        let setup = Setup::lab(Profile::HARDENED, 7, 1);
        let refused = (own.keys.client)(setup, &(own.lab)(setup.profile)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "keys: cannot make an endpoint: the system has no key files"
        );
        let opened = (own.secrets.open)(setup.profile, &[], &[]);
        assert!(opened.is_empty() && own.decrypt_recording.is_none());
    }
}
