//! Ephemeral Diffie-Hellman on P-256 (NIST SP 800-56A, SEC 1). Shares are uncompressed points, the
//! agreed secret is the x-coordinate.

use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};

use crate::crypto::Secret;
use crate::entropy::Entropy;

/// The size of a share in bytes: 4, x, y.
pub const SHARE: usize = 65;

/// A share is not a point of the curve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShareError;

/// One end's half of an agreement.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ephemeral {
    scalar: Secret<32>,
    share: [u8; SHARE],
}

impl Ephemeral {
    /// A fresh half. The same entropy gives the same.
    pub fn generate(entropy: &mut Entropy) -> Self {
        // One draw in about four thousand million is no scalar, and is drawn again.
        loop {
            if let Some(half) = Self::from_scalar(entropy.bytes()) {
                return half;
            }
        }
    }

    /// The half with this scalar, big-endian; nothing if it is 0 or not below the order of the curve.
    pub fn from_scalar(scalar: [u8; 32]) -> Option<Self> {
        let scalar = Secret(scalar);
        let key = SecretKey::from_slice(&scalar.0).ok()?;
        let point = key.public_key().to_sec1_point(false);
        let share = point.as_bytes().try_into().ok()?;
        Some(Self { scalar, share })
    }

    /// What the peer is told.
    pub fn share(&self) -> &[u8; SHARE] {
        &self.share
    }

    /// The agreed secret.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn agree(&self, peer: &[u8; SHARE]) -> Result<Secret<32>, ShareError> {
        let key = SecretKey::from_slice(&self.scalar.0).map_err(|_| ShareError)?;
        let peer = point(peer)?;
        Ok(Secret((*key.diffie_hellman(&peer).raw_secret_bytes()).into()))
    }
}

/// Whether a share is a point of the curve.
///
/// # Errors
/// [`ShareError`].
pub fn check(share: &[u8; SHARE]) -> Result<(), ShareError> {
    point(share).map(|_| ())
}

/// The point a share stands for.
fn point(share: &[u8; SHARE]) -> Result<PublicKey, ShareError> {
    PublicKey::from_sec1_bytes(share).map_err(|_| ShareError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
        bytes.try_into().unwrap()
    }

    #[test]
    fn both_halves_agree_and_what_is_no_point_is_refused() {
        let mut entropy = Entropy::new(1, "ephemeral");
        let (a, b) = (Ephemeral::generate(&mut entropy), Ephemeral::generate(&mut entropy));
        assert_eq!(a.share()[0], 4);
        assert!(a.agree(b.share()).is_ok());
        assert_eq!(a.agree(b.share()), b.agree(a.share()));
        let mut off = *b.share();
        off[64] ^= 1;
        assert_eq!(a.agree(&off), Err(ShareError));
        assert_eq!(a.agree(&[0; SHARE]), Err(ShareError));
    }

    /// RFC 5903 section 8.1.
    #[test]
    fn the_published_agreement() {
        let scalar = "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433";
        let share = "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63\
                     56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab";
        let agreed = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de";
        let own = Ephemeral { scalar: Secret(bytes(scalar)), share: [0; SHARE] };
        assert_eq!(own.agree(&bytes(&share.replace(' ', ""))), Ok(Secret(bytes(agreed))));
    }
}
