//! AlterClientQuotas, key 49: change the quotas of users and clients.

use crate::{Float64, Text};

message! {
    /// API 49, versions 0-1, flexible from 1.
    AlterClientQuotasRequest<'a> {
        entries: Vec<EntryData<'a>>;
        validate_only: bool;
    }

    /// An entity and the changes of its quotas.
    EntryData<'a> {
        entity: Vec<EntityData<'a>>;
        ops: Vec<OpData<'a>>;
    }

    /// A part of an entity.
    EntityData<'a> {
        /// `user`, `client-id` or `ip`.
        entity_type: Text<'a>;
        /// Null is the default.
        entity_name: Option<Text<'a>>;
    }

    /// One change.
    OpData<'a> {
        key: Text<'a>;
        value: Float64;
        remove: bool;
    }

    /// API 49, versions 0-1, flexible from 1.
    AlterClientQuotasResponse<'a> {
        throttle_time_ms: i32;
        entries: Vec<EntryResult<'a>>;
    }

    /// What became of the changes of one entity; Kafka's schema calls it EntryData, too.
    EntryResult<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
        entity: Vec<EntityData<'a>>;
    }
}

api!(AlterClientQuotas: AlterClientQuotasRequest<'q> => AlterClientQuotasResponse<'r>);
