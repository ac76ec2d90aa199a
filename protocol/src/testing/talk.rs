//! A conversation of one client and the server of any system, over as many connections as the system takes, through its public
//! interface. What each end was told is kept, so that the same can be told to a fresh end, or to a fork.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use crate::endpoint::{
    Claim, Command, Conn, Endpoint, Input, Kind, Message, Output, PortIndex, Side, Tick,
};
use crate::system::{Setup, System};
use crate::weakness::Profile;
use bytes::Bytes;

/// Waits of up to this long pass; longer ones are patience, and nothing is left to wait for when they would end.
const PAUSES: Duration = Duration::from_millis(200);

/// What arrives in place of a segment, by its sender.
pub type Network<'a> = &'a mut dyn FnMut(Side, &[u8]) -> Vec<Vec<u8>>;

/// Something an end is told, owned.
#[derive(Clone, Debug)]
pub enum Told {
    /// [`Input::Opened`].
    Opened(Conn, PortIndex),
    /// [`Input::Received`].
    Received(Conn, Vec<u8>),
    /// [`Input::Closed`].
    Closed(Conn),
    /// [`Input::Command`].
    Command(Command),
    /// [`Input::Timeout`].
    Timeout,
}

impl Told {
    /// The same, borrowed.
    pub fn input(&self) -> Input<'_> {
        match self {
            Self::Opened(conn, service) => Input::Opened(*conn, *service),
            Self::Received(conn, bytes) => Input::Received(*conn, bytes),
            Self::Closed(conn) => Input::Closed(*conn),
            Self::Command(command) => Input::Command(command),
            Self::Timeout => Input::Timeout,
        }
    }
}

/// One step of a conversation.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Tick,
    /// To whom.
    pub side: Side,
    /// What it was told.
    pub told: Told,
    /// Everything the end did, as text.
    pub did: String,
}

/// A conversation that has come to rest.
#[derive(Debug)]
pub struct Talk {
    /// What each end was told, in order.
    pub steps: Vec<Step>,
    /// What both ends claimed.
    pub claims: Vec<Claim>,
    /// Every segment, with its connection and sender.
    pub sent: Vec<(Conn, Side, Vec<u8>)>,
    /// Which port each connection goes to.
    pub ports: BTreeMap<Conn, PortIndex>,
    /// The labels of the secrets that came into use.
    pub labels: Vec<&'static str>,
}

/// A client with the first identity, or the server, with the keys of the lab.
pub fn end(system: &System, profile: Profile, seed: u64, side: Side) -> Box<dyn Endpoint> {
    match side {
        Side::Client => (system.client)(Setup::lab(profile, seed, 1)),
        Side::Server => (system.server)(Setup::lab(profile, seed, 0)),
    }
}

/// The digest of an end.
pub fn digest(endpoint: &dyn Endpoint) -> u64 {
    let mut hasher = DefaultHasher::new();
    endpoint.digest(&mut hasher);
    hasher.finish()
}

/// Tell an end something; what it does.
pub fn tell(endpoint: &mut dyn Endpoint, at: Tick, told: &Told) -> Output {
    let mut out = Output::default();
    endpoint.step(at, told.input(), &mut out);
    out
}

/// Messages of every kind the system carries, so many of each, and the goodbye.
pub fn script(system: &System, of_each: usize) -> Vec<Command> {
    let mut script = Vec::new();
    for nth in 0..of_each {
        for kind in system.carries {
            let body = format!("message {nth} says the same as all others");
            script.push(match kind {
                Kind::Text => Message::text(body),
                Kind::Image => Message::file("picture.png", Bytes::from(body)),
                Kind::Video => Message::file("film.mp4", Bytes::from(body)),
                Kind::Numbers | Kind::Aggregate => Message::numbers("10.5,20.25"),
            });
        }
    }
    script.into_iter().map(Command::Send).chain([Command::End]).collect()
}

impl Talk {
    /// The client says what the script says, and the server as much if it speaks, on a network that keeps segments whole.
    pub fn new(system: &System, profile: Profile, seed: u64, script: &[Command]) -> Self {
        Self::over(system, profile, seed, script, PAUSES, &mut |_, bytes| vec![bytes.to_vec()])
    }

    /// The same, on a network that cuts segments into parts of this size, in bytes.
    pub fn cut(
        system: &System,
        profile: Profile,
        seed: u64,
        script: &[Command],
        segment: usize,
    ) -> Self {
        Self::over(system, profile, seed, script, PAUSES, &mut |_, bytes| {
            bytes.chunks(segment).map(<[u8]>::to_vec).collect()
        })
    }

    /// The same, on a network that delivers these parts in place of a segment. Waits of up to `waits` pass.
    pub fn over(
        system: &System,
        profile: Profile,
        seed: u64,
        script: &[Command],
        waits: Duration,
        network: Network<'_>,
    ) -> Self {
        let mut client = end(system, profile, seed, Side::Client);
        let mut server = end(system, profile, seed, Side::Server);
        let mut whole = Self {
            steps: Vec::new(),
            claims: Vec::new(),
            sent: Vec::new(),
            ports: BTreeMap::from([(Conn(1), PortIndex(0))]),
            labels: Vec::new(),
        };
        let mut now = Tick(0);
        let mut wakes: Vec<(Tick, Side)> = Vec::new();
        let open = Told::Opened(Conn(1), PortIndex(0));
        let mut queue = VecDeque::from([(Side::Server, open.clone()), (Side::Client, open)]);
        queue.extend(script.iter().map(|command| (Side::Client, Told::Command(command.clone()))));
        if system.server_speaks {
            let messages = script.iter().filter(|command| **command != Command::End);
            queue.extend(messages.map(|it| (Side::Server, Told::Command(it.clone()))));
        }
        loop {
            let (side, told) = if let Some(next) = queue.pop_front() {
                next
            } else {
                wakes.sort();
                let soon = wakes.first().is_some_and(|(at, _)| *at <= now.after(waits));
                if !soon {
                    return whole;
                }
                let (at, side) = wakes.remove(0);
                now = now.max(at);
                (side, Told::Timeout)
            };
            let endpoint = match side {
                Side::Client => &mut client,
                Side::Server => &mut server,
            };
            let out = tell(&mut **endpoint, now, &told);
            let did = format!("{out:?}");
            whole.steps.push(Step { at: now, side, told, did });
            for (conn, bytes) in out.writes {
                whole.sent.push((conn, side, bytes.clone()));
                for part in network(side, &bytes) {
                    queue.push_back((side.other(), Told::Received(conn, part)));
                }
            }
            for service in out.opens {
                let number = u32::try_from(whole.ports.len() + 1).unwrap();
                whole.ports.insert(Conn(number), service);
                for side in [Side::Server, Side::Client] {
                    queue.push_back((side, Told::Opened(Conn(number), service)));
                }
            }
            queue.extend(out.closes.into_iter().map(|conn| (side.other(), Told::Closed(conn))));
            wakes.extend(out.wake.map(|at| (at, side)));
            whole.claims.extend(out.claims);
            whole.labels.extend(out.secrets.into_iter().map(|(_, secret)| secret.label));
        }
    }
}

/// As built, hardened and every weakness alone.
pub fn profiles(system: &System) -> Vec<Profile> {
    let alone = system.planted.iter().map(|planted| Profile::only(planted.weakness));
    [Profile::as_built(system), Profile::HARDENED].into_iter().chain(alone).collect()
}
