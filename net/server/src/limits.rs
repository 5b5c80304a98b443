//! Bounds on connections, shared by all cores of a broker. Touched only when one opens or closes.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use corelog_cluster::{ClientQuotas, QuotaKey, QuotaValue, Sharers};
use corelog_io::Instant;
use corelog_shard::RuntimeSettings;

use crate::quota::rate::{Rate, WINDOW};
use crate::quota::{Limit, Sensors};

/// How many connections there may be.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// In all (`max.connections`).
    pub all_max: usize,
    /// From one address (`max.connections.per.ip`).
    pub per_peer_max: usize,
    /// From these addresses instead (`max.connections.per.ip.overrides`).
    pub per_peer_overrides: BTreeMap<IpAddr, usize>,
    /// Opened in a second (`max.connection.creation.rate`); `None`: as many as come.
    pub creation_rate_max: Option<u32>,
    /// Opened in a second at these listeners (`listener.name.NAME.max.connection.creation.rate`).
    pub listener_creation_rates_max: BTreeMap<String, u32>,
}

impl Default for ConnectionSettings {
    /// No bounds, as in Kafka.
    fn default() -> Self {
        Self {
            all_max: usize::MAX,
            per_peer_max: usize::MAX,
            per_peer_overrides: BTreeMap::new(),
            creation_rate_max: None,
            listener_creation_rates_max: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
    opened: Rate,
    opened_at: BTreeMap<String, Rate>,
    opened_from: Sensors,
}

/// How many connections there may be, and how many there are.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    settings: Arc<ConnectionSettings>,
    counts: Arc<Mutex<Counts>>,
}

impl ConnectionLimits {
    /// Connections within these bounds.
    pub fn new(settings: ConnectionSettings) -> Self {
        Self { settings: Arc::new(settings), counts: Arc::default() }
    }

    /// Counts a connection that was opened at a listener, and says for how long the listener must
    /// wait before it goes on (KIP-612): a window at most, as in Kafka.
    pub(crate) fn opened(&self, listener: &str, now: Instant) -> Duration {
        let quota = |rate: Option<u32>| QuotaValue::new(f64::from(rate?));
        let of_all = quota(self.settings.creation_rate_max);
        let at_listener = self.settings.listener_creation_rates_max.get(listener).copied();
        let of_listener = quota(at_listener);
        if of_all.is_none() && of_listener.is_none() {
            return Duration::ZERO;
        }
        let mut counts = self.lock();
        let counted = |rate: &mut Rate, quota| {
            rate.record(1.0, now);
            rate.throttle_time(quota, now).min(WINDOW)
        };
        let of_all = of_all.map(|quota| counted(&mut counts.opened, quota));
        let of_listener = of_listener
            .map(|quota| counted(counts.opened_at.entry(listener.to_owned()).or_default(), quota));
        of_all.max(of_listener).unwrap_or_default()
    }

    /// Counts a connection from an address. If there were too many lately, it does not count and is
    /// to be closed after that time, so that the client does not try again at once (KIP-612).
    pub(crate) fn opened_from(
        &self,
        peer: IpAddr,
        quotas: &ClientQuotas,
        now: Instant,
    ) -> Result<(), Duration> {
        let Some(quota) = quotas.connection_creation_rate(peer) else { return Ok(()) };
        let sharers = Sharers::Address(peer.to_canonical());
        let limit = Limit { sensor: (QuotaKey::ConnectionCreationRate, sharers), quota };
        let mut counts = self.lock();
        let time = counts.opened_from.record(&limit, 1.0, now);
        if time == Duration::ZERO {
            return Ok(());
        }
        counts.opened_from.take_back(&limit, 1.0, now);
        Err(time)
    }

