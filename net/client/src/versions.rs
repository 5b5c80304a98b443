//! Which version of an API both sides speak: the negotiation that opens every connection.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use corelog_model::ErrorCode;
use corelog_wire::{ApiInfo, ApiKey, ApiVersionsResponse, VersionRange};

use crate::{ClientError, Endpoint, Reply};

/// The version of ApiVersions asked with first.
pub const API_VERSIONS_FIRST: i16 = 3;
/// The version every server answers.
pub const API_VERSIONS_FALLBACK: i16 = 0;
/// The feature that says how transactions work.
const TRANSACTION_VERSION: &str = "transaction.version";

/// What a server offers: lowest and highest version of each API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerVersions {
    ranges: BTreeMap<i16, (i16, i16)>,
    transaction_version: i16,
}

/// What follows from a response to ApiVersions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Negotiation {
    /// The connection can be used.
    Done(ServerVersions),
    /// The server does not know the version: ask again with this one (KIP-511).
    AskAgain {
        /// The version to ask with.
        version: i16,
    },
}

impl ServerVersions {
    /// What a server offers, by API key.
    pub fn new(ranges: impl IntoIterator<Item = (i16, (i16, i16))>) -> Self {
        Self { ranges: ranges.into_iter().collect(), transaction_version: 0 }
    }

    /// Reads the response to ApiVersions.
    pub fn negotiate(reply: &Reply) -> Result<Negotiation, ClientError> {
        // The answer to an unknown version is written in version 0, whatever was asked.
        let code = reply.body().first_chunk().map(|code| i16::from_be_bytes(*code));
        if code == Some(ErrorCode::UnsupportedVersion.code())
            && reply.version() != API_VERSIONS_FALLBACK
        {
            return Ok(Negotiation::AskAgain { version: API_VERSIONS_FALLBACK });
        }
        let response: ApiVersionsResponse<'_> = reply.decode()?;
        ClientError::refused(ApiKey::ApiVersions, "this client", response.error_code, None)?;
        let ranges =
            response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version)));
        let transaction_version = response
            .finalized_features
            .iter()
            .find(|feature| *feature.name == *TRANSACTION_VERSION)
            .map_or(0, |feature| feature.max_version_level);
        Ok(Negotiation::Done(Self { transaction_version, ..Self::new(ranges) }))
    }

    /// The highest version that both sides speak and that is at most `max`.
    pub fn best(&self, api: ApiKey, max: i16) -> Option<i16> {
        let ours = spoken(api.info());
        let (theirs_min, theirs_max) = *self.ranges.get(&api.code())?;
        let best = ours.max.min(theirs_max).min(max);
        (ours.min.max(theirs_min) <= best).then_some(best)
    }

    /// [`ServerVersions::best`], or the error that says which versions there are.
    pub fn require(&self, api: ApiKey, max: i16, peer: &Endpoint) -> Result<i16, ClientError> {
        self.require_in(api, 0..=max, peer)
    }

    /// The highest version that both sides speak within `range`, or the error that says which there
    /// are.
    pub fn require_in(
        &self,
        api: ApiKey,
        range: RangeInclusive<i16>,
        peer: &Endpoint,
    ) -> Result<i16, ClientError> {
        let best = self.best(api, *range.end()).filter(|best| range.contains(best));
        best.ok_or_else(|| {
            let ours = spoken(api.info());
            let (min, max) = (ours.min.max(*range.start()), ours.max.min(*range.end()));
            let theirs = match self.ranges.get(&api.code()) {
                None => "none".to_owned(),
                Some((min, max)) => format!("{min}-{max}"),
            };
            let ours = format!("{min}-{max}");
            ClientError::Version { address: peer.clone(), api, ours, theirs }
        })
    }

    /// The level of transactions that the cluster runs at (KIP-890); 0 where it does not tell.
    pub fn transaction_version(&self) -> i16 {
        self.transaction_version
    }

    /// The versions offered for an API, by its key.
    pub fn offered(&self, api_code: i16) -> Option<(i16, i16)> {
        self.ranges.get(&api_code).copied()
    }
}

