//! How many connections there may be, and which one is closed when there is no room for another: the oldest unauthenticated connection of the
//! address that has the most of them. A flood from one address closes its own connections, and others keep theirs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use protocol::endpoint::Conn;

/// Descriptors that are left to everything else: listeners, logs, captures, files that are stored.
const RESERVED: usize = 64;
/// The most connections where the system sets no limit, or a very high one.
const MOST: usize = 65_536;
/// The fewest, however little the system allows.
const FEWEST: usize = 16;

/// How many connections there may be at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// All together.
    pub connections: usize,
    /// Those whose peers have not authenticated.
    pub unknown: usize,
}

impl Limits {
    /// As many as the descriptors of this process allow; half of them for peers that have not authenticated.
    pub fn of_this_process() -> Self {
        let connections = descriptors().saturating_sub(RESERVED).clamp(FEWEST, MOST);
        Self { connections, unknown: connections / 2 }
    }
}

/// Raise the number of descriptors this process may have, as far as the system lets it and is of use. Programs that it starts inherit
/// that, so it is for those that start none.
pub fn raise_descriptors() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let enough = u64::try_from(MOST + RESERVED).unwrap_or(u64::MAX);
        let wanted = maximum.unwrap_or(enough).min(enough);
        if current.is_some_and(|current| current < wanted) {
            // Where that fails, there are as many as before.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
        }
    }
}

#[cfg(unix)]
fn descriptors() -> usize {
    use rustix::process::{Resource, getrlimit};
    let allowed = getrlimit(Resource::Nofile).current;
    allowed.and_then(|allowed| usize::try_from(allowed).ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn descriptors() -> usize {
    MOST
}

/// Which of the unauthenticated connections is closed. They are given in the order in which they came.
pub(super) fn who_goes(unknown: impl IntoIterator<Item = (Conn, IpAddr)>) -> Option<Conn> {
    // How many there are of each address, and the first of them.
    let mut by_address: BTreeMap<IpAddr, (usize, Conn)> = BTreeMap::new();
    for (conn, address) in unknown {
        by_address.entry(address).or_insert((0, conn)).0 += 1;
    }
    let most = by_address.into_values().max_by_key(|(count, first)| (*count, u32::MAX - first.0));
    most.map(|(_, first)| first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_the_address_with_the_most_goes() {
        let at = |last: u8| IpAddr::from([10, 0, 0, last]);
        let all = [(1, at(1)), (2, at(2)), (3, at(2)), (4, at(3)), (5, at(3))];
        let goes = |all: &[(u32, IpAddr)]| who_goes(all.iter().map(|(c, at)| (Conn(*c), *at)));
        assert_eq!(goes(&all), Some(Conn(2)));
        assert_eq!(goes(&all[..1]), Some(Conn(1)));
        assert_eq!(goes(&all[2..]), Some(Conn(4)));
        assert_eq!(goes(&[]), None);
    }

    #[test]
    fn there_is_room_for_some_and_half_of_it_for_the_unknown() {
        let Limits { connections, unknown } = Limits::of_this_process();
        assert!((FEWEST..=MOST).contains(&connections), "{connections}");
        assert_eq!(unknown, connections / 2);
    }
}
