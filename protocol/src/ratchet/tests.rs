//! Ladder tests: what both ends claim in an honest run and under a few hand-made attacks.

mod sessions;

use std::collections::VecDeque;

use super::SYSTEM;
use super::keys::Keys;
use crate::endpoint::{
    Claim, Command, Conn, Endpoint, Fact, Input, Message, Output, PortIndex, Side, Tick,
};
use crate::system::Setup;
use crate::testing::profiles;
use crate::weakness::Profile;

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Clients and a server with nothing in between. Connection n belongs to client n.
struct Lab {
    clients: Vec<Box<dyn Endpoint>>,
    server: Box<dyn Endpoint>,
    claims: Vec<Claim>,
    /// Every segment, with who sent it.
    wire: Vec<(Conn, Side, Vec<u8>)>,
}

impl Lab {
    fn new(profile: Profile, clients: u32) -> Self {
        let setup = |number| Setup::lab(profile, 7, number);
        Self {
            clients: (1..=clients).map(|number| (SYSTEM.client)(setup(number))).collect(),
            server: (SYSTEM.server)(setup(0)),
            claims: Vec::new(),
            wire: Vec::new(),
        }
    }

    fn open(&mut self, client: u32) {
        self.step(Side::Server, Conn(client), Input::Opened(Conn(client), PortIndex(0)));
        self.step(Side::Client, Conn(client), Input::Opened(Conn(client), PortIndex(0)));
    }

    fn send(&mut self, client: u32, numbers: &str) {
        let command = Command::Send(Message::numbers(numbers));
        self.step(Side::Client, Conn(client), Input::Command(&command));
    }

    fn end(&mut self, client: u32) {
        self.step(Side::Client, Conn(client), Input::Command(&Command::End));
    }

    /// One input to one end, and everything that follows from it.
    fn step(&mut self, side: Side, conn: Conn, input: Input<'_>) {
        let mut queue = VecDeque::new();
        self.one(side, conn, input, &mut queue);
        while let Some((to, conn, bytes)) = queue.pop_front() {
            match bytes {
                Some(bytes) => self.one(to, conn, Input::Received(conn, &bytes), &mut queue),
                None => self.one(to, conn, Input::Closed(conn), &mut queue),
            }
        }
    }

    fn one(
        &mut self,
        side: Side,
        conn: Conn,
        input: Input<'_>,
        queue: &mut VecDeque<(Side, Conn, Option<Vec<u8>>)>,
    ) {
        let endpoint = match side {
            Side::Client => match self.clients.get_mut(conn.0 as usize - 1) {
                Some(client) => client,
                None => return,
            },
            Side::Server => &mut self.server,
        };
        let mut out = Output::default();
        endpoint.step(Tick(1_500_000), input, &mut out);
        self.claims.append(&mut out.claims);
        for (conn, bytes) in out.writes {
            self.wire.push((conn, side, bytes.clone()));
            queue.push_back((side.other(), conn, Some(bytes)));
        }
        queue.extend(out.closes.into_iter().map(|conn| (side.other(), conn, None)));
    }

    /// Claims as lines, without fingerprints and logs.
    fn told(&self) -> Vec<String> {
        let line = |claim: &Claim| {
            let fact = match &claim.fact {
                Fact::Logged(_) | Fact::Running(_) => return None,
                Fact::Established(_) => "established".to_owned(),
                Fact::Sent(message) => format!("sent {message}"),
                Fact::Delivered(message) => format!("delivered {message}"),
                Fact::Acknowledged(message) => format!("acknowledged {message}"),
                Fact::Rejected(reject) => format!("rejected {reject}"),
                Fact::Ended(end) => end.name().to_owned(),
            };
            Some(format!("{}: {fact}", claim.local))
        };
        self.claims.iter().filter_map(line).collect()
    }

    fn sent_by_client(&self) -> Vec<Vec<u8>> {
        let from_client = self.wire.iter().filter(|(_, side, _)| *side == Side::Client);
        from_client.map(|(.., bytes)| bytes.clone()).collect()
    }
}

