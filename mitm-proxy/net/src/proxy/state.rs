//! What all links share, as data: the attacker, what it has seen, and both ends of every link.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use mitm_proxy::attacker::{Attacker, Effect};
use mitm_proxy::trace::{Fate, Trace};
use protocol::endpoint::{PortIndex, Side};
use tokio::sync::Notify;

use super::ends::{End, Missed};
use super::options::{Activity, IsThere, Keep, Spacing, Witness};
use super::record::{Log, Recorder};
use crate::host::HostPort;

/// Work that goes on beside what happens now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// Connect to the server, for a link of the attacker's own.
    Dial { link: u32, service: PortIndex },
    /// Tell the attacker that this time has passed.
    Wait { token: u64, after: Duration },
    /// Stop listening to an end that the attacker has closed, once it had time to end by itself.
    StopListening { link: u32, side: Side },
}

pub(super) struct State {
    pub(super) attacker: Attacker,
    pub(super) trace: Trace,
    pub(super) keep: Keep,
    /// How many bytes the trace holds.
    pub(super) kept: usize,
    pub(super) effects: Vec<Effect>,
    /// Work that has to be started as a task of its own.
    pub(super) tasks: Vec<Task>,
    /// There is something to tell the recorder.
    pub(super) news: Rc<Notify>,
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) upstreams: Vec<HostPort>,
    pub(super) delay: Duration,
    pub(super) is_there: Option<IsThere>,
    /// How many connections to servers were begun.
    pub(super) connections: usize,
    pub(super) buffer: Vec<u8>,
    pub(super) log: Option<Log>,
    pub(super) witness: Option<Witness>,
    pub(super) activity: Activity,
    pub(super) spacing: Spacing,
    pub(super) refused: u64,
}

/// Where the servers are, and how to go about them.
pub(super) struct Upstreams {
    pub(super) addresses: Vec<HostPort>,
    pub(super) delay: Duration,
    pub(super) is_there: Option<IsThere>,
    pub(super) spacing: Spacing,
}

/// Who watches the links.
pub(super) struct Watched {
    pub(super) recorder: Option<Box<dyn Recorder>>,
    pub(super) witness: Option<Witness>,
    pub(super) activity: Activity,
}

impl State {
    /// Update the counts that others may read.
    pub(super) fn show(&self) {
        let counts = &self.activity.0;
        counts.open.set(self.links.len());
        counts.planned.set(self.attacker.has_plans());
    }

    /// Correct the trace by what an end did not get, or did not read.
    pub(super) fn note(&mut self, missed: Missed) {
        let Missed { unwritten, unread, hurried } = missed;
        for number in unwritten {
            if let Some(record) = self.trace.frame_mut(number) {
                record.fate = Fate::Lost;
            }
        }
        self.trace.unread.extend(unread);
        self.trace.hurried.extend(hurried);
    }

    /// Call the witness: something came from an end, and nothing of it has had an effect yet.
    pub(super) fn call_witness(&mut self) {
        if let Some(witness) = &mut self.witness {
            witness(self.trace.next_moment());
        }
    }
}

#[derive(Default)]
pub(super) struct Link {
    pub(super) client: Option<End>,
    pub(super) server: Option<End>,
    /// A connection is being made, and this is to be done once it is there.
    pub(super) connecting: Option<Vec<Effect>>,
    /// Who ended first.
    pub(super) first: Option<Side>,
    pub(super) waker: Option<Waker>,
}

impl Link {
    pub(super) fn end(&mut self, side: Side) -> Option<&mut End> {
        match side {
            Side::Client => self.client.as_mut(),
            Side::Server => self.server.as_mut(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        let over = |end: &Option<End>| end.as_ref().is_none_or(End::is_over);
        self.connecting.is_none() && over(&self.client) && over(&self.server)
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}
