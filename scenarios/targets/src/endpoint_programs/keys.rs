//! The secrets of a live endpoint's sessions, as a key log that grows while it runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use accounts::user_files;
use net::Event;
use protocol::endpoint::{Conn, PortIndex, Side};
use protocol::system::System;
use protocol::weakness::Profile;
use recordings::key_log::{Connection, HEAD, Line};

/// A key log. Clones share it.
#[derive(Clone, Debug)]
pub struct Keys(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    /// Until it cannot be written.
    file: Option<File>,
    failed: bool,
    system: &'static System,
    profile: Profile,
    side: Side,
    /// The open connections: client, server and port.
    open: BTreeMap<Conn, (SocketAddr, SocketAddr, PortIndex)>,
}

impl Keys {
    /// A key log of the `side` of a system, at the end of this file, which only its owner can read if it is new.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(
        path: &Path,
        system: &'static System,
        profile: Profile,
        side: Side,
    ) -> io::Result<Self> {
        let mut file = user_files::append(path)?;
        if file.metadata()?.len() == 0 {
            file.write_all(HEAD.as_bytes())?;
        }
        let (file, open) = (Some(file), BTreeMap::new());
        let state = State { file, failed: false, system, profile, side, open };
        Ok(Self(Rc::new(RefCell::new(state))))
    }

    /// Write what this tells. The first time that fails, that is said, and nothing more is written.
    pub fn record(&self, event: &Event<'_>) {
        let mut state = self.0.borrow_mut();
        if let Err(error) = state.event(event) {
            (state.file, state.failed) = (None, true);
            let _ = writeln!(io::stderr(), "warning: the key log is given up: {error}");
        }
    }

    /// Whether all of it is in the file.
    pub fn is_whole(&self) -> bool {
        !self.0.borrow().failed
    }
}

impl State {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match *event {
            Event::Opened { conn, service, address, local: Some(local) } => {
                let (client, server) = match self.side {
                    Side::Client => (local, address),
                    Side::Server => (address, local),
                };
                self.open.insert(conn, (client, server, service));
            }
            Event::Closed { conn } => {
                self.open.remove(&conn);
            }
            Event::Secret { conn, secret } => {
                let Some((client, server, port)) = self.open.get(&conn).copied() else {
                    return Ok(());
                };
                let Self { system, profile, side: end, .. } = *self;
                let connection =
                    Connection { system, profile, end, link: conn.0, client, server, port };
                let line = Line { connection, secret: secret.clone() };
                if let Some(file) = &mut self.file {
                    // Somebody may be reading along.
                    file.write_all(format!("{line}\n").as_bytes())?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
