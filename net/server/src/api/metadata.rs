//! Metadata: the nodes, and where each partition of which topic lives. Also the place where asking
//! for a topic creates it.

use std::collections::{BTreeMap, BTreeSet};

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::create_topics::{CreateTopicError, CreateTopics, NewTopic};
use corelog_cluster::{Change, ClusterImage, Outcome, PartitionState, ResourceType, TopicImage};
use corelog_model::{ErrorCode, NodeId, PartitionIndex, TopicId, TopicName};
use corelog_wire::api::metadata::{
    MetadataRequestTopic, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    OPERATIONS_NOT_REQUESTED,
};
use corelog_wire::{Message, MetadataRequest, MetadataResponse, Text};

use super::change::Ending;
use super::create_topics::is_reserved;
use super::node::{controller_id, nodes};
use super::operations;
use super::settings::ApiSettings;
use crate::authorize::{Access, table};

/// The first version in which a topic may be asked for by its id. Versions 10 and 11 have the
/// field, but clients must leave it empty (KIP-516).
const IDS_FROM: i16 = 12;

/// The first version in which the absence of a list, not an empty list, means all topics.
const NULL_IS_ALL_FROM: i16 = 1;

/// Which topics a request asks for.
enum Asked<'a> {
    All,
    /// Each once, in the order of the request.
    Some(Vec<Selector<'a>>),
    /// The request breaks a rule of its version.
    Malformed(&'a [MetadataRequestTopic<'a>]),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Selector<'a> {
    Name(&'a str),
    Id(TopicId),
}

impl<'a> Asked<'a> {
    fn of(request: &'a MetadataRequest<'a>, version: i16) -> Asked<'a> {
        let Some(topics) = &request.topics else { return Asked::All };
        if topics.is_empty() && version < NULL_IS_ALL_FROM {
            return Asked::All;
        }
        let is_by_id =
            |topic: &MetadataRequestTopic<'_>| topic.topic_id != *TopicId::ZERO.as_bytes();
        if version < IDS_FROM && topics.iter().any(|t| t.name.is_none() || is_by_id(t)) {
            return Asked::Malformed(topics);
        }
        let mut seen = BTreeSet::new();
        let selectors = topics.iter().map(|topic| match &topic.name {
            Some(name) if !is_by_id(topic) => Selector::Name(name),
            // An id is more exact than a name, so it decides where both are there.
            _ => Selector::Id(TopicId::from_bytes(topic.topic_id)),
        });
        Asked::Some(selectors.filter(|selector| seen.insert(*selector)).collect())
    }
}

/// The topics that the request asks for by name, that do not exist, and that shall be created
/// because of it: [`creation`] makes the change, [`creation_errors`] what the answer says of it.
/// Empty if operator or client do not want that, which is the common case and costs little. Behind
/// them those that the client may see and may not create.
pub fn topics_to_create(
    request: &MetadataRequest<'_>,
    version: i16,
    image: &ClusterImage,
    settings: &ApiSettings,
    access: Access<'_>,
) -> (Vec<TopicName>, Vec<TopicName>) {
    if !settings.auto_create_topics || !request.allow_auto_topic_creation {
        return (Vec::new(), Vec::new());
    }
    let Asked::Some(selectors) = Asked::of(request, version) else {
        return (Vec::new(), Vec::new());
    };
    let names = selectors.into_iter().filter_map(|selector| match selector {
        Selector::Name(name) if image.topic_id(name).is_none() && !is_reserved(name) => {
            TopicName::new(name).ok()
        }
        Selector::Name(_) | Selector::Id(_) => None,
    });
    let seen = names.filter(|name| access.may_see(&table::METADATA, name.as_str()));
    seen.partition(|name| {
        access.may_quietly_on_cluster(&table::METADATA_CREATE_ANY)
            || access.may(&table::METADATA_CREATE, name.as_str())
    })
}

