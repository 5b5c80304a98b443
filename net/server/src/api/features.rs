//! The features of the cluster and their levels (KIP-584): what ApiVersions tells of them, and why
//! UpdateFeatures changes none.
//!
//! Levels are fixed: a cluster has the newest ones from its first day on, because there is no older
//! release whose data would have to be kept readable.

use corelog_model::ErrorCode;
use corelog_wire::api::api_versions::{FinalizedFeatureKey, SupportedFeatureKey};
use corelog_wire::api::update_features::{FeatureUpdateKey, UpdatableFeatureResult};
use corelog_wire::{Text, UpdateFeaturesRequest, UpdateFeaturesResponse};

use crate::error::{Failure, code_and_message};

/// A feature.
struct Feature {
    name: &'static str,
    min: i16,
    max: i16,
    finalized: i16,
}

/// Those that clients look at. They take what is absent for level 0.
const FEATURES: &[Feature] = &[
    // Clients use the new protocol of consumer groups if it is 1 (KIP-848).
    Feature { name: "group.version", min: 0, max: 1, finalized: 1 },
    // Clients can read as members of share groups if it is 1 (KIP-932).
    Feature { name: "share.version", min: 0, max: 1, finalized: 1 },
    // Producers have an epoch for each transaction if it is 2 (KIP-890).
    Feature { name: "transaction.version", min: 0, max: 2, finalized: 2 },
];

/// The first version of the answer without a result for each feature.
const RESULTS_UNTIL: i16 = 1;

/// The levels that could be.
pub(crate) fn supported() -> Vec<SupportedFeatureKey<'static>> {
    let key = |feature: &Feature| SupportedFeatureKey {
        name: Text::Borrowed(feature.name),
        min_version: feature.min,
        max_version: feature.max,
    };
    FEATURES.iter().map(key).collect()
}

/// The levels that are.
pub(crate) fn finalized() -> Vec<FinalizedFeatureKey<'static>> {
    let key = |feature: &Feature| FinalizedFeatureKey {
        name: Text::Borrowed(feature.name),
        max_version_level: feature.finalized,
        min_version_level: feature.finalized,
    };
    FEATURES.iter().map(key).collect()
}

/// Answers a request to change levels: to the level that is, or not at all. All of a request or
/// nothing is done, so from version 2 on the first refusal stands for the whole.
pub fn update<'a>(
    request: &'a UpdateFeaturesRequest<'a>,
    version: i16,
) -> UpdateFeaturesResponse<'a> {
    let updates = request.feature_updates.iter();
    let results: Vec<_> = updates.map(|update| (&update.feature, check(update))).collect();
    if version > RESULTS_UNTIL {
        let first = results.into_iter().map(|(_, result)| result).find(Result::is_err);
        let (error_code, error_message) = code_and_message(&first.unwrap_or(Ok(())));
        return UpdateFeaturesResponse { error_code, error_message, ..Default::default() };
    }
    let results = results.into_iter().map(|(feature, result)| {
        let (error_code, error_message) = code_and_message(&result);
        let feature = Text::Borrowed(&**feature);
        UpdatableFeatureResult { feature, error_code, error_message }
    });
    UpdateFeaturesResponse { results: results.collect(), ..Default::default() }
}

fn check(update: &FeatureUpdateKey<'_>) -> Result<(), Failure> {
    let refused = |message: String| Err(Failure::new(ErrorCode::InvalidUpdateVersion, message));
    let (name, level) = (&update.feature, update.max_version_level);
    let Some(feature) = FEATURES.iter().find(|feature| feature.name == &**name) else {
        return refused(format!("there is no feature {name:?}"));
    };
    if level == feature.finalized {
        return Ok(());
    }
    if level < feature.min || feature.max < level {
        let (min, max) = (feature.min, feature.max);
        return refused(format!("level {level} of {name} is not one of {min} to {max}"));
    }
    refused(format!("{name} stays at level {}: levels are fixed", feature.finalized))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scene::{received, served};

    fn answer(updates: &[(&'static str, i16)], version: i16) -> UpdateFeaturesResponse<'static> {
        let update = |(feature, level): &(&'static str, i16)| FeatureUpdateKey {
            feature: Text::Borrowed(feature),
            max_version_level: *level,
            ..Default::default()
        };
        let feature_updates = updates.iter().map(update).collect();
        let request = UpdateFeaturesRequest { feature_updates, ..Default::default() };
        let request: UpdateFeaturesRequest<'_> = received(&request, version);
        received(&super::update(&request, version), version)
    }

    #[test]
    fn the_level_that_is_may_be_asked_for() {
        for version in served::<UpdateFeaturesRequest<'_>>() {
            let answer = answer(&[("group.version", 1)], version);
            assert_eq!(answer.error_code, 0);
            assert!(answer.results.iter().all(|result| result.error_code == 0));
            assert_eq!(answer.results.len(), usize::from(version <= RESULTS_UNTIL));
        }
    }

    #[test]
    fn no_other_level_and_no_other_feature_is_there() {
        let code = ErrorCode::InvalidUpdateVersion.code();
        for update in [("group.version", 0), ("group.version", 2), ("kraft.version", 1)] {
            let answered = answer(&[("group.version", 1), update], 1);
            let codes: Vec<_> = answered.results.iter().map(|result| result.error_code).collect();
            assert_eq!((answered.error_code, codes), (0, vec![0, code]), "{update:?}");
            let answered = answer(&[("group.version", 1), update], 2);
            assert_eq!((answered.error_code, answered.results.len()), (code, 0), "{update:?}");
            assert!(answered.error_message.is_some());
        }
    }
}
