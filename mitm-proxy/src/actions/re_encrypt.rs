//! `re-encrypt`: change what is inside a record, with the keys of the receiver's stolen memory.

use std::sync::Arc;

use protocol::endpoint::{Conn, Side};

use crate::action::{Action, ActionSpec, Hand, Needs};
use crate::params::{BuildError, Param, ParamKind, text};
use crate::replace::replace;

pub(super) const SPEC: ActionSpec = ActionSpec {
    name: "re-encrypt",
    about: "replace a text inside the encryption, with keys from the memory of the receiver that was compromised before",
    params: &[
        Param::new("find", ParamKind::Text, "the text to replace, in the plaintext of the record"),
        Param::new("put", ParamKind::Text, "what to put there, wherever it stands"),
    ],
    build: |args| match (text(args, "find"), text(args, "put")) {
        (Some(""), _) => Err(BuildError("`find` must have at least one character")),
        (Some(find), Some(put)) if find == put => {
            Err(BuildError("`find` and `put` are the same: there is nothing to change"))
        }
        (Some(find), Some(put)) => {
            Ok(Arc::new(Reencrypt { find: find.to_owned(), put: put.to_owned() }))
        }
        _ => Err(BuildError("`re-encrypt` needs `find` and `put`")),
    },
};

#[derive(Debug)]
struct Reencrypt {
    find: String,
    put: String,
}

impl Action for Reencrypt {
    fn apply(&self, hand: &mut Hand<'_>) -> Result<(), String> {
        let (link, stolen) = (hand.link, hand.stolen);
        let to = hand.current()?.to;
        let actor = match to {
            Side::Server => 0,
            Side::Client => *hand.trace.owners.get(&link).ok_or("nobody is at that end")?,
        };
        let memory =
            stolen.get(&actor).ok_or_else(|| format!("the memory of the {to} is not known"))?;
        let mut found = false;
        let current = hand.current()?;
        let bytes = memory.endpoint.rewrite(Conn(link), &current.frame.bytes, &mut |plaintext| {
            found |= replace(plaintext, self.find.as_bytes(), self.put.as_bytes());
        });
        let bytes = bytes.ok_or("the stolen memory has no keys for this frame")?;
        if !found {
            return Err(format!("{:?} does not stand in it", self.find));
        }
        current.edit("re-encrypted".to_owned(), |frame| *frame = bytes);
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::Lab
    }
}