    /// Admits a connection from `peer`, or not. Bounds that were set at run time hold instead of
    /// those of the beginning; an address of its own has its own.
    pub(crate) fn admit(&self, peer: IpAddr, runtime: &RuntimeSettings) -> Option<Admission> {
        let own = self.settings.per_peer_overrides.get(&peer.to_canonical());
        let of_each = runtime.connections_per_peer_max.unwrap_or(self.settings.per_peer_max);
        let per_peer_max = own.copied().unwrap_or(of_each);
        let all_max = runtime.connections_max.unwrap_or(self.settings.all_max);
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
    use corelog_cluster::{ClusterImage, MetadataRecord, QuotaEntity, QuotaName};

    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn runtime(connections_max: Option<usize>) -> RuntimeSettings {
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
        let bounds = ConnectionSettings { all_max: 1, per_peer_max: 1, ..Default::default() };
        let (limits, peer) = (ConnectionLimits::new(bounds), ONE);
        let _first = limits.admit(peer, &runtime(None)).expect("room");
        assert!(limits.admit(peer, &runtime(None)).is_none());
        let _second = limits.admit(peer, &runtime(Some(2))).expect("room");
        assert!(limits.admit(peer, &runtime(Some(2))).is_none());
    }

    #[test]
    fn connections_over_a_bound_are_not_admitted_until_others_end() {
        let settings = ConnectionSettings { all_max: 3, per_peer_max: 2, ..Default::default() };
        let limits = ConnectionLimits::new(settings);
        let first = limits.admit(ONE, &runtime(None)).expect("room");
        let _second = limits.admit(ONE, &runtime(None)).expect("room");
        assert!(limits.admit(ONE, &runtime(None)).is_none(), "two are the most from one address");
        let _third = limits.admit(TWO, &runtime(None)).expect("room");
        assert!(limits.admit(TWO, &runtime(None)).is_none(), "three are the most in all");
        drop(first);
        assert!(limits.admit(ONE, &runtime(None)).is_some());
    }

    #[test]
    fn an_address_may_have_a_bound_of_its_own() {
        let per_peer_overrides = BTreeMap::from([(ONE, 2), (TWO, 0)]);
        let settings =
            ConnectionSettings { per_peer_max: 1, per_peer_overrides, ..Default::default() };
        let limits = ConnectionLimits::new(settings);
        let _both = [
            limits.admit(ONE, &runtime(None)).expect("room"),
            limits.admit(ONE, &runtime(None)).expect("room"),
        ];
        assert!(limits.admit(ONE, &runtime(None)).is_none());
        assert!(limits.admit(TWO, &runtime(None)).is_none(), "this one is shut out");
        let three = IpAddr::from([127, 0, 0, 3]);
        let _one = limits.admit(three, &runtime(None)).expect("room");
        assert!(limits.admit(three, &runtime(None)).is_none(), "others have the bound of all");
    }

    #[test]
    fn a_listener_waits_when_connections_come_too_fast() {
        let settings = ConnectionSettings {
            creation_rate_max: Some(10),
            listener_creation_rates_max: BTreeMap::from([("SSL".to_owned(), 2)]),
            ..Default::default()
        };
        let limits = ConnectionLimits::new(settings);
        let open = |listener: &str, count: usize, time: u64| {
            let waits = (0..count).map(|_| limits.opened(listener, at(time)));
            waits.collect::<Vec<_>>()
        };
        assert_eq!(open("SSL", 20, 0), [ms(0); 20], "ten seconds fit at once");
        assert_eq!(open("SSL", 3, 0), [ms(500), ms(1_000), ms(1_000)], "a window at most");
        assert_eq!(open("PLAINTEXT", 77, 0), [ms(0); 77], "the other has only the bound of all");
        assert_eq!(open("PLAINTEXT", 1, 0), [ms(100)]);
        assert_eq!(open("SSL", 1, 11_000), [ms(0)], "forgotten after eleven seconds");
        let unbounded = ConnectionLimits::new(ConnectionSettings::default());
        assert_eq!(unbounded.opened("SSL", at(0)), ms(0));
    }

    #[test]
    fn an_address_that_connects_too_often_is_turned_away_and_that_does_not_count() {
        let record = |ip: QuotaName, value| MetadataRecord::ClientQuotaChanged {
            entity: QuotaEntity::Ip(ip),
            key: QuotaKey::ConnectionCreationRate,
            value: QuotaValue::new(value),
        };
        let records = [record(QuotaName::named("127.0.0.1"), 1.0)];
        let image = ClusterImage::empty().fold(&records).unwrap();
        let quotas = image.client_quotas();
        let limits = ConnectionLimits::new(ConnectionSettings::default());
        let open = |peer, time| limits.opened_from(peer, quotas, at(time));
        for _ in 0..10 {
            assert_eq!(open(ONE, 0), Ok(()));
            assert_eq!(open(TWO, 0), Ok(()), "without a quota");
        }
        assert_eq!([open(ONE, 0), open(ONE, 0)], [Err(ms(1_000)); 2]);
        assert_eq!(open(ONE, 10_999), Err(ms(1)), "ten of the last eleven seconds");
        assert_eq!(open(ONE, 11_000), Ok(()));
    }
}
