//! The proxy between real sockets: what passes, what rules do, and what becomes of connections that end in any way.

#![expect(clippy::disallowed_methods, reason = "clients and servers of a proxy have sockets")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener as StdListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use mitm_proxy::actions::action;
use mitm_proxy::attacker::Attacker;
use mitm_proxy::condition::{Event, FrameRef, When};
use mitm_proxy::params::{Arg, Args};
use mitm_proxy::rule::Rule;
use mitm_proxy::trace::{Fate, LinkEvent};
use protocol::endpoint::Side;
use protocol::layout::{Field, FrameSpec, Layout, Role};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::*;

mod half_close;

/// Frames of a length, a kind and a body.
fn layout() -> Arc<Layout> {
    let fields = vec![
        Field::new("length", Role::LENGTH, 4),
        Field::new("kind", Role::NUMBER, 1),
        Field::rest("body", Role::Bytes),
    ];
    let spec = FrameSpec::of("DATA", None, fields, 64 * 1024 * 1024);
    Arc::new(Layout { system: "test", frames: vec![Arc::new(spec)], turns: &[] })
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).unwrap().to_be_bytes();
    [&length[..], &[kind], body].concat()
}

fn from_client(nth: u32) -> When {
    When { from: Some(Side::Client), nth: Some(nth), ..When::default() }
}

fn rule(when: When, verb: &str, args: &[(&'static str, Arg)]) -> Rule {
    let args: Args = args.iter().cloned().collect();
    Rule { when, actions: vec![(action(verb).unwrap().build)(&args).unwrap()] }
}

/// What a recorder was told, in words.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Recorder for Heard {
    fn wants_bytes(&self) -> bool {
        true
    }

    fn record(&mut self, batch: &Batch) {
        let mut heard = self.0.lock().unwrap();
        for (entry, bytes) in batch.iter() {
            let what = match entry.what {
                LogEvent::AttackerAction(text) | LogEvent::Trouble(text) => {
                    batch.text(text).to_owned()
                }
                LogEvent::Passed(_) | LogEvent::Stopped(_) | LogEvent::Sent | LogEvent::Piece => {
                    assert_eq!(bytes.len(), entry.len as usize);
                    format!("{:?} {}", entry.what, bytes.len())
                }
                what => format!("{what:?}"),
            };
            heard.push(format!("{} {}: {what}", entry.link, entry.side));
        }
    }

    fn finish(&mut self) {
        self.0.lock().unwrap().push("finished".to_owned());
    }
}

struct Running {
    address: SocketAddr,
    server: StdListener,
    heard: Heard,
    reloads: mpsc::Sender<Arc<[Rule]>>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<ProxyOutcome>,
}

fn start(rules: Vec<Rule>, keep: Keep) -> Running {
    let server = StdListener::bind("127.0.0.1:0").unwrap();
    start_before(server, rules, keep, Instant::now())
}

fn start_before(server: StdListener, rules: Vec<Rule>, keep: Keep, began: Instant) -> Running {
    let upstream = server.local_addr().unwrap();
    let heard = Heard::default();
    let (tell, told) = channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let (reloads, new_rules) = mpsc::channel(1);
    let recorder = Box::new(heard.clone());
    let thread = spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let attacker = Attacker::new(layout(), rules.into());
            let doors = vec![ForwardedPort { listener, upstream: upstream.into() }];
            let stop = async { stopped.await.unwrap_or(()) };
            let options =
                Options { recorder: Some(recorder), ..Options::new(keep, new_rules, began) };
            proxy(attacker, doors, options, stop).await.unwrap()
        })
    });
    Running { address: told.recv().unwrap(), server, heard, reloads, stop, thread }
}

impl Running {
    /// A client and the server's end of its link.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address).unwrap();
        let (server, _) = self.server.accept().unwrap();
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(Duration::from_mins(10))).unwrap();
        }
        (client, server)
    }

    fn end(self) -> (ProxyOutcome, Vec<String>) {
        self.stop.send(()).unwrap();
        let outcome = self.thread.join().unwrap();
        let heard = self.heard.0.lock().unwrap().clone();
        (outcome, heard)
    }
}

fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// What the server gets when a client sends `frames` through `rules`, in both ways of keeping.
fn sent_through(rules: impl Fn() -> Vec<Rule>, frames: &[Vec<u8>]) -> Vec<u8> {
    let through = |keep| {
        let running = start(rules(), keep);
        let (mut client, mut server) = running.connect();
        client.write_all(&frames.concat()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let got = rest(&mut server);
        drop((client, server));
        let (outcome, _) = running.end();
        assert_eq!(outcome.trace.misfires, []);
        got
    };
    let got = through(Keep::Last(100));
    assert_eq!(through(Keep::All), got);
    got
}

#[test]
fn without_rules_everything_passes_both_ways_and_half_a_close_too() {
    let running = start(Vec::new(), Keep::Last(10));
    let (mut client, mut server) = running.connect();
    // Torn into bytes, with rubbish at the end.
    let question = [frame(1, b"one"), frame(2, b""), b"\xff\xff\xff\xffrubbish".to_vec()].concat();
    for byte in &question {
        client.write_all(&[*byte]).unwrap();
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut server), question);
    let answer = frame(3, &vec![7; 5_000_000]);
    server.write_all(&answer).unwrap();
    server.write_all(&frame(4, b"cut short")[..7]).unwrap();
    drop(server);
    let got = rest(&mut client);
    assert_eq!(got.len(), answer.len() + 7);
    assert_eq!(got[..answer.len()], answer);
    let (outcome, heard) = running.end();
    assert!(outcome.trace.frames.len() < 10 && outcome.open_ends.is_empty());
    assert_eq!(heard.last().unwrap(), "finished");
    // In one piece or in several, as they came.
    let is_frame =
        |line: &&String| line.contains("client: Passed(0)") || line.contains("client: Begun(0)");
    assert_eq!(heard.iter().filter(is_frame).count(), 2, "{heard:?}");
    assert!(heard.contains(&"1 server: Begun(0)".to_owned()), "{heard:?}");
    assert!(heard.contains(&"1 client: Ended".to_owned()), "{heard:?}");
}

