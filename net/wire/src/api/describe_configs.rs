//! DescribeConfigs, key 32: the configs of topics and brokers.

use crate::Text;

message! {
    /// API 32, versions 0-4, flexible from 4.
    DescribeConfigsRequest<'a> {
        resources: Vec<DescribeConfigsResource<'a>>;
        include_synonyms: bool, in 1..;
        include_documentation: bool, in 3..;
    }

    /// A resource, and which of its configs to list: null is all.
    DescribeConfigsResource<'a> {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8;
        resource_name: Text<'a>;
        configuration_keys: Option<Vec<Text<'a>>>;
    }

    /// API 32, versions 0-4, flexible from 4.
    DescribeConfigsResponse<'a> {
        throttle_time_ms: i32;
        results: Vec<DescribeConfigsResult<'a>>;
    }

    /// The configs of one resource.
    DescribeConfigsResult<'a> {
        error_code: i16;
        error_message: Option<Text<'a>>;
        resource_type: i8;
        resource_name: Text<'a>;
        configs: Vec<DescribeConfigsResourceResult<'a>>;
    }

    /// One config.
    DescribeConfigsResourceResult<'a> {
        name: Text<'a>;
        value: Option<Text<'a>>;
        read_only: bool;
        /// Version 0 only; later versions have `config_source`.
        is_default: bool, in ..=0;
        /// 1 topic, 2 broker (dynamic), 3 brokers (dynamic), 4 file, 5 default.
        config_source: i8, in 1.., else -1;
        is_sensitive: bool;
        synonyms: Vec<DescribeConfigsSynonym<'a>>, in 1..;
        config_type: i8, in 3..;
        documentation: Option<Text<'a>>, in 3..;
    }

    /// A broker config that the value may come from, the strongest first.
    DescribeConfigsSynonym<'a> {
        name: Text<'a>;
        value: Option<Text<'a>>;
        source: i8;
    }
}

api!(DescribeConfigs: DescribeConfigsRequest<'q> => DescribeConfigsResponse<'r>);
