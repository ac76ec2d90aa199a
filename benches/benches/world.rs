//! Whole conversations in the world, handshakes, what a search does at every state (fork, step, digest), and judged scenarios.

mod common;

use std::hint::black_box;

use benches::{Attack, PROFILES, established, finish, one_text, ratchet};
use criterion::{
    BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use files::catalogue::catalogue;
use files::scenario::ScenarioRun;
use judge::Over;
use mitm_proxy::world::World;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

/// `ratchet`, hello and three rounds: `conversation-ratchet-<profile>/<from what>/<attack>`.
fn conversations(criterion: &mut Criterion) {
    for profile in PROFILES {
        let mut group = criterion.benchmark_group(format!("conversation-ratchet-{profile}"));
        group.throughput(Throughput::Elements(1));
        for attack in Attack::ALL {
            let plan = ratchet(profile, attack);
            let prepared = World::new(&plan);
            group.bench_function(BenchmarkId::new("forked", attack.name()), |bencher| {
                bencher.iter_batched(|| prepared.fork(), finish, BatchSize::SmallInput);
            });
            group.bench_function(BenchmarkId::new("from-nothing", attack.name()), |bencher| {
                bencher.iter(|| finish(World::new(&plan)));
            });
        }
        group.finish();
    }
}

/// The handshake of every system, and one text from there to the end: `handshake-<system>/world/<profile>`.
fn handshakes(criterion: &mut Criterion) {
    for system in SYSTEMS {
        for profile in PROFILES {
            let plan = one_text(system.name, profile);
            let mut group = criterion.benchmark_group(format!("handshake-{}", system.name));
            group.sampling_mode(SamplingMode::Flat);
            group.bench_function(BenchmarkId::new("world", profile), |bencher| {
                bencher.iter(|| established(&plan));
            });
            group.finish();
            let world = established(&plan);
            let mut group = criterion.benchmark_group(format!("text-{}", system.name));
            group.bench_function(BenchmarkId::new("world", profile), |bencher| {
                bencher.iter_batched(|| world.fork(), finish, BatchSize::SmallInput);
            });
            group.finish();
        }
    }
}

/// At a state right after the handshake: `<what>-<system>/world/<profile>`.
fn moments(criterion: &mut Criterion) {
    for name in ["ratchet", "helo"] {
        for profile in PROFILES {
            let world = established(&one_text(name, profile));
            let mut group = criterion.benchmark_group(format!("fork-{name}"));
            group.bench_function(BenchmarkId::new("world", profile), |bencher| {
                bencher.iter(|| world.fork());
            });
            group.finish();
            let mut group = criterion.benchmark_group(format!("step-{name}"));
            let step = |mut fork: World| {
                fork.step();
                fork
            };
            group.bench_function(BenchmarkId::new("world", profile), |bencher| {
                bencher.iter_batched(|| world.fork(), step, BatchSize::SmallInput);
            });
            group.finish();
            let mut group = criterion.benchmark_group(format!("digest-{name}"));
            group.bench_function(BenchmarkId::new("world", profile), |bencher| {
                bencher.iter(|| black_box(&world).digest());
            });
            group.finish();
        }
    }
}

/// Scenarios with their honest run and all properties: `scenario/<name>/<profile>`.
fn scenarios(criterion: &mut Criterion) {
    const CHOSEN: [&str; 3] = ["replay-hello-in-session", "flip-ratchet-data", "reorder-ratchet"];
    let mut group = criterion.benchmark_group("scenario");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(1));
    for scenario in catalogue().iter().filter(|one| CHOSEN.contains(&one.name.as_str())) {
        for system in scenario.systems.iter().take(1) {
            for name in PROFILES {
                let Some(profile) = Profile::named(system, name) else { continue };
                let case = ScenarioRun { scenario, system, profile, seed: 1, over: Over::World };
                group.bench_function(BenchmarkId::new(&scenario.name, name), |bencher| {
                    bencher.iter(|| case.judge());
                });
            }
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = conversations, handshakes, moments, scenarios
}
criterion_main!(benches);
