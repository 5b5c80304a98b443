//! What the nodes hold of partitions: bytes on their disks, and transactions that are open.

use std::collections::BTreeMap;

use corelog_model::NodeId;
use corelog_wire::api::describe_producers::{ProducerState, TopicRequest};
use corelog_wire::{
    ApiKey, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeProducersRequest,
    DescribeProducersResponse,
};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply, TopicPartition};

/// Asks what the log directories of a node hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribeLogDirs {
    /// The node.
    pub node: NodeId,
}

/// Asks a leader for the producers of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeProducers {
    /// The leader.
    pub node: NodeId,
    /// The partitions that it leads.
    pub partitions: Vec<TopicPartition>,
}

impl Operation for DescribeLogDirs {
    type Request = DescribeLogDirsRequest<'static>;
    /// Bytes of each partition.
    type Answer = BTreeMap<TopicPartition, i64>;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Node(self.node)
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DescribeLogDirsRequest { topics: None }
    }

    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError> {
        let response: DescribeLogDirsResponse<'_> = reply.decode()?;
        let (api, about) = (ApiKey::DescribeLogDirs, || format!("node {}", self.node));
        ClientError::refused(api, about(), response.error_code, None)?;
        let mut sizes = BTreeMap::new();
        for directory in &response.results {
            ClientError::refused(api, about(), directory.error_code, None)?;
            for topic in &directory.topics {
                for held in topic.partitions.iter().filter(|held| !held.is_future_key) {
                    let at = TopicPartition::new(&topic.name, held.partition_index);
                    sizes.insert(at, held.partition_size);
                }
            }
        }
        Ok(sizes)
    }
}

impl Operation for DescribeProducers {
    type Request = DescribeProducersRequest<'static>;
    /// How many transactions are open on each partition.
    type Answer = BTreeMap<TopicPartition, usize>;
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
        let mut open = BTreeMap::new();
        for topic in &response.topics {
            for found in &topic.partitions {
                let at = TopicPartition::new(&topic.name, found.partition_index);
                let message = found.error_message.as_deref();
                let api = ApiKey::DescribeProducers;
                ClientError::refused(api, at.to_string(), found.error_code, message)?;
                let is_open = |producer: &&ProducerState| producer.current_txn_start_offset >= 0;
                open.insert(at, found.active_producers.iter().filter(is_open).count());
            }
        }
        Ok(open)
    }
}
