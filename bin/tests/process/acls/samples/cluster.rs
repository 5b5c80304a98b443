//! The lines about the cluster as a whole, and those about topics that only describe them.

#![allow(clippy::wildcard_imports, reason = "there is a sample of nearly every message")]

use super::*;

#[allow(clippy::too_many_lines, reason = "one arm for each line of the table")]
pub(super) fn ask(client: &mut Connection, right: &Right) -> bool {
    match *right {
        table::DESCRIBE_ACLS => {
            let request = DescribeAclsRequest {
                resource_type_filter: 1,
                pattern_type_filter: 1,
                operation: 1,
                permission_type: 1,
                ..Default::default()
            };
            code!(client, 2, request, DescribeAclsResponse<'_>)
        }
        table::CREATE_ACLS => {
            let creation = create_acls::AclCreation {
                resource_type: 2,
                resource_name: "nothing".into(),
                resource_pattern_type: 3,
                principal: "User:nobody".into(),
                host: "*".into(),
                operation: 3,
                permission_type: 3,
            };
            let request = CreateAclsRequest { creations: vec![creation] };
            codes!(client, 2, request, |answer: CreateAclsResponse<'_>| {
                answer.results.iter().map(|it| it.error_code)
            })
        }
        table::DELETE_ACLS => {
            let filter = delete_acls::DeleteAclsFilter {
                resource_type_filter: 1,
                pattern_type_filter: 1,
                principal_filter: Some("User:nobody".into()),
                operation: 1,
                permission_type: 1,
                ..Default::default()
            };
            let request = DeleteAclsRequest { filters: vec![filter] };
            codes!(client, 2, request, |answer: DeleteAclsResponse<'_>| {
                answer.filter_results.iter().map(|it| it.error_code)
            })
        }
        table::DESCRIBE_LOG_DIRS => {
            let request = DescribeLogDirsRequest { topics: None };
            code!(client, 4, request, DescribeLogDirsResponse<'_>)
        }
        table::ALTER_REPLICA_LOG_DIRS => {
            let topic = alter_replica_log_dirs::AlterReplicaLogDirTopic {
                name: TOPIC.into(),
                partitions: vec![0],
            };
            let dir = alter_replica_log_dirs::AlterReplicaLogDir {
                path: "/nowhere".into(),
                topics: vec![topic],
            };
            let request = AlterReplicaLogDirsRequest { dirs: vec![dir] };
            codes!(client, 2, request, |answer: AlterReplicaLogDirsResponse<'_>| {
                answer.results[0].partitions.iter().map(|it| it.error_code)
            })
        }
        table::ALTER_REASSIGNMENTS => {
            let partition = alter_partition_reassignments::ReassignablePartition {
                partition_index: 0,
                replicas: None,
            };
            let topic = alter_partition_reassignments::ReassignableTopic {
                name: TOPIC.into(),
                partitions: vec![partition],
            };
            let (timeout_ms, topics) = (1000, vec![topic]);
            let request =
                AlterPartitionReassignmentsRequest { timeout_ms, topics, ..Default::default() };
            code!(client, 0, request, AlterPartitionReassignmentsResponse<'_>)
        }
        table::LIST_REASSIGNMENTS => {
            let request = ListPartitionReassignmentsRequest::default();
            code!(client, 0, request, ListPartitionReassignmentsResponse<'_>)
        }
        table::DESCRIBE_QUOTAS => {
            let request = DescribeClientQuotasRequest::default();
            code!(client, 1, request, DescribeClientQuotasResponse<'_>)
        }
        table::ALTER_QUOTAS => {
            let entity = alter_client_quotas::EntityData {
                entity_type: "user".into(),
                entity_name: Some("nobody".into()),
            };
            let op = alter_client_quotas::OpData {
                key: "consumer_byte_rate".into(),
                value: Float64::new(1000.0),
                remove: false,
            };
            let entry = alter_client_quotas::EntryData { entity: vec![entity], ops: vec![op] };
            let request = AlterClientQuotasRequest { entries: vec![entry], validate_only: true };
            codes!(client, 1, request, |answer: AlterClientQuotasResponse<'_>| {
                answer.entries.iter().map(|it| it.error_code)
            })
        }
        table::CREATE_PARTITIONS => {
            let topic = create_partitions::CreatePartitionsTopic {
                name: TOPIC.into(),
                count: 2,
                assignments: None,
            };
            let (timeout_ms, validate_only) = (1000, true);
            let topics = vec![topic];
            let request = CreatePartitionsRequest { topics, timeout_ms, validate_only };
            codes!(client, 2, request, |answer: CreatePartitionsResponse<'_>| {
                answer.results.iter().map(|it| it.error_code)
            })
        }
        table::ELECT_LEADERS => {
            let topic = elect_leaders::TopicPartitions { topic: TOPIC.into(), partitions: vec![0] };
            let topic_partitions = Some(vec![topic]);
            let request = ElectLeadersRequest { topic_partitions, ..Default::default() };
            code!(client, 2, request, ElectLeadersResponse<'_>)
        }
        table::DESCRIBE_CREDENTIALS => {
            let request = DescribeUserScramCredentialsRequest { users: None };
            code!(client, 0, request, DescribeUserScramCredentialsResponse<'_>)
        }
        table::ALTER_CREDENTIALS => {
            let deletion = alter_user_scram_credentials::ScramCredentialDeletion {
                name: "nobody".into(),
                mechanism: 1,
            };
            let (deletions, upsertions) = (vec![deletion], Vec::new());
            let request = AlterUserScramCredentialsRequest { deletions, upsertions };
            codes!(client, 0, request, |answer: AlterUserScramCredentialsResponse<'_>| {
                answer.results.iter().map(|it| it.error_code)
            })
        }
        table::DESCRIBE_QUORUM => {
            code!(client, 1, DescribeQuorumRequest::default(), DescribeQuorumResponse<'_>)
        }
        table::UPDATE_FEATURES => {
            code!(client, 1, UpdateFeaturesRequest::default(), UpdateFeaturesResponse<'_>)
        }
        table::DESCRIBE_CLUSTER => {
            let include_cluster_authorized_operations = true;
            let request = DescribeClusterRequest {
                include_cluster_authorized_operations,
                ..Default::default()
            };
            let reply = call(client, 1, &request);
            let answer: DescribeClusterResponse<'_> = reply.decode().expect("an answer");
            answer.cluster_authorized_operations != 0
        }
        table::DESCRIBE_PRODUCERS => {
            let topic =
                describe_producers::TopicRequest { name: TOPIC.into(), partition_indexes: vec![0] };
            let request = DescribeProducersRequest { topics: vec![topic] };
            codes!(client, 0, request, |answer: DescribeProducersResponse<'_>| {
                answer.topics[0].partitions.iter().map(|it| it.error_code)
            })
        }
        table::LIST_CONFIG_RESOURCES => {
            let request = ListConfigResourcesRequest::default();
            code!(client, 1, request, ListConfigResourcesResponse<'_>)
        }
        table::DESCRIBE_PARTITIONS => {
            let topics = vec![describe_topic_partitions::TopicRequest { name: TOPIC.into() }];
            let request = DescribeTopicPartitionsRequest { topics, ..Default::default() };
            codes!(client, 0, request, |answer: DescribeTopicPartitionsResponse<'_>| {
                answer.topics.iter().map(|it| it.error_code)
            })
        }
        _ => panic!("there is no sample of {right:?}"),
    }
}
