//! What the log directories of the nodes hold of partitions.

use std::collections::BTreeMap;

use corelog_model::NodeId;
use corelog_wire::{ApiKey, DescribeLogDirsRequest, DescribeLogDirsResponse};

use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Reply, TopicPartition};

/// Asks what the log directories of a node hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribeLogDirs {
    /// The node.
    pub node: NodeId,
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
