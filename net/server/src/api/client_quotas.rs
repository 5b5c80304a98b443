//! DescribeClientQuotas and AlterClientQuotas: what users, clients and addresses are allowed
//! (KIP-546).

use std::net::IpAddr;
use std::time::Duration;

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::client_quotas::{AlterClientQuotas, QuotaChange};
use corelog_cluster::{Change, ClientQuotas, Outcome, QuotaEntity, QuotaName};
use corelog_model::ErrorCode;
use corelog_wire::api::alter_client_quotas::{EntityData, EntryData, EntryResult};
use corelog_wire::api::describe_client_quotas::{self, ComponentData, ValueData};
use corelog_wire::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, DescribeClientQuotasRequest,
    DescribeClientQuotasResponse, Float64, Text,
};

use super::change::{Ending, Places, Translation};
use crate::error::{Failure, code_and_message};

/// A change waits this long for the disk; the request has no time of its own.
const TIME_MAX: Duration = Duration::from_secs(10);

const USER: &str = "user";
const CLIENT_ID: &str = "client-id";
const IP: &str = "ip";

/// A request on its way to the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    places: Places,
    entities: Vec<Vec<EntityData<'a>>>,
}

/// Translates a request.
pub fn translate(
    request: AlterClientQuotasRequest<'_>,
) -> Translation<Pending<'_>, AlterClientQuotasResponse<'_>> {
    let wanted = request.entries.iter().map(|entry| Ok((entity(&entry.entity)?, changes(entry))));
    let (asked, places) = Places::split(wanted);
    let entities = request.entries.into_iter().map(|entry| entry.entity).collect();
    let pending = Pending { places, entities };
    if asked.is_empty() {
        return Translation::Answer(pending.answer(Ok(Vec::<Result<_, Failure>>::new())));
    }
    let mode = if request.validate_only { Mode::ValidateOnly } else { Mode::Apply };
    let change = Change::AlterClientQuotas(AlterClientQuotas { mode, entities: asked });
    Translation::Ask { change, timeout: TIME_MAX, pending }
}

/// Answers that nothing is changed.
pub fn refused(
    request: AlterClientQuotasRequest<'_>,
    code: ErrorCode,
) -> AlterClientQuotasResponse<'_> {
    let entries = request.entries.into_iter().map(|entry| EntryResult {
        error_code: code.code(),
        error_message: Some(Text::Borrowed(code.message())),
        entity: entry.entity,
    });
    AlterClientQuotasResponse { entries: entries.collect(), ..Default::default() }
}

fn changes(entry: &EntryData<'_>) -> Vec<QuotaChange> {
    let changes = entry.ops.iter().map(|op| QuotaChange {
        key: op.key.clone().into_owned(),
        value: (!op.remove).then(|| op.value.value()),
    });
    changes.collect()
}

/// The entity of these parts. Of two parts of one type the later counts, as in Kafka.
fn entity(parts: &[EntityData<'_>]) -> Result<QuotaEntity, Failure> {
    let (mut user, mut client, mut ip) = (None, None, None);
    for part in parts {
        let name = QuotaName::from(part.entity_name.clone().map(Text::into_owned));
        match &*part.entity_type {
            USER => user = Some(name),
            CLIENT_ID => client = Some(name),
            IP => ip = Some(canonical(name)),
            other => {
                let message = format!("unhandled client quota entity type: {other}");
                return Err(Failure::new(ErrorCode::InvalidRequest, message));
            }
        }
    }
    match (user, client, ip) {
        (Some(user), None, None) => Ok(QuotaEntity::User(user)),
        (None, Some(client), None) => Ok(QuotaEntity::Client(client)),
        (Some(user), Some(client), None) => Ok(QuotaEntity::UserAndClient(user, client)),
        (None, None, Some(ip)) => Ok(QuotaEntity::Ip(ip)),
        (None, None, None) => {
            Err(Failure::new(ErrorCode::InvalidRequest, "invalid empty client quota entity"))
        }
        (_, _, Some(_)) => Err(Failure::new(
            ErrorCode::InvalidRequest,
            "invalid quota entity combination: ip is not used with user or client-id",
        )),
    }
}

/// An address as those of connections are written; what is none is told by the decision.
fn canonical(name: QuotaName) -> QuotaName {
    let parsed = name.as_deref().and_then(|name| name.parse::<IpAddr>().ok());
    parsed.map_or(name, |ip| QuotaName::named(ip.to_canonical().to_string()))
}

impl<'a> Pending<'a> {
    /// Makes the answer.
    pub fn respond(self, ending: Ending) -> AlterClientQuotasResponse<'a> {
        let decided = match ending {
            Ending::Decided(Outcome::AlterClientQuotas(results)) => Ok(results),
            other => Err(other.into_failure()),
        };
        self.answer(decided)
    }

    fn answer<E: crate::error::KafkaError>(
        self,
        decided: Result<Vec<Result<(), E>>, Failure>,
    ) -> AlterClientQuotasResponse<'a> {
        let results = self.entities.into_iter().zip(self.places.merge(decided));
        let entries = results.map(|(entity, result)| {
            let (error_code, error_message) = code_and_message(&result);
            EntryResult { error_code, error_message, entity }
        });
        AlterClientQuotasResponse { entries: entries.collect(), ..Default::default() }
    }
}

