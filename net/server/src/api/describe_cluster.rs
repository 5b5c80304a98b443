//! DescribeCluster: the nodes of the cluster, for admin clients (KIP-700).

use corelog_cluster::ClusterImage;
use corelog_model::ErrorCode;
use corelog_wire::api::describe_cluster::DescribeClusterBroker;
use corelog_wire::api::metadata::OPERATIONS_NOT_REQUESTED;
use corelog_wire::{DescribeClusterRequest, DescribeClusterResponse, Text};

use super::node::{controller_id, nodes};
use super::operations;
use crate::authorize::{Access, table};
use crate::error::{Failure, code_and_message};

/// The endpoints that clients produce to and consume from (KIP-919).
const BROKERS: i8 = 1;
/// The endpoints that only Kafka's own nodes speak to.
const CONTROLLERS: i8 = 2;

/// Answers. Nodes are never fenced: one that is known can be reached.
pub fn respond<'a>(
    request: &DescribeClusterRequest,
    image: &'a ClusterImage,
    listener: &'a str,
    access: Access<'_>,
) -> DescribeClusterResponse<'a> {
    if let Err(failure) = check_endpoint_type(request.endpoint_type) {
        let (error_code, error_message) = code_and_message::<()>(&Err(failure));
        let endpoint_type = request.endpoint_type;
        return DescribeClusterResponse {
            error_code,
            error_message,
            endpoint_type,
            ..Default::default()
        };
    }
    let brokers = nodes(image, listener).map(|node| DescribeClusterBroker {
        broker_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
        is_fenced: false,
    });
    DescribeClusterResponse {
        cluster_id: Text::Borrowed(image.cluster_id().unwrap_or_default()),
        controller_id: controller_id(image),
        brokers: brokers.collect(),
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            operations::of_cluster(access, &table::DESCRIBE_CLUSTER)
        } else {
            OPERATIONS_NOT_REQUESTED
        },
        ..Default::default()
    }
}

fn check_endpoint_type(endpoint_type: i8) -> Result<(), Failure> {
    match endpoint_type {
        BROKERS => Ok(()),
        CONTROLLERS => Err(Failure::new(
            ErrorCode::MismatchedEndpointType,
            "this is an endpoint of a broker, controllers have none of their own here",
        )),
        other => {
            let message = format!("there are no endpoints of type {other}");
            Err(Failure::new(ErrorCode::UnsupportedEndpointType, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use corelog_cluster::LISTENER_DEFAULT;
    use corelog_cluster::decide::register_broker::register_broker;

    use super::*;
    use crate::api::scene::{cluster, received, registration, served};

    fn answer(
        request: &DescribeClusterRequest,
        image: &ClusterImage,
        version: i16,
    ) -> DescribeClusterResponse<'static> {
        let request: DescribeClusterRequest = received(request, version);
        received(&respond(&request, image, LISTENER_DEFAULT, Access::UNLIMITED), version)
    }

    #[test]
    fn every_core_is_a_node_with_its_broker_as_rack() {
        let image = cluster(&[2, 1]);
        for version in served::<DescribeClusterRequest>() {
            let answer = answer(&DescribeClusterRequest::default(), &image, version);
            let node = |broker_id, host, port, rack| DescribeClusterBroker {
                broker_id,
                host: Text::Borrowed(host),
                port,
                rack: Some(Text::Borrowed(rack)),
                is_fenced: false,
            };
            let expected = DescribeClusterResponse {
                cluster_id: "the-cluster".into(),
                controller_id: 1000,
                brokers: vec![
                    node(1000, "b1.example", 9092, "1"),
                    node(1001, "b1.example", 9093, "1"),
                    node(2000, "b2.example", 9092, "2"),
                ],
                ..Default::default()
            };
            assert_eq!(answer, expected, "version {version}");
        }
    }

    #[test]
    fn a_rack_that_the_operator_named_stays() {
        let records =
            register_broker(&ClusterImage::empty(), &registration(1, 1, Some("cellar"))).unwrap();
        let image = ClusterImage::empty().fold(&records).unwrap();
        let answer = answer(&DescribeClusterRequest::default(), &image, 0);
        assert_eq!(answer.brokers[0].rack.as_deref(), Some("cellar"));
    }

    #[test]
    fn operations_are_told_to_those_who_ask() {
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations: true,
            ..Default::default()
        };
        for version in served::<DescribeClusterRequest>() {
            let answer = answer(&request, &cluster(&[1]), version);
            assert_eq!(answer.cluster_authorized_operations, operations::OF_CLUSTER);
        }
    }

    #[test]
    fn there_are_no_endpoints_but_those_of_brokers() {
        for (endpoint_type, error) in [
            (CONTROLLERS, ErrorCode::MismatchedEndpointType),
            (0, ErrorCode::UnsupportedEndpointType),
            (3, ErrorCode::UnsupportedEndpointType),
            (-1, ErrorCode::UnsupportedEndpointType),
        ] {
            let request = DescribeClusterRequest { endpoint_type, ..Default::default() };
            for version in 1..=2 {
                let answer = answer(&request, &cluster(&[1]), version);
                assert_eq!(answer.error_code, error.code());
                assert!(answer.error_message.is_some());
                assert_eq!((answer.brokers, answer.controller_id), (Vec::new(), -1));
            }
        }
    }

    #[test]
    fn a_cluster_without_brokers_has_no_controller() {
        let answer = answer(&DescribeClusterRequest::default(), &ClusterImage::empty(), 2);
        assert_eq!(answer, DescribeClusterResponse::default());
    }
}
