//! Keys that are used again and again: what the algorithm makes of one, a key schedule or a hash begun, is made once.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use aes::{Aes128, Aes256};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use crate::crypto::{Authenticator, Secret, hmac};

/// A key of HMAC-SHA256, `N` bytes.
pub type MacKey<const N: usize> = Key<N, Hmac<Sha256>>;

/// An algorithm that takes keys of `N` bytes.
pub trait Algorithm<const N: usize> {
    /// Make it ready to work under this key.
    fn under(key: &[u8; N]) -> Self;
}

impl Algorithm<16> for Aes128 {
    fn under(key: &[u8; 16]) -> Self {
        Self::new(key.into())
    }
}

impl Algorithm<32> for Aes256 {
    fn under(key: &[u8; 32]) -> Self {
        Self::new(key.into())
    }
}

impl<const N: usize> Algorithm<N> for Hmac<Sha256> {
    fn under(key: &[u8; N]) -> Self {
        hmac(key)
    }
}

/// A key of `N` bytes for the algorithm `A`, which is made ready when the key is first used; copies made afterwards share that.
/// What it is, and whether it is the same as another, the bytes alone tell.
#[derive(Clone)]
pub struct Key<const N: usize, A> {
    secret: Secret<N>,
    ready: OnceLock<Arc<A>>,
}

impl<const N: usize, A: Algorithm<N>> Key<N, A> {
    /// The key itself.
    pub fn bytes(&self) -> &[u8; N] {
        &self.secret.0
    }

    /// The algorithm under this key.
    pub fn ready(&self) -> &A {
        self.ready.get_or_init(|| Arc::new(A::under(&self.secret.0)))
    }
}

impl<const N: usize> MacKey<N> {
    /// Begin a tag over the concatenation of `parts` and what follows.
    pub fn begin(&self, parts: &[&[u8]]) -> Authenticator {
        Authenticator::after(self.ready().clone(), parts)
    }

    /// The tag over the concatenation of `parts`.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.begin(parts).tag()
    }

    /// Whether `tag` is the one over `parts`, compared in constant time.
    pub fn verifies(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.begin(parts).verifies(tag)
    }
}

impl<const N: usize, A> From<Secret<N>> for Key<N, A> {
    fn from(secret: Secret<N>) -> Self {
        Self { secret, ready: OnceLock::new() }
    }
}

impl<const N: usize, A> PartialEq for Key<N, A> {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret
    }
}

impl<const N: usize, A> Eq for Key<N, A> {}

impl<const N: usize, A> Hash for Key<N, A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.secret.hash(state);
    }
}

impl<const N: usize, A> fmt::Debug for Key<N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.secret.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hmac_sha256;

    #[test]
    fn used_or_not_it_is_the_same_key() {
        let hash = |key: &MacKey<3>| {
            let mut state = std::hash::DefaultHasher::new();
            key.hash(&mut state);
            state.finish()
        };
        let (key, other) = (MacKey::from(Secret(*b"key")), MacKey::from(Secret(*b"kex")));
        let copy = key.clone();
        assert_eq!(key.tag(&[b"a", b"bc"]), hmac_sha256(b"key", &[b"abc"]));
        assert!(key.verifies(&[b"abc"], &hmac_sha256(b"key", &[b"abc"])));
        assert!(!key.verifies(&[b"abc"], &hmac_sha256(b"kex", &[b"abc"])));
        assert_eq!((&key, hash(&key)), (&copy, hash(&copy)));
        assert_ne!((&key, hash(&key)), (&other, hash(&other)));
        assert_eq!(format!("{key:?}"), "Secret(redacted)");
    }
}
