//! Cutting a stream into frames, and the record layer of each system, sealed and opened by its endpoints.

mod common;

use std::hint::black_box;
use std::sync::Arc;

use benches::{Attack, PROFILES, established, file, finish, helo_file, ratchet};
use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mitm_proxy::world::{Plan, World};
use protocol::endpoint::{Service, Side};
use protocol::layout::Deframer;

/// All that the client of `plan` sends in an honest run, a segment for each frame.
fn sent_by_client(plan: &Plan) -> Vec<Bytes> {
    let mut world = World::new(plan);
    world.run();
    let frames = world.trace().honest().filter(|(_, record)| record.to == Side::Server);
    frames.map(|(_, record)| record.frame.bytes.clone()).collect()
}

fn deframe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deframe");
    let plans = [
        ("ratchet", ratchet("hardened", Attack::Honest)),
        ("helo", helo_file("hardened", file(16 << 10), false)),
    ];
    for (name, plan) in plans {
        let layout = Arc::new((plan.system.layout)(plan.profile));
        let whole = sent_by_client(&plan);
        let stream: BytesMut = whole.iter().flatten().copied().collect();
        let stream = stream.freeze();
        let pieces: Vec<Bytes> = stream.chunks(100).map(Bytes::copy_from_slice).collect();
        group.throughput(Throughput::Bytes(stream.len() as u64));
        let ways = [("frames", whole), ("stream", vec![stream]), ("pieces-of-100", pieces)];
        for (way, segments) in ways {
            group.bench_function(format!("{name}/{way}"), |bencher| {
                bencher.iter(|| {
                    let mut deframer = Deframer::new(layout.clone(), Service(0), Side::Client);
                    let mut frames = Vec::new();
                    for segment in black_box(&segments) {
                        deframer.push(segment, &mut frames);
                    }
                    frames
                });
            });
        }
    }
    group.finish();
}

/// From the state after the handshake to the end: every record is sealed by one end and opened by the other, and
/// acknowledged. For `helo` that is one file, for `ratchet` three rounds.
fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("records");
    for profile in PROFILES {
        for size in [64, 1 << 10, 16 << 10, 1 << 20] {
            let world = established(&helo_file(profile, file(size), false));
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(format!("helo/{profile}/file-of-{size}"), |bencher| {
                bencher.iter_batched(|| world.fork(), finish, BatchSize::LargeInput);
            });
        }
        let world = established(&ratchet(profile, Attack::Honest));
        group.throughput(Throughput::Elements(3));
        group.bench_function(format!("ratchet/{profile}/three-rounds"), |bencher| {
            bencher.iter_batched(|| world.fork(), finish, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = deframe, records
}
criterion_main!(benches);
