//! What the client knows of the cluster: nodes, topics, partitions and their leaders. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use corelog_model::{ErrorCode, LeaderEpoch, NodeId, TopicId};
use corelog_wire::api::metadata::{
    MetadataRequestTopic, MetadataResponsePartition, MetadataResponseTopic,
};
use corelog_wire::{ApiKey, MetadataRequest, MetadataResponse};

use crate::target::Topics;
use crate::{ClientConfig, ClientError, Endpoint};

/// A topic's name and a partition's number. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The name of the topic.
    pub topic: Arc<str>,
    /// The number of the partition.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition.
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "partition {}-{}", self.topic, self.partition)
    }
}

/// A node and where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its rack; corelog names the broker here.
    pub rack: Option<String>,
}

/// A topic and its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its id; all zero where the server does not tell.
    pub id: TopicId,
    /// Whether it belongs to the brokers.
    pub is_internal: bool,
    /// Its partitions by number.
    pub partitions: BTreeMap<i32, Partition>,
}

/// A partition, its leader and its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The node to talk to; none while there is none.
    pub leader: Option<NodeId>,
    /// The leader's epoch; -1 where the server does not tell.
    pub leader_epoch: LeaderEpoch,
    /// The nodes that hold it.
    pub replicas: Vec<NodeId>,
    /// Those that are in sync.
    pub isr: Vec<NodeId>,
}

/// Which topics a response speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every topic of the cluster: what is missing does not exist.
    Everything,
    /// The topics asked for.
    Asked,
}

impl Scope {
    /// The scope of the answer to a question about these topics.
    pub fn of(topics: Topics<'_>) -> Self {
        match topics {
            Topics::All => Self::Everything,
            Topics::Named(_) | Topics::Ids(_) => Self::Asked,
        }
    }
}

/// The question about nodes and topics.
pub(crate) fn metadata_request(
    topics: Topics<'_>,
    config: &ClientConfig,
) -> MetadataRequest<'static> {
    let asked = |name: &&str| MetadataRequestTopic {
        name: Some((*name).to_owned().into()),
        ..MetadataRequestTopic::default()
    };
    let by_id = |id: &TopicId| MetadataRequestTopic { name: None, topic_id: *id.as_bytes() };
    MetadataRequest {
        topics: match topics {
            Topics::All => None,
            Topics::Named(names) => Some(names.iter().map(asked).collect()),
            Topics::Ids(ids) => Some(ids.iter().map(by_id).collect()),
        },
        allow_auto_topic_creation: config.allow_auto_topic_creation,
        ..MetadataRequest::default()
    }
}

/// The newest that is known of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    cluster_id: Option<String>,
    controller: Option<NodeId>,
    nodes: BTreeMap<NodeId, Node>,
    topics: BTreeMap<Arc<str>, Topic>,
    /// Why topics that were asked for are not there.
    refused: BTreeMap<Arc<str>, ErrorCode>,
}

impl Metadata {
    /// Takes over a response. Leaders of an older epoch than the known ones are passed over
    /// (KIP-320): a slow node must not undo what a faster one said.
    pub fn apply(&mut self, response: &MetadataResponse<'_>, scope: Scope) {
        self.cluster_id = response.cluster_id.as_deref().map(str::to_owned);
        self.controller = Some(NodeId(response.controller_id)).filter(|id| *id != NodeId::NONE);
        self.nodes.clear();
        for broker in &response.brokers {
            // A port outside the range cannot be connected to, so the node is as good as absent.
            let Ok(port) = u16::try_from(broker.port) else { continue };
            let id = NodeId(broker.node_id);
            let endpoint = Endpoint::new(&broker.host, port);
            let rack = broker.rack.as_deref().map(str::to_owned);
            self.nodes.insert(id, Node { id, endpoint, rack });
        }
        let known = match scope {
            Scope::Asked => None,
            Scope::Everything => Some(std::mem::take(&mut self.topics)),
        };
        for topic in &response.topics {
            let Some(name) = topic.name.as_deref() else { continue };
            let old = match &known {
                None => self.topics.get(name),
                Some(known) => known.get(name),
            };
            match ErrorCode::from_code(topic.error_code) {
                // A topic whose partitions lack a leader comes with an error of its own in v0.
                Some(ErrorCode::None | ErrorCode::LeaderNotAvailable) => {
                    let topic = read_topic(topic, old);
                    self.refused.remove(name);
                    self.topics.insert(name.into(), topic);
                }
                code => {
                    let code = code.unwrap_or(ErrorCode::UnknownServerError);
                    self.topics.remove(name);
                    self.refused.insert(name.into(), code);
                }
            }
        }
    }