/// What this client writes: versions that are stable in Kafka and that the wire format knows,
/// whatever a server of ours serves of them.
fn spoken(info: &ApiInfo) -> VersionRange {
    let stable_max = match info.key {
        // Two-phase commit (KIP-939) is not stable.
        ApiKey::InitProducerId => 5,
        // Topics by id (KIP-848) came with Kafka 4.1 as unstable versions.
        ApiKey::OffsetCommit | ApiKey::OffsetFetch => 9,
        // The earliest offset that tiered storage still has to upload (KIP-1023).
        ApiKey::ListOffsets => 10,
        _ => info.max,
    };
    VersionRange { min: info.min, max: info.max.min(stable_max) }
}

#[cfg(test)]
mod tests {
    use corelog_wire::ApiVersionsRequest;
    use corelog_wire::api::api_versions::FinalizedFeatureKey;

    use super::*;
    use crate::group::rig::reply;

    #[test]
    fn the_highest_common_version_within_the_cap_is_chosen() {
        let produce = ApiKey::Produce;
        let best = |range, max| ServerVersions::new([(0, range)]).best(produce, max);
        assert_eq!(best((0, 11), i16::MAX), Some(11));
        assert_eq!(best((0, 99), i16::MAX), Some(13));
        assert_eq!(best((0, 99), 12), Some(12));
        assert_eq!(best((0, 3), i16::MAX), Some(3));
        assert_eq!(best((0, 2), i16::MAX), None);
        assert_eq!(best((14, 99), i16::MAX), None);
        assert_eq!(ServerVersions::default().best(produce, i16::MAX), None);
    }

    #[test]
    fn versions_that_are_not_stable_are_not_spoken() {
        let versions = ServerVersions::new([(22, (0, 6)), (2, (0, 11)), (8, (2, 10))]);
        assert_eq!(versions.best(ApiKey::OffsetCommit, i16::MAX), Some(9));
        assert_eq!(versions.best(ApiKey::InitProducerId, i16::MAX), Some(5));
        assert_eq!(versions.best(ApiKey::ListOffsets, i16::MAX), Some(10));
    }

    #[test]
    fn a_missing_version_is_an_error_with_both_ranges() {
        let peer = Endpoint::new("a", 1);
        let versions = ServerVersions::new([(0, (0, 2))]);
        assert_eq!(
            versions.require(ApiKey::Produce, 12, &peer).unwrap_err().to_string(),
            "a:1 does not offer Produce in a version this client speaks (3-12; offered: 0-2)"
        );
        assert_eq!(
            versions.require_in(ApiKey::Produce, 4..=12, &peer).unwrap_err().to_string(),
            "a:1 does not offer Produce in a version this client speaks (4-12; offered: 0-2)"
        );
        assert_eq!(
            versions.require(ApiKey::Fetch, 18, &peer).unwrap_err().to_string(),
            "a:1 does not offer Fetch in a version this client speaks (4-18; offered: none)"
        );
    }

    #[test]
    fn the_level_of_transactions_is_what_the_cluster_has_finalized() {
        let level = |name: &'static str, max_version_level| {
            let feature =
                FinalizedFeatureKey { name: name.into(), max_version_level, min_version_level: 0 };
            let finalized_features = vec![feature];
            let response =
                ApiVersionsResponse { finalized_features, ..ApiVersionsResponse::default() };
            let reply = reply::<ApiVersionsRequest<'_>>(3, &response);
            match ServerVersions::negotiate(&reply).unwrap() {
                Negotiation::Done(versions) => versions.transaction_version(),
                Negotiation::AskAgain { version } => panic!("asks again with {version}"),
            }
        };
        assert_eq!(level("transaction.version", 2), 2);
        assert_eq!(level("group.version", 1), 0);
    }
}
