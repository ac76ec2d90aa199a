//! What a world is made from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use protocol::endpoint::Endpoint;
use protocol::keyfiles::{Account, KeyError, KeyFiles, KeySource};
use protocol::layout::Layout;
use protocol::system::{Setup, System};
use protocol::weakness::Profile;

use crate::rule::Rule;
use crate::script::Step;

/// The set of keys that the honest endpoints have instead of those of the lab.
pub const LAB: &str = "lab";

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    /// Who is attacked.
    pub victims: Victims,
    /// Which defences are off.
    pub profile: Profile,
    /// Decides every random byte.
    pub seed: u64,
    /// What each client does, by its number from 1; what the server says, at 0.
    pub scripts: BTreeMap<u32, Arc<[Step]>>,
    /// The attacker's rules.
    pub rules: Arc<[Rule]>,
    /// Key files the attacker has, by the name rules give each set. The set [`LAB`] is what the honest endpoints have instead
    /// of the keys of the lab.
    pub keys: BTreeMap<String, Folder>,
    /// Somebody who registered before the run, where the system has users: name and password.
    pub registered: Option<(String, String)>,
}

/// Who is attacked.
#[derive(Clone, Debug)]
pub enum Victims {
    /// Endpoints of a system in a table, with the keys of the lab.
    System(&'static System),
    /// Endpoints of a library user.
    Own(OwnEndpoints),
}

/// Endpoints that closures make. The closures may capture keys; every fork of a world shares them.
#[derive(Clone)]
pub struct OwnEndpoints {
    /// The frames that the endpoints exchange.
    pub layout: Arc<Layout>,
    client: Arc<MakeEndpoint>,
    server: Arc<MakeEndpoint>,
}

/// Makes an endpoint.
type MakeEndpoint = dyn Fn(Setup) -> Box<dyn Endpoint> + Send + Sync;

impl OwnEndpoints {
    /// Endpoints that exchange these frames. `client` is called once for each client, with its number in the setup.
    pub fn new(
        layout: Layout,
        client: impl Fn(Setup) -> Box<dyn Endpoint> + Send + Sync + 'static,
        server: impl Fn(Setup) -> Box<dyn Endpoint> + Send + Sync + 'static,
    ) -> Self {
        Self { layout: Arc::new(layout), client: Arc::new(client), server: Arc::new(server) }
    }

    /// A new client.
    pub(super) fn client(&self, setup: Setup) -> Box<dyn Endpoint> {
        (self.client)(setup)
    }

    /// A new server.
    pub(super) fn server(&self, setup: Setup) -> Box<dyn Endpoint> {
        (self.server)(setup)
    }
}

impl fmt::Debug for OwnEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnEndpoints").field("layout", &self.layout.system).finish_non_exhaustive()
    }
}

impl WorldSpec {
    /// A world of these victims in which no weakness is switched on, nobody says anything, and no rule acts. Its seed is 1.
    pub fn new(victims: Victims) -> Self {
        Self {
            victims,
            profile: Profile::HARDENED,
            seed: 1,
            scripts: BTreeMap::new(),
            rules: Arc::from([]),
            keys: BTreeMap::new(),
            registered: None,
        }
    }

    /// The same, with these defences off.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// The same, with one more client, which follows this script.
    #[must_use]
    pub fn client(mut self, script: impl IntoIterator<Item = Step>) -> Self {
        let number = self.scripts.keys().next_back().copied().unwrap_or(0).saturating_add(1);
        self.scripts.insert(number, script.into_iter().collect());
        self
    }

    /// The same, with one more rule behind those it has.
    #[must_use]
    pub fn rule(self, rule: Rule) -> Self {
        let rules = self.rules.iter().cloned().chain([rule]).collect();
        Self { rules, ..self }
    }

    /// The system under attack, if it is one.
    pub fn system(&self) -> Option<&'static System> {
        match self.victims {
            Victims::System(system) => Some(system),
            Victims::Own(_) => None,
        }
    }

    /// The key files of the honest endpoints.
    pub fn lab_keys(&self) -> KeyFiles {
        let lab = self.system().map(|system| (system.lab)(self.profile));
        let mut lab = lab.unwrap_or_default();
        lab.extend(self.keys.get(LAB).map(|own| own.files.clone()).unwrap_or_default());
        lab
    }
}

/// A folder of key files that the attacker has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Folder {
    /// The files, by path.
    pub files: KeyFiles,
    /// Files that are those of the lab under the profile at hand, by path: the path they have there.
    pub lab: KeyFiles,
    /// Who logs in, where a system has users.
    pub account: Option<Account>,
}

impl KeySource for Folder {
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        self.files.read_bytes(path)
    }

    fn kept(&self) -> Option<Arc<dyn KeySource + Send + Sync>> {
        Some(Arc::new(self.clone()))
    }

    fn account(&self) -> Option<Account> {
        self.account.clone()
    }

    fn any_size(&self) -> bool {
        true
    }
}

impl Folder {
    /// The same, with the files of the lab in it.
    pub(super) fn with_lab(&self, lab: &KeyFiles) -> Self {
        let mut folder = self.clone();
        let found = self.lab.iter().filter_map(|(path, there)| Some((path, lab.get(there)?)));
        folder.files.extend(found.map(|(path, content)| (path.clone(), content.clone())));
        folder
    }
}
