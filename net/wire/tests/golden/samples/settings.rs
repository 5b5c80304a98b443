//! Samples of what else can be set: AlterConfigs, ListConfigResources, client quotas,
//! UpdateFeatures.

use corelog_wire::api::{
    alter_client_quotas, alter_configs, describe_client_quotas, list_config_resources,
    update_features,
};
use corelog_wire::*;

use super::{some, text};

pub(crate) fn alter_configs_request(_: i16) -> AlterConfigsRequest<'static> {
    AlterConfigsRequest {
        resources: vec![
            alter_configs::AlterConfigsResource {
                resource_type: 1,
                resource_name: text("resource-1"),
                configs: vec![
                    alter_configs::AlterableConfig {
                        name: text("topic-1"),
                        value: some("value-1"),
                    },
                    alter_configs::AlterableConfig { name: text("topic-2"), value: None },
                ],
            },
            alter_configs::AlterConfigsResource {
                resource_type: 2,
                resource_name: text("resource-2"),
                configs: vec![],
            },
        ],
        validate_only: true,
    }
}

pub(crate) fn alter_configs_response(_: i16) -> AlterConfigsResponse<'static> {
    AlterConfigsResponse {
        throttle_time_ms: 1,
        responses: vec![
            alter_configs::AlterConfigsResourceResponse {
                error_code: 2,
                error_message: some("message-1"),
                resource_type: 3,
                resource_name: text("resource-1"),
            },
            alter_configs::AlterConfigsResourceResponse {
                error_code: 4,
                error_message: None,
                resource_type: 5,
                resource_name: text("resource-2"),
            },
        ],
    }
}

pub(crate) fn list_config_resources_request(_: i16) -> ListConfigResourcesRequest {
    ListConfigResourcesRequest { resource_types: vec![1, 2] }
}

pub(crate) fn list_config_resources_response(_: i16) -> ListConfigResourcesResponse<'static> {
    ListConfigResourcesResponse {
        throttle_time_ms: 1,
        error_code: 2,
        config_resources: vec![
            list_config_resources::ConfigResource {
                resource_name: text("resource-1"),
                resource_type: 3,
            },
            list_config_resources::ConfigResource {
                resource_name: text("resource-2"),
                resource_type: 4,
            },
        ],
    }
}

pub(crate) fn describe_client_quotas_request(_: i16) -> DescribeClientQuotasRequest<'static> {
    DescribeClientQuotasRequest {
        components: vec![
            describe_client_quotas::ComponentData {
                entity_type: text("entity-type-1"),
                match_type: 1,
                r#match: some("match-1"),
            },
            describe_client_quotas::ComponentData {
                entity_type: text("entity-type-2"),
                match_type: 2,
                r#match: None,
            },
        ],
        strict: true,
    }
}

pub(crate) fn describe_client_quotas_response(_: i16) -> DescribeClientQuotasResponse<'static> {
    DescribeClientQuotasResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        entries: Some(vec![
            describe_client_quotas::EntryData {
                entity: vec![
                    describe_client_quotas::EntityData {
                        entity_type: text("entity-type-1"),
                        entity_name: some("entity-name-1"),
                    },
                    describe_client_quotas::EntityData {
                        entity_type: text("entity-type-2"),
                        entity_name: None,
                    },
                ],
                values: vec![
                    describe_client_quotas::ValueData {
                        key: text("key-1"),
                        value: Float64::new(3.5),
                    },
                    describe_client_quotas::ValueData {
                        key: text("key-2"),
                        value: Float64::new(4.5),
                    },
                ],
            },
            describe_client_quotas::EntryData { entity: vec![], values: vec![] },
        ]),
    }
}

pub(crate) fn alter_client_quotas_request(_: i16) -> AlterClientQuotasRequest<'static> {
    AlterClientQuotasRequest {
        entries: vec![
            alter_client_quotas::EntryData {
                entity: vec![
                    alter_client_quotas::EntityData {
                        entity_type: text("entity-type-1"),
                        entity_name: some("entity-name-1"),
                    },
                    alter_client_quotas::EntityData {
                        entity_type: text("entity-type-2"),
                        entity_name: None,
                    },
                ],
                ops: vec![
                    alter_client_quotas::OpData {
                        key: text("key-1"),
                        value: Float64::new(1.5),
                        remove: true,
                    },
                    alter_client_quotas::OpData {
                        key: text("key-2"),
                        value: Float64::new(2.5),
                        remove: false,
                    },
                ],
            },
            alter_client_quotas::EntryData { entity: vec![], ops: vec![] },
        ],
        validate_only: true,
    }
}

pub(crate) fn alter_client_quotas_response(_: i16) -> AlterClientQuotasResponse<'static> {
    AlterClientQuotasResponse {
        throttle_time_ms: 1,
        entries: vec![
            alter_client_quotas::EntryResult {
                error_code: 2,
                error_message: some("message-1"),
                entity: vec![
                    alter_client_quotas::EntityData {
                        entity_type: text("entity-type-1"),
                        entity_name: some("entity-name-1"),
                    },
                    alter_client_quotas::EntityData {
                        entity_type: text("entity-type-2"),
                        entity_name: None,
                    },
                ],
            },
            alter_client_quotas::EntryResult { error_code: 3, error_message: None, entity: vec![] },
        ],
    }
}

pub(crate) fn update_features_request(_: i16) -> UpdateFeaturesRequest<'static> {
    UpdateFeaturesRequest {
        timeout_ms: 1,
        feature_updates: vec![
            update_features::FeatureUpdateKey {
                feature: text("feature-1"),
                max_version_level: 2,
                allow_downgrade: true,
                upgrade_type: 3,
            },
            update_features::FeatureUpdateKey {
                feature: text("feature-2"),
                max_version_level: 4,
                allow_downgrade: false,
                upgrade_type: 5,
            },
        ],
        validate_only: true,
    }
}

pub(crate) fn update_features_response(_: i16) -> UpdateFeaturesResponse<'static> {
    UpdateFeaturesResponse {
        throttle_time_ms: 1,
        error_code: 2,
        error_message: some("message-1"),
        results: vec![
            update_features::UpdatableFeatureResult {
                feature: text("feature-1"),
                error_code: 3,
                error_message: some("message-2"),
            },
            update_features::UpdatableFeatureResult {
                feature: text("feature-2"),
                error_code: 4,
                error_message: None,
            },
        ],
    }
}
