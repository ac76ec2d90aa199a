//! Ephemeral Diffie-Hellman on Curve25519 (X25519, RFC 7748).

use x25519_dalek::{PublicKey, StaticSecret};

use crate::crypto::Secret;
use crate::endpoint::{Check, Reject};
use crate::entropy::Entropy;

/// The size of a share in bytes.
pub const SHARE: usize = 32;

/// A share is of small order: whoever agrees on a secret with it agrees on zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShareError;

impl From<ShareError> for Reject {
    fn from(_: ShareError) -> Self {
        Self::new(Check::Content, "share")
    }
}

/// One end's half of an agreement.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ephemeral {
    scalar: Secret<32>,
    share: [u8; SHARE],
}

impl Ephemeral {
    /// A fresh half. The same entropy gives the same.
    pub fn generate(entropy: &mut Entropy) -> Self {
        let scalar = Secret(entropy.bytes());
        let share = PublicKey::from(&StaticSecret::from(scalar.0)).to_bytes();
        Self { scalar, share }
    }

    /// What the peer is told.
    pub fn share(&self) -> [u8; SHARE] {
        self.share
    }

    /// The agreed secret.
    ///
    /// # Errors
    /// [`ShareError`] if the peer's share forces it to zero (RFC 7748 section 6.1).
    pub fn agree(&self, peer: [u8; SHARE]) -> Result<Secret<32>, ShareError> {
        let agreed = StaticSecret::from(self.scalar.0).diffie_hellman(&PublicKey::from(peer));
        if agreed.was_contributory() { Ok(Secret(agreed.to_bytes())) } else { Err(ShareError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::LOW_ORDER;

    #[test]
    fn both_halves_agree_and_a_share_of_small_order_is_refused() {
        let mut entropy = Entropy::new(1, "ephemeral");
        let (a, b) = (Ephemeral::generate(&mut entropy), Ephemeral::generate(&mut entropy));
        assert_eq!(a.agree(b.share()), b.agree(a.share()));
        assert!(a.agree(b.share()).is_ok());
        for point in LOW_ORDER {
            assert_eq!(a.agree(point), Err(ShareError), "{point:?}");
        }
    }
}