fn check(lab: &Lab, expected: &[&str]) {
    assert_eq!(lab.told(), expected);
}

#[test]
fn kat_chain_keys_of_client_1() {
    let keys = Keys::from_master(b"client1_master_k");
    assert_eq!(hex(&keys.c2s.enc.0), "ffcbdbeb5195968b2fa5387cc5fe507b");
    assert_eq!(hex(&keys.c2s.mac.0), "d638b889bb11d7cd16fef051ccbbd848");
    assert_eq!(hex(&keys.s2c.enc.0), "a0486fd98a5d23d9b17c273f8314a41c");
    assert_eq!(hex(&keys.s2c.mac.0), "f25dbf230842ecd39799b0a3bc70c160");
}

#[test]
fn as_built_frames_are_the_published_bytes() {
    let mut lab = Lab::new(Profile::as_built(&SYSTEM), 1);
    lab.open(1);
    let hello = lab.wire[0].2.clone();
    // length, opcode 10, client 1, round 0, direction 1; then iv, two blocks of ciphertext, MAC.
    assert_eq!(hex(&hello[..11]), "000000570a010000000001");
    assert_eq!(hello.len(), 4 + 7 + 16 + 32 + 32);
    let keys = Keys::from_master(b"client1_master_k");
    let mac = crate::crypto::hmac_sha256(&keys.c2s.mac.0, &[&hello[4..hello.len() - 32]]);
    assert_eq!(hello[hello.len() - 32..], mac);
    let (_, _, challenge) = &lab.wire[1];
    assert_eq!(hex(&challenge[4..11]), "14010000000002");
    // The time takes 17 digits and a point: three blocks.
    assert_eq!(challenge.len(), 107);
    let layout = super::wire::layout(Profile::as_built(&SYSTEM));
    let spec = layout.frames.iter().find(|spec| spec.name == "SERVER_CHALLENGE").unwrap();
    let received = super::wire::Received::cut(spec, challenge).unwrap();
    let plaintext = received.open(&keys.s2c, 0, Side::Server).unwrap();
    assert_eq!(plaintext, b"ServerChallenge-1767225600.0015000");
    lab.send(1, "1.5");
    let (_, _, data) = &lab.wire[2];
    assert_eq!(hex(&data[4..11]), "1e010000000101");
    // H(C2S_Enc‖ct) and H(C2S_Mac‖iv) of the HELLO, cut to 16 bytes, seal the first DATA.
    let mac_key = &crate::crypto::sha256(&[&keys.c2s.mac.0, &hello[11..27]])[..16];
    let mac = crate::crypto::hmac_sha256(mac_key, &[&data[4..data.len() - 32]]);
    assert_eq!(data[data.len() - 32..], mac);
}

#[test]
fn an_honest_run_succeeds_in_every_profile() {
    for profile in profiles(&SYSTEM) {
        let mut lab = Lab::new(profile, 1);
        lab.open(1);
        lab.send(1, "10.0,20.0");
        lab.send(1, "nine");
        let told = lab.told();
        let good = told.iter().take_while(|line| !line.contains("nine")).count();
        assert!(good >= 6, "{}: {told:?}", profile.name());
        assert!(told.contains(&"client-1: delivered aggregate \"Aggregated: 15.00\"".into()));
        assert!(told.contains(&"server: rejected content (ct)".into()));
        assert!(told.contains(&"client-1: aborted by peer".into()), "{}", profile.name());
        assert!(told.contains(&"server: aborted".into()));
    }
}

#[test]
fn the_goodbye_is_clean_in_every_profile() {
    for profile in profiles(&SYSTEM) {
        let mut lab = Lab::new(profile, 1);
        lab.open(1);
        lab.send(1, "10.0");
        lab.end(1);
        let told = lab.told();
        assert!(told.contains(&"client-1: clean end".into()), "{}", profile.name());
        assert!(told.contains(&"server: clean end".into()), "{}", profile.name());
    }
}

