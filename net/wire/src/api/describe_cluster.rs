//! DescribeCluster, key 60: the nodes of the cluster.

use super::metadata::OPERATIONS_NOT_REQUESTED;
use crate::Text;

message! {
    /// API 60, versions 0-2, flexible from 0.
    DescribeClusterRequest {
        include_cluster_authorized_operations: bool;
        /// 1 brokers, 2 controllers.
        endpoint_type: i8, in 1.., else 1;
        include_fenced_brokers: bool, in 2..;
    }

    /// API 60, versions 0-2, flexible from 0.
    DescribeClusterResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
        endpoint_type: i8, in 1.., else 1;
        cluster_id: Text<'a>;
        controller_id: i32, else -1;
        brokers: Vec<DescribeClusterBroker<'a>>;
        cluster_authorized_operations: i32, else OPERATIONS_NOT_REQUESTED;
    }

    /// A node and where it listens.
    DescribeClusterBroker<'a> {
        broker_id: i32;
        host: Text<'a>;
        port: i32;
        rack: Option<Text<'a>>;
        is_fenced: bool, in 2..;
    }
}

api!(DescribeCluster: DescribeClusterRequest => DescribeClusterResponse<'r>);
