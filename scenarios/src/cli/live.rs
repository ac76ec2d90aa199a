//! What `serve` and `connect` have in common on the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use accounts::user_files::{self, Existing};
use anyhow::{Context, Result, anyhow, bail};
use files::diagnostic::quote_path;
use net::HostPort;
use protocol::endpoint::{Endpoint, Side};
use protocol::keyfiles::{Account, KeySource};
use protocol::system::Fresh;
use protocol::system::{Setup, System};
use protocol::weakness::Profile;
use recordings::run_capture::Plaintext;
use targets::endpoint_programs::journal::{Journal, Loudness, Shown};
use targets::endpoint_programs::keydir::{KeyDir, LoggingIn, WithFresh};
use targets::endpoint_programs::keys::Keys;
use targets::endpoint_programs::store::Store;
use targets::endpoint_programs::tap::Tap;
use tokio::net::TcpListener;

use super::clock::now;
use super::output::{Format, Output};
use super::password::{Ask, account};
use super::pki::entropy;
use super::select::check;

/// Options of both.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct LiveArgs {
    /// The system to speak
    #[arg(value_name = "SYSTEM")]
    system: String,
    /// `as-built`, `hardened`, or the name of one weakness; both ends need the same
    #[arg(long, value_name = "PROFILE", default_value = "as-built")]
    profile: String,
    /// Use the key files of this folder instead of the lab's keys; `pki init` makes one
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Append the log, with times, to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Append the secrets of the sessions to this file, for `scenarios capture --keys`
    #[arg(long, value_name = "FILE")]
    key_log: Option<PathBuf>,
    /// Where received files go
    #[arg(long, value_name = "DIR", default_value = "received")]
    store: PathBuf,
    /// Decides every random byte, for a run that can be repeated; the system's randomness if not given
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Wait so many times as long for the peer as usual: for frames that are held up by hand
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    patience_factor: u32,
    /// Write what this end sends and gets into this capture, for Wireshark: .pcapng, or classic .pcap
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Put what is sent and delivered into the capture, as comments on its packets
    #[arg(long, requires = "capture")]
    plaintext: bool,
}

impl LiveArgs {
    /// The system named.
    pub(super) fn system(&self, output: Output) -> Result<&'static System> {
        let registry = output.catalogue.registry;
        check("system", &self.system, &registry.names())?;
        let system = registry.system(&self.system);
        system.ok_or_else(|| anyhow!("unknown system"))
    }

    /// Who logs in, where the system has users.
    pub(super) fn account(
        &self,
        user: &str,
        password_file: Option<&Path>,
        output: Output,
    ) -> Result<Account> {
        let system = self.system(output)?;
        if system.keys.lab.is_none() {
            let has = |system: &&System| system.keys.lab.is_some();
            let with: Vec<&str> =
                output.catalogue.registry.systems().filter(has).map(|system| system.name).collect();
            bail!("--user: {} has no users; {} has", system.name, with.join(", "));
        }
        account(user, password_file, Ask::Once)
    }

    /// The client of this number, from 1; where the system has users, the one who logs in.
    pub(super) fn client(
        &self,
        number: u32,
        account: Option<Account>,
        output: Output,
    ) -> Result<Box<dyn Endpoint>> {
        let (system, setup) = (self.system(output)?, self.setup(number, output)?);
        match (&self.keys, account) {
            (Some(_), None) if system.keys.lab.is_some() => {
                bail!("--keys without --user NAME: nobody in that folder is the default");
            }
            (Some(keys), account) => with_keys(system, Side::Client, keys, account, setup, output),
            (None, Some(account)) => {
                let keys = system.keys.lab.map(|lab| lab()).unwrap_or_default();
                Ok((system.keys.client)(setup, &LoggingIn { keys, account })?)
            }
            (None, None) if (1..=system.clients).contains(&number) => Ok((system.client)(setup)),
            (None, None) => {
                let (name, clients) = (system.name, system.clients);
                bail!("--client {number}: the lab has clients 1 to {clients} of {name}");
            }
        }
    }

    /// The server.
    pub(super) fn server(&self, output: Output) -> Result<Box<dyn Endpoint>> {
        let (system, setup) = (self.system(output)?, self.setup(0, output)?);
        match &self.keys {
            Some(keys) => with_keys(system, Side::Server, keys, None, setup, output),
            None => Ok((system.server)(setup)),
        }
    }

    /// The profile spoken.
    fn profile(&self, output: Output) -> Result<Profile> {
        let system = self.system(output)?;
        let mut known = vec!["as-built", "hardened"];
        known.extend(system.planted.iter().map(|planted| planted.weakness.name()));
        check("profile", &self.profile, &known)?;
        Profile::named(system, &self.profile).ok_or_else(|| anyhow!("unknown profile"))
    }

    /// What an endpoint is made from.
    fn setup(&self, number: u32, output: Output) -> Result<Setup> {
        let (system, profile) = (self.system(output)?, self.profile(output)?);
        let seed = if let Some(seed) = self.seed {
            seed
        } else {
            getrandom::u64().map_err(|error| anyhow!("no randomness: {error}"))?
        };
        let lab = Setup { patience: self.patience_factor, ..Setup::lab(profile, seed, number) };
        Ok(if system.dated { lab } else { Setup { epoch: now(), ..lab } })
    }

    /// The journal to keep of this side, and the capture beside it.
    pub(super) fn journal(&self, side: Side, output: Output) -> Result<Journal> {
        let journal = journal(self.log.as_deref(), &self.store, output)?;
        Ok(journal.with_files(self.tap(side, output)?, self.key_log(side, output)?))
    }

    fn key_log(&self, side: Side, output: Output) -> Result<Option<Keys>> {
        let Some(path) = &self.key_log else { return Ok(None) };
        let keys = Keys::append(path, self.system(output)?, self.profile(output)?, side);
        let shown = || format!("cannot write {}", quote_path(path));
        keys.map(Some).with_context(shown)
    }

    fn tap(&self, side: Side, output: Output) -> Result<Option<Tap>> {
        let Some(path) = &self.capture else { return Ok(None) };
        let layout = Arc::new((self.system(output)?.layout)(self.profile(output)?));
        let plaintext = if self.plaintext { Plaintext::Shown } else { Plaintext::Hidden };
        let tap = Tap::create(path, layout, side, plaintext);
        let shown = || format!("cannot write {}", quote_path(path));
        tap.map(Some).with_context(shown)
    }
}

