//! What somebody can do who got hold of secrets: of an endpoint's memory, or of long-term keys.

#[cfg(test)]
mod tests;

/// Changes the plaintext of one frame. One that changes nothing only reads.
pub(crate) type Edit<'a> = &'a mut dyn FnMut(&mut Vec<u8>);
