//! Forgeries of recorded frames, and the fields that strategies look for.

use crate::misfire::MisfireCause;
use protocol::layout::{Field, Frame, Role, Size};

/// A frame with other values in these fields. Lengths become true again.
pub(super) fn reforge(frame: &Frame, changed: &[(&str, &[u8])]) -> Result<Vec<u8>, MisfireCause> {
    let own = |field: &&Field| !matches!(field.role, Role::Tag(_)) && !field.role.is_length();
    let value = |field: &'static str| {
        let new = changed.iter().find(|(name, _)| *name == field).map(|(_, value)| *value);
        Some((field, new.or_else(|| frame.field(field))?))
    };
    let fields = frame.spec.fields.iter().filter(own);
    let values: Vec<(&str, &[u8])> = fields.filter_map(|field| value(field.name)).collect();
    frame.spec.assemble(&values).map_err(MisfireCause::Assemble)
}

/// The field that holds the encrypted message: of several ciphertexts the one of no fixed size.
pub(super) fn ciphertext(frame: &Frame) -> Option<&'static str> {
    let fields = || frame.spec.fields.iter().filter(|field| field.role == Role::Ciphertext);
    let open = fields().find(|field| field.size == Size::Rest);
    open.or_else(|| fields().next()).map(|field| field.name)
}

/// The value of the first field of that role.
pub(super) fn value(frame: &Frame, role: Role) -> Option<&[u8]> {
    let field = frame.spec.fields.iter().find(|field| field.role == role)?;
    frame.field(field.name)
}
