//! The honest endpoints, and the keys they have: those of the lab, or those a scenario gives them.

use std::sync::Arc;

use protocol::endpoint::Endpoint;
use protocol::keyfiles::KeyError;
use protocol::layout::Layout;
use protocol::system::Setup;

use super::spec::{Folder, LAB, Plan};
use crate::misfire::MisfireCause;

/// Who takes part, before anything has happened.
pub(super) struct Honest {
    /// The server, then the clients by number.
    pub(super) endpoints: Vec<Box<dyn Endpoint>>,
    /// The frames they exchange.
    pub(super) layout: Arc<Layout>,
    /// Why they have the keys of the lab all the same.
    pub(super) problem: Option<MisfireCause>,
}

impl Honest {
    /// The server and so many clients.
    pub(super) fn new(plan: &Plan, clients: u32) -> Self {
        let own = plan.keys.get(LAB);
        match own.map(|folder| with_keys(plan, clients, folder)) {
            Some(Ok(honest)) => honest,
            Some(Err(error)) => {
                let problem = MisfireCause::LabKeys { set: LAB, error: error.to_string() };
                Self { problem: Some(problem), ..of_lab(plan, clients) }
            }
            None => of_lab(plan, clients),
        }
    }
}

fn setup(plan: &Plan, number: u32) -> Setup {
    Setup::lab(plan.profile, plan.seed, number)
}

fn of_lab(plan: &Plan, clients: u32) -> Honest {
    let system = plan.system;
    let mut endpoints = vec![server_of_lab(plan)];
    endpoints.extend((1..=clients).map(|number| (system.client)(setup(plan, number))));
    Honest { endpoints, layout: Arc::new((system.layout)(plan.profile)), problem: None }
}

/// The server of the lab. It knows who registered, if they were.
fn server_of_lab(plan: &Plan) -> Box<dyn Endpoint> {
    let Plan { system, profile, registered, .. } = plan;
    let folder = registered.as_ref().zip(system.register).and_then(|(who, register)| {
        let (mut files, (name, password)) = ((system.lab)(*profile), who);
        let done = register(*profile, &mut files, name, password);
        done.then(|| Folder { files, ..Folder::default() })
    });
    let with_keys = folder.and_then(|folder| (system.keys.server)(setup(plan, 0), &folder).ok());
    with_keys.unwrap_or_else(|| (system.server)(setup(plan, 0)))
}

fn with_keys(plan: &Plan, clients: u32, folder: &Folder) -> Result<Honest, KeyError> {
    let keys = plan.system.keys;
    let mut endpoints = vec![(keys.server)(setup(plan, 0), folder)?];
    for number in 1..=clients {
        endpoints.push((keys.client)(setup(plan, number), folder)?);
    }
    let layout = match keys.layout {
        Some(layout) => layout(plan.profile, folder)?,
        None => (plan.system.layout)(plan.profile),
    };
    Ok(Honest { endpoints, layout: Arc::new(layout), problem: None })
}
