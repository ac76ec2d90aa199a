//! A test of a channel, in Rust: endpoints, what they send, what the attacker does, and what is judged.

use std::collections::BTreeSet;

use mitm_proxy::rule::Rule;
use mitm_proxy::script::Step;
use mitm_proxy::world::{OwnEndpoints, Victims};
use protocol::endpoint::Endpoint;
use protocol::layout::Layout;
use protocol::system::{Setup, System};
use protocol::weakness::Profile;

use crate::case::{Case, Judgement, Over, Plan, PlannedStrategy, Scope};
use crate::properties::PropertySpec;
use crate::property::Property;
use crate::run::judge;

/// A test of a channel.
///
/// The honest run comes first: the same without the attack. It has to succeed, or the judgement is inconclusive.
///
/// ```
/// use judge::prelude::*;
/// use protocol::systems::SYSTEMS;
///
/// // The first system of the table, with all its weaknesses: a record that is sent again is taken twice.
/// let victim = SYSTEMS.first().unwrap();
/// let judgement = Lab::of(victim)
///     .profile(Profile::as_built(victim))
///     .script([text("pay bob 100"), end()])
///     .rule(Rule::new(when("MSG").from(Side::Client).nth(1), replay(1)))
///     .judge();
/// judgement.assert_violated(Property::DeliveryAtMostOnce);
/// ```
#[derive(Clone, Debug)]
pub struct Lab {
    victims: Victims,
    profile: Profile,
    seed: u64,
    over: Over,
    plan: Plan,
    scope: Scope,
    properties: Vec<PropertySpec>,
}

impl Lab {
    /// Endpoints of your own, which exchange the frames of this layout. The closures make them: the client's is called once for each
    /// client, with its number in the setup. They may capture keys.
    pub fn new<C: Endpoint + 'static, S: Endpoint + 'static>(
        layout: Layout,
        client: impl Fn(Setup) -> C + Send + Sync + 'static,
        server: impl Fn(Setup) -> S + Send + Sync + 'static,
    ) -> Self {
        let client = move |setup| -> Box<dyn Endpoint> { Box::new(client(setup)) };
        let server = move |setup| -> Box<dyn Endpoint> { Box::new(server(setup)) };
        Self::against(Victims::Own(OwnEndpoints::new(layout, client, server)))
    }

    /// The endpoints of a system, with every defence on.
    pub fn of(system: &'static System) -> Self {
        Self::against(Victims::System(system))
    }

    fn against(victims: Victims) -> Self {
        Self {
            victims,
            profile: Profile::HARDENED,
            seed: 1,
            over: Over::World,
            plan: Plan::default(),
            scope: Scope::default(),
            properties: Vec::new(),
        }
    }

    /// Switch the defences off that this profile names.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Decide every random byte by this seed, instead of 1.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Take the frames over TCP on the loopback interface, instead of in memory. The judgement is the same.
    #[cfg(feature = "net")]
    #[must_use]
    pub fn over_tcp(self) -> Self {
        Self { over: Over::Tcp, ..self }
    }

    /// One more client, which does this. A client opens its connection first.
    #[must_use]
    pub fn script(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        let number = self.plan.scripts.keys().next_back().copied().unwrap_or(0).saturating_add(1);
        self.plan.scripts.insert(number, steps.into_iter().collect());
        self
    }

    /// What the server's application sends, to every client.
    #[must_use]
    pub fn server_script(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.plan.scripts.insert(0, steps.into_iter().collect());
        self
    }

    /// One more rule for the attacker. The first rule that fits a frame acts.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.plan.rules.push(rule);
        self
    }

    /// An attacker that learns from answers. Where it waits for a frame, the first rule says for which.
    #[must_use]
    pub fn strategy(mut self, strategy: PlannedStrategy) -> Self {
        self.plan.strategy = Some(strategy);
        self
    }

    /// Judge these properties only: those that the channel promises. A protocol in plain text promises no secrecy.
    #[must_use]
    pub fn scope(mut self, promised: impl IntoIterator<Item = Property>) -> Self {
        self.scope.only = Some(BTreeSet::from_iter(promised));
        self
    }

    /// Judge a property of your own, too.
    #[must_use]
    pub fn property(mut self, property: PropertySpec) -> Self {
        if let Some(only) = &mut self.scope.only {
            only.insert(property.property);
        }
        self.properties.push(property);
        self
    }

    /// Run it without the attack and with the attack, and judge.
    pub fn judge(&self) -> Judgement {
        judge(Case {
            profile: self.profile,
            seed: self.seed,
            over: self.over,
            scope: self.scope.clone(),
            own_properties: &self.properties,
            ..Case::new(&self.plan, self.victims.clone())
        })
    }
}
