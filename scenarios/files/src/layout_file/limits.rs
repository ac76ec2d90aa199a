//! How much a layout file may hold.

/// The largest layout file, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// The most frame types of a protocol.
pub const MAX_FRAMES: usize = 200;

/// The most ports of a protocol.
pub const MAX_PORTS: usize = 100;

/// The most fields of a frame type.
pub const MAX_FIELDS: usize = 100;

/// The largest tag or delimiter, in bytes.
pub const MAX_TAG: usize = 256;

/// The largest frame of a type that declares no maximum, in bytes.
pub const DEFAULT_MAX: usize = 1 << 20;

/// The largest maximum a frame type can declare, in bytes.
pub const LARGEST_MAX: usize = 1 << 30;
