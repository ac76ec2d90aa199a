//! The attacker as a party of the key agreement on both sides of a link: it opens what one end sends, and makes it anew for the other.

use protocol::compromise::Middle;
use protocol::endpoint::Side;

use super::context::StepContext;
use crate::action::Outgoing;
use crate::replace::replace;
use crate::trace::Finding;

/// Somebody who takes part in the key agreement on both sides of a link.
#[derive(Debug)]
pub struct KeyAgreementMitm {
    /// The part in the key agreement: it holds the keys of both sides.
    pub middle: Box<dyn Middle>,
    /// A text to find and one to put in its place.
    pub edit: Option<(String, String)>,
    /// How many bytes were read.
    pub read: usize,
}

impl Clone for KeyAgreementMitm {
    fn clone(&self) -> Self {
        Self { middle: self.middle.fork(), edit: self.edit.clone(), read: self.read }
    }
}

impl KeyAgreementMitm {
    /// Open a frame with the keys of its sender, edit it, and seal it with the keys of its receiver.
    pub(super) fn relay(
        &mut self,
        ctx: &mut StepContext<'_>,
        from: Side,
        number: u32,
        outgoing: &mut Outgoing,
    ) {
        let edit = self.edit.clone();
        let mut edited = false;
        let bytes = self.middle.relay(from, &outgoing.frame, &mut |_, plaintext| {
            if let Some((find, put)) = &edit {
                edited |= replace(plaintext, find.as_bytes(), put.as_bytes());
            }
        });
        if bytes != outgoing.frame.bytes {
            let what = if edited { "changed and re-encrypted" } else { "made anew" };
            outgoing.edit(what.to_owned(), |frame| *frame = bytes);
        }
        for message in self.middle.read() {
            self.read += message.body.len();
            let content = Finding::Content(message.body.clone());
            ctx.trace.know(ctx.now, "the key agreement in the middle", None, Some(number), content);
        }
    }
}
