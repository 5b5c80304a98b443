//! ApiVersions, key 18: which APIs and versions a server speaks.

use super::APIS;
use crate::Text;

message! {
    /// API 18, versions 0-4, flexible from 3.
    ApiVersionsRequest<'a> {
        client_software_name: Text<'a>, in 3..;
        client_software_version: Text<'a>, in 3..;
    }

    /// API 18, versions 0-4, flexible from 3. Its header is always version 0.
    ApiVersionsResponse<'a> {
        error_code: i16;
        api_keys: Vec<ApiVersion>;
        throttle_time_ms: i32, in 1..;
        supported_features: Vec<SupportedFeatureKey<'a>>, tag 0, in 3..;
        finalized_features_epoch: i64, tag 1, in 3.., else -1;
        finalized_features: Vec<FinalizedFeatureKey<'a>>, tag 2, in 3..;
        zk_migration_ready: bool, tag 3, in 3..;
    }

    /// One API and the versions announced for it.
    ApiVersion {
        api_key: i16;
        min_version: i16;
        max_version: i16;
    }

    /// A feature and the levels this server can run at.
    SupportedFeatureKey<'a> {
        name: Text<'a>;
        min_version: i16;
        max_version: i16;
    }

    /// A feature and the levels the cluster runs at.
    FinalizedFeatureKey<'a> {
        name: Text<'a>;
        max_version_level: i16;
        min_version_level: i16;
    }
}

api!(ApiVersions: ApiVersionsRequest<'q> => ApiVersionsResponse<'r>);

impl ApiVersion {
    /// What the table of APIs announces, ordered by key.
    pub fn advertised() -> Vec<Self> {
        let announce = |api: &super::ApiInfo| Self {
            api_key: api.key.code(),
            min_version: api.advertised_min,
            max_version: api.advertised_max,
        };
        APIS.iter().map(announce).collect()
    }
}
