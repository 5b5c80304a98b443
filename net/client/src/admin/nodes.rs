//! The nodes of a cluster.

use corelog_model::NodeId;
use corelog_wire::api::describe_cluster::DescribeClusterBroker;
use corelog_wire::{ApiKey, DescribeClusterRequest, DescribeClusterResponse};

use crate::metadata::{Metadata, Node};
use crate::operation::{Operation, Repeat};
use crate::target::Target;
use crate::{ClientConfig, ClientError, Endpoint, Reply};

/// The nodes of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The node for requests that change the cluster.
    pub controller: Option<NodeId>,
    /// The nodes by id.
    pub nodes: Vec<Node>,
}

impl ClusterDescription {
    /// What Metadata says, for servers that lack DescribeCluster.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            cluster_id: metadata.cluster_id().map(str::to_owned),
            controller: metadata.controller(),
            nodes: metadata.nodes().cloned().collect(),
        }
    }
}

/// Asks for the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribeCluster;

impl Operation for DescribeCluster {
    type Request = DescribeClusterRequest;
    type Answer = ClusterDescription;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        DescribeClusterRequest::default()
    }

    fn read(&self, reply: &Reply) -> Result<ClusterDescription, ClientError> {
        let response: DescribeClusterResponse<'_> = reply.decode()?;
        let (api, message) = (ApiKey::DescribeCluster, response.error_message.as_deref());
        ClientError::refused(api, "the cluster", response.error_code, message)?;
        let node = |broker: &DescribeClusterBroker<'_>| {
            let id = NodeId(broker.broker_id);
            let port = u16::try_from(broker.port);
            let port = port.map_err(|_| reply.lacks(format!("the port of node {id}")))?;
            let rack = broker.rack.as_deref().map(str::to_owned);
            Ok(Node { id, endpoint: Endpoint::new(&broker.host, port), rack })
        };
        let mut nodes = response.brokers.iter().map(node).collect::<Result<Vec<_>, _>>()?;
        nodes.sort_by_key(|node| node.id);
        Ok(ClusterDescription {
            cluster_id: Some(response.cluster_id.clone().into_owned()),
            controller: Some(NodeId(response.controller_id)).filter(|id| *id != NodeId::NONE),
            nodes,
        })
    }
}
