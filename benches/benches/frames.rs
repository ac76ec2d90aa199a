//! Cutting a stream into frames, files from one end to the other, and what the live proxy costs.

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use benches::between::{Between, Rules, stand};
use benches::traffic::{Server, throughput};
use benches::{Attack, PROFILES, established, file, finish, helo_file, ratchet};
use bytes::{Bytes, BytesMut};
use criterion::{
    BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use mitm_proxy::world::{World, WorldSpec};
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::Deframer;

/// All that the client of `plan` sends in an honest run, a segment for each frame.
fn sent_by_client(plan: &WorldSpec) -> Vec<Bytes> {
    let mut world = World::new(plan);
    world.run();
    let frames = world.trace().honest().filter(|(_, record)| record.to == Side::Server);
    frames.map(|(_, record)| record.frame.bytes.clone()).collect()
}

/// `deframe-<system>/protocol/<how the bytes come>`.
fn deframe(criterion: &mut Criterion) {
    let plans = [
        ("ratchet", ratchet("hardened", Attack::Honest)),
        ("helo", helo_file("hardened", file(16 << 10), false)),
    ];
    for (name, plan) in plans {
        let mut group = criterion.benchmark_group(format!("deframe-{name}"));
        let layout = Arc::new(World::new(&plan).layout().clone());
        let whole = sent_by_client(&plan);
        let stream: BytesMut = whole.iter().flatten().copied().collect();
        let stream = stream.freeze();
        let pieces: Vec<Bytes> = stream.chunks(100).map(Bytes::copy_from_slice).collect();
        group.throughput(Throughput::Bytes(stream.len() as u64));
        let ways = [("frames", whole), ("stream", vec![stream]), ("pieces-of-100", pieces)];
        for (way, segments) in ways {
            group.bench_function(BenchmarkId::new("protocol", way), |bencher| {
                bencher.iter(|| {
                    let mut deframer = Deframer::new(layout.clone(), PortIndex(0), Side::Client);
                    let mut frames = Vec::new();
                    for segment in black_box(&segments) {
                        deframer.push(segment, &mut frames);
                    }
                    frames
                });
            });
        }
        group.finish();
    }
}

/// From the state after the handshake to the end, one file: `file-<system>-<profile>/world/<size>`.
fn files(criterion: &mut Criterion) {
    for profile in PROFILES {
        let mut group = criterion.benchmark_group(format!("file-helo-{profile}"));
        for size in [64, 1 << 10, 16 << 10, 1 << 20] {
            let world = established(&helo_file(profile, file(size), false));
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new("world", size), |bencher| {
                bencher.iter_batched(|| world.fork(), finish, BatchSize::LargeInput);
            });
        }
        group.finish();
    }
}

/// So many bytes over loopback in frames of a size: `proxy/<what is between>/<size of a frame>`.
fn proxy(criterion: &mut Criterion) {
    const TOTAL: usize = 4 << 20;
    let mut group = criterion.benchmark_group("proxy");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Bytes(TOTAL as u64));
    let Ok(server) = Server::start() else { return };
    let disk = std::env::temp_dir();
    let ways = [
        ("nothing", Between::Direct),
        ("plain-copy", Between::Copy(8 << 10)),
        ("attacker", Between::Attacker(Rules::Watch)),
    ];
    for (name, way) in ways {
        let Ok(standing) = stand(way, server.address, &disk) else { continue };
        for size in [1 << 10, 16 << 10] {
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter_custom(|times| {
                    let once = |_| throughput(standing.address, size, TOTAL).unwrap_or(f64::NAN);
                    (0..times).map(once).map(|rate| seconds_for(TOTAL, rate)).sum()
                });
            });
        }
    }
    group.finish();
}

#[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
fn seconds_for(bytes: usize, rate: f64) -> Duration {
    Duration::try_from_secs_f64(bytes as f64 / rate).unwrap_or(Duration::MAX)
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = deframe, files, proxy
}
criterion_main!(benches);
