//! The systems that a program knows, by name: those of the table, and those that a library user adds.

use crate::system::System;
use crate::systems::SYSTEMS;
use crate::weakness::Weakness;

/// The systems that a program knows.
///
/// ```
/// use protocol::registry::Registry;
///
/// let registry = Registry::BUILTIN;
/// assert_eq!(registry.system("helo").map(|system| system.name), Some("helo"));
/// assert!(registry.system("nobody").is_none());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Registry {
    own: &'static [System],
}

impl Registry {
    /// The systems that come with Meddle.
    pub const BUILTIN: Self = Self { own: &[] };

    /// The systems that come with Meddle, and these. One of the same name as a system of Meddle's is never found.
    pub const fn with(own: &'static [System]) -> Self {
        Self { own }
    }

    /// All of them, in order.
    pub fn systems(self) -> impl Iterator<Item = &'static System> + Clone {
        SYSTEMS.iter().chain(self.own)
    }

    /// The system of that name.
    pub fn system(self, name: &str) -> Option<&'static System> {
        self.systems().find(|system| system.name == name)
    }

    /// Their names, in order.
    pub fn names(self) -> Vec<&'static str> {
        self.systems().map(|system| system.name).collect()
    }

    /// Every weakness that one of them can have: those known here first, each once.
    pub fn weaknesses(self) -> Vec<Weakness> {
        let mut all = Weakness::ALL.to_vec();
        for planted in self.own.iter().flat_map(|system| system.planted) {
            if !all.contains(&planted.weakness) {
                all.push(planted.weakness);
            }
        }
        all
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::BUILTIN
    }
}