/// A journal: where its log goes beside standard error, and where received files go.
pub(super) fn journal(log: Option<&Path>, store: &Path, output: Output) -> Result<Journal> {
    let shown = match output.format {
        Format::Text => Shown::Messages,
        Format::Json => Shown::Claims,
    };
    let loudness = if output.quiet { Loudness::Trouble } else { Loudness::Log };
    let file = match log {
        Some(path) => {
            let opened = user_files::append(path);
            Some(opened.with_context(|| format!("--log {}", path.display()))?)
        }
        None => None,
    };
    Ok(Journal::new(shown, loudness, file, Store { folder: store.to_owned() }))
}

/// An endpoint with the keys of this folder, and what it makes for itself at every start, if it does.
pub(super) fn with_keys(
    system: &System,
    side: Side,
    folder: &Path,
    account: Option<Account>,
    setup: Setup,
    output: Output,
) -> Result<Box<dyn Endpoint>> {
    // Certificates of the lab are valid in the lab's time; others in ours.
    let setup = Setup { epoch: now(), ..setup };
    let from = match side {
        Side::Client => system.keys.client,
        Side::Server => system.keys.server,
    };
    let keys = KeyDir(folder.to_owned());
    let shown = || format!("--keys {}", quote_path(folder));
    if let Some(account) = account {
        return from(setup, &LoggingIn { keys, account }).with_context(shown);
    }
    let Some(Fresh { private, make: fresh }) = system.keys.fresh else {
        return from(setup, &keys).with_context(shown);
    };
    let own = private(side, setup.number);
    if keys.read(&own).with_context(shown)?.is_some() {
        return from(setup, &keys).with_context(shown);
    }
    let mut made = fresh(&mut entropy(None, "fresh keys")?, side, setup.number)?;
    // The private key stays here, as with the published program; what is left there for others is of the last start.
    let secret = made.remove(&own);
    for (path, public) in &made {
        let path = folder.join(path);
        user_files::write(&path, public.as_bytes(), Existing::Replace)?;
        output.remark(&format!("made a new key pair; its public half is {}", path.display()));
    }
    made.extend(secret.map(|secret| (own, secret)));
    from(setup, &WithFresh { folder: keys, made }).with_context(shown)
}

/// A runtime for one endpoint.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")
}

/// How many times free ports in a row are looked for.
const ATTEMPTS: usize = 20;

/// Refuse addresses that others can reach, unless that is wanted.
pub(super) fn refuse_open(hosts: &[HostPort], wanted: bool, why: &str) -> Result<()> {
    let open = all_addresses(hosts).into_iter().find(|address| !address.ip().is_loopback());
    match open.filter(|_| !wanted) {
        Some(open) => {
            bail!("{open} can be reached from outside, and {why}: --danger-listen allows it")
        }
        None => Ok(()),
    }
}

/// All addresses of hosts.
pub(super) fn all_addresses(hosts: &[HostPort]) -> Vec<SocketAddr> {
    hosts.iter().flat_map(HostPort::addresses).collect()
}

/// Bind every port. Where any free port will do, several are free ones in a row.
pub(super) async fn listen(hosts: &[HostPort]) -> Result<Vec<TcpListener>> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut failed = None;
        for host in hosts {
            let mut host = host.clone();
            if let Some(last) = listeners.last()
                && host.port() == 0
            {
                host = host.with_port(last.local_addr()?.port().wrapping_add(1));
            }
            match host.listen().await {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    failed = Some((host, error));
                    break;
                }
            }
        }
        let any_will_do = hosts.first().is_some_and(|first| first.port() == 0);
        match failed {
            None => return Ok(listeners),
            Some(_) if any_will_do && attempt < ATTEMPTS => {}
            Some((host, error)) => bail!("cannot listen on {host}: {error}"),
        }
    }
}
