//! FindCoordinator: which node coordinates a group or a transactional id, or keeps the state of a
//! share-partition: the leader of one partition of the topic for it. The first who looks for one
//! creates the topic; until it has a leader the answer is `COORDINATOR_NOT_AVAILABLE`.

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic};
use corelog_cluster::{Change, ClusterImage};
use corelog_model::{ErrorCode, NodeId, TopicId};
use corelog_shard::{
    GROUPS_TOPIC, SHARE_TOPIC, TRANSACTIONS_TOPIC, coordinator_of, share_coordinator_of,
    transaction_coordinator_of,
};
use corelog_wire::api::find_coordinator::Coordinator;
use corelog_wire::{FindCoordinatorRequest, FindCoordinatorResponse, Text};

use super::settings::{ApiSettings, InternalTopic};
use crate::authorize::table::Right;
use crate::authorize::{Access, table};

/// The first version with several keys in one request (KIP-699).
const BATCHED_FROM: i16 = 4;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// The change that creates the topic of groups or of transactions, if the request needs it and it
/// is not there.
pub fn creation(
    request: &FindCoordinatorRequest<'_>,
    image: &ClusterImage,
    settings: &ApiSettings,
    new_topic_id: impl FnOnce() -> TopicId,
) -> Option<Change> {
    let (topic, presets) = match request.key_type {
        GROUP => (GROUPS_TOPIC, &settings.groups_topic),
        TRANSACTION => (TRANSACTIONS_TOPIC, &settings.transactions_topic),
        SHARE => (SHARE_TOPIC, &settings.share_topic),
        _ => return None,
    };
    create(topic, presets, image, new_topic_id)
}

/// The change that creates the topic of the state of share groups, if it is not there.
pub fn share_topic_creation(
    image: &ClusterImage,
    settings: &ApiSettings,
    new_topic_id: impl FnOnce() -> TopicId,
) -> Option<Change> {
    create(SHARE_TOPIC, &settings.share_topic, image, new_topic_id)
}

fn create(
    topic: &str,
    presets: &InternalTopic,
    image: &ClusterImage,
    new_topic_id: impl FnOnce() -> TopicId,
) -> Option<Change> {
    if image.topic_id(topic).is_some() {
        return None;
    }
    let brokers = i16::try_from(image.brokers().len()).unwrap_or(i16::MAX);
    let configs = [
        ("cleanup.policy", "compact".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("segment.bytes", presets.segment_bytes.to_string()),
    ];
    let topic = NewTopic {
        name: topic.to_owned(),
        id: new_topic_id(),
        partitions: presets.partitions,
        replication_factor: presets.replication_factor.min(brokers),
        assignments: Vec::new(),
        configs: configs.map(|(name, value)| (name.to_owned(), Some(value))).into(),
    };
    Some(Change::CreateTopics(CreateTopics { mode: Mode::Apply, topics: vec![topic] }))
}

/// Whether the client may ask for any of what it asks for: only then a topic is created.
pub(crate) fn may_any(
    request: &FindCoordinatorRequest<'_>,
    version: i16,
    access: Access<'_>,
) -> bool {
    let Some(right) = right(request.key_type) else { return true };
    if version < BATCHED_FROM {
        return access.may_see(right, &request.key);
    }
    request.coordinator_keys.iter().any(|key| access.may_see(right, key))
}

/// What a client needs to ask for coordinators of this type.
fn right(key_type: i8) -> Option<&'static Right> {
    match key_type {
        GROUP => Some(&table::FIND_GROUP),
        TRANSACTION => Some(&table::FIND_TRANSACTION),
        _ => None,
    }
}

/// Answers.
pub fn respond<'a>(
    request: &'a FindCoordinatorRequest<'a>,
    version: i16,
    (image, access): (&'a ClusterImage, Access<'_>),
    listener: &str,
) -> FindCoordinatorResponse<'a> {
    let right = right(request.key_type);
    let find = |key: &'a str| match request.key_type {
        _ if right.is_some_and(|right| !access.may(right, key)) => {
            let code = right.map_or(ErrorCode::InvalidRequest, Right::refusal);
            nobody(key, code, code.message())
        }
        GROUP if key.is_empty() => nobody(key, ErrorCode::InvalidGroupId, "a group has a name"),
        GROUP => at(key, coordinator_of(image, key), image, listener),
        TRANSACTION if key.is_empty() => {
            nobody(key, ErrorCode::InvalidRequest, "a transactional id has a name")
        }
        TRANSACTION => at(key, transaction_coordinator_of(image, key), image, listener),
        SHARE if !is_share_key(key) => nobody(
            key,
            ErrorCode::InvalidRequest,
            "the key of a share coordinator is a group, a topic id and a partition",
        ),
        SHARE => at(key, share_coordinator_of(image, key), image, listener),
        _ => {
            nobody(key, ErrorCode::InvalidRequest, "this version has no coordinators of this type")
        }
    };
    if version >= BATCHED_FROM {
        let coordinators = request.coordinator_keys.iter().map(|key| find(key)).collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let found = find(&request.key);
    FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: found.error_message,
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..Default::default()
    }
}