/// The change that creates these topics, all with the presets of the cluster.
pub fn creation(names: &[TopicName], mut new_topic_id: impl FnMut() -> TopicId) -> Change {
    let topics = names.iter().map(|name| NewTopic {
        name: name.as_str().to_owned(),
        id: new_topic_id(),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: Vec::new(),
    });
    Change::CreateTopics(CreateTopics { mode: Mode::Apply, topics: topics.collect() })
}

/// What the answer says of topics that are not in the image: `LEADER_NOT_AVAILABLE`, upon which
/// clients ask again, where they will be, and otherwise why they could not be created.
pub fn creation_errors(names: Vec<TopicName>, ending: Ending) -> BTreeMap<TopicName, ErrorCode> {
    let codes = match ending {
        Ending::Decided(Outcome::CreateTopics(results)) => {
            assert!(results.len() == names.len(), "each topic has one result");
            let code = |result| match result {
                Ok(_) | Err(CreateTopicError::Exists { .. }) => ErrorCode::LeaderNotAvailable,
                Err(error) => error.code(),
            };
            results.into_iter().map(code).collect()
        }
        undecided if undecided.is_undecided() => vec![ErrorCode::LeaderNotAvailable; names.len()],
        refused => vec![refused.into_failure().code; names.len()],
    };
    names.into_iter().zip(codes).collect()
}

/// Answers. `creation_errors` are those of the topics that were to be created because of this very
/// request; a topic that is in the image by now is described all the same. Nodes have the address
/// of `listener`, the one by which the request came.
pub fn respond<'a>(
    request: &'a MetadataRequest<'a>,
    version: i16,
    (image, access): (&'a ClusterImage, Access<'_>),
    listener: &'a str,
    creation_errors: &BTreeMap<TopicName, ErrorCode>,
) -> MetadataResponse<'a> {
    let view = View {
        version,
        access,
        nodes: image.nodes_at(listener).map(|endpoint| endpoint.node).collect(),
        operations: if request.include_topic_authorized_operations {
            operations::OF_TOPIC
        } else {
            OPERATIONS_NOT_REQUESTED
        },
    };
    let topics = match Asked::of(request, version) {
        Asked::All => {
            let seen = image.topics().filter(|topic| view.shows(topic.name().as_str()));
            seen.map(|topic| view.topic(topic)).collect()
        }
        Asked::Some(selectors) => {
            let described = selectors.into_iter().map(|selector| match selector {
                // Whether it exists is not said.
                Selector::Name(name) if !access.may(&table::METADATA, name) => {
                    MetadataResponseTopic {
                        error_code: table::METADATA.refusal().code(),
                        name: Some(Text::Borrowed(name)),
                        ..Default::default()
                    }
                }
                Selector::Name(name) => match image.topic_by_name(name) {
                    Some(topic) => view.topic(topic),
                    None => view.missing_name(name, creation_errors),
                },
                Selector::Id(id) => match image.topic(id) {
                    Some(topic) if access.may(&table::METADATA, topic.name().as_str()) => {
                        view.topic(topic)
                    }
                    // Ids are no secrets, names are.
                    Some(_) => nameless(id, table::METADATA.refusal()),
                    None => nameless(id, ErrorCode::UnknownTopicId),
                },
            });
            described.collect()
        }
        Asked::Malformed(topics) => topics.iter().map(malformed).collect(),
    };
    let brokers = nodes(image, listener).map(|node| MetadataResponseBroker {
        node_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
    });
    MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: image.cluster_id().map(Text::Borrowed),
        controller_id: controller_id(image),
        topics,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            operations::of_cluster(access, &table::METADATA_OPERATIONS)
        } else {
            OPERATIONS_NOT_REQUESTED
        },
        ..Default::default()
    }
}

/// Why there is no answer to an id.
fn nameless<'a>(id: TopicId, error: ErrorCode) -> MetadataResponseTopic<'a> {
    MetadataResponseTopic {
        error_code: error.code(),
        name: None,
        topic_id: *id.as_bytes(),
        ..Default::default()
    }
}

