//! Actions of a library user's own, as closures.

use std::fmt;
use std::sync::Arc;

use crate::action::{Action, ActionContext, Needs};
use crate::misfire::MisfireCause;

/// What a closure does when its rule acts.
type Apply = dyn Fn(&mut ActionContext<'_>) -> Result<(), MisfireCause> + Send + Sync;

/// An action of one's own. All forks of a world share the closure, so what it captures must not change. Worlds compare actions by name,
/// so two closures that differ need different names.
///
/// ```
/// use mitm_proxy::prelude::*;
///
/// let reverse = act("reverse the bytes", |ctx| {
///     ctx.current()?.edit("reversed".to_owned(), |bytes| bytes.reverse());
///     Ok(())
/// });
/// let rule = Rule::new(when("CLIENT_DATA").nth(1), reverse);
/// # let _ = rule;
/// ```
pub fn act(
    name: impl Into<String>,
    apply: impl Fn(&mut ActionContext<'_>) -> Result<(), MisfireCause> + Send + Sync + 'static,
) -> impl Action {
    Closure { name: name.into(), apply: Arc::new(apply) }
}

struct Closure {
    name: String,
    apply: Arc<Apply>,
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Closure({:?})", self.name)
    }
}

impl Action for Closure {
    fn apply(&self, ctx: &mut ActionContext<'_>) -> Result<(), MisfireCause> {
        (self.apply)(ctx)
    }

    /// A closure may look at everything that was seen before, so everything must be kept.
    fn needs(&self) -> Needs {
        Needs::Recordings
    }
}
