//! Sets and removes quotas (KIP-546). An entity succeeds or fails as a whole, with all its quotas.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use corelog_model::ErrorCode;
use thiserror::Error;

use crate::decide::{Decision, Mode};
use crate::image::ClusterImage;
use crate::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValue};
use crate::record::MetadataRecord;

/// The most bytes of the name of a user, a client id or an address.
pub const NAME_BYTES_MAX: usize = 1024;

/// How many entities may have quotas.
pub const ENTITIES_MAX: usize = 100_000;

/// The largest quota on connections, whose type is that of a count in Kafka.
const COUNT_MAX: f64 = i32::MAX as f64;

/// The largest quota on bytes: the whole numbers up to it are told apart.
const BYTES_MAX: f64 = (1_u64 << 53) as f64;

/// How far a value may be from a whole number, as in Kafka.
const WHOLE_TOLERANCE: f64 = 1e-6;

/// A request to alter quotas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterClientQuotas {
    /// Whether to carry it out.
    pub mode: Mode,
    /// Each with its changes, one for each key.
    pub entities: Vec<(QuotaEntity, Vec<QuotaChange>)>,
}

/// A key as the client wrote it, and what becomes of its quota.
#[derive(Clone, Debug)]
pub struct QuotaChange {
    /// Kafka's name of the key, if it is one.
    pub key: String,
    /// The new value; `None` removes it.
    pub value: Option<f64>,
}

impl PartialEq for QuotaChange {
    /// Equal are the same bits, so that a change to what is no number equals itself.
    fn eq(&self, other: &Self) -> bool {
        let bits = |change: &Self| change.value.map(f64::to_bits);
        self.key == other.key && bits(self) == bits(other)
    }
}

impl Eq for QuotaChange {}

/// Why the quotas of an entity are not altered. All are `INVALID_REQUEST` but the last.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AlterQuotaError {
    /// A name that is empty or long.
    #[error("a name in a quota's entity has 1 to {NAME_BYTES_MAX} bytes")]
    Name,
    /// Not an address.
    #[error("{ip} is not an IP address")]
    Address {
        /// What was to be one.
        ip: String,
    },
    /// Nothing that can be limited, or not for this entity.
    #[error("invalid configuration key {key}")]
    Key {
        /// What was to be one.
        key: String,
    },
    /// Zero, less, or no number.
    #[error("quota {key} must be greater than 0")]
    NotPositive {
        /// Which one.
        key: QuotaKey,
    },
    /// A part of a byte or of a connection.
    #[error("quota {key} cannot be a fractional value")]
    Fraction {
        /// Which one.
        key: QuotaKey,
    },
    /// More than the type of the quota holds.
    #[error("the proposed value for quota {key} is too large")]
    TooLarge {
        /// Which one.
        key: QuotaKey,
    },
    /// `POLICY_VIOLATION`
    #[error("{ENTITIES_MAX} users, clients and addresses have quotas, which is the most")]
    TooMany,
}

impl AlterQuotaError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Name
            | Self::Address { .. }
            | Self::Key { .. }
            | Self::NotPositive { .. }
            | Self::Fraction { .. }
            | Self::TooLarge { .. } => ErrorCode::InvalidRequest,
            Self::TooMany => ErrorCode::PolicyViolation,
        }
    }
}

/// Decides which quotas change: the records, and one result for each entity, in order. Of several
/// changes of one quota the last counts.
pub fn alter_client_quotas(
    image: &ClusterImage,
    request: &AlterClientQuotas,
) -> Decision<(), AlterQuotaError> {
    let mut room = ENTITIES_MAX.saturating_sub(image.client_quotas().len());
    let mut new = BTreeSet::new();
    let mut made: BTreeMap<(&QuotaEntity, QuotaKey), Option<QuotaValue>> = BTreeMap::new();
    let results = request.entities.iter().map(|(entity, changes)| {
        check_entity(entity)?;
        let mut of_entity = BTreeMap::new();
        for change in changes {
            if let Some((key, value)) = checked(entity, change)? {
                of_entity.insert(key, value);
            }
        }
        let is_new = image.client_quotas().of(entity).is_none()
            && of_entity.values().any(Option::is_some)
            && !new.contains(entity);
        if is_new {
            room = room.checked_sub(1).ok_or(AlterQuotaError::TooMany)?;
            new.insert(entity);
        }
        made.extend(of_entity.into_iter().map(|(key, value)| ((entity, key), value)));
        Ok(())
    });
    let results = results.collect();
    let changes = made
        .into_iter()
        .filter(|((entity, key), value)| image.client_quotas().get(entity, *key) != *value);
    let records = changes.map(|((entity, key), value)| MetadataRecord::ClientQuotaChanged {
        entity: entity.clone(),
        key,
        value,
    });
    Decision::of(request.mode, records.collect(), results)
}

fn check_entity(entity: &QuotaEntity) -> Result<(), AlterQuotaError> {
    let check = |part: &QuotaName| match part.as_deref() {
        Some(name) if name.is_empty() || name.len() > NAME_BYTES_MAX => Err(AlterQuotaError::Name),
        _ => Ok(()),
    };
    match entity {
        QuotaEntity::User(name) | QuotaEntity::Client(name) => check(name),
        QuotaEntity::UserAndClient(user, client) => check(user).and_then(|()| check(client)),
        QuotaEntity::Ip(QuotaName::Default) => Ok(()),
        QuotaEntity::Ip(QuotaName::Named(ip)) => {
            // In the form in which addresses of connections are looked up.
            let parsed = ip.parse::<IpAddr>().ok();
            let is_canonical = parsed.is_some_and(|it| it.to_canonical().to_string() == *ip);
            is_canonical.then_some(()).ok_or_else(|| AlterQuotaError::Address { ip: ip.clone() })
        }
    }
}

type Checked = (QuotaKey, Option<QuotaValue>);

/// The change, if it can be one of this entity; `None` if it removes what cannot be there.
fn checked(entity: &QuotaEntity, change: &QuotaChange) -> Result<Option<Checked>, AlterQuotaError> {
    let known = QuotaKey::from_name(&change.key).filter(|key| entity.takes(*key));
    let Some(value) = change.value else { return Ok(known.map(|key| (key, None))) };
    let key = known.ok_or_else(|| AlterQuotaError::Key { key: change.key.clone() })?;
    // What is not a number is not above zero.
    if value.is_nan() || value <= 0.0 {
        return Err(AlterQuotaError::NotPositive { key });
    }
    let (max, is_whole) = match key {
        QuotaKey::ProducerByteRate | QuotaKey::ConsumerByteRate => (BYTES_MAX, true),
        QuotaKey::ConnectionCreationRate => (COUNT_MAX, true),
        QuotaKey::RequestPercentage | QuotaKey::ControllerMutationRate => (f64::MAX, false),
    };
    if value > max {
        return Err(AlterQuotaError::TooLarge { key });
    }
    if is_whole && (value - value.trunc()).abs() > WHOLE_TOLERANCE {
        return Err(AlterQuotaError::Fraction { key });
    }
    let value = QuotaValue::new(value).expect("the value was compared with its bounds");
    Ok(Some((key, Some(value))))
}
