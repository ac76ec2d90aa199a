//! The strategy in the world, as the judge lets it act.

use std::collections::BTreeMap;
use std::sync::Arc;

use mitm_proxy::attacker::Acting;
use mitm_proxy::condition::When;
use mitm_proxy::params::{Arg, Args};
use mitm_proxy::rule::Rule;
use mitm_proxy::script::Step;
use mitm_proxy::strategies::strategy;
use mitm_proxy::strategy::{Quiet, Strategy, Tools};
use mitm_proxy::trace::Finding;
use mitm_proxy::world::{Victims, World, WorldSpec};
use protocol::endpoint::{Fact, Message};
use protocol::weakness::Profile;

use super::{MAC, Recovery, clock, csr, is_the_end_of};

/// A world of `csr` as built in which the record of a text is about to reach the attacker.
#[derive(Clone, Debug)]
pub struct Held {
    world: World,
    acting: Acting,
    text: String,
    strategy: Arc<dyn Strategy>,
}

impl Held {
    /// A client that sends this text, in a world of this seed.
    pub fn new(text: &str, seed: u64) -> Self {
        let system = csr();
        let frame_type = Some("TEXT".to_owned());
        let when = When { frame_type, nth: Some(1), ..When::default() };
        let script = [Step::Send(Message::text(text)), Step::End];
        let mut world = World::new(&WorldSpec {
            victims: Victims::System(system),
            profile: Profile::as_built(system),
            seed,
            scripts: [(1, Arc::from(script))].into(),
            rules: Arc::from([Rule { when, actions: Vec::new() }]),
            keys: BTreeMap::new(),
            registered: None,
        });
        let acting = world.run_until_rule().expect("the client sends its text");
        let args = Args::from([
            ("skip_last", Arg::Number(MAC as u64)),
            ("budget", Arg::Number(10_000_000)),
        ]);
        let spec = strategy("padding-oracle").expect("the strategy exists");
        let strategy = (spec.build)(&args).expect("the arguments fit");
        Self { world, acting, text: text.to_owned(), strategy }
    }

    /// Decrypt it, and let the conversation go on to its end.
    pub fn attack(&self) -> Recovery {
        let mut world = self.world.fork();
        let held = world.hold().expect("the record is on its way");
        let tools = Tools { words: &[], budget: None, full: false, progress: &Quiet };

        let began = clock();
        let attacked = self.strategy.attack(&mut world, &self.acting, &tools);
        let time = began.elapsed();

        world.release(held);
        world.run();
        let trace = world.trace();
        let found = trace.knowledge.iter().any(|known| {
            matches!(&known.what, Finding::Content(bytes) if is_the_end_of(&self.text, bytes))
        });
        let acknowledged = |fact: &Fact| matches!(fact, Fact::Acknowledged(message) if message.body == self.text.as_bytes());
        let undisturbed = trace.claims.iter().any(|record| acknowledged(&record.claim.fact));
        let effort = trace.efforts.first();
        Recovery {
            bytes: effort.map_or(0, |effort| effort.recovered),
            questions: effort.map_or(0, |effort| effort.queries),
            time,
            is_right: attacked.is_ok() && found && undisturbed,
        }
    }
}
