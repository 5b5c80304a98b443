//! Samples of config administration: DescribeConfigs, IncrementalAlterConfigs.

use corelog_wire::api::{describe_configs, incremental_alter_configs};
use corelog_wire::*;

use super::{some, text};

pub(crate) fn describe_configs_request(_: i16) -> DescribeConfigsRequest<'static> {
    DescribeConfigsRequest {
        resources: vec![
            describe_configs::DescribeConfigsResource {
                resource_type: 2,
                resource_name: text("topic-1"),
                configuration_keys: Some(vec![text("config-1"), text("config-2")]),
            },
            describe_configs::DescribeConfigsResource {
                resource_type: 4,
                resource_name: text("1"),
                configuration_keys: None,
            },
        ],
        include_synonyms: true,
        include_documentation: true,
    }
}

pub(crate) fn describe_configs_response(version: i16) -> DescribeConfigsResponse<'static> {
    let synonym = |name, value, source| describe_configs::DescribeConfigsSynonym {
        name: text(name),
        value,
        source,
    };
    let config = describe_configs::DescribeConfigsResourceResult {
        name: text("config-1"),
        value: some("value-1"),
        read_only: true,
        is_default: version == 0,
        config_source: 1,
        is_sensitive: false,
        synonyms: vec![synonym("config-2", some("value-2"), 2), synonym("config-3", None, 3)],
        config_type: 4,
        documentation: some("documentation"),
    };
    let second = describe_configs::DescribeConfigsResourceResult {
        value: None,
        read_only: false,
        is_sensitive: true,
        synonyms: vec![],
        documentation: None,
        ..config.clone()
    };
    let result = |error_code, error_message, configs| describe_configs::DescribeConfigsResult {
        error_code,
        error_message,
        resource_type: 2,
        resource_name: text("topic-1"),
        configs,
    };
    DescribeConfigsResponse {
        throttle_time_ms: 1,
        results: vec![result(0, None, vec![config, second]), result(3, some("message"), vec![])],
    }
}

pub(crate) fn incremental_alter_configs_request(_: i16) -> IncrementalAlterConfigsRequest<'static> {
    let change = |name, config_operation, value| incremental_alter_configs::AlterableConfig {
        name: text(name),
        config_operation,
        value,
    };
    let resource = |resource_type, name, configs| incremental_alter_configs::AlterConfigsResource {
        resource_type,
        resource_name: text(name),
        configs,
    };
    let changes = vec![change("config-1", 0, some("value-1")), change("config-2", 1, None)];
    IncrementalAlterConfigsRequest {
        resources: vec![resource(2, "topic-1", changes), resource(4, "1", vec![])],
        validate_only: true,
    }
}

pub(crate) fn incremental_alter_configs_response(
    _: i16,
) -> IncrementalAlterConfigsResponse<'static> {
    let response =
        |error_code, error_message| incremental_alter_configs::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: 2,
            resource_name: text("topic-1"),
        };
    IncrementalAlterConfigsResponse {
        throttle_time_ms: 1,
        responses: vec![response(0, None), response(40, some("message"))],
    }
}
