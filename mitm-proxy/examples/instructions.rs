//! Runs one hot path a fixed number of times: `instructions NAME`. `instructions list` prints the names. Callgrind counts what
//! happens inside of `hot_path` and nothing else (`.ci/instructions`), so setting up is free.

#![allow(clippy::expect_used, reason = "a workload that cannot be built is a mistake in this file")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use mitm_proxy::script::Step;
use mitm_proxy::world::{Victims, World, WorldSpec};
use protocol::crypto::ecdh::Ephemeral;
use protocol::crypto::rsa::PrivateKey;
use protocol::endpoint::{Fact, Message, PortIndex, Side};
use protocol::entropy::Entropy;
use protocol::layout::Deframer;
use protocol::systems::system;
use protocol::weakness::Profile;

/// The bytes of a record.
const RECORD: usize = 16 << 10;

/// Makes what is to be run.
type Prepare = fn() -> Box<dyn FnMut()>;

/// Every hot path: its name, how often it runs, and what it is.
const PATHS: &[(&str, usize, Prepare)] = &[
    ("seal-ccm", 4, || seal("ccm")),
    ("seal-csr", 4, || seal("csr")),
    ("seal-helo", 4, || seal("helo")),
    ("seal-ratchet", 4, || seal("ratchet")),
    ("seal-suite", 4, || seal("suite")),
    ("open-ccm", 4, || open("ccm")),
    ("open-csr", 4, || open("csr")),
    ("open-helo", 4, || open("helo")),
    ("open-ratchet", 4, || open("ratchet")),
    ("open-suite", 4, || open("suite")),
    ("p256-agree", 2, p256),
    ("rsa-2048-verify", 2, rsa_verify),
    ("rsa-2048-sign", 1, rsa_sign),
    ("deframe", 20, deframe),
    ("fork", 200, || state(|world| drop(black_box(world.fork())))),
    ("digest", 100, || {
        state(|world| {
            black_box(world.digest());
        })
    }),
    ("step", 50, || {
        state(|world| {
            black_box(world.fork().step());
        })
    }),
    ("conversation", 5, || {
        let plan = plan();
        Box::new(move || {
            let mut world = World::new(&plan);
            world.run();
            black_box(&world);
        })
    }),
];

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "list" {
        PATHS.iter().try_for_each(|(name, _, _)| writeln!(out, "{name}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some((_, times, prepare)) = PATHS.iter().find(|(known, _, _)| *known == name) else {
        writeln!(io::stderr(), "no hot path `{name}`; see `instructions list`")?;
        return Ok(ExitCode::from(2));
    };
    let mut run = prepare();
    // What is only done the first time is done now.
    run();
    hot_path(*times, &mut run);
    Ok(ExitCode::SUCCESS)
}

/// What is counted. Callgrind knows it by its name.
#[inline(never)]
fn hot_path(times: usize, run: &mut dyn FnMut()) {
    for _ in 0..times {
        run();
    }
}

fn content() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(RECORD).collect()
}

fn seal(name: &str) -> Box<dyn FnMut()> {
    let mut layer =
        (system(name).expect("it is a system").records.expect("it has one"))(Profile::HARDENED);
    let content = content();
    Box::new(move || {
        black_box(layer.seal(&content).expect("it fits"));
    })
}

fn open(name: &str) -> Box<dyn FnMut()> {
    let mut layer =
        (system(name).expect("it is a system").records.expect("it has one"))(Profile::HARDENED);
    let record = layer.seal(&content()).expect("it fits");
    let mut read = |content: &[u8]| assert_eq!(content.len(), RECORD, "the content is whole");
    Box::new(move || {
        black_box(layer.open(record.clone(), &mut read).expect("it was sealed"));
    })
}

fn p256() -> Box<dyn FnMut()> {
    let mut entropy = Entropy::new(1, "instructions");
    let own = Ephemeral::generate(&mut entropy);
    let peer = *Ephemeral::generate(&mut entropy).share();
    Box::new(move || {
        black_box(own.agree(&peer).expect("it is a share"));
    })
}

/// A key of the lab, since making one takes long here.
fn rsa_key() -> PrivateKey {
    let helo = system("helo").expect("it is a system");
    let files = (helo.lab)(Profile::HARDENED);
    files.values().find_map(|pem| PrivateKey::from_pem(pem).ok()).expect("the lab has keys")
}

fn rsa_sign() -> Box<dyn FnMut()> {
    let key = rsa_key();
    Box::new(move || {
        black_box(key.sign_pkcs1v15(&[4; 32]).expect("a digest fits"));
    })
}

fn rsa_verify() -> Box<dyn FnMut()> {
    let key = rsa_key();
    let signature = key.sign_pkcs1v15(&[4; 32]).expect("a digest fits");
    let public = key.public_key();
    Box::new(move || public.verify_pkcs1v15(&[4; 32], &signature).expect("it was signed"))
}

/// One client of `ratchet`: hello, three rounds, goodbye.
fn plan() -> WorldSpec {
    let system = system("ratchet").expect("it is a system");
    let rounds = ["10.0", "20.0", "30.0"].map(|numbers| Step::Send(Message::numbers(numbers)));
    let script: Vec<Step> = rounds.into_iter().chain([Step::End]).collect();
    WorldSpec {
        victims: Victims::System(system),
        profile: Profile::HARDENED,
        seed: 7,
        scripts: BTreeMap::from([(1, Arc::from(script))]),
        rules: Arc::from([]),
        keys: BTreeMap::new(),
        registered: None,
    }
}

/// Right after the handshake.
fn state(act: fn(&World)) -> Box<dyn FnMut()> {
    let mut world = World::new(&plan());
    let client = |world: &World| {
        let mut claims = world.trace().claims.iter().filter(|record| record.actor == 1);
        claims.any(|record| matches!(record.claim.fact, Fact::Established(_)))
    };
    while !client(&world) && world.step() {}
    Box::new(move || act(&world))
}

fn deframe() -> Box<dyn FnMut()> {
    let plan = plan();
    let mut world = World::new(&plan);
    world.run();
    let sent = world.trace().honest().filter(|(_, record)| record.to == Side::Server);
    let segments: Vec<_> = sent.map(|(_, record)| record.frame.bytes.clone()).collect();
    let system = plan.system().expect("the plan names a system");
    let layout = Arc::new((system.layout)(plan.profile));
    Box::new(move || {
        let mut deframer = Deframer::new(layout.clone(), PortIndex(0), Side::Client);
        let mut frames = Vec::new();
        for segment in &segments {
            deframer.push(segment, &mut frames);
        }
        black_box(frames);
    })
}