#[test]
fn time_counts_from_when_the_caller_says_however_late_the_links_begin() {
    let began = Instant::now();
    let late = Duration::from_millis(50);
    std::thread::sleep(late);
    let server = StdListener::bind("127.0.0.1:0").unwrap();
    let running = start_before(server, Vec::new(), Keep::All, began);
    let (mut client, mut server) = running.connect();
    client.write_all(&frame(1, b"one")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    rest(&mut server);
    let passed = u64::try_from(began.elapsed().as_nanos()).unwrap();
    drop((client, server));
    let (outcome, _) = running.end();
    let at = outcome.trace.frames[0].at.0;
    assert!((u64::try_from(late.as_nanos()).unwrap()..=passed).contains(&at), "{at} of {passed}");
}

#[test]
fn rules_act_as_they_do_in_memory() {
    let frames = [frame(1, b"one"), frame(2, b"two"), frame(3, b"three")];
    let [one, two, three] = &frames;
    let bit = |n| vec![("field", Arg::Text("body".into())), ("bit", Arg::Number(n))];
    let flipped = frame(2, b"\xf4wo");
    let got = sent_through(|| vec![rule(from_client(2), "flip", &bit(0))], &frames);
    assert_eq!(got, [one, &flipped, three].map(|f| &f[..]).concat());
    let got = sent_through(|| vec![rule(from_client(1), "drop", &[])], &frames);
    assert_eq!(got, [&two[..], three].concat());
    let got = sent_through(|| vec![rule(from_client(1), "reorder", &[])], &frames);
    assert_eq!(got, [two, one, three].map(|f| &f[..]).concat());
    let again = vec![("times", Arg::Number(2))];
    let got = sent_through(|| vec![rule(from_client(2), "replay", &again)], &frames);
    assert_eq!(got, [one, two, two, two, three].map(|f| &f[..]).concat());
    let first = FrameRef { link: None, from: None, frame_type: None, nth: 1 };
    let earlier = vec![("frame", Arg::Frame(first))];
    let got = sent_through(|| vec![rule(from_client(3), "replay", &earlier)], &frames);
    assert_eq!(got, [one, two, three, one].map(|f| &f[..]).concat());
    let only_two = || When { fields: vec![("kind".into(), 2)], ..When::default() };
    let got = sent_through(|| vec![rule(only_two(), "drop", &[])], &frames);
    assert_eq!(got, [&one[..], three].concat());
}

#[test]
fn a_large_frame_is_gathered_only_where_a_rule_may_need_it() {
    let large = frame(9, &vec![5; 3_000_000]);
    let bit = vec![("field", Arg::Text("body".into())), ("bit", Arg::Number(7))];
    let mut flipped = large.clone();
    flipped[5] = 4;
    let got =
        sent_through(|| vec![rule(from_client(1), "flip", &bit)], std::slice::from_ref(&large));
    assert!(got == flipped);
}

#[test]
fn a_delayed_frame_comes_later_and_a_replayed_session_comes_on_a_connection_of_its_own() {
    let late = rule(from_client(1), "delay", &[("ms", Arg::Number(40))]);
    let running = start(vec![late], Keep::All);
    let (mut client, mut server) = running.connect();
    client.write_all(&[frame(1, b"late"), frame(2, b"soon")].concat()).unwrap();
    assert_eq!(read(&mut server, 18), [frame(2, b"soon"), frame(1, b"late")].concat());
    let (outcome, _) = running.end();
    let fates: Vec<_> = outcome.trace.frames.iter().map(|record| record.fate).collect();
    assert!(fates.iter().all(|fate| matches!(fate, Fate::Delivered(_))), "{fates:?}");
    assert_eq!(outcome.open_ends, [(1, Side::Client), (1, Side::Server)]);

    let closed = When { event: Event::Close, ..When::default() };
    let again = rule(closed, "replay", &[("transcript", Arg::Text("client".into()))]);
    let running = start(vec![again], Keep::Last(100));
    let (mut client, mut server) = running.connect();
    client.write_all(&frame(1, b"hello")).unwrap();
    assert_eq!(read(&mut server, 10), frame(1, b"hello"));
    drop((client, server));
    let (mut second, _) = running.server.accept().unwrap();
    assert_eq!(rest(&mut second), frame(1, b"hello"));
    drop(second);
    running.end();
}

#[test]
fn who_is_gone_is_reported_and_the_other_one_hears_of_it() {
    let gone = StdListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    let running = start(Vec::new(), Keep::All);
    // The server goes away, and somebody comes.
    let Running { address: front, server, .. } = &running;
    let (mut client, server_end) = running.connect();
    socket2::SockRef::from(&server_end).set_linger(Some(Duration::ZERO)).unwrap();
    client.write_all(&frame(1, b"half")[..3]).unwrap();
    drop(server_end);
    assert!(client.read(&mut [0]).is_err(), "a reset is passed on");
    assert_ne!((*front, server.local_addr().unwrap()), (address, address));
    drop(gone);
    let (outcome, heard) = running.end();
    assert!(heard.contains(&"1 server: Reset".to_owned()), "{heard:?}");
    let closed = |event| outcome.trace.links.iter().any(|record| record.event == event);
    assert!(closed(LinkEvent::ClosedBy(Side::Server)), "{:?}", outcome.trace.links);
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let running = start(Vec::new(), Keep::All);
    let Running { address, server, heard, stop, thread, reloads } = running;
    drop(server);
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_mins(10))).unwrap();
    assert!(!matches!(client.read(&mut [0]), Ok(1)));
    stop.send(()).unwrap();
    assert_eq!(thread.join().unwrap().refused, 1);
    let heard = heard.0.lock().unwrap().clone();
    assert!(heard.iter().any(|line| line.contains("cannot connect to")), "{heard:?}");
    drop(reloads);
}

#[test]
fn a_server_that_does_not_read_holds_up_its_client() {
    let running = start(Vec::new(), Keep::Last(10));
    let (mut client, mut server) = running.connect();
    client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let large = vec![0; 1024 * 1024];
    let mut sent = 0;
    while sent < 200 * large.len() {
        match client.write(&large) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    assert!(sent < 64 * large.len(), "{sent} bytes were taken for a server that reads nothing");
    drop(client);
    let mut got = 0;
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        got += count;
    }
    assert_eq!(got, sent);
    running.end();
}

#[test]
fn new_rules_begin_to_count() {
    let first = || vec![rule(from_client(1), "drop", &[])];
    let running = start(first(), Keep::Last(10));
    let (mut client, mut server) = running.connect();
    client.write_all(&[frame(1, b"a"), frame(2, b"b")].concat()).unwrap();
    assert_eq!(read(&mut server, 6), frame(2, b"b"));
    running.reloads.blocking_send(first().into()).unwrap();
    // The proxy takes what waits in any order: sooner or later the new rules drop a frame.
    let mut expected = 0u8;
    for sent in 0.. {
        client.write_all(&frame(sent, b"")).unwrap();
        client.write_all(&frame(sent, b"again")).unwrap();
        let missing = read(&mut server, 5)[3] != 1;
        let rest = if missing { 5 } else { 10 };
        read(&mut server, rest);
        expected = sent;
        if missing {
            break;
        }
    }
    assert!(expected < u8::MAX);
    running.end();
}
