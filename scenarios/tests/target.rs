//! This workspace's own programs as targets: what they write with `--format json` is what a target is judged from.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use files::target_file::{Channel, DEFAULT_QUIET, JudgedFrom, Program, Target};
use judge::Scope;
use mitm_proxy::actions::action;
use mitm_proxy::attacker::Attacker;
use mitm_proxy::condition::When;
use mitm_proxy::params::{Arg, Args};
use mitm_proxy::rule::Rule;
use protocol::endpoint::{Fact, Side};
use protocol::systems::system;
use protocol::weakness::Profile;
use targets::{Interrupt, Prompt, Run, run};

fn helo(rules: Vec<Rule>) -> Run {
    let program = |words: &[&str]| {
        let command = words.iter().map(|word| (*word).to_owned()).collect();
        Program::new(command, PathBuf::new())
    };
    let scenarios = env!("CARGO_BIN_EXE_scenarios");
    let address = "{host}:{port}";
    let target = Target {
        name: "own".to_owned(),
        server: program(&[scenarios, "serve", "helo", "--listen", address, "--format", "json"]),
        client: program(&[
            scenarios,
            "connect",
            "helo",
            "--to",
            address,
            "--text",
            "pay bob 100",
            "--format",
            "json",
        ]),
        judged_from: JudgedFrom::Claims(Channel::Stdout),
        observe: Vec::new(),
        limit: Duration::from_secs(20),
        quiet: DEFAULT_QUIET,
        scope: Scope::default(),
        retries: 0,
    };
    let helo = system("helo").unwrap();
    let layout = Arc::new((helo.layout)(Profile::named(helo, "as-built").unwrap()));
    let attacker = Attacker::new(layout.clone(), rules.into());
    let ports: Vec<String> = helo.ports.iter().map(|port| port.name.to_owned()).collect();
    run(&target, layout, &ports, attacker, Prompt::default(), &Interrupt::default()).unwrap()
}

/// The words of what one side claimed, in order.
fn said(run: &Run, who: Side) -> Vec<&'static str> {
    let actor = usize::from(who == Side::Client);
    let own = run.trace.claims.iter().filter(|record| record.actor == actor);
    let words = own.map(|record| match record.claim.fact {
        Fact::Running(_) => "running",
        Fact::Established(_) => "established",
        Fact::Sent(_) => "sent",
        Fact::Delivered(_) => "delivered",
        Fact::Acknowledged(_) => "acknowledged",
        Fact::Rejected(_) => "rejected",
        Fact::Ended(_) => "ended",
        Fact::Logged(_) => "logged",
    });
    words.filter(|word| *word != "logged").collect()
}

#[test]
fn our_own_programs_can_be_targets() {
    let run = helo(Vec::new());
    assert!(run.findings.is_empty(), "{:?} {:?}", run.findings, run.output);
    let client = said(&run, Side::Client);
    assert!(client.contains(&"sent") && client.contains(&"acknowledged"), "{client:?}");
    let server = said(&run, Side::Server);
    assert!(server.contains(&"delivered") && server.contains(&"ended"), "{server:?}");
    let peers = run.trace.claims.iter().map(|record| record.claim.peer.as_str().to_owned());
    assert!(peers.collect::<Vec<_>>().contains(&"server".to_owned()), "names are as claimed");
}

#[test]
fn a_flipped_bit_is_refused_by_our_own_programs() {
    let when = When {
        from: Some(Side::Client),
        frame_type: Some("SECX".to_owned()),
        nth: Some(1),
        ..When::default()
    };
    let field = ("field", Arg::Text("mac".to_owned()));
    let args: Args = [field, ("bit", Arg::Number(0))].into_iter().collect();
    let actions = vec![(action("flip").unwrap().build)(&args).unwrap()];
    let run = helo(vec![Rule { when, actions }]);
    assert!(run.findings.is_empty(), "{:?} {:?}", run.findings, run.output);
    assert!(said(&run, Side::Server).contains(&"rejected"), "{:?}", run.output);
    assert!(!said(&run, Side::Server).contains(&"delivered"), "{:?}", run.output);
}
