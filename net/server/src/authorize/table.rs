//! The one table of rights: which operation on which resource each API needs. Handlers ask by its
//! lines, `docs/security.md` holds a copy of it, and a test walks it against a running broker.

use corelog_cluster::{AclOperation, ResourceType};
use corelog_model::ErrorCode;
use corelog_wire::{APIS, ApiKey};

/// One line: an operation on a resource that an API needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The API.
    pub api: ApiKey,
    /// What is to be done.
    pub operation: AclOperation,
    /// With what.
    pub resource: ResourceType,
    /// With which of them, or when; what is missing without the right, if not everything.
    pub when: &'static str,
}

impl Right {
    /// What a client is told that does not have it.
    pub fn refusal(&self) -> ErrorCode {
        match self.resource {
            ResourceType::Topic => ErrorCode::TopicAuthorizationFailed,
            ResourceType::Group => ErrorCode::GroupAuthorizationFailed,
            ResourceType::TransactionalId => ErrorCode::TransactionalIdAuthorizationFailed,
            ResourceType::Cluster => ErrorCode::ClusterAuthorizationFailed,
            ResourceType::DelegationToken | ResourceType::User => {
                ErrorCode::DelegationTokenAuthorizationFailed
            }
        }
    }
}

/// APIs that everybody may use, and why.
pub const FREE: &[(ApiKey, &str)] = &[
    (ApiKey::SaslHandshake, "how a client says who it is"),
    (ApiKey::ApiVersions, "comes before the login"),
    (ApiKey::SaslAuthenticate, "how a client says who it is"),
    (ApiKey::RenewDelegationToken, "only the owner and the renewers of the token"),
    (ApiKey::ExpireDelegationToken, "only the owner and the renewers of the token"),
];

macro_rules! rights {
    ($($name:ident: $api:ident, $operation:ident, $resource:ident, $when:literal;)*) => {
        $(
            #[doc = concat!(stringify!($api), ": ", $when)]
            pub const $name: Right = Right {
                api: ApiKey::$api,
                operation: AclOperation::$operation,
                resource: ResourceType::$resource,
                when: $when,
            };
        )*

        /// All lines, ordered by the number of the API.
        pub const RIGHTS: &[Right] = &[$($name),*];
    };
}

