//! `scenarios timing`: does a victim take as long for one kind of forgery as for another? Real time of this machine, and so
//! never a verdict: the judge looks at what is answered, and its clock is virtual.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use mitm_proxy::condition::When;
use mitm_proxy::rule::Rule;
use mitm_proxy::script::Step;
use mitm_proxy::strategies::timing::{Comparison, KEPT, Summary, Welch};
use mitm_proxy::world::{Victims, World, WorldSpec};
use protocol::crypto::rsa::PublicKey;
use protocol::endpoint::{Conn, Endpoint, Fact, Input, Kind, Message, Output, Side, Tick};
use protocol::entropy::Entropy;
use protocol::layout::{Frame, Role};
use protocol::system::{Forged, Forgery, System};
use protocol::weakness::Profile;

use super::done::Done;
use super::output::{Format, Output as Printing, print};
use super::select::Selection;

/// How many rounds the samples are divided into: how much they differ says how steady the machine is.
const ROUNDS: usize = 9;
/// Forgeries of each kind that take turns, so that no single one is measured.
const VARIANTS: usize = 16;
/// A probability below this is as good as none, and is not written out.
const LEAST: f64 = 1e-12;
/// The seed of the session that is forged in.
const SEED: u64 = 7;
/// Long enough to be several blocks.
const TEXT: &str = "The meeting is moved to Thursday at noon, at the old bridge.";

/// Options of `timing`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// Only this system; may be given several times
    #[arg(long, value_name = "SYSTEM")]
    system: Vec<String>,
    /// How many forgeries of each kind are timed
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(36..=10_000_000))]
    samples: u32,
    /// How sure to be before two times are called different, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 99.0, value_parser = percent)]
    confidence: f64,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| (50.0..100.0).contains(number));
    number.ok_or_else(|| "expected a percentage from 50 to below 100".to_owned())
}

