//! An interface of this machine, through libpcap.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use capture::{Format, Interface, Preserver};
use pcap::{Active, Capture, Device, Error, Linktype, Precision};

use super::outcome::held;
use super::{Outcome, SniffError, Wanted};
use crate::disk::capture_file;

/// The longest packet that is kept whole, in bytes: what tcpdump and Wireshark take.
const LONGEST: i32 = 262_144;
/// What the system holds until it is taken, in bytes.
const BUFFER: i32 = 32 << 20;
/// After this long the system hands over what has come, in milliseconds.
const HAND_OVER: i32 = 50;
/// How long to wait when there is nothing.
const PAUSE: Duration = Duration::from_millis(5);
/// How long after the end what crossed before it may still come: the system hands it over by then.
const DRAIN: Duration = Duration::from_millis(150);
/// So many packets are read between two looks at whether it is enough.
const BETWEEN: u64 = 64;

/// Interfaces of Linux that are no network devices: libpcap has microseconds of them.
const NO_NANOSECONDS: [&str; 6] = ["usbmon", "bluetooth", "dbus-", "nflog", "nfqueue", "rdma"];

/// What libpcap calls packets that begin with their IP header: on most systems, and on OpenBSD.
const RAW: [i32; 2] = [12, 14];
/// The same as a link type of a file.
const LINKTYPE_RAW: u16 = 101;

/// An open capture: packets wait from now on.
pub struct Sniffer {
    name: String,
    capture: Capture<Active>,
    nanoseconds: bool,
    kept: Preserver<Box<dyn Write + Send>>,
    file: PathBuf,
}

impl fmt::Debug for Sniffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sniffer").field("interface", &self.name).finish_non_exhaustive()
    }
}

impl Sniffer {
    /// Open a capture. The file is made last.
    ///
    /// # Errors
    /// See [`SniffError`].
    pub fn open(wanted: &Wanted) -> Result<Self, SniffError> {
        let name = named(wanted.interface.as_deref())?;
        let said = |error: &Error| {
            let why = words(error);
            let interface = name.clone();
            let not = ["permission", "not permitted"].iter().any(|part| why.contains(part));
            if not {
                SniffError::NotPermitted { interface }
            } else {
                SniffError::Pcap { interface, why }
            }
        };
        let inactive = Capture::from_device(name.as_str()).map_err(|error| said(&error))?;
        let other = NO_NANOSECONDS.iter().any(|prefix| name.starts_with(prefix));
        let nanoseconds = cfg!(target_os = "linux") && !other;
        let precision = if nanoseconds { Precision::Nano } else { Precision::Micro };
        let inactive =
            inactive.precision(precision).snaplen(LONGEST).buffer_size(BUFFER).timeout(HAND_OVER);
        let mut capture = inactive.open().map_err(|error| said(&error))?;
        if !wanted.filter.is_empty() {
            let expression = wanted.filter.clone();
            let filtered = capture.filter(&wanted.filter, true);
            filtered.map_err(|error| SniffError::Filter { expression, why: words(&error) })?;
        }
        let capture = capture.setnonblock().map_err(|error| said(&error))?;
        let interface = Interface { name: name.clone(), link: link(capture.get_datalink()) };
        let mut about = format!("captured on {name}");
        if !wanted.filter.is_empty() {
            about = format!("{about}: {}", wanted.filter);
        }
        let file = wanted.file.clone();
        let kept = capture_file(&file).and_then(|out| {
            let mut kept = Preserver::new(out, Format::of(&file), &interface, &[about])?;
            kept.flush()?;
            Ok(kept)
        });
        let kept = kept.map_err(|error| SniffError::File { path: file.clone(), error })?;
        Ok(Self { name, capture, nanoseconds, kept, file })
    }

    /// Capture until there are so many packets, or until it is `over`; what crossed before that is taken still. Where the file
    /// cannot be written, what is in it stays.
    pub fn run(mut self, most: Option<u64>, over: impl Fn() -> bool) -> Outcome {
        let mut written = 0;
        let ended = self.take(most.unwrap_or(u64::MAX), &over, &mut written);
        let stats = self.capture.stats();
        let dropped =
            stats.map_or(0, |stats| u64::from(stats.dropped) + u64::from(stats.if_dropped));
        let Self { kept, file, name, .. } = self;
        let (mut failed, mut whole) = (None, true);
        match ended {
            Ok(()) => {}
            Err(Ended::Reading(why)) => failed = Some(format!("capturing on {name} ended: {why}")),
            Err(Ended::Writing(error)) => {
                (failed, whole) = (Some(given_up(&error)), false);
            }
        }
        // Whatever happened: what can be written is.
        if let Err(error) = kept.finish() {
            whole = false;
            failed.get_or_insert(given_up(&error));
        }
        if !whole {
            written = held(&file);
        }
        Outcome { written, dropped, failed }
    }

    #[expect(clippy::disallowed_methods, reason = "what crosses an interface does so in real time")]
    fn take(
        &mut self,
        most: u64,
        over: &impl Fn() -> bool,
        written: &mut u64,
    ) -> Result<(), Ended> {
        let mut since: Option<Instant> = None;
        let mut waiting = false;
        while *written < most && since.is_none_or(|since| since.elapsed() < DRAIN) {
            if since.is_none() && over() {
                since = Some(Instant::now());
            }
            let mut idle = false;
            for _ in 0..BETWEEN.min(most - *written) {
                match self.capture.next_packet() {
                    Ok(packet) => {
                        let at = nanoseconds(packet.header, self.nanoseconds);
                        self.kept.packet(at, packet.header.len, packet.data)?;
                        *written += 1;
                        waiting = true;
                    }
                    Err(Error::TimeoutExpired) => {
                        idle = true;
                        break;
                    }
                    Err(error) => return Err(Ended::Reading(words(&error))),
                }
            }
            if idle {
                if std::mem::take(&mut waiting) {
                    self.kept.flush()?;
                }
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }
}

/// Why it ended.
enum Ended {
    Reading(String),
    Writing(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Writing(error)
    }
}

fn given_up(error: &io::Error) -> String {
    format!("the capture is given up: {error}")
}

/// The name of an interface that is there.
fn named(wanted: Option<&str>) -> Result<String, SniffError> {
    let all = Device::list().map_err(|error| SniffError::Pcap {
        interface: wanted.unwrap_or("any").to_owned(),
        why: words(&error),
    })?;
    let found = all.iter().find(|device| match wanted {
        Some(name) => device.name == name,
        None => device.flags.is_loopback(),
    });
    if let Some(found) = found {
        return Ok(found.name.clone());
    }
    let known = all.into_iter().map(|device| device.name).collect();
    Err(SniffError::NoInterface { name: wanted.map(str::to_owned), known })
}

/// The link type files have for what libpcap calls this.
fn link(found: Linktype) -> u16 {
    if RAW.contains(&found.0) {
        return LINKTYPE_RAW;
    }
    u16::try_from(found.0).unwrap_or_default()
}

/// Nanoseconds since 1970.
fn nanoseconds(header: &pcap::PacketHeader, are_nanoseconds: bool) -> u64 {
    let seconds = u64::try_from(header.ts.tv_sec).unwrap_or_default();
    let rest = u64::try_from(header.ts.tv_usec).unwrap_or_default();
    let each = if are_nanoseconds { 1 } else { 1000 };
    seconds.saturating_mul(1_000_000_000).saturating_add(rest.saturating_mul(each))
}

/// What libpcap says, without the crate's word before it.
fn words(error: &Error) -> String {
    match error {
        Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}
