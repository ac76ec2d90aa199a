//! The types of the frames in one direction of a stream, told as they begin: no frame is kept for that.

use std::sync::Arc;

use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Deframer, Front, Layout};

/// A type is looked for in so many bytes, no more; a stream that takes longer has no names from then on.
const LONGEST: usize = 1 << 20;
/// The most names that one piece gives.
const MOST: usize = 100;

/// Names frames.
#[derive(Debug)]
pub(super) struct Naming {
    deframer: Deframer,
    /// The beginning of a frame that is not known yet.
    waiting: Vec<u8>,
    /// What is left of a frame that is.
    rest: usize,
    lost: bool,
}

impl Naming {
    /// Of what `side` sends on a connection to this port.
    pub(super) fn new(layout: Arc<Layout>, service: PortIndex, side: Side) -> Self {
        let deframer = Deframer::new(layout, service, side);
        Self { deframer, waiting: Vec::new(), rest: 0, lost: false }
    }

    /// The next bytes; the types of the frames that are known with them and were not before.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.lost {
            return names;
        }
        if self.waiting.is_empty() {
            let used = self.name(bytes, &mut names);
            self.waiting.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            let mut waiting = std::mem::take(&mut self.waiting);
            waiting.extend_from_slice(bytes);
            let used = self.name(&waiting, &mut names);
            waiting.drain(..used);
            self.waiting = waiting;
        }
        if self.waiting.len() > LONGEST {
            self.lost = true;
            self.waiting = Vec::new();
        }
        names
    }

    /// Name what is at the front, and go on; how many bytes are done with.
    fn name(&mut self, bytes: &[u8], names: &mut Vec<&'static str>) -> usize {
        let mut used = 0;
        loop {
            let left = bytes.get(used..).unwrap_or_default();
            let over = self.rest.min(left.len());
            self.rest -= over;
            used += over;
            let left = left.get(over..).unwrap_or_default();
            if left.is_empty() {
                return used;
            }
            let (Front::Whole { spec, len } | Front::Begun { spec, len }) =
                self.deframer.front(left)
            else {
                return used;
            };
            if names.len() < MOST {
                names.push(spec.name);
            }
            self.rest = len;
            self.deframer.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::systems::SYSTEMS;
    use protocol::weakness::Profile;

    use super::*;

    #[test]
    fn names_do_not_depend_on_the_pieces() {
        let helo = SYSTEMS.iter().find(|system| system.name == "helo").unwrap();
        let layout = Arc::new((helo.layout)(Profile::named(helo, "as-built").unwrap()));
        let text = layout.frame("SECX").unwrap();
        let fields = [("iv", &[7; 16][..]), ("ct", &[7; 500]), ("mac", &[7; 32])];
        let known = |(name, _): &(&str, &[u8])| text.field(name).is_some();
        let fields: Vec<_> = fields.into_iter().filter(known).collect();
        let frame = text.assemble(&fields).unwrap();
        let stream = [&frame[..], &frame, b"<ENDD>"].concat();
        for size in [1, 2, 5, frame.len(), stream.len()] {
            let mut naming = Naming::new(layout.clone(), PortIndex(0), Side::Client);
            let mut names = Vec::new();
            for piece in stream.chunks(size) {
                names.extend(naming.feed(piece));
            }
            assert_eq!(names, ["SECX", "SECX", "ENDD"], "{size}");
        }
    }
}