/// The answer to one topic of a request that breaks a rule of its version.
fn malformed<'a>(topic: &'a MetadataRequestTopic<'a>) -> MetadataResponseTopic<'a> {
    MetadataResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        // These versions have no null here.
        name: Some(Text::Borrowed(topic.name.as_deref().unwrap_or_default())),
        topic_id: topic.topic_id,
        ..Default::default()
    }
}

/// How topics look in one response.
pub(super) struct View<'a> {
    version: i16,
    access: Access<'a>,
    /// Every node that a client can reach, ordered.
    nodes: Vec<NodeId>,
    operations: i32,
}

impl<'v> View<'v> {
    /// As the newest version of Metadata shows them.
    pub(super) fn newest(image: &ClusterImage, access: Access<'v>) -> View<'v> {
        let nodes = image.nodes().map(|endpoint| endpoint.node).collect();
        let (version, operations) = (MetadataRequest::API.max, operations::OF_TOPIC);
        View { version, access, nodes, operations }
    }

    fn shows(&self, topic: &str) -> bool {
        self.access.may_see(&table::METADATA, topic)
    }

    /// What the client may do with a topic, if it asked.
    pub(super) fn operations_on(&self, topic: &str) -> i32 {
        match self.operations {
            OPERATIONS_NOT_REQUESTED => OPERATIONS_NOT_REQUESTED,
            all => self.access.operations(all, ResourceType::Topic, topic),
        }
    }

    fn topic<'a>(&self, topic: &'a TopicImage) -> MetadataResponseTopic<'a> {
        MetadataResponseTopic {
            error_code: ErrorCode::None.code(),
            name: Some(Text::Borrowed(topic.name().as_str())),
            topic_id: *topic.id().as_bytes(),
            is_internal: is_reserved(topic.name().as_str()),
            partitions: topic
                .partitions()
                .map(|(index, state)| self.partition(index, state))
                .collect(),
            topic_authorized_operations: self.operations_on(topic.name().as_str()),
        }
    }

    pub(super) fn partition(
        &self,
        index: PartitionIndex,
        state: &PartitionState,
    ) -> MetadataResponsePartition {
        let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.get()).collect();
        // Version 0 has no list of offline replicas: they are left out of all lists, with an error.
        let listed = |nodes: &[NodeId]| {
            let listed = nodes.iter().filter(|node| self.version > 0 || self.is_online(**node));
            ids(&listed.copied().collect::<Vec<_>>())
        };
        let offline: Vec<_> =
            state.replicas.iter().copied().filter(|node| !self.is_online(*node)).collect();
        let is_led = self.is_online(state.leader);
        let error = if !is_led {
            ErrorCode::LeaderNotAvailable
        } else if self.version == 0 && !offline.is_empty() {
            ErrorCode::ReplicaNotAvailable
        } else {
            ErrorCode::None
        };
        MetadataResponsePartition {
            error_code: error.code(),
            partition_index: index.get(),
            leader_id: if is_led { state.leader } else { NodeId::NONE }.get(),
            leader_epoch: state.leader_epoch.get(),
            replica_nodes: listed(&state.replicas),
            isr_nodes: listed(&state.isr),
            offline_replicas: ids(&offline),
        }
    }

    fn missing_name<'a>(
        &self,
        name: &'a str,
        creation_errors: &BTreeMap<TopicName, ErrorCode>,
    ) -> MetadataResponseTopic<'a> {
        let error = match creation_errors.get(name) {
            Some(error) => *error,
            None if TopicName::new(name).is_err() => ErrorCode::InvalidTopicException,
            None => ErrorCode::UnknownTopicOrPartition,
        };
        MetadataResponseTopic {
            error_code: error.code(),
            name: Some(Text::Borrowed(name)),
            topic_authorized_operations: self.operations_on(name),
            ..Default::default()
        }
    }

    pub(super) fn is_online(&self, node: NodeId) -> bool {
        self.nodes.binary_search(&node).is_ok()
    }
}

#[cfg(test)]
mod tests;
