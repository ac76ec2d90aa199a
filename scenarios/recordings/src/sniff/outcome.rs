//! What is wanted of a live capture, what came of it, and why there is none.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use capture::Visitor;
use files::diagnostic::{quote, quote_path};
use protocol::endpoint::{Side, Tick};

/// What is to be captured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The name of an interface; the loopback interface if not given.
    pub interface: Option<String>,
    /// Which packets: a filter expression of libpcap; empty for all.
    pub filter: String,
    /// Into this file: classic for `.pcap`, else pcapng.
    pub file: PathBuf,
}

/// Why nothing is captured.
#[derive(Debug)]
pub enum SniffError {
    /// This program was built without the feature.
    NotBuilt,
    /// No interface has this name; there are these.
    NoInterface {
        /// The name; nothing if the loopback interface was looked for.
        name: Option<String>,
        /// The names of those there are.
        known: Vec<String>,
    },
    /// Only some may.
    NotPermitted {
        /// Of this interface.
        interface: String,
    },
    /// The filter is none.
    Filter {
        /// The filter.
        expression: String,
        /// What libpcap says of it.
        why: String,
    },
    /// The file cannot be written.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What libpcap says.
    Pcap {
        /// Of this interface.
        interface: String,
        /// In its words.
        why: String,
    },
}

impl fmt::Display for SniffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => f.write_str(
                "this program is built without live capture: cargo run -p scenarios --features live-capture -- sniff …, \
                 with libpcap's headers installed (apt-get install libpcap-dev)",
            ),
            Self::NoInterface { name, known } => {
                let known: Vec<String> = known.iter().map(|name| quote(name)).collect();
                match name {
                    Some(name) => write!(f, "no interface is named {}", quote(name))?,
                    None => f.write_str("there is no loopback interface")?,
                }
                write!(f, "; there are {}", known.join(", "))
            }
            Self::NotPermitted { interface } => write!(
                f,
                "capturing on {} is not permitted: it takes root, or `setcap cap_net_raw+ep` on this program's file",
                quote(interface)
            ),
            Self::Filter { expression, why } => {
                write!(f, "{} is no filter: {why}", quote(expression))
            }
            Self::File { path, error } => {
                write!(f, "cannot write {}: {error}", quote_path(path))
            }
            Self::Pcap { interface, why } => {
                write!(f, "cannot capture on {}: {why}", quote(interface))
            }
        }
    }
}

impl std::error::Error for SniffError {}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Packets in the file.
    pub written: u64,
    /// Packets that passed the filter and were lost, because nobody took them in time.
    pub dropped: u64,
    /// Why it ended before it should.
    pub failed: Option<String>,
}

impl Outcome {
    /// In one line.
    pub fn describe(&self, file: &Path) -> String {
        let Self { written, dropped, .. } = self;
        let packets = if *written == 1 { "packet" } else { "packets" };
        format!("{}: {written} {packets} written, {dropped} dropped", file.display())
    }
}

/// How many whole packets a file holds.
#[cfg_attr(not(feature = "live-capture"), expect(dead_code, reason = "nothing is captured"))]
pub(crate) fn held(path: &Path) -> u64 {
    struct Nobody;
    impl Visitor for Nobody {
        fn opened(&mut self, _: u32, _: std::net::SocketAddr, _: std::net::SocketAddr, _: Tick) {}
        fn data(&mut self, _: u32, _: Side, _: Tick, _: u64, _: &[u8]) {}
        fn closed(&mut self, _: u32, _: Side, _: Tick, _: capture::Ending) {}
        fn problem(&mut self, _: u64, _: &str) {}
    }
    let Ok(file) = File::open(path) else { return 0 };
    match capture::read(BufReader::new(file), &mut Nobody) {
        Ok(summary) => summary.packets,
        Err(error) => error.so_far.packets,
    }
}
