//! Others who do the same work: `ring` always, `aws-lc-rs` and `openssl` where the features of those names are on. A record is
//! to them its encryption and its HMAC, with keys made before, in a buffer that is there already.

use crate::work::Implementation;

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(feature = "openssl")]
mod openssl;
mod ring;

/// Those that are built in.
pub const PEERS: &[Implementation] = &[
    Implementation { name: "ring", runner: ring::runner },
    #[cfg(feature = "aws-lc-rs")]
    Implementation { name: "aws-lc-rs", runner: aws_lc::runner },
    #[cfg(feature = "openssl")]
    Implementation { name: "openssl", runner: openssl::runner },
];

/// Those that could be, but are not.
pub const MISSING: &[&str] = &[
    #[cfg(not(feature = "aws-lc-rs"))]
    "aws-lc-rs",
    #[cfg(not(feature = "openssl"))]
    "openssl",
];

/// The key of all work with RSA, DER in PKCS#8.
fn rsa_der() -> Vec<u8> {
    use base64::Engine;
    let pem = crate::ours::rsa_key().to_pem().expect("a key can be written");
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(text).expect("PEM is base64")
}
