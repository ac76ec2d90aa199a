//! What programs can say of themselves, and how much of it.

/// The exit status that says "this is not implemented here", as in `BoringSSL`'s test runner.
pub const NOT_IMPLEMENTED: i32 = 89;

/// The environment variable that has the path of the file for claims.
pub const CLAIMS_VARIABLE: &str = "MEDDLE_CLAIMS";

/// The longest line that can be a claim, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// The most claims of one program in one run.
pub const MAX_CLAIMS: usize = 10_000;

/// The most bytes of claims of one program in one run.
pub const MAX_CLAIM_BYTES: usize = 64 << 20;
