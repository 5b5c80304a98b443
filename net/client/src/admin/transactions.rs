//! Transactions, as an operator sees them: listed, described, and one that hangs aborted (KIP-664).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corelog_model::{NodeId, Offset, ProducerEpoch, ProducerId, Timestamp};
use corelog_wire::api::describe_producers::{ProducerState, TopicRequest};
use corelog_wire::api::write_txn_markers::{WritableTxnMarker, WritableTxnMarkerTopic};
use corelog_wire::{
    ApiKey, DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest,
    DescribeTransactionsResponse, ListTransactionsRequest, ListTransactionsResponse,
    WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply, TopicPartition};

/// Which transactional ids are listed. What is empty or missing lets all pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// In one of these states, by their names in Kafka, as `Ongoing`.
    pub states: Vec<String>,
    /// Of one of these producers.
    pub producer_ids: Vec<ProducerId>,
    /// Whose transaction began longer ago than this. Servers since Kafka 3.8.
    pub running_longer_than: Option<Duration>,
    /// Whose whole name matches this regular expression. Servers since Kafka 4.1.
    pub pattern: Option<String>,
}

/// A transactional id in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionListing {
    /// The transactional id.
    pub transactional_id: String,
    /// The node that coordinates it.
    pub coordinator: NodeId,
    /// Its producer.
    pub producer_id: ProducerId,
    /// `Ongoing`, `Empty`, ...
    pub state: String,
}

/// What a transactional id looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The transactional id.
    pub transactional_id: String,
    /// `Ongoing`, `Empty`, ...
    pub state: String,
    /// Its producer.
    pub producer_id: ProducerId,
    /// The epoch of its producer.
    pub producer_epoch: ProducerEpoch,
    /// How long a transaction may take.
    pub timeout: Duration,
    /// When the transaction began, if there is one.
    pub started_at: Option<Timestamp>,
    /// The partitions that it has reached.
    pub partitions: BTreeSet<TopicPartition>,
}

/// A producer, as the leader of a partition knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveProducer {
    /// The producer.
    pub producer_id: ProducerId,
    /// The newest epoch that wrote.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of its last record.
    pub last_sequence: i32,
    /// When that came.
    pub last_timestamp: Timestamp,
    /// Which coordinator ended its last transaction; below 0 if none did.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins, if one is open.
    pub transaction_start: Option<Offset>,
}

/// Lists the transactional ids that a node coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListTransactions<'a> {
    /// The node.
    pub node: NodeId,
    /// Which ones.
    pub filter: &'a TransactionFilter,
}

impl Operation for ListTransactions<'_> {
    type Request = ListTransactionsRequest<'static>;
    type Answer = Vec<TransactionListing>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Node(self.node)
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let TransactionFilter { states, producer_ids, running_longer_than, pattern } = self.filter;
        let duration = running_longer_than.map(|time| i64::try_from(time.as_millis()));
        ListTransactionsRequest {
            state_filters: states.iter().map(|state| state.clone().into()).collect(),
            producer_id_filters: producer_ids.iter().map(|id| id.get()).collect(),
            duration_filter: duration.map_or(-1, |duration| duration.unwrap_or(i64::MAX)),
            transactional_id_pattern: pattern.clone().map(Into::into),
        }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: ListTransactionsResponse<'_> = reply.decode()?;
        let about = format!("node {}", self.node);
        ClientError::refused(ApiKey::ListTransactions, about, response.error_code, None)?;
        if !response.unknown_state_filters.is_empty() {
            return Err(ClientError::Setting("transactions have no state of that name"));
        }
        let listed = response.transaction_states.iter().map(|state| TransactionListing {
            transactional_id: state.transactional_id.clone().into_owned(),
            coordinator: self.node,
            producer_id: ProducerId(state.producer_id),
            state: state.transaction_state.clone().into_owned(),
        });
        Ok(listed.collect())
    }
}

/// Describes a transactional id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeTransaction {
    /// The transactional id.
    pub transactional_id: Arc<str>,
}

