//! IncrementalAlterConfigs, key 44: change single configs of topics and brokers.

use crate::Text;

message! {
    /// API 44, versions 0-1, flexible from 1.
    IncrementalAlterConfigsRequest<'a> {
        resources: Vec<AlterConfigsResource<'a>>;
        validate_only: bool;
    }

    /// A resource and its changes.
    AlterConfigsResource<'a> {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8;
        resource_name: Text<'a>;
        configs: Vec<AlterableConfig<'a>>;
    }

    /// One change.
    AlterableConfig<'a> {
        name: Text<'a>;
        /// 0 set, 1 delete, 2 append, 3 subtract.
        config_operation: i8;
        value: Option<Text<'a>>;
    }

    /// API 44, versions 0-1, flexible from 1.
    IncrementalAlterConfigsResponse<'a> {
        throttle_time_ms: i32;
        responses: Vec<AlterConfigsResourceResponse<'a>>;
    }

    /// What became of the changes of one resource.
    AlterConfigsResourceResponse<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
        resource_type: i8;
        resource_name: Text<'a>;
    }
}

api! {
    IncrementalAlterConfigs:
    IncrementalAlterConfigsRequest<'q> => IncrementalAlterConfigsResponse<'r>
}
