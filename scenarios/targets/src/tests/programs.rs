//! What a file can say of how a program is started: its folder, environment, standard input and ports; and when it is started again.

use std::sync::atomic::{AtomicU16, Ordering};

use super::*;

/// A port that no test here is given twice. It is free, or the test says so.
fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + u16::try_from(std::process::id() % 20_000).unwrap();
    (0..100)
        .map(|_| base + NEXT.fetch_add(1, Ordering::Relaxed))
        .find(|port| !super::super::ports::Look::best().listens(*port))
        .unwrap()
}

#[test]
fn folder_environment_and_standard_input_are_as_wished() {
    if !has("python3") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("meddle-dir-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let body = format!(
        "claim(sent=sys.stdin.read())\nclaim(sent=os.environ['MOOD'])\nclaim(sent=os.getcwd())\n{ASK}"
    );
    let mut target = on_stdout(server(ANSWER), client(&body));
    target.client.dir.clone_from(&folder);
    target.client.stdin = Some("typed".to_owned());
    target.client.env.insert("MOOD".to_owned(), "fine".to_owned());
    let run = honest(&target);
    let folder = std::fs::canonicalize(folder).unwrap();
    let expected = ["typed", "fine", &folder.display().to_string()];
    let said = claims(&run);
    for (line, expected) in said.iter().zip(expected) {
        assert_eq!(line, &format!("client #1 sent {expected}"));
    }
    assert_eq!(said.len(), 3, "{:?}", run.output);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_port_may_be_named_as_the_layout_has_it() {
    if !has("python3") {
        return;
    }
    let named = |words: Vec<String>, name: &str| {
        words.iter().map(|word| word.replace("{port}", name)).collect::<Vec<_>>()
    };
    let target = on_stdout(named(server(ANSWER), "{port:data}"), named(client(ASK), "{port:data}"));
    assert_eq!(honest(&target).trace.frames.len(), 2);
    let target = on_stdout(named(server(ANSWER), "{port:control one}"), client(ASK));
    let error = attacked(&target, lines(), Vec::new()).unwrap_err().to_string();
    assert_eq!(error, "the server's command has `{port:control one}`; ports of the layout: `data`");
}

#[test]
fn programs_with_fixed_ports_have_the_attacker_between_them() {
    if !has("python3") {
        return;
    }
    let (own, its) = (port(), port());
    let fixed = |words: Vec<String>, port: u16| {
        words.iter().map(|word| word.replace("{port}", &port.to_string())).collect::<Vec<_>>()
    };
    let mut target = on_stdout(fixed(server(ANSWER), own), fixed(client(ASK), its));
    (target.server.ports, target.client.ports) = (vec![own], vec![its]);
    for _ in 0..2 {
        let run = honest(&target);
        assert_eq!((findings(&run), run.trace.frames.len()), (vec![], 2), "{:?}", run.output);
    }
    #[expect(clippy::disallowed_methods, reason = "somebody else has the port")]
    let taken = std::net::TcpListener::bind(("127.0.0.1", own)).unwrap();
    let error = attacked(&target, lines(), Vec::new()).unwrap_err().to_string();
    assert!(
        error.contains(&format!("port {own}, which the server is fixed to, is taken")),
        "{error}"
    );
    drop(taken);
}

/// Serves one connection, and ends.
const ONCE: &str = "for line in stream:\n    stream.write(b'A' + line[1:]); stream.flush()\nclaim(ended='clean')\nsys.exit(0)";

#[test]
fn a_server_that_serves_once_is_started_again() {
    if !has("python3") {
        return;
    }
    let twice = format!(
        "{ASK}\nstream.close(); connection.close()\n\
         connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n\
         stream = connection.makefile('rwb')\n{ASK}"
    );
    let mut target = on_stdout(server(ONCE), client(&twice));
    target.server.restart = true;
    let run = honest(&target);
    assert_eq!((findings(&run), run.trace.frames.len()), (vec![], 4), "{:?}", run.output);
    let ended = claims(&run).iter().filter(|claim| claim.contains("ended")).count();
    assert_eq!((ended, run.ended[0].clone()), (2, None), "{:?}", claims(&run));
}

#[test]
fn the_attacker_waits_before_it_connects() {
    if !has("python3") {
        return;
    }
    let mut target = on_stdout(server(ANSWER), client(ASK));
    target.server.delay = Duration::from_millis(50);
    let run = honest(&target);
    assert_eq!((findings(&run), run.trace.frames.len()), (vec![], 2));
    // The server was given its frame no sooner than that.
    let given = run.trace.departures.iter().find(|one| one.to == Side::Server).unwrap();
    let opened = run.trace.links[0].at;
    assert!(given.at.0 - opened.0 >= 50_000_000, "{given:?}, opened at {opened:?}");
}
