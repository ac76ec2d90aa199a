//! Others who do the same work: `ring` always, `aws-lc-rs` and `openssl` where the features of those names are on. A record is
//! to them its encryption and its HMAC, with keys made before, in a buffer that is there already.

use crate::work::Implementation;

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
mod key;
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