    /// Takes over what a Produce or Fetch response says of the leader (KIP-951). Says whether it
    /// was news.
    pub fn apply_leader(
        &mut self,
        at: &TopicPartition,
        leader: NodeId,
        epoch: LeaderEpoch,
    ) -> bool {
        let partition = self.topics.get_mut(&at.topic);
        let partition = partition.and_then(|topic| topic.partitions.get_mut(&at.partition));
        match partition {
            Some(partition) if leader != NodeId::NONE && partition.leader_epoch < epoch => {
                partition.leader = Some(leader);
                partition.leader_epoch = epoch;
                true
            }
            _ => false,
        }
    }

    /// Takes over where a node listens.
    pub fn apply_node(&mut self, node: Node) {
        self.nodes.insert(node.id, node);
    }

    /// The cluster's id, where the server tells.
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// The node for requests that change the cluster.
    pub fn controller(&self) -> Option<NodeId> {
        self.controller
    }

    /// The nodes by id.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// The known topics by name.
    pub fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &Topic)> {
        self.topics.iter()
    }

    /// A topic; none when it was not asked for, or the answer was a refusal.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// Why a topic that was asked for is not there.
    pub fn refusal(&self, topic: &str) -> Option<ErrorCode> {
        self.refused.get(topic).copied()
    }

    /// A topic that was asked for, or the server's reason why it is not there.
    pub(crate) fn known_topic(&self, name: &str) -> Result<&Topic, ClientError> {
        self.topic(name).ok_or_else(|| ClientError::Refused {
            api: ApiKey::Metadata,
            about: format!("topic {name}"),
            code: self.refusal(name).unwrap_or(ErrorCode::UnknownTopicOrPartition),
            message: None,
        })
    }

    /// A topic that was asked for. Unlike with [`Metadata::known_topic`], one that the server does
    /// not know is missing for good.
    pub(crate) fn require_topic(&self, name: &str) -> Result<&Topic, ClientError> {
        self.known_topic(name).map_err(|error| match error.code() {
            Some(ErrorCode::UnknownTopicOrPartition) => ClientError::NoTopic(name.to_owned()),
            _ => error,
        })
    }

    /// A partition.
    pub fn partition(&self, at: &TopicPartition) -> Option<&Partition> {
        self.topics.get(&at.topic)?.partitions.get(&at.partition)
    }

    /// The leader of a partition, and its epoch. A leader that is not among the nodes counts as
    /// none.
    pub fn leader(&self, at: &TopicPartition) -> Option<(NodeId, LeaderEpoch)> {
        let partition = self.partition(at)?;
        let leader = partition.leader.filter(|leader| self.nodes.contains_key(leader))?;
        Some((leader, partition.leader_epoch))
    }

    /// [`Metadata::leader`], or the error that says what is missing.
    pub fn require_leader(
        &self,
        at: &TopicPartition,
    ) -> Result<(NodeId, LeaderEpoch), ClientError> {
        self.leader(at).ok_or_else(|| ClientError::NoLeader(at.clone()))
    }
}

fn read_topic(topic: &MetadataResponseTopic<'_>, old: Option<&Topic>) -> Topic {
    let id = TopicId::from_bytes(topic.topic_id);
    // A topic of another id is another topic, whose epochs begin anew.
    let old = old.filter(|old| old.id == id);
    let read = |partition: &MetadataResponsePartition| {
        let new = read_partition(partition);
        let old = old.and_then(|old| old.partitions.get(&partition.partition_index));
        let newest = match old {
            Some(old) if new.leader_epoch < old.leader_epoch => old.clone(),
            _ => new,
        };
        (partition.partition_index, newest)
    };
    let partitions = topic.partitions.iter().map(read).collect();
    Topic { id, is_internal: topic.is_internal, partitions }
}

fn read_partition(partition: &MetadataResponsePartition) -> Partition {
    let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect();
    Partition {
        leader: Some(NodeId(partition.leader_id)).filter(|leader| *leader != NodeId::NONE),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: nodes(&partition.replica_nodes),
        isr: nodes(&partition.isr_nodes),
    }
}

#[cfg(test)]
mod tests {
    use corelog_wire::api::metadata::MetadataResponseBroker;

    use super::*;

    fn at(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn broker(node_id: i32, port: i32) -> MetadataResponseBroker<'static> {
        MetadataResponseBroker { node_id, host: "h".into(), port, rack: None }
    }

