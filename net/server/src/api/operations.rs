//! Which operations a client may do on a resource (KIP-430): a set with one bit for each of Kafka's
//! `AclOperation` numbers.

use corelog_cluster::ResourceType;
use corelog_cluster::acl::CLUSTER_NAME;

use crate::authorize::Access;
use crate::authorize::table::Right;

/// The bit of each operation.
const fn bits(operations: &[u32]) -> i32 {
    let mut bits = 0;
    let mut rest = operations;
    while let [operation, tail @ ..] = rest {
        bits |= 1 << *operation;
        rest = tail;
    }
    bits
}

const READ: u32 = 3;
const WRITE: u32 = 4;
const CREATE: u32 = 5;
const DELETE: u32 = 6;
const ALTER: u32 = 7;
const DESCRIBE: u32 = 8;
const CLUSTER_ACTION: u32 = 9;
const DESCRIBE_CONFIGS: u32 = 10;
const ALTER_CONFIGS: u32 = 11;
const IDEMPOTENT_WRITE: u32 = 12;

/// Everything that can be done with a topic.
pub(crate) const OF_TOPIC: i32 =
    bits(&[READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);

/// Everything that can be done with a group.
pub(crate) const OF_GROUP: i32 = bits(&[READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);

/// Everything that can be done with the cluster.
pub(crate) const OF_CLUSTER: i32 = bits(&[
    CREATE,
    ALTER,
    DESCRIBE,
    CLUSTER_ACTION,
    DESCRIBE_CONFIGS,
    ALTER_CONFIGS,
    IDEMPOTENT_WRITE,
]);

/// What the client may do with the cluster; nothing if it may not see it.
pub(crate) fn of_cluster(access: Access<'_>, to_see: &Right) -> i32 {
    if !access.may_quietly_on_cluster(to_see) {
        return 0;
    }
    access.operations(OF_CLUSTER, ResourceType::Cluster, CLUSTER_NAME)
}

/// What the client may do with a group.
pub(crate) fn of_group(access: Access<'_>, group: &str) -> i32 {
    access.operations(OF_GROUP, ResourceType::Group, group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_are_those_of_a_broker_without_an_authorizer() {
        assert_eq!(OF_TOPIC, 0b1101_1111_1000);
        assert_eq!(OF_CLUSTER, 0b1_1111_1010_0000);
        assert_eq!(OF_GROUP, 0b1101_0100_1000);
    }
}
