//! How a core appears to clients: as a node of its own, with the broker as its rack.

use corelog_cluster::ClusterImage;
use corelog_cluster::image::NodeEndpoint;
use corelog_model::NodeId;
use corelog_wire::Text;

/// What clients are told about a node, in every API that lists nodes.
pub(crate) struct ClientNode<'a> {
    pub(crate) id: i32,
    pub(crate) host: Text<'a>,
    pub(crate) port: i32,
    pub(crate) rack: Option<Text<'a>>,
}

impl<'a> ClientNode<'a> {
    fn of(endpoint: NodeEndpoint<'a>) -> ClientNode<'a> {
        // Cores of one broker fail together, so without a rack the broker is the failure domain.
        let rack = match endpoint.rack {
            Some(rack) => Text::Borrowed(rack),
            None => Text::Owned(endpoint.broker.to_string()),
        };
        ClientNode {
            id: endpoint.node.get(),
            host: Text::Borrowed(endpoint.host),
            port: endpoint.port.into(),
            rack: Some(rack),
        }
    }
}

/// Every node of the cluster that has this listener, in the order of their ids.
pub(crate) fn nodes<'a>(
    image: &'a ClusterImage,
    listener: &'a str,
) -> impl Iterator<Item = ClientNode<'a>> {
    image.nodes_at(listener).map(ClientNode::of)
}

/// The id of the node that takes changes of the metadata, or Kafka's "none".
pub(crate) fn controller_id(image: &ClusterImage) -> i32 {
    image.controller().unwrap_or(NodeId::NONE).get()
}
