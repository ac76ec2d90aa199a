//! The record that a padding oracle is to decrypt.

use protocol::layout::{Frame, Role};

use crate::misfire::MisfireCause;
use crate::strategies::forging::{ciphertext, reforge, value};

/// The size of a block in bytes: AES.
pub(super) const BLOCK: usize = 16;
pub(super) type Block = [u8; BLOCK];

/// A record to decrypt: its blocks, and what stands around them.
#[derive(Clone, Debug)]
pub struct Target {
    /// The block in front of the first one, where it is on the wire.
    pub(super) iv: Option<Block>,
    /// The ciphertext.
    pub(super) blocks: Vec<Block>,
    /// The name of the field that has it.
    pub(super) field: &'static str,
}

impl Target {
    /// The ciphertext of a frame.
    ///
    /// # Errors
    /// It has none, or none that CBC makes.
    pub fn of(frame: &Frame) -> Result<Self, MisfireCause> {
        let name = frame.spec.name;
        let field = ciphertext(frame).ok_or(MisfireCause::NoCiphertext(name))?;
        let ct = frame.field(field).unwrap_or_default();
        let (blocks, rest) = ct.as_chunks::<BLOCK>();
        if !rest.is_empty() || blocks.len() < 2 {
            return Err(MisfireCause::NotTwoBlocks { frame: name, size: ct.len() });
        }
        let iv = value(frame, Role::Iv).and_then(|iv| iv.try_into().ok());
        Ok(Self { iv, blocks: blocks.to_vec(), field })
    }

    /// The frame with other ciphertext.
    ///
    /// # Errors
    /// It cannot be put together without something that is not on the wire.
    pub fn forge(&self, frame: &Frame, ciphertext: &[u8]) -> Result<Vec<u8>, MisfireCause> {
        reforge(frame, &[(self.field, ciphertext)])
    }
}
