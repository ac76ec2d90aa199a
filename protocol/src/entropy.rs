//! Seeded randomness: the only source there is. The same seed and label give the same bytes on
//! every machine, and a clone continues exactly as its original would.

use std::fmt;
use std::hash::{Hash, Hasher};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

/// A cloneable `ChaCha20` stream.
#[derive(Clone, PartialEq, Eq)]
pub struct Entropy(ChaCha20Rng);

impl Entropy {
    /// The stream of `label` under `seed`. Streams of different labels are independent, so one
    /// actor drawing more never changes what another draws.
    pub fn new(seed: u64, label: &str) -> Self {
        let key = Sha256::new()
            .chain_update(b"meddle entropy v1")
            .chain_update(seed.to_be_bytes())
            .chain_update(label.as_bytes())
            .finalize();
        Self(ChaCha20Rng::from_seed(key.into()))
    }

    /// The stream of a key that somebody else has drawn.
    pub fn from_key(key: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(key))
    }

    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

impl TryRng for Entropy {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Entropy {}

impl Hash for Entropy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.get_seed().hash(state);
        self.0.get_word_pos().hash(state);
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_same_on_every_machine() {
        assert_eq!(Entropy::new(7, "client").bytes::<8>(), Entropy::new(7, "client").bytes::<8>());
        assert_ne!(Entropy::new(7, "client").bytes::<8>(), Entropy::new(7, "server").bytes::<8>());
        assert_ne!(Entropy::new(7, "client").bytes::<8>(), Entropy::new(8, "client").bytes::<8>());
    }

    #[test]
    fn a_clone_continues_as_its_original() {
        let mut original = Entropy::new(7, "client");
        original.bytes::<3>();
        let mut copy = original.clone();
        assert_eq!(original.bytes::<32>(), copy.bytes::<32>());
    }
}
