//! What is measured against others: each piece of work by name, and who does it. Criterion and the table of ratios run the
//! same pieces.

use std::fmt;

use protocol::crypto::cbc::padded;
pub use protocol::records::Cipher;
use protocol::system::System;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

use crate::PROFILES;
use crate::runner::Runner;

/// The sizes that are measured, in bytes.
pub const SIZES: [usize; 4] = [64, 1 << 10, 16 << 10, 1 << 20];

/// A piece of work.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Encrypt so many bytes, padded where the mode pads.
    Encrypt(Cipher, usize),
    /// Decrypt so many bytes of plaintext, and take the padding off.
    Decrypt(Cipher, usize),
    /// HMAC-SHA256 of so many bytes.
    Hmac(usize),
    /// SHA-256 of so many bytes.
    Hash(usize),
    /// HKDF-SHA256 of 32 bytes to 32 bytes.
    Hkdf,
    /// An operation of RSA-2048.
    Rsa(Rsa),
    /// An operation on P-256.
    P256(P256),
    /// Seal a record of so many bytes.
    Seal(Record, usize),
    /// Open a record of so many bytes.
    Open(Record, usize),
}

/// An operation of RSA-2048.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rsa {
    /// OAEP with SHA-256.
    Encrypt,
    /// OAEP with SHA-256.
    Decrypt,
    /// PSS with SHA-256.
    SignPss,
    /// PSS with SHA-256.
    VerifyPss,
    /// PKCS#1 v1.5 with SHA-256.
    SignPkcs1,
    /// PKCS#1 v1.5 with SHA-256.
    VerifyPkcs1,
    /// A key of 2048 bits.
    Generate,
}

/// An operation on P-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum P256 {
    /// A half of an agreement, with its share.
    Generate,
    /// The agreed secret.
    Agree,
}

/// The record layer of a system under a profile.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The system.
    pub system: &'static System,
    /// `as-built` or `hardened`.
    pub profile: &'static str,
}

impl Record {
    /// What its records are encrypted with, where that can be compared. Those in CBC have HMAC-SHA256 as well.
    pub fn cipher(self) -> Option<Cipher> {
        (self.system.records.expect("it has one"))(self.profile()).cipher()
    }

    /// Whether every record has keys of its own, so that nobody has them ready.
    pub fn rekeys(self) -> bool {
        (self.system.records.expect("it has one"))(self.profile()).rekeys()
    }

    /// What stands around the ciphertext of a record of `bytes` bytes, but for its tag of 32: authenticated as well.
    pub fn header(self, bytes: usize) -> Vec<u8> {
        let sealed =
            (self.system.records.expect("it has one"))(self.profile()).seal(&crate::file(bytes));
        let ciphertext = padded(bytes) + 32;
        vec![0; sealed.map_or(0, |record| record.len().saturating_sub(ciphertext))]
    }

    /// The profile itself.
    pub fn profile(self) -> Profile {
        Profile::named(self.system, self.profile).expect("every system has both profiles")
    }
}

/// Whoever does work.
#[derive(Clone, Copy)]
pub struct Implementation {
    /// The name in tables.
    pub name: &'static str,
    /// How it does a piece of work, if it can.
    pub runner: fn(Work) -> Option<Runner>,
}

impl fmt::Debug for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Work {
    /// All of it, in the order of tables; what no implementation can do is still there.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for cipher in [Cipher::Aes128Cbc, Cipher::Aes256Cbc, Cipher::Aes256Ccm] {
            all.extend(SIZES.map(|size| Self::Encrypt(cipher, size)));
            all.extend(SIZES.map(|size| Self::Decrypt(cipher, size)));
        }
        all.extend(SIZES.map(Self::Hmac));
        all.extend(SIZES.map(Self::Hash));
        all.push(Self::Hkdf);
        let rsa = [
            Rsa::Encrypt,
            Rsa::Decrypt,
            Rsa::SignPss,
            Rsa::VerifyPss,
            Rsa::SignPkcs1,
            Rsa::VerifyPkcs1,
            Rsa::Generate,
        ];
        all.extend(rsa.map(Self::Rsa));
        all.extend([P256::Generate, P256::Agree].map(Self::P256));
        for system in SYSTEMS {
            for profile in PROFILES {
                let record = Record { system, profile };
                all.extend(SIZES.map(|size| Self::Seal(record, size)));
                all.extend(SIZES.map(|size| Self::Open(record, size)));
            }
        }
        all
    }

    /// What it is called, without its size.
    pub fn operation(self) -> String {
        match self {
            Self::Encrypt(cipher, _) => format!("{} encrypt", cipher.name()),
            Self::Decrypt(cipher, _) => format!("{} decrypt", cipher.name()),
            Self::Hmac(_) => "HMAC-SHA256".to_owned(),
            Self::Hash(_) => "SHA-256".to_owned(),
            Self::Hkdf => "HKDF-SHA256".to_owned(),
            Self::Rsa(rsa) => format!("RSA-2048 {}", rsa.name()),
            Self::P256(P256::Generate) => "P-256 key generation".to_owned(),
            Self::P256(P256::Agree) => "P-256 ECDH".to_owned(),
            Self::Seal(record, _) => {
                format!("record seal {} {}", record.system.name, record.profile)
            }
            Self::Open(record, _) => {
                format!("record open {} {}", record.system.name, record.profile)
            }
        }
    }

    /// How many bytes it is about, where that makes a difference.
    pub fn bytes(self) -> Option<usize> {
        match self {
            Self::Encrypt(_, bytes)
            | Self::Decrypt(_, bytes)
            | Self::Hmac(bytes)
            | Self::Hash(bytes)
            | Self::Seal(_, bytes)
            | Self::Open(_, bytes) => Some(bytes),
            Self::Hkdf | Self::Rsa(_) | Self::P256(_) => None,
        }
    }

    /// Whether one run takes so long that few of them have to do.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Rsa(Rsa::Generate))
    }
}

impl Rsa {
    const fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "OAEP encrypt",
            Self::Decrypt => "OAEP decrypt",
            Self::SignPss => "PSS sign",
            Self::VerifyPss => "PSS verify",
            Self::SignPkcs1 => "PKCS#1 v1.5 sign",
            Self::VerifyPkcs1 => "PKCS#1 v1.5 verify",
            Self::Generate => "key generation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::PEERS;

    #[test]
    fn we_do_everything_but_records_that_are_too_long() {
        for work in Work::all() {
            let ours = (crate::ours::OURS.runner)(work).map(|mut run| run(1));
            let large = matches!(work, Work::Seal(_, 65..) | Work::Open(_, 65..));
            assert!(ours.is_some() || large, "{work:?}");
        }
    }

    #[test]
    fn peers_do_something_and_what_they_do_runs() {
        for peer in PEERS {
            let work = Work::all().into_iter().filter(|work| !work.is_slow());
            let done = work.filter_map(peer.runner).map(|mut run| run(2)).count();
            assert!(done > 10, "{}", peer.name);
        }
    }

    #[test]
    fn names_and_sizes_are_distinct() {
        let mut names: Vec<_> = Work::all().iter().map(|w| (w.operation(), w.bytes())).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
