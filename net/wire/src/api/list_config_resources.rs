//! ListConfigResources, key 74: what has configs. Version 0 was named ListClientMetricsResources.

use crate::Text;

message! {
    /// API 74, versions 0-1, flexible from 0.
    ListConfigResourcesRequest {
        /// Empty is every type.
        resource_types: Vec<i8>, in 1..;
    }

    /// API 74, versions 0-1, flexible from 0.
    ListConfigResourcesResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        config_resources: Vec<ConfigResource<'a>>;
    }

    /// A resource.
    ConfigResource<'a> {
        resource_name: Text<'a>;
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8, in 1.., else 16;
    }
}

api!(ListConfigResources: ListConfigResourcesRequest => ListConfigResourcesResponse<'r>);
