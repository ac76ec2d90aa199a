//! What a world is made from.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::keyfiles::{Account, KeyError, KeyFiles, KeySource};
use protocol::system::System;
use protocol::weakness::Profile;

use crate::rule::Rule;
use crate::script::Step;

/// The set of keys that the honest endpoints have instead of those of the lab.
pub const LAB: &str = "lab";

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The system under attack.
    pub system: &'static System,
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

impl Plan {
    /// The key files of the honest endpoints.
    pub fn lab(&self) -> KeyFiles {
        let Plan { system, profile, keys, .. } = self;
        let mut lab = (system.lab)(*profile);
        lab.extend(keys.get(LAB).map(|own| own.files.clone()).unwrap_or_default());
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
