//! The properties: one file each, with its definition, and the table of them.
//!
//! A property is a monitor: it is fed the claims of a run in order and asked at the end. It sees what endpoints
//! did, never what a scenario is called or expects.

mod availability;
mod completeness;
mod delivery_agreement;
mod delivery_at_most_once;
mod forward_secrecy;
mod message_authenticity;
mod order;
pub mod peer_authentication;
mod post_compromise_security;
mod robustness;
mod secrecy;
pub mod uniform_errors;

pub use crate::monitor::{Finished, MakeMonitor, Monitor, PropertySpec};
pub use crate::ruling::Ruling;

/// Every property, in the order reports show them.
pub const PROPERTIES: &[PropertySpec] = &[
    secrecy::SPEC,
    message_authenticity::SPEC,
    delivery_at_most_once::SPEC,
    order::SPEC,
    completeness::SPEC,
    peer_authentication::SPEC,
    delivery_agreement::SPEC,
    forward_secrecy::SPEC,
    post_compromise_security::SPEC,
    uniform_errors::SPEC,
    availability::SPEC,
    robustness::SPEC,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::Property;

    #[test]
    fn the_table_has_every_property_once_and_in_order() {
        let table: Vec<Property> = PROPERTIES.iter().map(|spec| spec.property).collect();
        assert_eq!(table, Property::ALL);
    }
}
