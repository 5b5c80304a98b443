//! Who fails to log in, and how often. Each failure counts, and the log has as many as it can bear.
//! An address that fails too often is turned away until its failures of a minute are fewer, so that
//! passwords cannot be tried faster by opening more connections. Each core counts on its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use corelog_io::{Instant, now};
use corelog_shard::Shard;

use crate::log_bound::LogBound;

const MINUTE: Duration = Duration::from_secs(60);

/// Addresses that are counted in a minute. Others than these have no bound.
const ADDRESSES_MAX: usize = 10_000;

/// How long a connection is kept that is turned away, so that its client does not come back at
/// once.
pub(crate) const TURNED_AWAY_FOR: Duration = Duration::from_secs(1);

/// The failures of one core.
pub(crate) struct FailedLogins {
    shard: Shard,
    per_minute_max: u32,
    log: RefCell<LogBound>,
    rates: RefCell<FailureRates>,
}

impl FailedLogins {
    /// Turns addresses away after so many failures in a minute.
    pub(crate) fn new(shard: Shard, per_minute_max: u32) -> Self {
        Self { shard, per_minute_max, log: RefCell::default(), rates: RefCell::default() }
    }

    /// Counts and logs a login or a TLS handshake that failed.
    pub(crate) fn failed(&self, peer: IpAddr, what: &'static str, why: &dyn Display) {
        self.shard.metrics().authentication_failed();
        let (peer, now) = (network(peer), now());
        self.rates.borrow_mut().count(peer, now);
        let Some(left_out) = self.log.borrow_mut().admit((peer, what), now) else { return };
        tracing::info!(%peer, %why, left_out, "{what}");
    }

    /// Whether a connection from this address is to be closed unserved.
    pub(crate) fn turns_away(&self, peer: IpAddr) -> bool {
        self.rates.borrow_mut().lately(network(peer), now()) >= self.per_minute_max
    }
}

/// Whose failures count together: who has one address of version 6 has the 64 bits behind it.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// How often each address failed in this minute and in the one before.
#[derive(Debug, Default)]
struct FailureRates {
    since: Option<Instant>,
    this: HashMap<IpAddr, u32>,
    last: HashMap<IpAddr, u32>,
}

impl FailureRates {
    fn count(&mut self, peer: IpAddr, now: Instant) {
        self.turn(now);
        let has_room = self.this.len() < ADDRESSES_MAX;
        match self.this.get_mut(&peer) {
            Some(count) => *count = count.saturating_add(1),
            None if has_room => drop(self.this.insert(peer, 1)),
            None => {}
        }
    }

    /// How often in the last sixty seconds, with those of the minute before spread evenly over it.
    fn lately(&mut self, peer: IpAddr, now: Instant) -> u32 {
        let passed = self.turn(now);
        let of = |minute: &HashMap<IpAddr, u32>| minute.get(&peer).copied().unwrap_or(0);
        let left = MINUTE.saturating_sub(passed).as_secs_f64() / MINUTE.as_secs_f64();
        of(&self.this).saturating_add((f64::from(of(&self.last)) * left) as u32)
    }

    /// Begins another minute if this one is over. Returns how much of it has passed.
    fn turn(&mut self, now: Instant) -> Duration {
        let since = *self.since.get_or_insert(now);
        let passed = now.since(since);
        if passed < MINUTE {
            return passed;
        }
        let is_next = passed < 2 * MINUTE;
        self.last = if is_next { std::mem::take(&mut self.this) } else { HashMap::new() };
        self.this.clear();
        self.since = Some(if is_next { since + MINUTE } else { now });
        now.since(self.since.unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn failures_count_for_a_minute_and_fade() {
        let mut rates = FailureRates::default();
        assert_eq!(rates.lately(ONE, at(0)), 0);
        (0..100).for_each(|second| rates.count(ONE, at(second / 2)));
        assert_eq!(rates.lately(ONE, at(59)), 100);
        assert_eq!(rates.lately(TWO, at(59)), 0, "nobody pays for others");
        let later = [60, 75, 90, 119, 120].map(|second| rates.lately(ONE, at(second)));
        assert_eq!(later, [100, 75, 50, 1, 0]);
        rates.count(ONE, at(120));
        assert_eq!(rates.lately(ONE, at(120)), 1);
        assert_eq!(rates.lately(ONE, at(1_000)), 0, "after a long silence");
    }

    #[test]
    fn the_number_of_addresses_is_bounded() {
        let mut rates = FailureRates::default();
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let many = ADDRESSES_MAX as u32 + 1;
        (0..many).for_each(|number| rates.count(address(number), at(0)));
        assert_eq!(rates.this.len(), ADDRESSES_MAX);
        rates.count(address(0), at(0));
        assert_eq!(rates.lately(address(0), at(0)), 2, "those that are known go on counting");
        assert_eq!(rates.lately(address(many - 1), at(0)), 0);
    }

    #[test]
    fn addresses_of_one_network_of_version_6_count_together() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("2001:db8:1:3::1"), "2001:db8:1:3::");
        assert_eq!(of("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(of("10.1.2.3"), "10.1.2.3");
    }
}