rights! {
    PRODUCE: Produce, Write, Topic, "each topic";
    PRODUCE_IN_TRANSACTION: Produce, Write, TransactionalId, "if a batch is of a transaction";
    FETCH: Fetch, Read, Topic, "each topic, from consumers";
    FETCH_AS_REPLICA: Fetch, ClusterAction, Cluster, "instead, from whoever says it is a replica";
    LIST_OFFSETS: ListOffsets, Describe, Topic, "each topic";
    METADATA: Metadata, Describe, Topic, "each topic; without it, it is hidden";
    METADATA_CREATE: Metadata, Create, Topic, "each topic that is created by asking for it";
    METADATA_CREATE_ANY: Metadata, Create, Cluster, "instead of the right on each new topic";
    METADATA_OPERATIONS: Metadata, Describe, Cluster, "to be told the operations on the cluster";
    OFFSET_COMMIT: OffsetCommit, Read, Group, "the group";
    OFFSET_COMMIT_TOPIC: OffsetCommit, Read, Topic, "each topic";
    OFFSET_FETCH: OffsetFetch, Describe, Group, "each group";
    OFFSET_FETCH_TOPIC: OffsetFetch, Describe, Topic, "each topic; those not named are hidden";
    FIND_GROUP: FindCoordinator, Describe, Group, "each group";
    FIND_TRANSACTION: FindCoordinator, Describe, TransactionalId, "each transactional id";
    JOIN_GROUP: JoinGroup, Read, Group, "the group";
    HEARTBEAT: Heartbeat, Read, Group, "the group";
    LEAVE_GROUP: LeaveGroup, Read, Group, "the group";
    SYNC_GROUP: SyncGroup, Read, Group, "the group";
    DESCRIBE_GROUPS: DescribeGroups, Describe, Group, "each group";
    LIST_GROUPS: ListGroups, Describe, Group, "each group; without it, it is hidden";
    LIST_GROUPS_ALL: ListGroups, Describe, Cluster, "instead of the right on each group";
    CREATE_TOPICS: CreateTopics, Create, Topic, "each topic";
    CREATE_TOPICS_ANY: CreateTopics, Create, Cluster, "instead of the right on each topic";
    CREATE_TOPICS_CONFIGS: CreateTopics, DescribeConfigs, Topic, "to be told its configs and size";
    DELETE_TOPICS: DeleteTopics, Delete, Topic, "each topic";
    DELETE_TOPICS_ANY: DeleteTopics, Delete, Cluster, "instead of the right on each topic";
    DELETE_TOPICS_NAME: DeleteTopics, Describe, Topic, "to be told the name behind an id";
    DELETE_RECORDS: DeleteRecords, Delete, Topic, "each topic";
    INIT_TRANSACTION: InitProducerId, Write, TransactionalId, "if there is a transactional id";
    INIT_PRODUCER: InitProducerId, IdempotentWrite, Cluster, "if there is none";
    INIT_PRODUCER_TOPIC: InitProducerId, Write, Topic, "instead, on any topic";
    EPOCH_END: OffsetForLeaderEpoch, Describe, Topic, "each topic";
    EPOCH_END_AS_REPLICA: OffsetForLeaderEpoch, ClusterAction, Cluster, "instead, for all topics";
    ADD_PARTITIONS: AddPartitionsToTxn, Write, TransactionalId, "up to version 3";
    ADD_PARTITIONS_TOPIC: AddPartitionsToTxn, Write, Topic, "up to version 3, each topic";
    ADD_PARTITIONS_AS_BROKER: AddPartitionsToTxn, ClusterAction, Cluster, "from version 4 on";
    ADD_OFFSETS: AddOffsetsToTxn, Write, TransactionalId, "the transactional id";
    ADD_OFFSETS_GROUP: AddOffsetsToTxn, Read, Group, "the group";
    END_TRANSACTION: EndTxn, Write, TransactionalId, "the transactional id";
    WRITE_MARKERS: WriteTxnMarkers, Alter, Cluster, "all";
    WRITE_MARKERS_AS_BROKER: WriteTxnMarkers, ClusterAction, Cluster, "instead";
    COMMIT_IN_TRANSACTION: TxnOffsetCommit, Write, TransactionalId, "the transactional id";
    COMMIT_IN_TRANSACTION_GROUP: TxnOffsetCommit, Read, Group, "the group";
    COMMIT_IN_TRANSACTION_TOPIC: TxnOffsetCommit, Read, Topic, "each topic";
    DESCRIBE_ACLS: DescribeAcls, Describe, Cluster, "all";
    CREATE_ACLS: CreateAcls, Alter, Cluster, "all";
    DELETE_ACLS: DeleteAcls, Alter, Cluster, "all";
    DESCRIBE_CONFIGS: DescribeConfigs, DescribeConfigs, Topic, "each topic";
    DESCRIBE_CONFIGS_BROKER: DescribeConfigs, DescribeConfigs, Cluster, "each broker";
    DESCRIBE_CONFIGS_GROUP: DescribeConfigs, DescribeConfigs, Group, "each group";
    ALTER_CONFIGS: AlterConfigs, AlterConfigs, Topic, "each topic";
    ALTER_CONFIGS_BROKER: AlterConfigs, AlterConfigs, Cluster, "each broker";
    ALTER_CONFIGS_GROUP: AlterConfigs, AlterConfigs, Group, "each group";
    ALTER_REPLICA_LOG_DIRS: AlterReplicaLogDirs, Alter, Cluster, "all";
    DESCRIBE_LOG_DIRS: DescribeLogDirs, Describe, Cluster, "all";
    CREATE_PARTITIONS: CreatePartitions, Alter, Topic, "each topic";
    CREATE_TOKENS: CreateDelegationToken, CreateTokens, User, "the owner, if it is another";
    DESCRIBE_TOKENS: DescribeDelegationToken, Describe, DelegationToken, "of others; else hidden";
    DESCRIBE_TOKENS_OF: DescribeDelegationToken, DescribeTokens, User, "instead, the owner";
    DELETE_GROUPS: DeleteGroups, Delete, Group, "each group";
    ELECT_LEADERS: ElectLeaders, Alter, Cluster, "all";
    SET_CONFIGS: IncrementalAlterConfigs, AlterConfigs, Topic, "each topic";
    SET_CONFIGS_BROKER: IncrementalAlterConfigs, AlterConfigs, Cluster, "each broker";
    SET_CONFIGS_GROUP: IncrementalAlterConfigs, AlterConfigs, Group, "each group";
    ALTER_REASSIGNMENTS: AlterPartitionReassignments, Alter, Cluster, "all";
    LIST_REASSIGNMENTS: ListPartitionReassignments, Describe, Cluster, "all";
    OFFSET_DELETE: OffsetDelete, Delete, Group, "the group";
    OFFSET_DELETE_TOPIC: OffsetDelete, Read, Topic, "each topic";
    DESCRIBE_QUOTAS: DescribeClientQuotas, DescribeConfigs, Cluster, "all";
    ALTER_QUOTAS: AlterClientQuotas, AlterConfigs, Cluster, "all";
    DESCRIBE_CREDENTIALS: DescribeUserScramCredentials, Describe, Cluster, "all";
    ALTER_CREDENTIALS: AlterUserScramCredentials, Alter, Cluster, "all";
    DESCRIBE_QUORUM: DescribeQuorum, Describe, Cluster, "all";
    UPDATE_FEATURES: UpdateFeatures, Alter, Cluster, "all";
    DESCRIBE_CLUSTER: DescribeCluster, Describe, Cluster, "to be told the operations on it";
    DESCRIBE_PRODUCERS: DescribeProducers, Read, Topic, "each topic";
    DESCRIBE_TRANSACTIONS: DescribeTransactions, Describe, TransactionalId, "each id";
    DESCRIBE_TRANSACTIONS_TOPIC: DescribeTransactions, Describe, Topic, "to be told of the topic";
    LIST_TRANSACTIONS: ListTransactions, Describe, TransactionalId, "each id; else it is hidden";
    MEMBER_HEARTBEAT: ConsumerGroupHeartbeat, Read, Group, "the group";
    MEMBER_HEARTBEAT_TOPIC: ConsumerGroupHeartbeat, Describe, Topic, "each subscribed topic";
    DESCRIBE_MEMBERS: ConsumerGroupDescribe, Describe, Group, "each group";
    DESCRIBE_MEMBERS_TOPIC: ConsumerGroupDescribe, Describe, Topic, "every topic of its members";
    LIST_CONFIG_RESOURCES: ListConfigResources, DescribeConfigs, Cluster, "all";
    DESCRIBE_PARTITIONS: DescribeTopicPartitions, Describe, Topic, "each topic; else it is hidden";
    SHARE_HEARTBEAT: ShareGroupHeartbeat, Read, Group, "the group";
    SHARE_HEARTBEAT_TOPIC: ShareGroupHeartbeat, Describe, Topic, "each subscribed topic";
    SHARE_DESCRIBE: ShareGroupDescribe, Describe, Group, "each group";
    SHARE_DESCRIBE_TOPIC: ShareGroupDescribe, Describe, Topic, "every topic of its members";
    SHARE_FETCH: ShareFetch, Read, Group, "the group";
    SHARE_FETCH_TOPIC: ShareFetch, Read, Topic, "each topic";
    SHARE_ACKNOWLEDGE: ShareAcknowledge, Read, Group, "the group";
    SHARE_ACKNOWLEDGE_TOPIC: ShareAcknowledge, Read, Topic, "each topic";
    INITIALIZE_SHARE_STATE: InitializeShareGroupState, ClusterAction, Cluster, "all";
    READ_SHARE_STATE: ReadShareGroupState, ClusterAction, Cluster, "all";
    WRITE_SHARE_STATE: WriteShareGroupState, ClusterAction, Cluster, "all";
    DELETE_SHARE_STATE: DeleteShareGroupState, ClusterAction, Cluster, "all";
    SUMMARIZE_SHARE_STATE: ReadShareGroupStateSummary, ClusterAction, Cluster, "all";
    SHARE_OFFSETS: DescribeShareGroupOffsets, Describe, Group, "each group";
    SHARE_OFFSETS_TOPIC: DescribeShareGroupOffsets, Describe, Topic, "each topic; else hidden";
    ALTER_SHARE_OFFSETS: AlterShareGroupOffsets, Read, Group, "the group";
    ALTER_SHARE_OFFSETS_TOPIC: AlterShareGroupOffsets, Read, Topic, "each topic";
    DELETE_SHARE_OFFSETS: DeleteShareGroupOffsets, Delete, Group, "the group";
    DELETE_SHARE_OFFSETS_TOPIC: DeleteShareGroupOffsets, Read, Topic, "each topic";
}

