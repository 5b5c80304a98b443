//! AlterConfigs, key 33: replace all configs of topics and brokers. Old clients; newer ones use
//! IncrementalAlterConfigs.

use crate::Text;

message! {
    /// API 33, versions 0-2, flexible from 2.
    AlterConfigsRequest<'a> {
        resources: Vec<AlterConfigsResource<'a>>;
        validate_only: bool;
    }

    /// A resource and all its configs: what is absent goes back to its default.
    AlterConfigsResource<'a> {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8;
        resource_name: Text<'a>;
        configs: Vec<AlterableConfig<'a>>;
    }

    /// One config.
    AlterableConfig<'a> {
        name: Text<'a>;
        value: Option<Text<'a>>;
    }

    /// API 33, versions 0-2, flexible from 2.
    AlterConfigsResponse<'a> {
        throttle_time_ms: i32;
        responses: Vec<AlterConfigsResourceResponse<'a>>;
    }

    /// What became of the configs of one resource.
    AlterConfigsResourceResponse<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
        resource_type: i8;
        resource_name: Text<'a>;
    }
}

api!(AlterConfigs: AlterConfigsRequest<'q> => AlterConfigsResponse<'r>);
