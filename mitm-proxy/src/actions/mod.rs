//! What the attacker can do to a frame: one file per action, and the table of them. A further action is one file and one line in
//! [`ACTIONS`].

use crate::action::ActionSpec;

mod close;
mod coalesce;
mod compromise;
mod delay;
mod drop;
mod duplicate;
mod extend;
mod flip;
mod forward;
mod hold;
mod impostor;
mod inject;
mod re_encrypt;
mod reflect;
mod release;
mod reorder;
mod replay;
mod retype;
mod set;
mod splice;
mod split;
mod truncate;

/// Every action, by name.
pub const ACTIONS: &[ActionSpec] = &[
    close::SPEC,
    coalesce::SPEC,
    compromise::SPEC,
    delay::SPEC,
    drop::SPEC,
    duplicate::SPEC,
    extend::SPEC,
    flip::SPEC,
    forward::SPEC,
    hold::SPEC,
    impostor::SPEC,
    inject::SPEC,
    re_encrypt::SPEC,
    reflect::SPEC,
    release::SPEC,
    reorder::SPEC,
    replay::SPEC,
    retype::SPEC,
    set::SPEC,
    splice::SPEC,
    split::SPEC,
    truncate::SPEC,
];

/// The action of that name.
pub fn action(name: &str) -> Option<&'static ActionSpec> {
    ACTIONS.iter().find(|spec| spec.name == name)
}
