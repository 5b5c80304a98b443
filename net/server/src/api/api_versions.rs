//! ApiVersions: which APIs and versions this server speaks. The first request on a connection, so
//! it must be answered whatever version the client tries (KIP-511).

use corelog_model::ErrorCode;
use corelog_wire::api::api_versions::ApiVersion;
use corelog_wire::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

use super::features;

/// The first version in which clients say who they are.
const NAMED_FROM: i16 = 3;
/// The first version in which a feature may be supported at level 0.
const LEVEL_ZERO_FROM: i16 = 4;

/// The version to answer a request of `version` in: the same, or 0, the only one that every client
/// reads.
pub fn response_version(version: i16) -> i16 {
    if ApiKey::ApiVersions.info().serves(version) { version } else { 0 }
}

/// Answers. `request` is none where its version is not served, and so its body cannot be read. To
/// be encoded in [`response_version`].
pub fn respond(
    request: Option<&ApiVersionsRequest<'_>>,
    version: i16,
) -> ApiVersionsResponse<'static> {
    if !ApiKey::ApiVersions.info().serves(version) {
        return ApiVersionsResponse::unsupported_version();
    }
    let is_named = request.is_some_and(|request| {
        is_software_text(&request.client_software_name)
            && is_software_text(&request.client_software_version)
    });
    if version >= NAMED_FROM && !is_named {
        let error_code = ErrorCode::InvalidRequest.code();
        return ApiVersionsResponse { error_code, ..Default::default() };
    }
    ApiVersionsResponse {
        api_keys: ApiVersion::advertised(),
        // Clients before version 4 give up when a feature may have level 0.
        supported_features: if version >= LEVEL_ZERO_FROM {
            features::supported()
        } else {
            Vec::new()
        },
        // What is finalized does not change while a broker runs.
        finalized_features_epoch: 0,
        finalized_features: features::finalized(),
        ..Default::default()
    }
}

/// Whether a text may be the name or the version of a client: letters, digits, and between them
/// `-` and `.`, so that it can be part of a metric's name (KIP-511).
fn is_software_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use corelog_wire::APIS;

    use super::*;
    use crate::api::scene::{received, served};

    fn request(name: &str, version: &str) -> ApiVersionsRequest<'static> {
        ApiVersionsRequest {
            client_software_name: name.to_owned().into(),
            client_software_version: version.to_owned().into(),
        }
    }

    #[test]
    fn every_served_version_is_answered_with_all_that_is_announced() {
        for version in served::<ApiVersionsRequest<'_>>() {
            let asked: ApiVersionsRequest<'_> =
                received(&request("apache-kafka-java", "4.1.0"), version);
            let answer: ApiVersionsResponse<'_> =
                received(&respond(Some(&asked), version), version);
            assert_eq!(response_version(version), version);
            assert_eq!(answer.error_code, 0);
            assert_eq!(answer.api_keys, ApiVersion::advertised());
            let announced = APIS.iter().filter(|api| api.advertised.is_some()).count();
            assert_eq!(answer.api_keys.len(), announced);
            assert_eq!(answer.throttle_time_ms, 0);
            let levels = answer.finalized_features.iter();
            let levels: Vec<_> =
                levels.map(|level| (&*level.name, level.max_version_level)).collect();
            let is_told = version >= 3;
            let expected = [("group.version", 1), ("share.version", 1), ("transaction.version", 2)];
            assert_eq!(levels, if is_told { &expected[..] } else { &[] }, "{version}");
            assert_eq!(answer.finalized_features_epoch, if is_told { 0 } else { -1 });
            assert_eq!(answer.supported_features.len(), if version >= 4 { 3 } else { 0 });
        }
    }

    #[test]
    fn produce_is_announced_from_version_0() {
        let answer = respond(Some(&request("librdkafka", "2.12.1")), 3);
        let produce = answer.api_keys.iter().find(|api| api.api_key == 0).unwrap();
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
    }

    #[test]
    fn a_version_that_nobody_serves_is_answered_in_version_0_with_those_to_ask_with() {
        for version in [5, 99, i16::MAX, -1] {
            assert_eq!(response_version(version), 0);
            let answer: ApiVersionsResponse<'_> = received(&respond(None, version), 0);
            assert_eq!(answer.error_code, ErrorCode::UnsupportedVersion.code());
            let range = ApiVersion { api_key: 18, min_version: 0, max_version: 4 };
            assert_eq!(answer.api_keys, [range]);
        }
    }

    #[test]
    fn from_version_3_a_client_says_who_it_is() {
        let good = ["a", "9", "kafka-python", "confluent.kafka", "a--.b", "2.0.2-rc.1"];
        let bad = ["", "-", "a-", ".a", "a b", "a/b", "ä", "a\n"];
        for version in 3..=4 {
            for text in good {
                assert_eq!(respond(Some(&request(text, "1")), version).error_code, 0, "{text:?}");
                assert_eq!(respond(Some(&request("a", text)), version).error_code, 0, "{text:?}");
            }
            for text in bad {
                for request in [request(text, "1"), request("a", text)] {
                    let answer: ApiVersionsResponse<'_> =
                        received(&respond(Some(&request), version), version);
                    assert_eq!(answer.error_code, ErrorCode::InvalidRequest.code(), "{text:?}");
                    assert_eq!(answer.api_keys, []);
                }
            }
        }
    }

    #[test]
    fn before_version_3_a_client_says_nothing() {
        for version in 0..=2 {
            assert_eq!(respond(Some(&ApiVersionsRequest::default()), version).error_code, 0);
        }
    }
}
