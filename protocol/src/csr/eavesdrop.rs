//! What long-term keys open of a recorded session: nothing.

use crate::endpoint::Message;
use crate::keyfiles::KeySource;
use crate::theft::Overheard;
use crate::weakness::Profile;

/// Long-term keys only sign here: certificates, shares, files. No weakness changes that. The secret of a session is agreed on by halves that both
/// ends make for it, and nothing on the wire is encrypted for any other key. So there is no step that could be taken.
pub(super) fn eavesdrop(
    _: Profile,
    _: &dyn KeySource,
    _: &[Overheard<'_>],
) -> Vec<(usize, Message)> {
    Vec::new()
}