/// Two kinds of a forged frame: the server's step on it is timed.
struct Probe {
    frame: &'static str,
    kinds: [&'static str; 2],
    forge: fn(&Target, &mut Entropy) -> Option<[Vec<u8>; 2]>,
}

impl From<Forgery> for Probe {
    fn from(Forgery { frame, kinds }: Forgery) -> Self {
        match kinds {
            Forged::KeyPadding => {
                let kinds = ["key of right PKCS #1 padding", "key of wrong padding"];
                Self { frame, kinds, forge: keys }
            }
            Forged::PaddingOrMac => {
                Self { frame, kinds: ["padding wrong", "MAC wrong"], forge: paddings }
            }
            Forged::MacEnds => {
                let kinds = ["MAC wrong in its first byte", "MAC wrong in its last byte"];
                Self { frame, kinds, forge: macs }
            }
        }
    }
}

/// A server about to take a frame.
struct Target {
    server: Box<dyn Endpoint>,
    conn: Conn,
    now: Tick,
    frame: Frame,
    /// The key that `KEY` is encrypted under.
    public: Option<PublicKey>,
}

/// One system in one profile, measured.
struct Measured {
    system: &'static str,
    profile: &'static str,
    frame: &'static str,
    kinds: [&'static str; 2],
    /// What the victim refused each kind by.
    refusals: [String; 2],
    compared: Comparison,
}

/// Measure.
pub(super) fn run(args: &Args, output: Printing) -> Result<Done> {
    let mut rows = Vec::new();
    for system in Selection::systems_named(&args.system, output)? {
        let Some(forgery) = system.forgery else {
            output.remark(&format!("{}: nothing is known to forge", system.name));
            continue;
        };
        let probe = Probe::from(forgery);
        for profile in [Profile::as_built(system), Profile::HARDENED] {
            output.remark(&format!("measuring {} {}", system.name, profile.name()));
            rows.push(measure(system, profile, &probe, args.samples)?);
        }
    }
    let text = match output.format {
        Format::Json => format!("{:#}\n", json(&rows, args.confidence)),
        Format::Text => text(&rows, args.confidence),
    };
    print(&text)?;
    Ok(Done::Expected)
}

fn measure(
    system: &'static System,
    profile: Profile,
    probe: &Probe,
    samples: u32,
) -> Result<Measured> {
    let target = target(system, profile, probe)?;
    let mut entropy = Entropy::new(SEED, "forgeries");
    let mut kinds: [Vec<Vec<u8>>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..VARIANTS {
        let forged = (probe.forge)(&target, &mut entropy);
        let forged =
            forged.ok_or_else(|| anyhow!("{} of {} cannot be forged", probe.frame, system.name))?;
        for (kind, bytes) in kinds.iter_mut().zip(forged) {
            kind.push(bytes);
        }
    }
    let refusals = [0, 1].map(|kind| target.refusal(kinds.get(kind)));
    let mut out = Output::default();
    let mut time = |kind: usize, at: usize| {
        let variants = kinds.get(kind)?;
        target.time(variants.get(at % variants.len().max(1))?, &mut out)
    };
    let samples = samples as usize;
    // Caches and branch predictors settle.
    for at in 0..(samples / 10).clamp(2 * VARIANTS, 1000) {
        black_box((time(0, at), time(1, at)));
    }
    let mut rounds = Vec::new();
    let mut at = 0;
    for round in 0..ROUNDS {
        let until = samples * (round + 1) / ROUNDS;
        let mut times = (Vec::new(), Vec::new());
        while at < until {
            // In turns, and the first of a pair in turns: neither kind always has the other in front of it.
            let (first, second) = if at.is_multiple_of(2) { (0, 1) } else { (1, 0) };
            for kind in [first, second] {
                let list = if kind == 0 { &mut times.0 } else { &mut times.1 };
                list.extend(time(kind, at));
            }
            at += 1;
        }
        rounds.push(times);
    }
    let compared = Comparison::of(&rounds);
    let compared =
        compared.ok_or_else(|| anyhow!("too few samples were left of {}", system.name))?;
    let (profile, kinds) = (profile.name(), probe.kinds);
    Ok(Measured { system: system.name, profile, frame: probe.frame, kinds, refusals, compared })
}

/// An honest session, stopped when the frame to forge is on its way.
fn target(system: &'static System, profile: Profile, probe: &Probe) -> Result<Target> {
    let message = if system.carries.contains(&Kind::Text) {
        Message::text(TEXT)
    } else {
        Message::numbers("10,20")
    };
    let script: Arc<[Step]> = Arc::from(vec![Step::Send(message), Step::End]);
    let scripts = BTreeMap::from([(1, script)]);
    let when = When {
        from: Some(Side::Client),
        frame_type: Some(probe.frame.to_owned()),
        nth: Some(1),
        ..When::default()
    };
    let rules = Arc::from(vec![Rule { when, actions: Vec::new() }]);
    let (keys, registered) = (BTreeMap::new(), None);
    let plan = WorldSpec {
        victims: Victims::System(system),
        profile,
        seed: SEED,
        scripts,
        rules,
        keys,
        registered,
    };
    let mut world = World::new(&plan);
    let acting = world.run_until_rule();
    world.run_independent_events();
    let found = acting.and_then(|acting| {
        let server = world.endpoint(acting.link, Side::Server)?;
        Some((acting.link, acting.frame?, server))
    });
    let Some((link, frame, server)) = found else {
        bail!("no {} is sent in {} {}", probe.frame, system.name, profile.name());
    };
    let public = system.transport.and_then(|transport| {
        let lab = world.spec().lab_keys();
        PublicKey::from_pem(lab.get(transport.public_key)?).ok()
    });
    Ok(Target { server, conn: Conn(link), now: world.now(), frame, public })
}

impl Target {
    /// The time of one step on these bytes, in nanoseconds.
    #[expect(clippy::disallowed_methods, reason = "real time is what is measured here")]
    fn time(&self, bytes: &[u8], out: &mut Output) -> Option<f64> {
        let mut server = self.server.fork();
        out.clear();
        let began = Instant::now();
        server.step(self.now, black_box(Input::Received(self.conn, bytes)), out);
        let took = began.elapsed();
        black_box(&*out);
        u32::try_from(took.as_nanos()).ok().map(f64::from)
    }

    /// What forgeries of one kind are refused by, in words.
    fn refusal(&self, variants: Option<&Vec<Vec<u8>>>) -> String {
        let mut checks: Vec<&str> = Vec::new();
        for bytes in variants.into_iter().flatten() {
            let (mut server, mut out) = (self.server.fork(), Output::default());
            server.step(self.now, Input::Received(self.conn, bytes), &mut out);
            let check = out.claims.iter().find_map(|claim| match &claim.fact {
                Fact::Rejected(reject) => Some(reject.check.name()),
                _ => None,
            });
            checks.push(check.unwrap_or("nothing"));
        }
        checks.sort_unstable();
        checks.dedup();
        checks.join(" or ")
    }

    /// The frame with some bytes of a field turned over.
    fn turned(&self, field: &str, turn: impl FnOnce(&mut [u8]) -> Option<()>) -> Option<Vec<u8>> {
        let mut bytes = self.frame.bytes.to_vec();
        let range = self.frame.spec.range(field, &bytes)?;
        turn(bytes.get_mut(range)?)?;
        Some(bytes)
    }
}

/// Any change but none.
fn mask(entropy: &mut Entropy) -> u8 {
    let [byte] = entropy.bytes::<1>();
    byte.max(1)
}

/// Two keys: one of right padding that is no text, as a product of Bleichenbacher's attack would be, and a random number.
fn keys(target: &Target, entropy: &mut Entropy) -> Option<[Vec<u8>; 2]> {
    let public = target.public.as_ref()?;
    let mut key = entropy.bytes::<32>();
    key[0] = 0xff;
    let right = public.encrypt_pkcs1v15(entropy, &key).ok()?;
    let mut wrong = right.clone();
    for byte in wrong.iter_mut().skip(1) {
        [*byte] = entropy.bytes::<1>();
    }
    // Below the modulus, whose first byte is not 0.
    *wrong.first_mut()? = 0;
    let with = |key: &[u8]| {
        target.turned("ct", |ct| (ct.len() == key.len()).then(|| ct.copy_from_slice(key)))
    };
    Some([with(&right)?, with(&wrong)?])
}

/// Two records: the end of the padding changed, and something in front of it.
fn paddings(target: &Target, entropy: &mut Entropy) -> Option<[Vec<u8>; 2]> {
    let mask = mask(entropy);
    // The byte in front of the last block that is mixed into the last byte of the padding: no padding has its highest bit.
    let padding = target.turned("ct", |ct| {
        let at = ct.len().checked_sub(17)?;
        *ct.get_mut(at)? ^= mask | 0x80;
        Some(())
    })?;
    let mac = target.turned("ct", |ct| {
        let at = ct.len().checked_sub(33)?;
        *ct.get_mut(at)? ^= mask;
        Some(())
    })?;
    Some([padding, mac])
}

/// Two records whose MAC is wrong, in the first byte and in the last.
fn macs(target: &Target, entropy: &mut Entropy) -> Option<[Vec<u8>; 2]> {
    let mask = mask(entropy);
    let mac = target.frame.spec.fields.iter().find(|field| field.role == Role::Mac)?.name;
    let first = target.turned(mac, |mac| {
        *mac.first_mut()? ^= mask;
        Some(())
    })?;
    let last = target.turned(mac, |mac| {
        *mac.last_mut()? ^= mask;
        Some(())
    })?;
    Some([first, last])
}

const CAVEAT: &str = "No verdict: this is the real time of one machine and one build. Its noise can hide a difference or feign one, and a difference need not be measurable over a network.";

fn text(rows: &[Measured], confidence: f64) -> String {
    let mut text = String::new();
    for row in rows {
        let Measured { compared, .. } = row;
        let (system, profile, frame) = (row.system, row.profile, row.frame);
        let _ = writeln!(text, "{system} {profile}: one step of the server on a forged {frame}");
        let sides = row.kinds.iter().zip(&row.refusals).zip([compared.one, compared.other]);
        for ((kind, refusal), Summary { count, mean, variance }) in sides {
            let deviation = variance.sqrt();
            let _ = writeln!(
                text,
                "  {kind:<30} {mean:>12.0} ns, deviation {deviation:.0} ns, {count} times; refused by {refusal}"
            );
        }
        let Comparison { difference, ratios: [least, middle, most], .. } = compared;
        let _ = writeln!(
            text,
            "  {:<30} {difference:>+12.0} ns; ratio {middle:.4} in the middle round of {ROUNDS}, {least:.4} to {most:.4}",
            "first less second"
        );
        let says =
            if compared.differs(confidence / 100.0) { "different" } else { "no difference seen" };
        let result = match compared.welch {
            Some(Welch { t, freedom, p }) => {
                let p = if p < LEAST { format!("below {LEAST:e}") } else { format!("{p:.1e}") };
                format!(
                    "t = {t:.2}, {freedom:.0} degrees of freedom, p {p}: {says} at {confidence} % confidence"
                )
            }
            None => says.to_owned(),
        };
        let _ = writeln!(text, "  {:<30} {result}\n", "Welch's t-test");
    }
    let kept = KEPT * 100.0;
    let _ = writeln!(
        text,
        "Of all times of a system and profile the fastest {kept:.0} % are compared."
    );
    let _ = writeln!(text, "{CAVEAT}");
    text
}

fn json(rows: &[Measured], confidence: f64) -> serde_json::Value {
    let row = |row: &Measured| {
        let compared = &row.compared;
        let side = |kind: &str, refusal: &str, summary: Summary| {
            serde_json::json!({
                "kind": kind,
                "refused_by": refusal,
                "count": summary.count,
                "mean_ns": summary.mean,
                "deviation_ns": summary.variance.sqrt(),
            })
        };
        let sides = row.kinds.iter().zip(&row.refusals).zip([compared.one, compared.other]);
        let sides: Vec<_> = sides.map(|((kind, refusal), of)| side(kind, refusal, of)).collect();
        let [least, middle, most] = compared.ratios;
        serde_json::json!({
            "system": row.system,
            "profile": row.profile,
            "endpoint": "server",
            "frame": row.frame,
            "kinds": sides,
            "difference_ns": compared.difference,
            "ratio": { "min": least, "median": middle, "max": most, "rounds": ROUNDS },
            "limit_ns": compared.limit,
            "welch": compared.welch.map(|welch| serde_json::json!({
                "t": welch.t,
                "degrees_of_freedom": welch.freedom,
                "p": welch.p,
            })),
            "differs": compared.differs(confidence / 100.0),
        })
    };
    serde_json::json!({
        "confidence": confidence / 100.0,
        "kept": KEPT,
        "caveat": CAVEAT,
        "measured": rows.iter().map(row).collect::<Vec<_>>(),
    })
}
