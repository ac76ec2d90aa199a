//! Prints how many conversations a second one core runs, and what a fork costs: the table of the README.
//!
//! All variants are measured in turn, round after round, so that a busy moment of the machine hits all of them;
//! minimum, median and maximum over the rounds say how far to trust a figure.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use benches::{Attack, PROFILES, established, helo, ratchet};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use mitm_proxy::world::World;

/// How often every variant is measured.
const ROUNDS: usize = 9;
/// How long one variant is measured in one round.
const SLICE: Duration = Duration::from_millis(45);

/// Something to measure.
struct Variant {
    name: String,
    run: Box<dyn Fn()>,
    /// Seconds for one, a value for each round.
    seconds: Vec<f64>,
}

impl Variant {
    fn new(name: impl Into<String>, run: impl Fn() + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run), seconds: Vec::with_capacity(ROUNDS) }
    }

    #[expect(clippy::disallowed_methods, reason = "measuring is what this program is for")]
    fn measure(&mut self) {
        let start = Instant::now();
        let mut count = 0.0;
        while start.elapsed() < SLICE {
            // Several in a row: reading the clock should not count.
            for _ in 0..4 {
                (self.run)();
                count += 1.0;
            }
        }
        self.seconds.push(start.elapsed().as_secs_f64() / count);
    }

    /// The fastest, median and slowest round, in seconds.
    fn spread(&mut self) -> [f64; 3] {
        self.seconds.sort_by(f64::total_cmp);
        [0, ROUNDS / 2, ROUNDS - 1].map(|at| self.seconds.get(at).copied().unwrap_or(f64::NAN))
    }
}

fn main() -> io::Result<()> {
    let mut conversations = conversations();
    let mut moments = moments();
    for _ in 0..ROUNDS {
        conversations.iter_mut().chain(&mut moments).for_each(Variant::measure);
    }
    let mut out = io::stdout().lock();
    let header = ["ratchet: hello and three rounds", "a second: min", "median", "max"];
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for variant in &mut conversations {
        let [fast, median, slow] = variant.spread();
        let rates = [slow, median, fast].map(|seconds| format!("{:.0}", 1.0 / seconds));
        table.add_row([variant.name.clone()].into_iter().chain(rates));
    }
    writeln!(out, "{table}\n")?;
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(["one", "ns: min", "median", "max"]);
    for variant in &mut moments {
        let times = variant.spread().map(|seconds| format!("{:.0}", seconds * 1e9));
        table.add_row([variant.name.clone()].into_iter().chain(times));
    }
    writeln!(out, "{table}")
}

/// Complete conversations of `ratchet`, from nothing and from a prepared world.
fn conversations() -> Vec<Variant> {
    let mut variants = Vec::new();
    for profile in PROFILES {
        for attack in Attack::ALL {
            let plan = ratchet(profile, attack);
            let prepared = World::new(&plan);
            let name = format!("{profile}, {}", attack.name());
            variants.push(Variant::new(format!("{name}, from nothing"), move || {
                let mut world = World::new(&plan);
                world.run();
                black_box(&world);
            }));
            variants.push(Variant::new(format!("{name}, forked"), move || {
                let mut world = prepared.fork();
                world.run();
                black_box(&world);
            }));
        }
    }
    variants
}

/// What a search does at every state, and what a fork saves it.
fn moments() -> Vec<Variant> {
    let mut variants = Vec::new();
    for profile in PROFILES {
        let plan = ratchet(profile, Attack::Honest);
        let world = established(&plan);
        let name = format!("ratchet, {profile}, after the handshake");
        variants.push(Variant::new(format!("{name}: fork"), {
            let world = world.clone();
            move || drop(black_box(world.fork()))
        }));
        variants.push(Variant::new(format!("{name}: fork and step"), {
            let world = world.clone();
            move || {
                let mut fork = world.fork();
                black_box(fork.step());
            }
        }));
        variants.push(Variant::new(format!("{name}: digest"), move || {
            black_box(world.digest());
        }));
    }
    for profile in PROFILES {
        let plan = helo(profile);
        let world = established(&plan);
        variants.push(Variant::new(format!("helo, {profile}: handshake, with RSA"), move || {
            black_box(established(&plan));
        }));
        let name = format!("helo, {profile}, after the handshake: fork in its place");
        variants.push(Variant::new(name, move || drop(black_box(world.fork()))));
    }
    variants
}
