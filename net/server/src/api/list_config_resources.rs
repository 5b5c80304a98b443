//! ListConfigResources: what has configs here (KIP-1142). Version 0 is Kafka's ListClientMetrics.

use corelog_cluster::ClusterImage;
use corelog_model::ErrorCode;
use corelog_wire::api::list_config_resources::ConfigResource;
use corelog_wire::{ListConfigResourcesRequest, ListConfigResourcesResponse, Text};

use super::config_resource::{BROKER, GROUP, TOPIC};

const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;

/// The first version that asks for anything but client metrics.
const TYPES_FROM: i16 = 1;

/// Answers. Types that Kafka knows and this broker has no configs of have no resources.
pub fn respond<'a>(
    request: &ListConfigResourcesRequest,
    version: i16,
    image: &'a ClusterImage,
) -> ListConfigResourcesResponse<'a> {
    const KNOWN: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    if request.resource_types.iter().any(|asked| !KNOWN.contains(asked)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ListConfigResourcesResponse { error_code, ..Default::default() };
    }
    let wants = |kind| {
        let types = &request.resource_types;
        version >= TYPES_FROM && (types.is_empty() || types.contains(&kind))
    };
    let mut config_resources = Vec::new();
    if wants(TOPIC) {
        config_resources.extend(image.topics().map(|topic| ConfigResource {
            resource_name: Text::Borrowed(topic.name().as_str()),
            resource_type: TOPIC,
        }));
    }
    if wants(BROKER) {
        config_resources.extend(image.nodes().map(|node| ConfigResource {
            resource_name: node.node.to_string().into(),
            resource_type: BROKER,
        }));
    }
    if wants(GROUP) {
        config_resources.extend(image.group_configs().map(|(name, _)| ConfigResource {
            resource_name: Text::Borrowed(name.as_str()),
            resource_type: GROUP,
        }));
    }
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scene::{cluster, received, with_topic};

    fn answer(types: &[i8], version: i16) -> (i16, Vec<(String, i8)>) {
        let image = with_topic(&cluster(&[2]), ("b", 1), (1, 1), &[]);
        let image = with_topic(&image, ("a", 2), (1, 1), &[]);
        let request = ListConfigResourcesRequest { resource_types: types.to_vec() };
        let request: ListConfigResourcesRequest = received(&request, version);
        let answer: ListConfigResourcesResponse<'_> =
            received(&respond(&request, version, &image), version);
        let resources = answer.config_resources.iter();
        let resources =
            resources.map(|found| (found.resource_name.to_string(), found.resource_type));
        (answer.error_code, resources.collect())
    }

    fn owned(expected: &[(&str, i8)]) -> Vec<(String, i8)> {
        expected.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
    }

    #[test]
    fn topics_and_nodes_have_configs() {
        let topics = [("a", TOPIC), ("b", TOPIC)];
        let nodes = [("1000", BROKER), ("1001", BROKER)];
        let mut all = answer(&[], 1).1;
        all.sort();
        let mut expected = owned(&[topics, nodes].concat());
        expected.sort();
        assert_eq!(all, expected);
        assert_eq!(answer(&[BROKER, GROUP], 1), (0, owned(&nodes)));
        assert_eq!(answer(&[CLIENT_METRICS, BROKER_LOGGER, GROUP], 1), (0, Vec::new()));
    }

    #[test]
    fn the_first_version_asks_for_client_metrics_of_which_there_are_none() {
        assert_eq!(answer(&[], 0), (0, Vec::new()));
    }

    #[test]
    fn a_type_that_nobody_knows_is_refused() {
        assert_eq!(answer(&[TOPIC, 3], 1), (ErrorCode::UnsupportedVersion.code(), Vec::new()));
    }
}