/// Whether a text is a group, a topic id and a partition, with colons between them. A group may
/// have colons itself.
fn is_share_key(key: &str) -> bool {
    let mut parts = key.rsplitn(3, ':');
    let index = parts.next().is_some_and(|index| index.parse::<u32>().is_ok());
    let topic = parts.next().is_some_and(|topic| topic.parse::<TopicId>().is_ok());
    index && topic && parts.next().is_some_and(|group| !group.is_empty())
}

fn at<'a>(
    key: &'a str,
    node: Option<NodeId>,
    image: &'a ClusterImage,
    listener: &str,
) -> Coordinator<'a> {
    let Some(node) = node.and_then(|node| image.node_at(node, listener)) else {
        let message = "the topic of the coordinator is being created, or its leader is away";
        return nobody(key, ErrorCode::CoordinatorNotAvailable, message);
    };
    Coordinator {
        key: Text::Borrowed(key),
        node_id: node.node.get(),
        host: Text::Borrowed(node.host),
        port: node.port.into(),
        ..Default::default()
    }
}

fn nobody<'a>(key: &'a str, code: ErrorCode, message: &'static str) -> Coordinator<'a> {
    Coordinator {
        key: Text::Borrowed(key),
        node_id: NodeId::NONE.get(),
        host: Text::Borrowed(""),
        port: -1,
        error_code: code.code(),
        error_message: Some(Text::Borrowed(message)),
    }
}

#[cfg(test)]
mod tests {
    use corelog_cluster::LISTENER_DEFAULT;

    use super::*;
    use crate::api::scene::{cluster, decided, received, served, topic_id};

    fn request(key_type: i8, keys: &[&'static str]) -> FindCoordinatorRequest<'static> {
        FindCoordinatorRequest {
            key: keys[0].into(),
            key_type,
            coordinator_keys: keys.iter().map(|key| Text::Borrowed(*key)).collect(),
        }
    }

    fn answer(
        image: &ClusterImage,
        key_type: i8,
        keys: &[&'static str],
        version: i16,
    ) -> FindCoordinatorResponse<'static> {
        let request: FindCoordinatorRequest<'_> = received(&request(key_type, keys), version);
        received(&respond(&request, version, (image, Access::UNLIMITED), LISTENER_DEFAULT), version)
    }

    /// Two cores, and the topic of groups as the first who looks creates it.
    fn with_groups() -> ClusterImage {
        let image = cluster(&[2]);
        let settings = ApiSettings::default();
        let change = creation(&request(GROUP, &["g"]), &image, &settings, || topic_id(1));
        decided(&image, change.unwrap()).1
    }

    /// Checks the code, and that versions with room for it have a message.
    #[track_caller]
    fn check_refused(key_type: i8, version: i16, error: ErrorCode) {
        let answer = answer(&cluster(&[2]), key_type, &["k", "l"], version);
        if version < BATCHED_FROM {
            assert_eq!((answer.error_code, answer.node_id, answer.port), (error.code(), -1, -1));
            assert_eq!(answer.error_message.is_some(), version >= 1);
            assert_eq!((&*answer.host, answer.coordinators), ("", Vec::new()));
            return;
        }
        let keys: Vec<_> = answer.coordinators.iter().map(|found| &*found.key).collect();
        assert_eq!(keys, ["k", "l"]);
        for found in &answer.coordinators {
            assert_eq!((found.error_code, found.node_id, found.port), (error.code(), -1, -1));
            assert!(found.error_message.is_some());
        }
    }

    #[test]
    fn the_first_who_looks_creates_the_topic() {
        let image = with_groups();
        let topic = image.topic_by_name(GROUPS_TOPIC).unwrap();
        assert_eq!(topic.partition_count(), 50);
        // Its partitions are on both cores.
        let leaders: std::collections::BTreeSet<_> =
            topic.partitions().map(|(_, partition)| partition.leader).collect();
        assert_eq!(leaders.len(), 2);
        let settings = ApiSettings::default();
        let again = creation(&request(GROUP, &["g"]), &image, &settings, || topic_id(2));
        assert_eq!(again, None);
        let other = creation(&request(3, &["s"]), &image, &settings, || topic_id(2));
        assert_eq!(other, None);
    }

    #[test]
    fn a_group_is_at_the_leader_of_its_partition() {
        let image = with_groups();
        let leader = coordinator_of(&image, "g").unwrap();
        let port = i32::from(image.node(leader).unwrap().port);
        for version in served::<FindCoordinatorRequest<'_>>() {
            let answer = answer(&image, GROUP, &["g", ""], version);
            if version < BATCHED_FROM {
                let node = (answer.error_code, answer.node_id, answer.port);
                assert_eq!(node, (0, leader.get(), port));
                assert_eq!(&*answer.host, "b1.example");
                continue;
            }
            let found = &answer.coordinators[0];
            assert_eq!((found.error_code, found.node_id, found.port), (0, leader.get(), port));
            let nameless = &answer.coordinators[1];
            assert_eq!(nameless.error_code, ErrorCode::InvalidGroupId.code());
        }
    }

    #[test]
    fn without_the_topic_nobody_coordinates() {
        for version in served::<FindCoordinatorRequest<'_>>() {
            check_refused(GROUP, version, ErrorCode::CoordinatorNotAvailable);
        }
    }

