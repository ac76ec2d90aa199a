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

pub use close::{close, close_to};
pub use coalesce::coalesce;
pub use compromise::{compromise_files, compromise_memory};
pub use delay::delay;
pub use drop::drop_frame;
pub use duplicate::duplicate;
pub use extend::{extend, extend_and_fix_length};
pub use flip::{flip, flip_every_bit, flip_every_byte};
pub use forward::forward;
pub use hold::hold;
pub use impostor::impostor;
pub use inject::{inject, inject_bytes, inject_on_new_connection, inject_recorded};
pub use re_encrypt::re_encrypt;
pub use reflect::{reflect, reflect_on};
pub use release::release;
pub use reorder::reorder;
pub use replay::{replay, replay_recorded, replay_to_client, replay_to_server};
pub use retype::retype;
pub use set::{Value, set};
pub use splice::{splice, splice_and_fix_length};
pub use split::{split_at, split_every};
pub use truncate::{truncate_by, truncate_to};

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

/// The action of that name, as scenario files have it.
///
/// ```
/// use mitm_proxy::actions::action;
/// use mitm_proxy::params::{Arg, Args};
///
/// let spec = action("duplicate").unwrap();
/// let twice = (spec.build)(&Args::from([("times", Arg::Number(2))])).unwrap();
/// assert_eq!(format!("{twice:?}"), "Duplicate(2)");
/// ```
pub fn action(name: &str) -> Option<&'static ActionSpec> {
    ACTIONS.iter().find(|spec| spec.name == name)
}