/// What a filter wants a part of an entity to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match<'a> {
    /// This name, or the default.
    Exact(Option<&'a str>),
    /// Any name, and the default.
    Any,
}

/// Which entities to describe.
#[derive(Debug, Default)]
struct Filter<'a> {
    user: Option<Match<'a>>,
    client: Option<Match<'a>>,
    ip: Option<Match<'a>>,
    is_strict: bool,
}

impl<'a> Filter<'a> {
    fn of(request: &'a DescribeClientQuotasRequest<'_>) -> Result<Self, Failure> {
        let refuse = |message: String| Err(Failure::new(ErrorCode::InvalidRequest, message));
        let mut filter = Self { is_strict: request.strict, ..Self::default() };
        for component in &request.components {
            let place = match &*component.entity_type {
                USER => &mut filter.user,
                CLIENT_ID => &mut filter.client,
                IP => &mut filter.ip,
                "" => return refuse("invalid empty entity type".to_owned()),
                other => {
                    let message = format!("unsupported entity type {other}");
                    return Err(Failure::new(ErrorCode::UnsupportedVersion, message));
                }
            };
            if place.is_some() {
                let kind = &component.entity_type;
                return refuse(format!("entity type {kind} appears more than once in the filter"));
            }
            *place = Some(match_of(component)?);
        }
        if filter.ip.is_some() && (filter.user.is_some() || filter.client.is_some()) {
            return refuse("a filter for ip is not used with user or client-id".to_owned());
        }
        Ok(filter)
    }

    fn takes(&self, entity: &QuotaEntity) -> bool {
        let (user, client, ip) = parts(entity);
        let parts = [(self.user, user), (self.client, client), (self.ip, ip)];
        parts.into_iter().all(|(wanted, part)| match (wanted, part) {
            (None, None) => true,
            (None, Some(_)) => !self.is_strict,
            (Some(_), None) => false,
            (Some(Match::Any), Some(_)) => true,
            (Some(Match::Exact(name)), Some(part)) => part.as_deref() == name,
        })
    }
}

fn match_of<'a>(component: &'a ComponentData<'_>) -> Result<Match<'a>, Failure> {
    match (component.match_type, component.r#match.as_deref()) {
        (0, Some(name)) => Ok(Match::Exact(Some(name))),
        (1, None) => Ok(Match::Exact(None)),
        (2, None) => Ok(Match::Any),
        (number, name) => {
            let name = if name.is_some() { "with" } else { "without" };
            let message = format!("a filter of match type {number} {name} a name");
            Err(Failure::new(ErrorCode::InvalidRequest, message))
        }
    }
}

type Parts<'a> = (Option<&'a QuotaName>, Option<&'a QuotaName>, Option<&'a QuotaName>);

/// User, client id and address of an entity, as far as it has them.
fn parts(entity: &QuotaEntity) -> Parts<'_> {
    match entity {
        QuotaEntity::User(user) => (Some(user), None, None),
        QuotaEntity::Client(client) => (None, Some(client), None),
        QuotaEntity::UserAndClient(user, client) => (Some(user), Some(client), None),
        QuotaEntity::Ip(ip) => (None, None, Some(ip)),
    }
}

/// Answers that no quotas are told.
pub fn undescribed(
    code: ErrorCode,
    message: impl Into<Text<'static>>,
) -> DescribeClientQuotasResponse<'static> {
    DescribeClientQuotasResponse {
        error_code: code.code(),
        error_message: Some(message.into()),
        entries: None,
        ..Default::default()
    }
}

/// Answers which quotas there are.
pub fn describe(
    request: &DescribeClientQuotasRequest<'_>,
    quotas: &ClientQuotas,
) -> DescribeClientQuotasResponse<'static> {
    let filter = match Filter::of(request) {
        Ok(filter) => filter,
        Err(failure) => return undescribed(failure.code, failure.message),
    };
    let found = quotas.entities().filter(|(entity, _)| filter.takes(entity));
    let entries = found.map(|(entity, values)| {
        let (user, client, ip) = parts(entity);
        let named = [(USER, user), (CLIENT_ID, client), (IP, ip)];
        let named = named.into_iter().filter_map(|(kind, name)| Some((kind, name?)));
        let entity = named.map(|(kind, name)| describe_client_quotas::EntityData {
            entity_type: Text::Borrowed(kind),
            entity_name: name.as_deref().map(|name| Text::Owned(name.to_owned())),
        });
        let values = values.iter().map(|(key, value)| ValueData {
            key: Text::Borrowed(key.name()),
            value: Float64::new(value.get()),
        });
        describe_client_quotas::EntryData { entity: entity.collect(), values: values.collect() }
    });
    DescribeClientQuotasResponse { entries: Some(entries.collect()), ..Default::default() }
}

#[cfg(test)]
mod tests;