    fn response(id: u8, leaders: &[(i32, i32)]) -> MetadataResponse<'static> {
        let partitions = leaders
            .iter()
            .enumerate()
            .map(|(index, (leader_id, leader_epoch))| MetadataResponsePartition {
                partition_index: index as i32,
                leader_id: *leader_id,
                leader_epoch: *leader_epoch,
                replica_nodes: vec![1, 2],
                isr_nodes: vec![1],
                ..MetadataResponsePartition::default()
            })
            .collect();
        let topic = MetadataResponseTopic {
            name: Some("t".into()),
            topic_id: [id; 16],
            partitions,
            ..MetadataResponseTopic::default()
        };
        MetadataResponse {
            brokers: vec![broker(1, 9001), broker(2, 9002)],
            controller_id: 2,
            topics: vec![topic],
            ..MetadataResponse::default()
        }
    }

    fn leaders(metadata: &Metadata) -> Vec<Option<(NodeId, LeaderEpoch)>> {
        (0..2).map(|partition| metadata.leader(&at(partition))).collect()
    }

    #[test]
    fn a_leader_of_an_older_epoch_is_passed_over() {
        let mut metadata = Metadata::default();
        metadata.apply(&response(1, &[(1, 5), (1, 5)]), Scope::Asked);
        metadata.apply(&response(1, &[(2, 4), (2, 6)]), Scope::Everything);
        let expected = [Some((NodeId(1), LeaderEpoch(5))), Some((NodeId(2), LeaderEpoch(6)))];
        assert_eq!(leaders(&metadata), expected);
    }

    #[test]
    fn a_topic_created_anew_begins_with_its_own_epochs() {
        let mut metadata = Metadata::default();
        metadata.apply(&response(1, &[(1, 5), (1, 5)]), Scope::Asked);
        metadata.apply(&response(2, &[(2, 0)]), Scope::Asked);
        assert_eq!(leaders(&metadata), [Some((NodeId(2), LeaderEpoch(0))), None]);
    }

    #[test]
    fn a_leader_that_no_node_answers_for_is_none() {
        let mut metadata = Metadata::default();
        metadata.apply(&response(1, &[(7, 0), (-1, 0)]), Scope::Asked);
        assert_eq!(leaders(&metadata), [None, None]);
        assert_eq!(metadata.require_leader(&at(1)), Err(ClientError::NoLeader(at(1))));
    }

    #[test]
    fn a_refused_topic_is_forgotten_and_the_reason_kept() {
        let mut metadata = Metadata::default();
        metadata.apply(&response(1, &[(1, 0)]), Scope::Asked);
        let mut refusal = response(0, &[]);
        refusal.topics[0].error_code = ErrorCode::UnknownTopicOrPartition.code();
        metadata.apply(&refusal, Scope::Asked);
        assert_eq!(metadata.topic("t"), None);
        assert_eq!(metadata.refusal("t"), Some(ErrorCode::UnknownTopicOrPartition));
        metadata.apply(&response(1, &[(1, 0)]), Scope::Asked);
        assert_eq!(metadata.refusal("t"), None);
    }

    #[test]
    fn a_list_of_everything_forgets_what_it_does_not_name() {
        let mut metadata = Metadata::default();
        metadata.apply(&response(1, &[(1, 0)]), Scope::Asked);
        let empty = MetadataResponse { topics: Vec::new(), ..response(1, &[]) };
        metadata.apply(&empty, Scope::Asked);
        assert!(metadata.topic("t").is_some());
        metadata.apply(&empty, Scope::Everything);
        assert_eq!(metadata.topic("t"), None);
    }

    #[test]
    fn a_leader_named_by_a_response_counts_when_its_epoch_is_newer() {
        let mut metadata = Metadata::default();
        metadata.apply(&response(1, &[(1, 5)]), Scope::Asked);
        assert!(!metadata.apply_leader(&at(0), NodeId(2), LeaderEpoch(5)));
        assert!(!metadata.apply_leader(&at(0), NodeId::NONE, LeaderEpoch(6)));
        assert!(!metadata.apply_leader(&at(9), NodeId(2), LeaderEpoch(6)));
        assert!(metadata.apply_leader(&at(0), NodeId(2), LeaderEpoch(6)));
        assert_eq!(metadata.leader(&at(0)), Some((NodeId(2), LeaderEpoch(6))));
    }

    #[test]
    fn a_node_whose_port_is_none_is_left_out() {
        let mut metadata = Metadata::default();
        let brokers = vec![broker(1, 70_000), broker(2, -1), broker(3, 1)];
        let answer = MetadataResponse { brokers, ..MetadataResponse::default() };
        metadata.apply(&answer, Scope::Asked);
        let nodes: Vec<(NodeId, String)> =
            metadata.nodes().map(|node| (node.id, node.endpoint.to_string())).collect();
        assert_eq!(nodes, [(NodeId(3), "h:1".to_owned())]);
    }
}
