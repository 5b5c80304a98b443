//! Quotas of users, clients and addresses: listed, set and removed (KIP-546).

use std::collections::BTreeMap;
use std::fmt;

use corelog_wire::api::alter_client_quotas::{EntityData, EntryData, OpData};
use corelog_wire::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, ApiKey, DescribeClientQuotasRequest,
    DescribeClientQuotasResponse, Float64, Text,
};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply};

/// What a part of an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaPart {
    /// A user.
    User,
    /// What clients call themselves.
    ClientId,
    /// An address from which connections come.
    Ip,
}

impl QuotaPart {
    const ALL: [Self; 3] = [Self::User, Self::ClientId, Self::Ip];

    /// Kafka's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ClientId => "client-id",
            Self::Ip => "ip",
        }
    }
}

/// Whose quotas these are: a user, a client id, both, or an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuotaEntity {
    /// The parts with their names; `None` is everyone whom nothing else names.
    pub parts: BTreeMap<QuotaPart, Option<String>>,
}

impl fmt::Display for QuotaEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (part, name)) in self.parts.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            let name = name.as_deref().unwrap_or("<default>");
            write!(f, "{separator}{} {name}", part.name())?;
        }
        Ok(())
    }
}

/// Quotas by Kafka's names of them.
pub type Quotas = BTreeMap<String, f64>;

/// Lists all quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListQuotas;

impl Operation for ListQuotas {
    type Request = DescribeClientQuotasRequest<'static>;
    type Answer = BTreeMap<QuotaEntity, Quotas>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DescribeClientQuotasRequest { components: Vec::new(), strict: false }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: DescribeClientQuotasResponse<'_> = reply.decode()?;
        let message = response.error_message.as_deref();
        let api = ApiKey::DescribeClientQuotas;
        ClientError::refused(api, "the quotas", response.error_code, message)?;
        let entries = response.entries.into_iter().flatten().filter_map(|entry| {
            let parts = entry.entity.iter().map(|part| {
                let kind = QuotaPart::ALL.into_iter().find(|it| it.name() == part.entity_type)?;
                Some((kind, part.entity_name.clone().map(Text::into_owned)))
            });
            let values = entry.values.iter();
            let values = values.map(|it| (it.key.clone().into_owned(), it.value.value()));
            // An entity of a kind that came later than this client is left out.
            Some((QuotaEntity { parts: parts.collect::<Option<_>>()? }, values.collect()))
        });
        Ok(entries.collect())
    }
}

/// Sets quotas of an entity, and removes those without a value.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterQuotas {
    /// Whose.
    pub entity: QuotaEntity,
    /// Which, by Kafka's names.
    pub changes: BTreeMap<String, Option<f64>>,
}

impl Operation for AlterQuotas {
    type Request = AlterClientQuotasRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let entity = self.entity.parts.iter().map(|(part, name)| EntityData {
            entity_type: Text::Borrowed(part.name()),
            entity_name: name.clone().map(Text::Owned),
        });
        let ops = self.changes.iter().map(|(key, value)| OpData {
            key: Text::Owned(key.clone()),
            value: Float64::new(value.unwrap_or_default()),
            remove: value.is_none(),
        });
        let entry = EntryData { entity: entity.collect(), ops: ops.collect() };
        AlterClientQuotasRequest { entries: vec![entry], validate_only: false }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        let response: AlterClientQuotasResponse<'_> = reply.decode()?;
        let about = self.entity.to_string();
        let result = response.entries.first().ok_or_else(|| reply.lacks(about.clone()))?;
        let message = result.error_message.as_deref();
        ClientError::refused(ApiKey::AlterClientQuotas, about, result.error_code, message)
    }
}
