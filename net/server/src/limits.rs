//! Bounds on connections, shared by all cores of a broker. Touched only when one opens or closes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

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

    /// Admits a connection from `peer`, or not.
    pub(crate) fn admit(&self, peer: IpAddr) -> Option<Admission> {
        let mut counts = self.lock();
        let from_peer = counts.by_peer.get(&peer).copied().unwrap_or(0);
        if counts.all >= self.all_max || from_peer >= self.per_peer_max {
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

    #[test]
    fn connections_over_a_bound_are_not_admitted_until_others_end() {
        let limits = ConnectionLimits::new(3, 2);
        let (one, two) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = limits.admit(one).expect("room");
        let _second = limits.admit(one).expect("room");
        assert!(limits.admit(one).is_none(), "two are the most from one address");
        let _third = limits.admit(two).expect("room");
        assert!(limits.admit(two).is_none(), "three are the most in all");
        drop(first);
        assert!(limits.admit(one).is_some());
    }
}
