//! Whole conversations in the world, and what a search does at every state: fork, step, digest.

mod common;

use std::hint::black_box;

use benches::{Attack, PROFILES, established, finish, helo, ratchet};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mitm_proxy::world::World;

/// `ratchet`, hello and three rounds, from a world at time zero.
fn conversations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conversation");
    group.throughput(Throughput::Elements(1));
    for profile in PROFILES {
        for attack in Attack::ALL {
            let plan = ratchet(profile, attack);
            let prepared = World::new(&plan);
            group.bench_function(
                format!("ratchet/{profile}/{}/forked", attack.name()),
                |bencher| {
                    bencher.iter_batched(|| prepared.fork(), finish, BatchSize::SmallInput);
                },
            );
        }
        let plan = ratchet(profile, Attack::Delay);
        group.bench_function(format!("ratchet/{profile}/delay/from-nothing"), |bencher| {
            bencher.iter(|| finish(World::new(&plan)));
        });
    }
    group.finish();
}

/// A handshake with RSA, against the fork that takes its place.
fn handshakes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    for profile in PROFILES {
        let plan = helo(profile);
        group.bench_function(format!("helo/{profile}/run"), |bencher| {
            bencher.iter(|| established(&plan));
        });
        let world = established(&plan);
        group.bench_function(format!("helo/{profile}/fork"), |bencher| {
            bencher.iter(|| world.fork());
        });
        group.bench_function(format!("helo/{profile}/fork-and-finish"), |bencher| {
            bencher.iter_batched(|| world.fork(), finish, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// At a state right after the handshake.
fn moments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    for profile in PROFILES {
        let world = established(&ratchet(profile, Attack::Delay));
        group.bench_function(format!("ratchet/{profile}/fork"), |bencher| {
            bencher.iter(|| world.fork());
        });
        group.bench_function(format!("ratchet/{profile}/fork-and-step"), |bencher| {
            bencher.iter(|| {
                let mut fork = world.fork();
                fork.step();
                fork
            });
        });
        group.bench_function(format!("ratchet/{profile}/digest"), |bencher| {
            bencher.iter(|| black_box(&world).digest());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = conversations, handshakes, moments
}
criterion_main!(benches);
