# List the recipes.
default:
    @just --list

# What CI runs.
ci:
    .ci/run

# Format, lint and test, quickly.
check:
    cargo fmt --all
    cargo clippy --workspace --all-targets
    cargo test --workspace

# Live capture: lints with the feature, and what tcpdump records of every system played to a fresh server.
live-capture:
    .ci/live-capture

# Mutation tests of all that a verdict rests on: hours (CI tries a sample; needs cargo-mutants).
mutants:
    .ci/mutants all

# Run the demo.
replay *ARGS:
    cargo run -q -p scenarios -- replay {{ARGS}}

# Write changed snapshots; review the diff before committing.
snapshots:
    INSTA_UPDATE=always cargo test -p scenarios
    git diff --stat -- '*.snap'

# Write the ablation matrix that CI compares; review the diff before committing.
matrix:
    cargo run --release -p scenarios -- matrix > scenarios/tests/matrix.txt
    git diff --stat -- scenarios/tests/matrix.txt

# The whole catalogue as a page, in target/report (`--open` opens it).
report *ARGS:
    cargo run --release -q -p scenarios -- report {{ARGS}}

# Write reports/published and the README's matrix anew; review the diff before committing.
publish *ARGS:
    .ci/publish {{ARGS}}

# All benchmarks (criterion). `--features aws-lc-rs,openssl` puts more beside ours than `ring`.
bench *ARGS:
    cargo bench -p benches {{ARGS}}

# The same with samples so small that only large differences show.
bench-quick *ARGS:
    cargo bench -p benches {{ARGS}} -- --warm-up-time 0.01 --measurement-time 0.05 --sample-size 10 --noplot

# Our time as a ratio to that of others, in one run (`--quick`: 15 seconds); needs libssl-dev. Also target/ratios.json.
ratios *ARGS:
    cargo run --release -p benches --features programs,aws-lc-rs,openssl --bin ratios -- {{ARGS}}

# Count the instructions of hot paths again, for CI to compare with; review the diff before committing.
instructions:
    .ci/instructions --write

# Conversations a second and the cost of a fork, in a table.
throughput:
    cargo run --release -p benches --features programs --bin throughput

# A file over loopback against the same in memory, sessions a second, and what idle connections cost.
loopback:
    cargo build --release -p benches -p scenarios --features benches/programs
    ./target/release/loopback
    ./target/release/loopback idle

# The live proxy against none, a plain copy and haproxy (`--quick`: a minute).
proxy *ARGS:
    cargo build --release -p benches -p scenarios --features benches/programs
    ./target/release/proxy {{ARGS}}
    ./target/release/proxy idle

# What writing captures costs, and how fast a capture of 1 GiB is imported.
captures *ARGS:
    cargo build --release -p benches -p scenarios --features benches/programs
    ./target/release/captures {{ARGS}}

# What the padding oracle costs: questions a byte and a second, in memory and over TCP (`--quick`: a few seconds).
oracle *ARGS:
    cargo run --release -p benches --features programs --bin oracle -- {{ARGS}}

# Any input to everything that reads some: every target for 30 seconds, or `just fuzz SECONDS [TARGET]` (needs cargo-fuzz).
fuzz *ARGS:
    .ci/fuzz {{ARGS}}
