//! Quotas of clients on one core (KIP-13, KIP-124, KIP-219, KIP-599): what a request uses up, and
//! for how long its client must wait. In Kafka each broker enforces a quota on its own; here each
//! core does, for a core is a node.
//!
//! An answer goes out at once and says the time; then no request of its connection is read until
//! the time is over (KIP-219). Without quotas a request costs one look at the metadata.

mod charge;
pub(crate) mod rate;
mod sensors;
mod token_bucket;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::{ClientQuotas, QuotaKey};
use corelog_io::{Instant, now, sleep};

pub(crate) use charge::{Charge, RequestTime};
pub(crate) use sensors::{Limit, Sensors, Strictness};

/// The quotas of clients that apply to requests.
const REQUEST_KEYS: [QuotaKey; 4] = [
    QuotaKey::ProducerByteRate,
    QuotaKey::ConsumerByteRate,
    QuotaKey::RequestPercentage,
    QuotaKey::ControllerMutationRate,
];

/// What the clients of a core have used up.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    sensors: RefCell<Sensors>,
}

/// What quotas know of one connection.
#[derive(Debug, Default)]
pub(crate) struct Account {
    muted_until: Cell<Option<Instant>>,
    client: RefCell<Option<Rc<Client>>>,
}

impl Account {
    /// Lets no request be read before then.
    fn mute(&self, until: Instant) {
        self.muted_until.set(self.muted_until.get().max(Some(until)));
    }

    /// Resolves when requests may be read.
    pub(crate) async fn unmuted(&self) {
        while let Some(until) = self.muted_until.get() {
            let left = until.since(now());
            if left == Duration::ZERO {
                self.muted_until.set(None);
                return;
            }
            sleep(left).await;
        }
    }

    /// The quotas of a client on this connection; kept, for clients seldom change their id.
    fn client(&self, quotas: &Arc<ClientQuotas>, user: &str, client_id: &str) -> Rc<Client> {
        let mut kept = self.client.borrow_mut();
        if let Some(client) = kept.as_ref()
            && Arc::ptr_eq(&client.quotas, quotas)
            && client.user == user
            && client.id == client_id
        {
            return Rc::clone(client);
        }
        let client = Rc::new(Client::new(quotas, user, client_id));
        *kept = Some(Rc::clone(&client));
        client
    }
}

/// A client and its quotas.
#[derive(Debug)]
struct Client {
    user: String,
    id: String,
    quotas: Arc<ClientQuotas>,
    limits: [Option<Limit>; REQUEST_KEYS.len()],
}

impl Client {
    fn new(quotas: &Arc<ClientQuotas>, user: &str, id: &str) -> Self {
        let limits = REQUEST_KEYS.map(|key| {
            let found = quotas.resolve(key, user, id)?;
            Some(Limit { sensor: (key, found.sharers), quota: found.value })
        });
        let (user, id) = (user.to_owned(), id.to_owned());
        Self { user, id, quotas: Arc::clone(quotas), limits }
    }

    fn is_limited(&self) -> bool {
        self.limits.iter().any(Option::is_some)
    }

    fn limit(&self, key: QuotaKey) -> Option<&Limit> {
        self.limits.iter().flatten().find(|limit| limit.sensor.0 == key)
    }
}

#[cfg(test)]
mod tests;
