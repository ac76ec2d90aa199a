//! Bytes received and not yet processed, for one direction of one connection.

/// A queue of bytes. It never allocates ahead of what has really arrived, whatever length a
/// frame declares.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Append what one read returned.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Everything waiting, oldest first.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes
    }

    /// Remove and return the oldest `count` bytes, or all there are. The usual case, one whole
    /// frame waiting, moves the buffer instead of copying it.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        if count >= self.bytes.len() {
            return std::mem::take(&mut self.bytes);
        }
        let rest = self.bytes.split_off(count);
        std::mem::replace(&mut self.bytes, rest)
    }

    /// Forget everything.
    pub fn clear(&mut self) {
        self.bytes = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_in_order_and_keeps_the_rest() {
        let mut inbox = Inbox::default();
        inbox.push(b"abc");
        inbox.push(b"def");
        assert_eq!(inbox.take(4), b"abcd");
        assert_eq!(inbox.waiting(), b"ef");
        assert_eq!(inbox.take(9), b"ef");
        assert!(inbox.waiting().is_empty());
    }
}
