//! What a request about configs names: a topic by its name, a broker by the id of any of its nodes,
//! all brokers by no name at all, or a group by its name.

use corelog_cluster::{ClusterImage, ConfigResource};
use corelog_model::{ErrorCode, NodeId, TopicName};

use crate::authorize::Access;
use crate::authorize::table::Right;
use crate::error::{Failure, KafkaError, unauthorized};

/// Kafka's numbers for types of resources. Loggers are not in the metadata; others (client metrics)
/// have no configs here.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const GROUP: i8 = 32;
pub(super) const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;

/// What a client may do with configs: one right for topics, one for groups, one for brokers.
#[derive(Clone, Copy)]
pub(super) struct Rights<'a> {
    pub(super) access: Access<'a>,
    pub(super) topic: &'a Right,
    pub(super) group: &'a Right,
    pub(super) broker: &'a Right,
}

impl Rights<'_> {
    /// Refuses a resource that the client has no right on. One of a type without configs is refused
    /// otherwise.
    pub(super) fn check(self, resource_type: i8, name: &str) -> Result<(), Failure> {
        let (right, may) = match resource_type {
            TOPIC => (self.topic, self.access.may(self.topic, name)),
            GROUP => (self.group, self.access.may(self.group, name)),
            _ => (self.broker, self.access.may_on_cluster(self.broker)),
        };
        if may { Ok(()) } else { Err(unauthorized(right)) }
    }
}

/// Finds the resource. A topic need not exist, a node must; if it does not, that is an
/// `unknown_node`, for which Kafka's APIs have different codes.
pub(crate) fn find(
    resource_type: i8,
    name: &str,
    image: &ClusterImage,
    unknown_node: ErrorCode,
) -> Result<ConfigResource, Failure> {
    match resource_type {
        TOPIC => {
            let name = TopicName::new(name).map_err(|error| error.failure())?;
            Ok(ConfigResource::Topic(name))
        }
        BROKER if name.is_empty() => Ok(ConfigResource::BrokerDefault),
        BROKER => {
            let node = node_id(name)?;
            let endpoint = image.node(node).ok_or_else(|| {
                Failure::new(unknown_node, format!("there is no node {node} in the cluster"))
            })?;
            // The cores of a broker share their configs.
            Ok(ConfigResource::Broker(endpoint.broker))
        }
        GROUP if name.is_empty() => {
            let message = "a group is named: there is no default of all groups";
            Err(Failure::new(ErrorCode::InvalidRequest, message))
        }
        GROUP => Ok(ConfigResource::Group(name.to_owned())),
        BROKER_LOGGER => {
            let message = "log levels are set and unset one by one";
            Err(Failure::new(ErrorCode::InvalidRequest, message))
        }
        CLIENT_METRICS => {
            let message = "this broker takes no metrics of clients";
            Err(Failure::new(ErrorCode::InvalidRequest, message))
        }
        other => {
            let message = format!("resources of type {other} have no configs here");
            Err(Failure::new(ErrorCode::InvalidRequest, message))
        }
    }
}

/// Reads a node id in the one form in which clients write it.
fn node_id(text: &str) -> Result<NodeId, Failure> {
    let id = text.parse::<i32>().ok().filter(|id| *id >= 0 && id.to_string() == text);
    id.map(NodeId).ok_or_else(|| {
        let message = format!("brokers are named by the id of one of their nodes, not {text:?}");
        Failure::new(ErrorCode::InvalidRequest, message)
    })
}

#[cfg(test)]
mod tests {
    use corelog_model::BrokerId;

    use super::*;
    use crate::api::scene::cluster;

    fn code(resource_type: i8, name: &str) -> ErrorCode {
        let unknown_node = ErrorCode::BrokerIdNotRegistered;
        find(resource_type, name, &cluster(&[2]), unknown_node).unwrap_err().code
    }

    #[test]
    fn a_broker_is_named_by_any_of_its_nodes() {
        let image = cluster(&[2, 1]);
        for (name, broker) in [("1000", 1), ("1001", 1), ("2000", 2)] {
            let resource = find(BROKER, name, &image, ErrorCode::InvalidRequest);
            assert_eq!(resource, Ok(ConfigResource::Broker(BrokerId(broker))));
        }
        let all = find(BROKER, "", &image, ErrorCode::InvalidRequest);
        assert_eq!(all, Ok(ConfigResource::BrokerDefault));
    }

    #[test]
    fn a_node_that_does_not_exist_is_no_broker() {
        for name in ["1", "1002", "2000", "0", "2147483647"] {
            assert_eq!(code(BROKER, name), ErrorCode::BrokerIdNotRegistered, "{name}");
        }
    }

    #[test]
    fn a_node_id_has_one_form() {
        for name in ["01000", "+1000", "-1", " 1000", "1e3", "broker", "2147483648"] {
            assert_eq!(code(BROKER, name), ErrorCode::InvalidRequest, "{name}");
        }
    }

    #[test]
    fn a_topic_need_not_exist_but_its_name_is_valid() {
        let found = find(TOPIC, "no-such", &cluster(&[1]), ErrorCode::InvalidRequest);
        assert_eq!(found, Ok(ConfigResource::Topic(TopicName::new("no-such").unwrap())));
        for name in ["", "a b", ".."] {
            assert_eq!(code(TOPIC, name), ErrorCode::InvalidTopicException, "{name:?}");
        }
    }

    #[test]
    fn other_types_have_no_configs() {
        assert_eq!(code(GROUP, ""), ErrorCode::InvalidRequest);
        for resource_type in [-1, 0, 1, 3, 8, 16, i8::MAX] {
            assert_eq!(code(resource_type, "1000"), ErrorCode::InvalidRequest);
        }
    }
}