impl Operation for DescribeTransaction {
    type Request = DescribeTransactionsRequest<'static>;
    type Answer = TransactionDescription;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Transactions(Arc::clone(&self.transactional_id))
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let transactional_ids = vec![self.transactional_id.as_ref().to_owned().into()];
        DescribeTransactionsRequest { transactional_ids }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: DescribeTransactionsResponse<'_> = reply.decode()?;
        let about = || format!("transactional id {}", self.transactional_id);
        let mut states = response.transaction_states.iter();
        let state = states.find(|state| *state.transactional_id == *self.transactional_id);
        let state = state.ok_or_else(|| reply.lacks(about()))?;
        ClientError::refused(ApiKey::DescribeTransactions, about(), state.error_code, None)?;
        let partitions = state.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|number| TopicPartition::new(&topic.topic, *number))
        });
        let timeout_ms = u64::try_from(state.transaction_timeout_ms).unwrap_or_default();
        let started_at = Some(state.transaction_start_time_ms).filter(|time| *time >= 0);
        Ok(TransactionDescription {
            transactional_id: self.transactional_id.as_ref().to_owned(),
            state: state.transaction_state.clone().into_owned(),
            producer_id: ProducerId(state.producer_id),
            producer_epoch: ProducerEpoch(state.producer_epoch),
            timeout: Duration::from_millis(timeout_ms),
            started_at: started_at.map(Timestamp),
            partitions: partitions.collect(),
        })
    }
}

/// Asks a leader for the producers of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeProducers {
    /// The leader.
    pub node: NodeId,
    /// The partitions that it leads.
    pub partitions: Vec<TopicPartition>,
}

impl Operation for DescribeProducers {
    type Request = DescribeProducersRequest<'static>;
    type Answer = BTreeMap<TopicPartition, Vec<ActiveProducer>>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Node(self.node)
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let topic = |at: &TopicPartition| TopicRequest {
            name: at.topic.as_ref().to_owned().into(),
            partition_indexes: vec![at.partition],
        };
        DescribeProducersRequest { topics: self.partitions.iter().map(topic).collect() }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: DescribeProducersResponse<'_> = reply.decode()?;
        let mut all = BTreeMap::new();
        for topic in &response.topics {
            for found in &topic.partitions {
                let at = TopicPartition::new(&topic.name, found.partition_index);
                let (api, message) = (ApiKey::DescribeProducers, found.error_message.as_deref());
                ClientError::refused(api, at.to_string(), found.error_code, message)?;
                all.insert(at, found.active_producers.iter().map(active_producer).collect());
            }
        }
        match self.partitions.iter().find(|at| !all.contains_key(at)) {
            Some(missing) => Err(reply.lacks(missing.to_string())),
            None => Ok(all),
        }
    }
}

fn active_producer(producer: &ProducerState) -> ActiveProducer {
    ActiveProducer {
        producer_id: ProducerId(producer.producer_id),
        producer_epoch: i16::try_from(producer.producer_epoch)
            .map_or(ProducerEpoch::NONE, ProducerEpoch),
        last_sequence: producer.last_sequence,
        last_timestamp: Timestamp(producer.last_timestamp),
        coordinator_epoch: producer.coordinator_epoch,
        transaction_start: Some(producer.current_txn_start_offset)
            .filter(|offset| *offset >= 0)
            .map(Offset),
    }
}

/// Aborts the open transaction of a producer in one partition, without its coordinator: for one
/// that hangs, as no coordinator knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbortTransaction {
    /// The leader of the partition.
    pub node: NodeId,
    /// The partition.
    pub at: TopicPartition,
    /// The producer, as the leader knows it.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The coordinator that ended its last transaction; a lower one is refused.
    pub coordinator_epoch: i32,
}

impl Operation for AbortTransaction {
    type Request = WriteTxnMarkersRequest<'static>;
    type Answer = ();
    const REPEAT: Repeat = Repeat::Unsafe;

    fn target(&self) -> Target {
        Target::Node(self.node)
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        let name = self.at.topic.as_ref().to_owned().into();
        let topic = WritableTxnMarkerTopic { name, partition_indexes: vec![self.at.partition] };
        let marker = WritableTxnMarker {
            producer_id: self.producer_id.get(),
            producer_epoch: self.producer_epoch.get(),
            transaction_result: false,
            topics: vec![topic],
            // One that never ended a transaction here has none yet.
            coordinator_epoch: self.coordinator_epoch.max(0),
            transaction_version: 0,
        };
        WriteTxnMarkersRequest { markers: vec![marker] }
    }

    fn read(&self, reply: &Reply) -> Result<(), ClientError> {
        let response: WriteTxnMarkersResponse<'_> = reply.decode()?;
        let mut markers = response.markers.iter();
        let marker = markers.find(|marker| marker.producer_id == self.producer_id.get());
        let topics = marker.into_iter().flat_map(|marker| &marker.topics);
        let topics = topics.filter(|topic| *topic.name == *self.at.topic);
        let mut partitions = topics.flat_map(|topic| &topic.partitions);
        let found = partitions.find(|one| one.partition_index == self.at.partition);
        let found = found.ok_or_else(|| reply.lacks(self.at.to_string()))?;
        ClientError::refused(ApiKey::WriteTxnMarkers, self.at.to_string(), found.error_code, None)
    }
}
