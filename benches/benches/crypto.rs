//! Primitives, and the records of every system, each beside the same work of others.

mod common;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};

use benches::ours::OURS;
use benches::peers::PEERS;
use benches::work::Work;

fn beside_others(criterion: &mut Criterion) {
    for work in Work::all() {
        let operation = work.operation().to_lowercase().replace([' ', '#', '.'], "-");
        let mut group = criterion.benchmark_group(operation);
        if let Some(bytes) = work.bytes() {
            group.throughput(Throughput::Bytes(bytes as u64));
        }
        if work.is_slow() {
            group.sampling_mode(SamplingMode::Flat);
        }
        for implementation in std::iter::once(&OURS).chain(PEERS) {
            let Some(mut runner) = (implementation.runner)(work) else { continue };
            let size = work.bytes().map_or("any".to_owned(), |bytes| bytes.to_string());
            group.bench_function(BenchmarkId::new(implementation.name, size), |bencher| {
                bencher.iter_custom(&mut runner);
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = beside_others
}
criterion_main!(benches);
