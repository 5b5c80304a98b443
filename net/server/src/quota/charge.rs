//! What one request uses up of the quotas of its client, from its start to its answer.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::{ClientQuotas, QuotaKey};
use corelog_io::{Instant, now};

use super::rate::burst;
use super::{Account, Client, Quotas, Strictness};

/// Whether the time of a request counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestTime {
    /// It does.
    Counts,
    /// It is a request of another broker, or was counted before.
    Free,
}

/// One request under quotas.
#[derive(Debug)]
pub(crate) struct Charge {
    quotas: Rc<Quotas>,
    account: Rc<Account>,
    client: Rc<Client>,
    time: Cell<RequestTime>,
    /// How long the core worked for it, without the piece of work that goes on.
    worked: Cell<Duration>,
    working_since: Cell<Option<Instant>>,
    throttled: Cell<Option<(QuotaKey, Duration)>>,
}

impl Charge {
    /// A request of a client; `None` if nothing limits the client.
    pub(crate) fn begin(
        quotas: &Rc<Quotas>,
        account: &Rc<Account>,
        known: &Arc<ClientQuotas>,
        (user, client_id): (&str, &str),
        time: RequestTime,
    ) -> Option<Rc<Self>> {
        let client = account.client(known, user, client_id);
        client.is_limited().then(|| {
            Rc::new(Self {
                quotas: Rc::clone(quotas),
                account: Rc::clone(account),
                client,
                time: Cell::new(time),
                worked: Cell::default(),
                working_since: Cell::default(),
                throttled: Cell::default(),
            })
        })
    }

    /// Counts the time in which the core works on `future`, and not the time in which it waits.
    pub(crate) async fn working<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            self.working_since.set(Some(now()));
            let polled = future.as_mut().poll(context);
            self.worked.set(self.worked(now()));
            self.working_since.set(None);
            polled
        })
        .await
    }

    fn worked(&self, now: Instant) -> Duration {
        let since = self.working_since.get();
        self.worked.get() + since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Counts the bytes of a request to produce.
    pub(crate) fn produced(&self, bytes: usize, now: Instant) {
        if let Some(limit) = self.client.limit(QuotaKey::ProducerByteRate) {
            let time = self.quotas.sensors.borrow_mut().record(limit, bytes as f64, now);
            self.throttle(QuotaKey::ProducerByteRate, time, now);
        }
    }

    /// The most bytes that a fetch may take: more could never be within the quota.
    pub(crate) fn fetch_bytes_max(&self) -> usize {
        let limit = self.client.limit(QuotaKey::ConsumerByteRate);
        limit.map_or(usize::MAX, |limit| burst(limit.quota))
    }

    /// Counts the bytes that a fetch found and the time it took. If the client must wait, they are
    /// not to be sent now, and do not count.
    #[must_use]
    pub(crate) fn fetched(&self, bytes: usize, now: Instant) -> bool {
        let limit = self.client.limit(QuotaKey::ConsumerByteRate);
        if let Some(limit) = limit {
            let time = self.quotas.sensors.borrow_mut().record(limit, bytes as f64, now);
            self.throttle(QuotaKey::ConsumerByteRate, time, now);
        }
        self.count_time(now);
        let is_throttled = self.throttled.get().is_some();
        if is_throttled && let Some(limit) = limit {
            self.quotas.sensors.borrow_mut().take_back(limit, bytes as f64, now);
        }
        !is_throttled
    }

    /// Whether so many partitions may be created or deleted.
    pub(crate) fn may_change_partitions(
        &self,
        partitions: usize,
        strictness: Strictness,
        now: Instant,
    ) -> bool {
        let key = QuotaKey::ControllerMutationRate;
        let Some(limit) = self.client.limit(key) else { return true };
        let mut sensors = self.quotas.sensors.borrow_mut();
        let changed = sensors.change_partitions(limit, partitions, strictness, now);
        drop(sensors);
        let (Ok(time) | Err(time)) = changed;
        self.throttle(key, time, now);
        changed.is_ok()
    }

    /// Counts what is not counted yet. Which quota the client must wait for, and for how long.
    pub(crate) fn settle(&self, now: Instant) -> Option<(QuotaKey, Duration)> {
        self.count_time(now);
        self.throttled.get()
    }

    fn count_time(&self, now: Instant) {
        let key = QuotaKey::RequestPercentage;
        let Some(limit) = self.client.limit(key) else { return };
        if self.time.replace(RequestTime::Free) == RequestTime::Counts {
            let percent = self.worked(now).as_secs_f64() * 100.0;
            let time = self.quotas.sensors.borrow_mut().record(limit, percent, now);
            self.throttle(key, time, now);
        }
    }

    /// The longest time counts. The connection is muted at once: requests that the client has sent
    /// already wait, too.
    fn throttle(&self, key: QuotaKey, time: Duration, now: Instant) {
        let longest = self.throttled.get().map_or(Duration::ZERO, |(_, longest)| longest);
        if time > longest {
            self.throttled.set(Some((key, time)));
            self.account.mute(now + time);
        }
    }
}

#[cfg(test)]
impl Charge {
    pub(super) fn client_for_test(&self) -> &Rc<Client> {
        &self.client
    }

    pub(super) fn add_work_for_test(&self, worked: Duration) {
        self.worked.set(self.worked.get() + worked);
    }
}
