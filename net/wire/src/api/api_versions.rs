//! ApiVersions, key 18: which APIs and versions a server speaks.

use super::{APIS, ApiInfo, ApiKey};
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

/// UNSUPPORTED_VERSION, the one error code that belongs to the wire format itself.
const UNSUPPORTED_VERSION: i16 = 35;

impl ApiVersionsResponse<'_> {
    /// The answer to a version outside the table. Encode it in version 0: it is the only one that
    /// any client reads, and it names the versions to ask with (KIP-511).
    pub fn unsupported_version() -> Self {
        let mut api_keys = ApiVersion::advertised();
        api_keys.retain(|api| api.api_key == ApiKey::ApiVersions.code());
        Self { error_code: UNSUPPORTED_VERSION, api_keys, ..Self::default() }
    }
}

impl ApiVersion {
    /// What the table of APIs announces, ordered by key.
    pub fn advertised() -> Vec<Self> {
        let announce = |api: &ApiInfo| {
            let range = api.advertised?;
            let api_key = api.key.code();
            Some(Self { api_key, min_version: range.min, max_version: range.max })
        };
        APIS.iter().filter_map(announce).collect()
    }
}
