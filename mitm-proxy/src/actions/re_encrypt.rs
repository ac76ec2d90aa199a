//! `re-encrypt`: change what is inside a record, with the keys of the receiver's stolen memory.

use std::sync::Arc;

use protocol::endpoint::{Conn, Side};

use crate::action::{Action, ActionContext, ActionSpec, Needs};
use crate::misfire::MisfireCause;
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

/// Replace a text inside the encryption, with keys from the receiver's memory that was compromised before.
pub fn re_encrypt(find: impl Into<String>, put: impl Into<String>) -> impl Action {
    Reencrypt { find: find.into(), put: put.into() }
}

#[derive(Debug)]
struct Reencrypt {
    find: String,
    put: String,
}

impl Action for Reencrypt {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        let (link, stolen) = (ctx.link, ctx.stolen);
        let to = ctx.current()?.to;
        let actor = match to {
            Side::Server => 0,
            Side::Client => *ctx.trace.owners.get(&link).ok_or(MisfireCause::NobodyThere)?,
        };
        let memory = stolen.get(&actor).ok_or(MisfireCause::MemoryUnknown(to))?;
        let mut found = false;
        let current = ctx.current()?;
        let bytes = memory.endpoint.rewrite(Conn(link), &current.frame.bytes, &mut |plaintext| {
            found |= replace(plaintext, self.find.as_bytes(), self.put.as_bytes());
        });
        let bytes = bytes.ok_or(MisfireCause::NoKeysForFrame)?;
        if !found {
            return Err(MisfireCause::TextNotFound(self.find.clone()));
        }
        current.edit("re-encrypted".to_owned(), |frame| *frame = bytes);
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::Lab
    }
}
