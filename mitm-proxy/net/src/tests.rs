//! Every system and profile over loopback, byte for byte, and what a server has to survive.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use protocol::endpoint::{Claim, Command, End, Endpoint, Fact, Kind, Message, Tick};
use protocol::ratchet;
use protocol::system::{Setup, System};
use protocol::systems::{SYSTEMS, system};
use protocol::weakness::{Profile, Weakness};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::channel;
use tokio::sync::{Barrier, Notify, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::*;

/// The client's randomness. Under some seeds an as-built frame of `suite` or `ccm` holds its own delimiter.
const CLIENT_SEED: u64 = 5;

/// Keeps every claim.
#[derive(Clone, Default)]
struct Recorder {
    claims: Rc<RefCell<Vec<Claim>>>,
    changed: Rc<Notify>,
}

impl Observer for Recorder {
    fn on_event(&mut self, _: Tick, event: Event<'_>) {
        if let Event::Claimed(claim) = event {
            self.claims.borrow_mut().push(claim.clone());
            self.changed.notify_one();
        }
    }
}

impl Recorder {
    fn facts(&self) -> Vec<Fact> {
        self.claims.borrow().iter().map(|claim| claim.fact.clone()).collect()
    }

    /// Wait until so many messages are delivered.
    async fn has_delivered(&self, count: usize) {
        while self.delivered().len() < count {
            self.changed.notified().await;
        }
    }

    fn delivered(&self) -> Vec<Message> {
        let messages = self.facts().into_iter();
        messages
            .filter_map(
                |fact| if let Fact::Delivered(message) = fact { Some(message) } else { None },
            )
            .collect()
    }

    fn refused(&self) -> Vec<String> {
        let facts = self.facts().into_iter();
        facts
            .filter_map(|fact| {
                if let Fact::Rejected(reject) = fact { Some(reject.to_string()) } else { None }
            })
            .collect()
    }

    /// Every connection of the session has.
    fn has_ended_cleanly(&self) -> bool {
        let ends = self.ended();
        !ends.is_empty() && ends.iter().all(|end| *end == End::Clean)
    }

    fn ended(&self) -> Vec<End> {
        let facts = self.facts().into_iter();
        facts
            .filter_map(|fact| if let Fact::Ended(end) = fact { Some(end) } else { None })
            .collect()
    }
}

/// A running server.
struct Running {
    addresses: Vec<SocketAddr>,
    claims: Recorder,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(system: &System, endpoint: Box<dyn Endpoint>) -> Self {
        Self::start_with(system, endpoint, Limits::of_this_process()).await
    }

    async fn start_with(system: &System, endpoint: Box<dyn Endpoint>, limits: Limits) -> Self {
        let mut listeners = Vec::new();
        for _ in system.ports {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let claims = Recorder::default();
        let (stop, stopped) = oneshot::channel();
        let observer = Box::new(claims.clone());
        let task = spawn_local(async move {
            let (_silent, commands) = channel(1);
            serve(endpoint, listeners, limits, commands, observer, async {
                let _ = stopped.await;
            })
            .await;
        });
        Self { addresses, claims, stop, task }
    }

    /// Let a client say `messages`; return what it claimed.
    async fn hear(&self, client: Box<dyn Endpoint>, messages: Vec<Message>) -> Recorder {
        self.hear_until(client, messages, |_| std::future::ready(())).await
    }

    /// The same, with `last` before the goodbye.
    async fn hear_until<F: Future<Output = ()>>(
        &self,
        client: Box<dyn Endpoint>,
        messages: Vec<Message>,
        last: impl FnOnce(Recorder) -> F + 'static,
    ) -> Recorder {
        let claims = Recorder::default();
        let (sender, commands) = channel(1);
        let heard = claims.clone();
        spawn_local(async move {
            for message in messages {
                if sender.send(Command::Send(message)).await.is_err() {
                    return;
                }
            }
            last(heard).await;
        });
        let addresses = self.addresses.iter().copied().map(Into::into).collect();
        let patience = Some(Duration::from_hours(1));
        let observer = Box::new(claims.clone());
        let ending =
            connect(client, addresses, commands, patience, observer, std::future::pending()).await;
        assert_eq!(ending.unwrap(), Ending::Over);
        claims
    }

    async fn end(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

fn setup(profile: Profile, seed: u64, number: u32) -> Setup {
    // So long that only a hang meets it.
    Setup { patience: 10_000, ..Setup::lab(profile, seed, number) }
}

fn profiles(system: &System) -> [Profile; 2] {
    [Profile::as_built(system), Profile::HARDENED]
}

/// Run on one thread, with a limit that only a hang meets.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limit = Duration::from_hours(1);
    let limited = async { tokio::time::timeout(limit, test).await };
    let done = runtime.block_on(LocalSet::new().run_until(limited));
    done.expect("the test hangs");
}

/// What fits into every system's messages, and where it carries files 10 MiB of those.
fn messages(system: &System, profile: Profile) -> Vec<Message> {
    if !system.carries.contains(&Kind::Text) {
        return vec![Message::numbers("1,2.5"), Message::numbers("-7")];
    }
    let mut all = vec![Message::text("pay bob 100")];
    // Those read a message of one read and no more as built.
    let small = ["suite", "ccm"].contains(&system.name) && profile != Profile::HARDENED;
    if system.carries.contains(&Kind::Video) && !small {
        let body: Vec<u8> =
            (0..10 << 20).map(|i: u32| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        all.push(Message::file("clip.mp4", Bytes::from(body)));
    }
    all
}

#[test]
fn every_system_carries_every_byte_over_loopback() {
    for system in SYSTEMS {
        for profile in profiles(system) {
            run(async {
                // Two ends that share no randomness.
                let server = Running::start(system, (system.server)(setup(profile, 1, 0))).await;
                let sent = messages(system, profile);
                let client = (system.client)(setup(profile, CLIENT_SEED, 1));
                let client = server.hear(client, sent.clone()).await;
                let claims = server.claims.clone();
                server.end().await;
                let case = format!("{} {}", system.name, profile.name());
                assert_eq!(client.refused(), [""; 0], "{case}");
                assert_eq!(claims.refused(), [""; 0], "{case}");
                assert!(client.has_ended_cleanly(), "{case}");
                let got = claims.delivered();
                assert_eq!(got.len(), sent.len(), "{case}: {got:?}");
                for (got, sent) in got.iter().zip(&sent) {
                    assert!(got.body == sent.body, "{case}: {got} for {sent}");
                }
            });
        }
    }
}

#[test]
fn sixty_four_clients_get_the_mean_of_all_their_numbers() {
    const CLIENTS: u8 = 64;
    const ROUNDS: usize = 2;
    let system = system("ratchet").unwrap();
    for profile in profiles(system) {
        run(async {
            let masters: BTreeMap<u8, Vec<u8>> =
                (1..=CLIENTS).map(|id| (id, vec![id; 32])).collect();
            let keyring = ratchet::Keyring::new(masters);
            let endpoint = ratchet::server(setup(profile, 1, 0), keyring.clone());
            let server = Rc::new(Running::start(system, endpoint).await);
            // Nobody leaves before all have all their answers.
            let answered = Rc::new(Barrier::new(usize::from(CLIENTS)));
            let mut all = Vec::new();
            for id in 1..=CLIENTS {
                let setup = setup(profile, 2 + u64::from(id), u32::from(id));
                let client = ratchet::client(setup, &keyring);
                let (server, answered) = (server.clone(), answered.clone());
                all.push(spawn_local(async move {
                    let sent = vec![Message::numbers(format!("{id}")); ROUNDS];
                    let wait = |claims: Recorder| async move {
                        claims.has_delivered(ROUNDS).await;
                        answered.wait().await;
                    };
                    (id, server.hear_until(client, sent, wait).await)
                }));
            }
            let mut received = BTreeMap::new();
            for client in all {
                let (id, claims) = client.await.unwrap();
                assert_eq!(claims.refused(), [""; 0], "{id}");
                assert_eq!(claims.ended(), [End::Clean], "{id}");
                received.insert(id, claims.delivered());
            }
            // From what the server took, in order, what each must have been told: the mean of all numbers of
            // its round that were there.
            let mut numbers: [Vec<f64>; ROUNDS] = Default::default();
            let mut told: BTreeMap<u8, Vec<Message>> = BTreeMap::new();
            for message in server.claims.delivered() {
                let number: u8 = std::str::from_utf8(&message.body).unwrap().parse().unwrap();
                let own = told.entry(number).or_default();
                let round = &mut numbers[own.len()];
                round.push(f64::from(number));
                let mean = round.iter().sum::<f64>() / round.iter().map(|_| 1.0).sum::<f64>();
                own.push(Message::aggregate(format!("Aggregated: {mean:.2}")));
            }
            assert_eq!(received, told);
            assert!(numbers.iter().all(|round| round.len() == usize::from(CLIENTS)));
            let Some(server) = Rc::into_inner(server) else { unreachable!("all are done") };
            server.end().await;
        });
    }
}

#[test]
fn strangers_who_send_garbage_or_nothing_do_not_disturb_the_others() {
    for system in SYSTEMS {
        for profile in profiles(system) {
            run(async {
                let server = Running::start(system, (system.server)(setup(profile, 1, 0))).await;
                let mut strangers = Vec::new();
                // As built, whoever comes to a data port first belongs to the next session: a planted weakness.
                let unbound = profile.has(Weakness::SessionNotBoundToConnection);
                let ports = if unbound { 1 } else { server.addresses.len() };
                for address in &server.addresses[..ports] {
                    for bytes in [&b""[..], b"\0", &[0xff; 5000], b"GET / HTTP/1.1\r\n\r\n"] {
                        let mut stranger = TcpStream::connect(address).await.unwrap();
                        stranger.write_all(bytes).await.unwrap();
                        strangers.push(stranger);
                    }
                    // One who is gone at once.
                    drop(TcpStream::connect(address).await.unwrap());
                }
                let sent = messages(system, profile);
                let client = server
                    .hear((system.client)(setup(profile, CLIENT_SEED, 1)), sent.clone())
                    .await;
                let case = format!("{} {}", system.name, profile.name());
                assert!(client.has_ended_cleanly(), "{case}");
                assert_eq!(server.claims.delivered().len(), sent.len(), "{case}");
                server.end().await;
                // Stopping the server ends the others too.
                for mut stranger in strangers {
                    let mut rest = Vec::new();
                    let _ = stranger.read_to_end(&mut rest).await;
                }
            });
        }
    }
}

#[test]
fn a_flood_of_strangers_costs_itself_its_connections() {
    for system in SYSTEMS {
        // As built, whoever comes to a data port first belongs to the next session.
        run(async {
            let limits = Limits { connections: 12, unknown: 8 };
            let endpoint = (system.server)(setup(Profile::HARDENED, 1, 0));
            let server = Running::start_with(system, endpoint, limits).await;
            let mut strangers = Vec::new();
            for _ in 0..40 {
                let mut stranger = TcpStream::connect(server.addresses[0]).await.unwrap();
                stranger.write_all(b"H").await.unwrap();
                strangers.push(stranger);
            }
            let sent = messages(system, Profile::HARDENED);
            let client = (system.client)(setup(Profile::HARDENED, CLIENT_SEED, 1));
            let client = server.hear(client, sent.clone()).await;
            assert!(client.has_ended_cleanly(), "{}", system.name);
            assert_eq!(server.claims.delivered().len(), sent.len(), "{}", system.name);
            // The first of them were told at once.
            for stranger in &mut strangers[..30] {
                let mut rest = Vec::new();
                let _ = stranger.read_to_end(&mut rest).await;
            }
            server.end().await;
        });
    }
}

#[test]
fn a_connection_refused_is_an_error() {
    run(async {
        let helo = system("helo").unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (_sender, commands) = channel(1);
        let client = (helo.client)(setup(Profile::HARDENED, 1, 1));
        let observer = Box::new(Recorder::default());
        let ending =
            connect(client, vec![free.into()], commands, None, observer, std::future::pending())
                .await;
        assert_eq!(ending.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_silent_server_is_given_up() {
    run(async {
        let helo = system("helo").unwrap();
        let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = mute.local_addr().unwrap();
        let (sender, commands) = channel(1);
        drop(sender);
        // As built the client itself waits for ever.
        let client = (helo.client)(setup(Profile::as_built(helo), 1, 1));
        let observer = Box::new(Recorder::default());
        let patience = Some(Duration::from_millis(50));
        let ending = connect(
            client,
            vec![address.into()],
            commands,
            patience,
            observer,
            std::future::pending(),
        );
        assert_eq!(ending.await.unwrap(), Ending::Silence);
    });
}
