//! UpdateFeatures, key 57: the levels that the features of the cluster run at.

use crate::Text;

message! {
    /// API 57, versions 0-2, flexible from 0.
    UpdateFeaturesRequest<'a> {
        timeout_ms: i32, else 60_000;
        feature_updates: Vec<FeatureUpdateKey<'a>>;
        validate_only: bool, in 1..;
    }

    /// A feature and its new level.
    FeatureUpdateKey<'a> {
        feature: Text<'a>;
        /// Below 1 deletes the feature.
        max_version_level: i16;
        allow_downgrade: bool, in ..=0;
        /// 1 up only, 2 down where nothing is lost, 3 down at any cost.
        upgrade_type: i8, in 1.., else 1;
    }

    /// API 57, versions 0-2, flexible from 0.
    UpdateFeaturesResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        results: Vec<UpdatableFeatureResult<'a>>, in ..=1;
    }

    /// What became of one feature.
    UpdatableFeatureResult<'a> {
        feature: Text<'a>;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api!(UpdateFeatures: UpdateFeaturesRequest<'q> => UpdateFeaturesResponse<'r>);
