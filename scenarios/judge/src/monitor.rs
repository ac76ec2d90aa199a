//! What a property is: its definition, and the monitor that judges it in a finished run.

use std::fmt::{self, Debug};
use std::sync::Arc;

use mitm_proxy::trace::{ClaimRecord, Trace};
use protocol::endpoint::Side;

use crate::property::Property;
use crate::ruling::Ruling;
use crate::search::Searches;

/// A property, its definition, and what judges it.
#[derive(Clone, Debug)]
pub struct PropertySpec {
    /// Which property.
    pub property: Property,
    /// Its definition, in a sentence.
    pub definition: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// Makes a monitor for one run.
    pub monitor: MakeMonitor,
}

impl PropertySpec {
    /// A property of your own, judged when a run is over. The definition is for reports.
    ///
    /// ```
    /// use judge::prelude::*;
    ///
    /// let short = PropertySpec::new("short-conversation", "At most ten frames are sent.", |run| {
    ///     match run.trace.frames.len() {
    ///         frames @ 0..=10 => Ruling::held(format!("{frames} frames")),
    ///         frames => Ruling::violated(format!("{frames} frames"), Vec::new()),
    ///     }
    /// });
    /// assert_eq!(short.property.name(), "short-conversation");
    /// ```
    pub fn new(
        name: &'static str,
        definition: &'static str,
        judge: impl Fn(&Finished<'_>) -> Ruling + Send + Sync + 'static,
    ) -> Self {
        let judge = Arc::new(judge);
        let make = move || -> Box<dyn Monitor> { Box::new(AtTheEnd(judge.clone())) };
        let monitor = MakeMonitor::Shared(Arc::new(make));
        Self { property: Property::new(name), definition, source: "", monitor }
    }
}

/// Makes a monitor.
#[derive(Clone)]
pub enum MakeMonitor {
    /// A function, for tables.
    Function(fn() -> Box<dyn Monitor>),
    /// A closure.
    Shared(Arc<dyn Fn() -> Box<dyn Monitor> + Send + Sync>),
}

impl MakeMonitor {
    /// A new monitor.
    pub fn make(&self) -> Box<dyn Monitor> {
        match self {
            Self::Function(make) => make(),
            Self::Shared(make) => make(),
        }
    }
}

impl Debug for MakeMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MakeMonitor")
    }
}

/// A monitor that looks at nothing before the end.
#[derive(Clone)]
pub(crate) struct AtTheEnd<F>(Arc<F>);

impl<F> Debug for AtTheEnd<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtTheEnd")
    }
}

/// Judges one property of one run.
pub trait Monitor: Debug + Send {
    /// Take the next claim.
    fn observe(&mut self, record: &ClaimRecord);

    /// Say what is to be said at the end.
    fn conclude(&self, run: &Finished<'_>) -> Ruling;

    /// A copy that goes its own way.
    fn fork(&self) -> Box<dyn Monitor>;
}

/// A run that has come to rest.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// What happened.
    pub trace: &'a Trace,
    /// Connections still held open by an endpoint.
    pub open_ends: &'a [(u32, Side)],
    /// What happened in the same run without an attack; when the honest run itself is judged, itself.
    pub honest_run: &'a Trace,
    /// The largest frame the system accepts, in bytes.
    pub largest_frame: usize,
    /// Searches recordings for what was sent.
    pub searches: &'a Searches,
}

impl<F: Fn(&Finished<'_>) -> Ruling + Send + Sync + 'static> Monitor for AtTheEnd<F> {
    fn observe(&mut self, _: &ClaimRecord) {}

    fn conclude(&self, run: &Finished<'_>) -> Ruling {
        (self.0)(run)
    }

    fn fork(&self) -> Box<dyn Monitor> {
        Box::new(Self(self.0.clone()))
    }
}