#[test]
fn the_aggregate_is_the_mean_over_active_clients_of_the_same_round() {
    for profile in profiles(&SYSTEM) {
        let mut lab = Lab::new(profile, 3);
        for client in 1..=3 {
            lab.open(client);
        }
        lab.send(1, "10,20");
        lab.send(2, "60");
        lab.end(2);
        lab.send(3, "30");
        let aggregates: Vec<String> =
            lab.told().into_iter().filter(|line| line.contains("delivered aggregate")).collect();
        let expected = [
            "client-1: delivered aggregate \"Aggregated: 15.00\"",
            "client-2: delivered aggregate \"Aggregated: 30.00\"",
            "client-3: delivered aggregate \"Aggregated: 20.00\"",
        ];
        assert_eq!(aggregates, expected, "{}", profile.name());
    }
}

/// A client that is behind gets the aggregate of its own round, as long as the others' numbers of that round are kept.
#[test]
fn numbers_of_the_last_rounds_are_kept() {
    for (ahead, expected) in [(64, "Aggregated: 30.00"), (65, "Aggregated: 60.00")] {
        let mut lab = Lab::new(Profile::HARDENED, 2);
        lab.open(1);
        lab.open(2);
        for _ in 0..ahead {
            lab.send(1, "0");
        }
        lab.send(2, "60");
        let told = lab.told();
        let last = format!("client-2: delivered aggregate {expected:?}");
        assert!(told.contains(&last), "{ahead}: {:?}", told.last());
    }
}

#[test]
fn a_recorded_session_replays_whole_as_built_and_not_hardened() {
    for (profile, deliveries) in [(Profile::as_built(&SYSTEM), 2), (Profile::HARDENED, 1)] {
        let mut lab = Lab::new(profile, 1);
        lab.open(1);
        lab.send(1, "10.0");
        let recorded = lab.sent_by_client();
        lab.step(Side::Server, Conn(9), Input::Opened(Conn(9), PortIndex(0)));
        for frame in &recorded {
            lab.step(Side::Server, Conn(9), Input::Received(Conn(9), frame));
        }
        let told = lab.told();
        let delivered = told.iter().filter(|line| *line == "server: delivered numbers \"10.0\"");
        assert_eq!(delivered.count(), deliveries, "{}: {told:#?}", profile.name());
        assert_eq!(told.contains(&"server: rejected mac (mac)".into()), deliveries == 1);
    }
}

#[test]
fn an_impostor_without_keys_is_the_server_as_built_and_not_hardened() {
    for (profile, fooled) in [(Profile::as_built(&SYSTEM), true), (Profile::HARDENED, false)] {
        let mut lab = Lab::new(profile, 1);
        lab.open(1);
        let challenge = lab.wire[1].2.clone();
        lab.end(1);
        lab.claims.clear();
        // A second session: the client speaks, the recorded challenge answers.
        let client = &mut lab.clients[0];
        let mut out = Output::default();
        client.step(Tick(9), Input::Opened(Conn(2), PortIndex(0)), &mut out);
        client.step(Tick(9), Input::Received(Conn(2), &challenge), &mut out);
        lab.claims = out.claims;
        assert_eq!(lab.told().contains(&"client-1: established".into()), fooled);
        assert_eq!(lab.told().contains(&"client-1: rejected mac (mac)".into()), !fooled);
    }
}

#[test]
fn a_replay_within_the_session_is_refused_by_the_evolved_mac_key() {
    let mut lab = Lab::new(Profile::as_built(&SYSTEM), 1);
    lab.open(1);
    lab.send(1, "10.0");
    let data = lab.sent_by_client()[1].clone();
    lab.claims.clear();
    lab.step(Side::Server, Conn(1), Input::Received(Conn(1), &data));
    check(&lab, &["server: rejected mac (mac)", "server: aborted", "client-1: aborted by peer"]);
}

