//! The record layer of a system by itself, with keys of its own and no session around it: what benchmarks measure.

use std::fmt::Debug;

use crate::endpoint::{Check, Reject};

/// Both ends of one direction, client to server.
pub trait RecordLayer: Debug {
    /// One record, as it goes over the wire, with this content.
    ///
    /// # Errors
    /// The content is too long for a record of the system.
    fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, Reject>;

    /// Take a sealed record out of what was received, check it and decrypt it; `read` is shown the content. Records are
    /// taken in any order and as often as they come: everything is checked but that their numbers follow each other. What
    /// was received is given back, decrypted in place, if nobody else holds it.
    ///
    /// # Errors
    /// The first check that fails, as the system has it.
    fn open(&mut self, received: Vec<u8>, read: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Reject>;

    /// What the records are encrypted with, where others have that too and can be compared.
    fn cipher(&self) -> Option<Cipher>;

    /// Whether every record has keys of its own, so that nobody has them ready.
    fn rekeys(&self) -> bool {
        false
    }
}

/// What records are encrypted with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cipher {
    /// AES-128 in CBC with PKCS#7 padding.
    Aes128Cbc,
    /// AES-256 in CBC with PKCS#7 padding.
    Aes256Cbc,
    /// AES-256 in CCM with a nonce of 11 bytes and a tag of 16.
    Aes256Ccm,
}

impl Cipher {
    /// The standard name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Cbc => "AES-128-CBC",
            Self::Aes256Cbc => "AES-256-CBC",
            Self::Aes256Ccm => "AES-256-CCM",
        }
    }
}

/// What was received is no whole record.
pub(crate) const SHORT: Reject = Reject::new(Check::Length, "record");

#[cfg(test)]
mod tests {
    use crate::endpoint::Kind;
    use crate::systems::SYSTEMS;
    use crate::weakness::Profile;

    fn content(len: usize) -> Vec<u8> {
        b"pay bob 100, ".iter().copied().cycle().take(len).collect()
    }

    #[test]
    fn what_is_sealed_opens_again_and_again() {
        for system in SYSTEMS {
            for profile in [Profile::HARDENED, Profile::as_built(system)] {
                let mut layer = (system.records.unwrap())(profile);
                for len in [0, 1, 63, 64, 65, 200] {
                    let record = layer.seal(&content(len)).unwrap();
                    for _ in 0..2 {
                        let mut opened = Vec::new();
                        let read = &mut |bytes: &[u8]| opened = bytes.to_vec();
                        layer.open(record.clone(), read).unwrap();
                        assert_eq!(opened, content(len), "{}", system.name);
                    }
                }
            }
        }
    }

    #[test]
    fn a_changed_or_shortened_record_does_not_open() {
        for system in SYSTEMS {
            let mut layer = (system.records.unwrap())(Profile::HARDENED);
            let record = layer.seal(&content(100)).unwrap();
            let mut changed = record.clone();
            if let Some(last) = changed.last_mut() {
                *last ^= 1;
            }
            let short = record[..record.len() - 1].to_vec();
            for bad in [changed, short] {
                let opened = layer.open(bad, &mut |_| panic!("{}", system.name));
                assert!(opened.is_err(), "{}", system.name);
            }
        }
    }

    #[test]
    fn large_records_are_for_those_that_carry_files() {
        for system in SYSTEMS {
            let mut layer = (system.records.unwrap())(Profile::HARDENED);
            let large = system.carries.contains(&Kind::Video);
            assert_eq!(layer.seal(&content(1 << 20)).is_ok(), large, "{}", system.name);
        }
    }
}
