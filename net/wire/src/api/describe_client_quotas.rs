//! DescribeClientQuotas, key 48: the quotas of users and clients.

use crate::{Float64, Text};

message! {
    /// API 48, versions 0-1, flexible from 1.
    DescribeClientQuotasRequest<'a> {
        components: Vec<ComponentData<'a>>;
        /// Leaves out entities with parts that no component names.
        strict: bool;
    }

    /// What one part of an entity must be.
    ComponentData<'a> {
        /// `user`, `client-id` or `ip`.
        entity_type: Text<'a>;
        /// 0 the name in `match`, 1 the default, 2 any name.
        match_type: i8;
        r#match: Option<Text<'a>>;
    }

    /// API 48, versions 0-1, flexible from 1.
    DescribeClientQuotasResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        entries: Option<Vec<EntryData<'a>>>;
    }

    /// An entity and its quotas.
    EntryData<'a> {
        entity: Vec<EntityData<'a>>;
        values: Vec<ValueData<'a>>;
    }

    /// A part of an entity.
    EntityData<'a> {
        entity_type: Text<'a>;
        /// Null is the default.
        entity_name: Option<Text<'a>>;
    }

    /// One quota.
    ValueData<'a> {
        key: Text<'a>;
        value: Float64;
    }
}

api!(DescribeClientQuotas: DescribeClientQuotasRequest<'q> => DescribeClientQuotasResponse<'r>);