#[test]
fn an_outsider_can_end_or_evict_a_session_as_built_and_not_hardened() {
    for (name, fields) in [
        ("TERMINATE", [("client_id", &[1][..]), ("round", &[0; 4]), ("direction", &[1])]),
        ("CLIENT_HELLO", [("client_id", &[1][..]), ("round", &[0; 4]), ("direction", &[1])]),
    ] {
        for (profile, survives) in [(Profile::as_built(&SYSTEM), false), (Profile::HARDENED, true)]
        {
            let mut lab = Lab::new(profile, 1);
            lab.open(1);
            lab.send(1, "10.0");
            let layout = (SYSTEM.layout)(profile);
            let mut values = fields.to_vec();
            values.extend([("iv", &[0; 16][..]), ("ct", &[0; 16]), ("mac", &[0; 32])]);
            let spec = layout.frame(name).unwrap();
            if spec.field("share").is_some() {
                values.push(("share", &[0; 32]));
            }
            let forged = spec.assemble(&values).unwrap();
            lab.step(Side::Server, Conn(9), Input::Opened(Conn(9), PortIndex(0)));
            lab.step(Side::Server, Conn(9), Input::Received(Conn(9), &forged));
            lab.send(1, "20.0");
            let got = lab.told().contains(&"client-1: acknowledged numbers \"20.0\"".into());
            assert_eq!(got, survives, "{name} {}", profile.name());
        }
    }
}

#[test]
fn nan_poisons_the_aggregate_as_built_and_is_refused_hardened() {
    for (profile, poisoned) in [(Profile::as_built(&SYSTEM), true), (Profile::HARDENED, false)] {
        let mut lab = Lab::new(profile, 2);
        lab.open(1);
        lab.open(2);
        lab.send(1, "nan");
        lab.send(2, "10.0");
        let nan = "client-2: delivered aggregate \"Aggregated: nan\"";
        assert_eq!(lab.told().contains(&nan.into()), poisoned);
    }
}

#[test]
fn lying_lengths_are_refused_without_waiting_for_the_bytes() {
    for declared in [0u32, 1, u32::MAX] {
        let mut lab = Lab::new(Profile::HARDENED, 1);
        lab.step(Side::Server, Conn(9), Input::Opened(Conn(9), PortIndex(0)));
        let mut bytes = declared.to_be_bytes().to_vec();
        bytes.push(10);
        lab.step(Side::Server, Conn(9), Input::Received(Conn(9), &bytes));
        check(&lab, &["server: rejected length (length)"]);
        assert_eq!(lab.server.buffered(), 0);
    }
}

/// Who has a key of its own may still try to decide what the others' secret is: a share of small order makes it zero.
#[test]
fn a_share_of_small_order_is_refused_by_both_ends() {
    let profile = Profile::HARDENED;
    let layout = (SYSTEM.layout)(profile);
    for point in crate::testing::LOW_ORDER {
        let mut lab = Lab::new(profile, 1);
        let keys = Keys::from_master(crate::ratchet::Keyring::lab(profile).master(1).unwrap());
        let sealing = |name, from, keys: &crate::ratchet::keys::Chain| {
            let spec = layout.frame(name).unwrap();
            let (share, iv) = (Some(point), [1; 16]);
            let plaintext = b"Hello from client 1";
            crate::ratchet::wire::Sealing {
                spec,
                from,
                client_id: 1,
                round: 0,
                share,
                iv,
                plaintext,
            }
            .seal(keys)
        };
        lab.step(Side::Server, Conn(9), Input::Opened(Conn(9), PortIndex(0)));
        let hello = sealing("CLIENT_HELLO", Side::Client, &keys.c2s);
        lab.step(Side::Server, Conn(9), Input::Received(Conn(9), &hello));
        check(&lab, &["server: rejected value (share)"]);

        // A server's share: the client's hello goes into the keys of the answer.
        let mut client = (SYSTEM.client)(Setup::lab(profile, 7, 1));
        let mut out = Output::default();
        client.step(Tick(0), Input::Opened(Conn(1), PortIndex(0)), &mut out);
        let mut keys = keys.clone();
        keys.bind_hello(profile, &out.writes[0].1);
        let challenge = sealing("SERVER_CHALLENGE", Side::Server, &keys.s2c);
        client.step(Tick(0), Input::Received(Conn(1), &challenge), &mut out);
        lab.claims = out.claims;
        check(&lab, &["client-1: rejected value (share)", "client-1: aborted"]);
    }
}
