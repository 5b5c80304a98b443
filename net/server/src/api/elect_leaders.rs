//! ElectLeaders: that the preferred replica leads a partition again (KIP-183), or, if none is in
//! sync, any replica (KIP-460).
//!
//! Every partition has one replica here, and that leads it from the moment on when its core is
//! there. So there is never anything to elect: the answer says which of the two it is.

use corelog_cluster::ClusterImage;
use corelog_model::{ErrorCode, PartitionIndex};
use corelog_wire::api::elect_leaders::{PartitionResult, ReplicaElectionResult};
use corelog_wire::{ElectLeadersRequest, ElectLeadersResponse, Text};

use super::metadata::View;
use crate::authorize::Access;
use crate::error::{Failure, code_and_message};

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// Answers. A request about all partitions is told of those that changed: none.
pub fn respond<'a>(
    request: &'a ElectLeadersRequest<'a>,
    image: &ClusterImage,
) -> ElectLeadersResponse<'a> {
    if !matches!(request.election_type, PREFERRED | UNCLEAN) {
        let error_code = ErrorCode::InvalidRequest.code();
        return ElectLeadersResponse { error_code, ..Default::default() };
    }
    let view = View::newest(image, Access::UNLIMITED);
    let topics = request.topic_partitions.iter().flatten();
    let results = topics.map(|topic| ReplicaElectionResult {
        topic: Text::Borrowed(&*topic.topic),
        partition_result: topic
            .partitions
            .iter()
            .map(|index| {
                let why = refusal(request, image, &view, (&topic.topic, *index));
                let (error_code, error_message) = code_and_message::<()>(&Err(why));
                PartitionResult { partition_id: *index, error_code, error_message }
            })
            .collect(),
    });
    ElectLeadersResponse { replica_election_results: results.collect(), ..Default::default() }
}

/// Answers one who may not elect. Version 0 has no room for an error but at the partitions.
pub(crate) fn refused<'a>(
    request: &'a ElectLeadersRequest<'a>,
    code: ErrorCode,
) -> ElectLeadersResponse<'a> {
    let topics = request.topic_partitions.iter().flatten();
    let results = topics.map(|topic| ReplicaElectionResult {
        topic: Text::Borrowed(&*topic.topic),
        partition_result: topic
            .partitions
            .iter()
            .map(|index| PartitionResult {
                partition_id: *index,
                error_code: code.code(),
                error_message: Some(code.message().into()),
            })
            .collect(),
    });
    let replica_election_results = results.collect();
    ElectLeadersResponse { error_code: code.code(), replica_election_results, ..Default::default() }
}

fn refusal(
    request: &ElectLeadersRequest<'_>,
    image: &ClusterImage,
    view: &View<'_>,
    (topic, index): (&str, i32),
) -> Failure {
    let found = image.topic_by_name(topic);
    let Some(state) = found.and_then(|topic| topic.partition(PartitionIndex(index))) else {
        let message = format!("partition {index} of topic {topic} does not exist");
        return Failure::new(ErrorCode::UnknownTopicOrPartition, message);
    };
    if view.is_online(state.leader) {
        let message = format!("node {} leads the partition already", state.leader);
        return Failure::new(ErrorCode::ElectionNotNeeded, message);
    }
    let code = match request.election_type {
        UNCLEAN => ErrorCode::EligibleLeadersNotAvailable,
        _ => ErrorCode::PreferredLeaderNotAvailable,
    };
    Failure::new(code, format!("node {}, the only replica, is not there", state.leader))
}

#[cfg(test)]
mod tests {
    use corelog_wire::api::elect_leaders::TopicPartitions;

    use super::*;
    use crate::api::scene::{cluster, received, served, with_topic};

    fn codes(
        image: &ClusterImage,
        election_type: i8,
        partitions: Option<&[i32]>,
        version: i16,
    ) -> (i16, Vec<i16>) {
        let topic = |partitions: &[i32]| TopicPartitions {
            topic: Text::Borrowed("a"),
            partitions: partitions.to_vec(),
        };
        let topic_partitions = partitions.map(|partitions| vec![topic(partitions)]);
        let request = ElectLeadersRequest { election_type, topic_partitions, ..Default::default() };
        let request: ElectLeadersRequest<'_> = received(&request, version);
        let answer: ElectLeadersResponse<'_> = received(&respond(&request, image), version);
        let results = answer.replica_election_results.iter();
        let codes = results.flat_map(|topic| topic.partition_result.iter().map(|p| p.error_code));
        (answer.error_code, codes.collect())
    }

    #[test]
    fn a_partition_that_is_led_needs_no_election() {
        let image = with_topic(&cluster(&[2]), ("a", 1), (2, 1), &[]);
        let expected =
            vec![ErrorCode::ElectionNotNeeded.code(), ErrorCode::UnknownTopicOrPartition.code()];
        for version in served::<ElectLeadersRequest<'_>>() {
            assert_eq!(codes(&image, PREFERRED, Some(&[1, 2]), version), (0, expected.clone()));
            assert_eq!(codes(&image, PREFERRED, None, version), (0, Vec::new()));
        }
    }

    #[test]
    fn there_are_two_kinds_of_elections() {
        let image = with_topic(&cluster(&[1]), ("a", 1), (1, 1), &[]);
        let refused = (ErrorCode::InvalidRequest.code(), Vec::new());
        assert_eq!(codes(&image, 2, Some(&[0]), 2), refused);
    }
}
