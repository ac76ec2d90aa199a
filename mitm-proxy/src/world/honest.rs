//! The honest endpoints, and the keys they have: those of the lab, or those a scenario gives them.

use std::sync::Arc;

use protocol::endpoint::Endpoint;
use protocol::keyfiles::KeyError;
use protocol::layout::Layout;
use protocol::system::{Setup, System};

use super::spec::{Folder, LAB, OwnEndpoints, Victims, WorldSpec};
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
    pub(super) fn new(spec: &WorldSpec, clients: u32) -> Self {
        let system = match &spec.victims {
            Victims::System(system) => system,
            Victims::Own(own) => return of_user(spec, own, clients),
        };
        let given = spec.keys.get(LAB);
        match given.map(|folder| with_keys(system, spec, clients, folder)) {
            Some(Ok(honest)) => honest,
            Some(Err(error)) => {
                let problem = MisfireCause::LabKeys { set: LAB, error: error.to_string() };
                Self { problem: Some(problem), ..of_lab(system, spec, clients) }
            }
            None => of_lab(system, spec, clients),
        }
    }
}

fn setup(spec: &WorldSpec, number: u32) -> Setup {
    Setup::lab(spec.profile, spec.seed, number)
}

fn of_user(spec: &WorldSpec, own: &OwnEndpoints, clients: u32) -> Honest {
    let mut endpoints = vec![own.server(setup(spec, 0))];
    endpoints.extend((1..=clients).map(|number| own.client(setup(spec, number))));
    Honest { endpoints, layout: own.layout.clone(), problem: None }
}

fn of_lab(system: &System, spec: &WorldSpec, clients: u32) -> Honest {
    let mut endpoints = vec![server_of_lab(system, spec)];
    endpoints.extend((1..=clients).map(|number| (system.client)(setup(spec, number))));
    Honest { endpoints, layout: Arc::new((system.layout)(spec.profile)), problem: None }
}

/// The server of the lab. It knows who registered, if they were.
fn server_of_lab(system: &System, spec: &WorldSpec) -> Box<dyn Endpoint> {
    let WorldSpec { profile, registered, .. } = spec;
    let folder = registered.as_ref().zip(system.register).and_then(|(who, register)| {
        let (mut files, (name, password)) = ((system.lab)(*profile), who);
        let done = register(*profile, &mut files, name, password);
        done.then(|| Folder { files, ..Folder::default() })
    });
    let with_keys = folder.and_then(|folder| (system.keys.server)(setup(spec, 0), &folder).ok());
    with_keys.unwrap_or_else(|| (system.server)(setup(spec, 0)))
}

fn with_keys(
    system: &System,
    spec: &WorldSpec,
    clients: u32,
    folder: &Folder,
) -> Result<Honest, KeyError> {
    let keys = system.keys;
    let mut endpoints = vec![(keys.server)(setup(spec, 0), folder)?];
    for number in 1..=clients {
        endpoints.push((keys.client)(setup(spec, number), folder)?);
    }
    let layout = match keys.layout {
        Some(layout) => layout(spec.profile, folder)?,
        None => (system.layout)(spec.profile),
    };
    Ok(Honest { endpoints, layout: Arc::new(layout), problem: None })
}