    #[test]
    fn a_transactional_id_is_at_the_leader_of_its_partition() {
        let image = with_groups();
        let settings = ApiSettings::default();
        let change = creation(&request(TRANSACTION, &["t"]), &image, &settings, || topic_id(2));
        let image = decided(&image, change.unwrap()).1;
        assert_eq!(image.topic_by_name(TRANSACTIONS_TOPIC).unwrap().partition_count(), 50);
        let leader = transaction_coordinator_of(&image, "t").unwrap();
        for version in 1..=6 {
            let answer = answer(&image, TRANSACTION, &["t", ""], version);
            if version < BATCHED_FROM {
                assert_eq!((answer.error_code, answer.node_id), (0, leader.get()));
                continue;
            }
            let found = &answer.coordinators[0];
            assert_eq!((found.error_code, found.node_id), (0, leader.get()));
            let nameless = &answer.coordinators[1];
            assert_eq!(nameless.error_code, ErrorCode::InvalidRequest.code());
        }
        for version in 1..=6 {
            check_refused(TRANSACTION, version, ErrorCode::CoordinatorNotAvailable);
        }
    }

    #[test]
    fn a_share_partition_is_kept_by_the_leader_of_its_partition() {
        let image = cluster(&[2]);
        let settings = ApiSettings::default();
        let key: &'static str = "g:AQEBAQEBAQEBAQEBAQEBAQ:0";
        let change = creation(&request(SHARE, &[key]), &image, &settings, || topic_id(2));
        let image = decided(&image, change.unwrap()).1;
        assert_eq!(share_topic_creation(&image, &settings, || topic_id(3)), None);
        assert_eq!(image.topic_by_name(SHARE_TOPIC).unwrap().partition_count(), 50);
        let leader = share_coordinator_of(&image, key).unwrap();
        for version in BATCHED_FROM..=6 {
            let keys =
                [key, "g", "g:AQ:0", ":AQEBAQEBAQEBAQEBAQEBAQ:0", "AQEBAQEBAQEBAQEBAQEBAQ:0"];
            let answer = answer(&image, SHARE, &keys, version);
            let found: Vec<_> =
                answer.coordinators.iter().map(|one| (one.error_code, one.node_id)).collect();
            let refused = (ErrorCode::InvalidRequest.code(), -1);
            assert_eq!(found[0], (0, leader.get()));
            assert!(found[1..].iter().all(|one| *one == refused), "{found:?}");
        }
    }

    #[test]
    fn other_coordinators_are_unknown() {
        for version in 1..=6 {
            for key_type in [3, -1] {
                check_refused(key_type, version, ErrorCode::InvalidRequest);
            }
        }
    }

    #[test]
    fn no_keys_have_no_coordinators() {
        let request = FindCoordinatorRequest::default();
        let image = cluster(&[1]);
        assert_eq!(
            respond(&request, 4, (&image, Access::UNLIMITED), LISTENER_DEFAULT),
            FindCoordinatorResponse::default()
        );
    }
}
