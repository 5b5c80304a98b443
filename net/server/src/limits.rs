//! Bounds on connections, shared by all cores of a broker. Touched only when one opens or closes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use corelog_shard::RuntimeSettings;

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// How many connections there may be, and how many there are.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    all_max: usize,
    per_peer_max: usize,
    counts: Arc<Mutex<Counts>>,
}

impl ConnectionLimits {
    /// At most `all_max` connections, and `per_peer_max` from one address.
    pub fn new(all_max: usize, per_peer_max: usize) -> Self {
        Self { all_max, per_peer_max, counts: Arc::default() }
    }

    /// Admits a connection from `peer`, or not. Bounds that were set at run time hold instead of
    /// those of the beginning.
    pub(crate) fn admit(&self, peer: IpAddr, settings: &RuntimeSettings) -> Option<Admission> {
        let all_max = settings.connections_max.unwrap_or(self.all_max);
        let per_peer_max = settings.connections_per_peer_max.unwrap_or(self.per_peer_max);
        let mut counts = self.lock();
        let from_peer = counts.by_peer.get(&peer).copied().unwrap_or(0);
        if counts.all >= all_max || from_peer >= per_peer_max {
            return None;
        }
        counts.all += 1;
        counts.by_peer.insert(peer, from_peer + 1);
        drop(counts);
        Some(Admission { limits: self.clone(), peer })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("nobody panics while counting")
    }
}

/// A connection that counts as long as this lives.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: ConnectionLimits,
    peer: IpAddr,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.limits.lock();
        counts.all -= 1;
        if let Some(from_peer) = counts.by_peer.get_mut(&self.peer) {
            *from_peer -= 1;
            if *from_peer == 0 {
                counts.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(connections_max: Option<usize>) -> RuntimeSettings {
        RuntimeSettings {
            cleaner: corelog_shard::CleanerLimits::default(),
            producer_expiration_ms: 1,
            verifies_transactions: true,
            connections_max,
            connections_per_peer_max: connections_max,
        }
    }

    #[test]
    fn a_bound_that_is_set_at_run_time_holds_from_the_next_connection_on() {
        let limits = ConnectionLimits::new(1, 1);
        let peer = IpAddr::from([127, 0, 0, 1]);
        let _first = limits.admit(peer, &settings(None)).expect("room");
        assert!(limits.admit(peer, &settings(None)).is_none());
        let _second = limits.admit(peer, &settings(Some(2))).expect("room");
        assert!(limits.admit(peer, &settings(Some(2))).is_none());
    }

    #[test]
    fn connections_over_a_bound_are_not_admitted_until_others_end() {
        let limits = ConnectionLimits::new(3, 2);
        let unset = settings(None);
        let admit = |peer| limits.admit(peer, &unset);
        let (one, two) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = admit(one).expect("room");
        let _second = admit(one).expect("room");
        assert!(admit(one).is_none(), "two are the most from one address");
        let _third = admit(two).expect("room");
        assert!(admit(two).is_none(), "three are the most in all");
        drop(first);
        assert!(admit(one).is_some());
    }
}