/// The table as Markdown; `docs/security.md` holds a copy, and a test compares them.
pub fn rights_table() -> String {
    let mut rows = vec!["| key | API | operation | on | which |".to_owned()];
    rows.push("|--|--|--|--|--|".to_owned());
    for api in APIS {
        let (code, name) = (api.key.code(), api.name);
        let rights = RIGHTS.iter().filter(|right| right.api == api.key);
        rows.extend(rights.map(|Right { operation, resource, when, .. }| {
            format!("| {code} | {name} | {operation} | {resource} | {when} |")
        }));
        let free = FREE.iter().filter(|(free, _)| *free == api.key);
        rows.extend(free.map(|(_, why)| format!("| {code} | {name} | none | | {why} |")));
    }
    rows.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_has_a_line_and_the_lines_are_ordered() {
        let keys: Vec<i16> = RIGHTS.iter().map(|right| right.api.code()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        for api in APIS {
            let needs = RIGHTS.iter().any(|right| right.api == api.key);
            let is_free = FREE.iter().any(|(free, _)| *free == api.key);
            assert!(needs != is_free, "{} has one kind of line", api.name);
        }
    }

    #[test]
    fn no_two_lines_of_an_api_are_the_same_right() {
        for (number, right) in RIGHTS.iter().enumerate() {
            let is_it = |other: &&Right| {
                (other.api, other.operation, other.resource)
                    == (right.api, right.operation, right.resource)
            };
            assert_eq!(RIGHTS.iter().filter(is_it).count(), 1, "line {number}: {right:?}");
        }
    }
}
