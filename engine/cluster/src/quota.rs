//! What the cluster allows its clients (KIP-13, KIP-124, KIP-546, KIP-599, KIP-612): quotas by
//! user, client id and address, and which of them holds for a client. Kafka's names and precedence.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaKey {
    /// Bytes that are produced in a second.
    ProducerByteRate,
    /// Bytes that are fetched in a second.
    ConsumerByteRate,
    /// Time that requests take, in percent of one thread.
    RequestPercentage,
    /// Partitions that are created and deleted in a second.
    ControllerMutationRate,
    /// Connections that are opened in a second.
    ConnectionCreationRate,
}

impl QuotaKey {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 5] = [
        Self::ProducerByteRate,
        Self::ConsumerByteRate,
        Self::RequestPercentage,
        Self::ControllerMutationRate,
        Self::ConnectionCreationRate,
    ];

    /// Its name in the Kafka protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProducerByteRate => "producer_byte_rate",
            Self::ConsumerByteRate => "consumer_byte_rate",
            Self::RequestPercentage => "request_percentage",
            Self::ControllerMutationRate => "controller_mutation_rate",
            Self::ConnectionCreationRate => "connection_creation_rate",
        }
    }

    /// The key with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// Its number in the metadata log.
    pub const fn code(self) -> u8 {
        match self {
            Self::ProducerByteRate => 0,
            Self::ConsumerByteRate => 1,
            Self::RequestPercentage => 2,
            Self::ControllerMutationRate => 3,
            Self::ConnectionCreationRate => 4,
        }
    }

    /// The key with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.code() == code)
    }
}

impl fmt::Display for QuotaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much is allowed. Above zero and finite, so that it can be compared and divided by.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct QuotaValue(f64);

impl Eq for QuotaValue {}

impl QuotaValue {
    /// A quota of `value`, if there can be one.
    pub fn new(value: f64) -> Option<Self> {
        (value > 0.0 && value.is_finite()).then_some(Self(value))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// Whom a part of an entity names: one by name, or everyone whom nothing else names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaName {
    /// Everyone whom nothing else names.
    Default,
    /// One.
    Named(String),
}

impl QuotaName {
    /// The one with this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self::Named(name.into())
    }

    /// The name; `None` for the default.
    pub fn as_deref(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Named(name) => Some(name),
        }
    }
}

impl From<Option<String>> for QuotaName {
    fn from(name: Option<String>) -> Self {
        name.map_or(Self::Default, Self::Named)
    }
}

/// Whose quota it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaEntity {
    /// A user, with all its clients together.
    User(QuotaName),
    /// A client id, of all users together.
    Client(QuotaName),
    /// A client id of a user.
    UserAndClient(QuotaName, QuotaName),
    /// An address from which connections come, as text.
    Ip(QuotaName),
}

impl QuotaEntity {
    /// Whether such an entity can have this quota.
    pub fn takes(&self, key: QuotaKey) -> bool {
        matches!(self, Self::Ip(_)) == (key == QuotaKey::ConnectionCreationRate)
    }
}

impl fmt::Display for QuotaEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |name: &QuotaName| name.as_deref().unwrap_or("<default>").to_owned();
        match self {
            Self::User(user) => write!(f, "user {}", part(user)),
            Self::Client(client) => write!(f, "client-id {}", part(client)),
            Self::UserAndClient(user, client) => {
                write!(f, "user {}, client-id {}", part(user), part(client))
            }
            Self::Ip(ip) => write!(f, "ip {}", part(ip)),
        }
    }
}

/// A quota that holds for a client, and with whom the client shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientQuota {
    /// How much is allowed.
    pub value: QuotaValue,
    /// Whoever has the same sharers uses up the same quota.
    pub sharers: Sharers,
}

/// Who uses up one quota together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharers {
    /// One client id of one user.
    UserAndClient(String, String),
    /// All clients of a user.
    User(String),
    /// One client id, whoever the users are.
    Client(String),
    /// Everything that comes from one address.
    Address(IpAddr),
}

type Values = BTreeMap<QuotaKey, QuotaValue>;

/// All quotas of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientQuotas {
    /// Without the entities that have none.
    entities: BTreeMap<QuotaEntity, Values>,
}

impl ClientQuotas {
    /// Whether nobody has a quota.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// How many entities have quotas.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// The quotas of an entity itself.
    pub fn of(&self, entity: &QuotaEntity) -> Option<&BTreeMap<QuotaKey, QuotaValue>> {
        self.entities.get(entity)
    }

    /// One quota of an entity itself.
    pub fn get(&self, entity: &QuotaEntity, key: QuotaKey) -> Option<QuotaValue> {
        self.entities.get(entity)?.get(&key).copied()
    }

    /// Every entity that has quotas, in order, with its quotas.
    pub fn entities(
        &self,
    ) -> impl ExactSizeIterator<Item = (&QuotaEntity, &BTreeMap<QuotaKey, QuotaValue>)> {
        self.entities.iter()
    }

    /// Sets a quota, or removes it. False if there was none to remove.
    pub(crate) fn change(
        &mut self,
        entity: &QuotaEntity,
        key: QuotaKey,
        value: Option<QuotaValue>,
    ) -> bool {
        if let Some(value) = value {
            self.entities.entry(entity.clone()).or_default().insert(key, value);
            return true;
        }
        let Some(values) = self.entities.get_mut(entity) else { return false };
        let was_there = values.remove(&key).is_some();
        if values.is_empty() {
            self.entities.remove(entity);
        }
        was_there
    }

    /// The quota of a client, by the entity that says the most of it. From the strongest: user and
    /// client id, user and the default client, user, default user and client id, both defaults,
    /// default user, client id, default client.
    ///
    /// Costs up to eight look-ups and as many allocations: whoever needs it often keeps it.
    pub fn resolve(&self, key: QuotaKey, user: &str, client: &str) -> Option<ClientQuota> {
        use QuotaEntity::{Client, User, UserAndClient};
        use QuotaName::Default;
        let (this_user, this_client) = (QuotaName::named(user), QuotaName::named(client));
        let pair = || Sharers::UserAndClient(user.to_owned(), client.to_owned());
        let of_user = || Sharers::User(user.to_owned());
        let of_client = || Sharers::Client(client.to_owned());
        let levels: [(QuotaEntity, &dyn Fn() -> Sharers); 8] = [
            (UserAndClient(this_user.clone(), this_client.clone()), &pair),
            (UserAndClient(this_user.clone(), Default), &pair),
            (User(this_user), &of_user),
            (UserAndClient(Default, this_client.clone()), &pair),
            (UserAndClient(Default, Default), &pair),
            (User(Default), &of_user),
            (Client(this_client), &of_client),
            (Client(Default), &of_client),
        ];
        levels.into_iter().find_map(|(entity, sharers)| {
            Some(ClientQuota { value: self.get(&entity, key)?, sharers: sharers() })
        })
    }

    /// How many connections an address may open in a second.
    pub fn connection_creation_rate(&self, from: IpAddr) -> Option<QuotaValue> {
        let key = QuotaKey::ConnectionCreationRate;
        let this = QuotaEntity::Ip(QuotaName::named(from.to_canonical().to_string()));
        self.get(&this, key).or_else(|| self.get(&QuotaEntity::Ip(QuotaName::Default), key))
    }
}
