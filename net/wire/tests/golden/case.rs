//! One case per message: how to make a sample of it, and how both implementations read it.

use std::ops::RangeInclusive;

use bytes::Bytes;
use corelog_wire::{ApiKey, EncodedFrame, Message, Reader, WireError, Writer};
use kafka_protocol::protocol::{Decodable, Encodable, Message as _};

use crate::samples;

/// What a sample holds.
#[derive(Clone, Copy)]
pub(crate) enum Filled {
    /// Every field that the version has, with values unlike any other.
    Full,
    /// Defaults only.
    Default,
}

/// What one implementation made of some bytes.
#[derive(Debug)]
pub(crate) struct Read {
    /// The value, printed.
    pub(crate) debug: String,
    /// The value, written again.
    pub(crate) bytes: Vec<u8>,
    /// Bytes left over.
    pub(crate) remaining: usize,
}

/// A message and what the tests need of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) api: ApiKey,
    pub(crate) versions: RangeInclusive<i16>,
    pub(crate) oracle_versions: RangeInclusive<i16>,
    pub(crate) encode: fn(i16, Filled) -> Vec<u8>,
    pub(crate) decode: fn(&[u8], i16) -> Result<Read, WireError>,
    pub(crate) oracle: fn(&[u8], i16) -> Read,
    /// The full sample, given another throttle time after it was encoded, if it has a place for it.
    pub(crate) throttled: fn(i16, i32) -> Option<Vec<u8>>,
}

macro_rules! cases {
    ($($sample:ident: $name:ident;)*) => {
        /// Every message.
        pub(crate) fn cases() -> Vec<Case> {
            vec![$( {
                type Ours<'a> = lifetime!($name 'a);
                type Theirs = kafka_protocol::messages::$name;
                Case {
                    name: stringify!($name),
                    api: Ours::KEY,
                    versions: Ours::API.min..=Ours::API.max,
                    oracle_versions: Theirs::VERSIONS.min..=Theirs::VERSIONS.max,
                    encode: |version, filled| {
                        let message = match filled {
                            Filled::Full => samples::$sample(version),
                            Filled::Default => Default::default(),
                        };
                        written(&message, version)
                    },
                    decode: |bytes, version| {
                        let mut reader = Reader::new(bytes);
                        let message = Ours::decode(&mut reader, version)?;
                        Ok(Read {
                            debug: format!("{message:?}"),
                            bytes: written(&message, version),
                            remaining: reader.remaining(),
                        })
                    },
                    oracle: |bytes, version| {
                        let mut bytes = Bytes::copy_from_slice(bytes);
                        let message = Theirs::decode(&mut bytes, version).unwrap();
                        let mut again = bytes::BytesMut::new();
                        message.encode(&mut again, version).unwrap();
                        Read {
                            debug: format!("{message:?}"),
                            bytes: again.to_vec(),
                            remaining: bytes.len(),
                        }
                    },
                    throttled: |version, time_ms| {
                        let mut frame = encoded(&samples::$sample(version), version);
                        frame.throttle_time_at?;
                        frame.set_throttle_time(time_ms);
                        Some(frame.head)
                    },
                }
            }, )*]
        }
    };
}

macro_rules! lifetime {
    (AddOffsetsToTxnResponse $lifetime:lifetime) => { corelog_wire::AddOffsetsToTxnResponse };
    (DescribeClusterRequest $lifetime:lifetime) => { corelog_wire::DescribeClusterRequest };
    (EndTxnResponse $lifetime:lifetime) => { corelog_wire::EndTxnResponse };
    (HeartbeatResponse $lifetime:lifetime) => { corelog_wire::HeartbeatResponse };
    (InitProducerIdResponse $lifetime:lifetime) => { corelog_wire::InitProducerIdResponse };
    (ExpireDelegationTokenResponse $lifetime:lifetime) => {
        corelog_wire::ExpireDelegationTokenResponse
    };
    (RenewDelegationTokenResponse $lifetime:lifetime) => {
        corelog_wire::RenewDelegationTokenResponse
    };
    (ListConfigResourcesRequest $lifetime:lifetime) => { corelog_wire::ListConfigResourcesRequest };
    ($name:ident $lifetime:lifetime) => { corelog_wire::$name<$lifetime> };
}

cases! {
    produce_request: ProduceRequest;
    produce_response: ProduceResponse;
    fetch_request: FetchRequest;
    fetch_response: FetchResponse;
    list_offsets_request: ListOffsetsRequest;
    list_offsets_response: ListOffsetsResponse;
    metadata_request: MetadataRequest;
    metadata_response: MetadataResponse;
    offset_commit_request: OffsetCommitRequest;
    offset_commit_response: OffsetCommitResponse;
    offset_fetch_request: OffsetFetchRequest;
    offset_fetch_response: OffsetFetchResponse;
    find_coordinator_request: FindCoordinatorRequest;
    find_coordinator_response: FindCoordinatorResponse;
    join_group_request: JoinGroupRequest;
    join_group_response: JoinGroupResponse;
    heartbeat_request: HeartbeatRequest;
    heartbeat_response: HeartbeatResponse;
    leave_group_request: LeaveGroupRequest;
    leave_group_response: LeaveGroupResponse;
    sync_group_request: SyncGroupRequest;
    sync_group_response: SyncGroupResponse;
    describe_groups_request: DescribeGroupsRequest;
    describe_groups_response: DescribeGroupsResponse;
    list_groups_request: ListGroupsRequest;
    list_groups_response: ListGroupsResponse;
    sasl_handshake_request: SaslHandshakeRequest;
    sasl_handshake_response: SaslHandshakeResponse;
    api_versions_request: ApiVersionsRequest;
    api_versions_response: ApiVersionsResponse;
    create_topics_request: CreateTopicsRequest;
    create_topics_response: CreateTopicsResponse;
    delete_topics_request: DeleteTopicsRequest;
    delete_topics_response: DeleteTopicsResponse;
    delete_records_request: DeleteRecordsRequest;
    delete_records_response: DeleteRecordsResponse;
    init_producer_id_request: InitProducerIdRequest;
    init_producer_id_response: InitProducerIdResponse;
    offset_for_leader_epoch_request: OffsetForLeaderEpochRequest;
    offset_for_leader_epoch_response: OffsetForLeaderEpochResponse;
    add_partitions_to_txn_request: AddPartitionsToTxnRequest;
    add_partitions_to_txn_response: AddPartitionsToTxnResponse;
    add_offsets_to_txn_request: AddOffsetsToTxnRequest;
    add_offsets_to_txn_response: AddOffsetsToTxnResponse;
    end_txn_request: EndTxnRequest;
    end_txn_response: EndTxnResponse;
    write_txn_markers_request: WriteTxnMarkersRequest;
    write_txn_markers_response: WriteTxnMarkersResponse;
    txn_offset_commit_request: TxnOffsetCommitRequest;
    txn_offset_commit_response: TxnOffsetCommitResponse;
    describe_acls_request: DescribeAclsRequest;
    describe_acls_response: DescribeAclsResponse;
    create_acls_request: CreateAclsRequest;
    create_acls_response: CreateAclsResponse;
    delete_acls_request: DeleteAclsRequest;
    delete_acls_response: DeleteAclsResponse;
    describe_configs_request: DescribeConfigsRequest;
    describe_configs_response: DescribeConfigsResponse;
    alter_configs_request: AlterConfigsRequest;
    alter_configs_response: AlterConfigsResponse;
    alter_replica_log_dirs_request: AlterReplicaLogDirsRequest;
    alter_replica_log_dirs_response: AlterReplicaLogDirsResponse;
    describe_log_dirs_request: DescribeLogDirsRequest;
    describe_log_dirs_response: DescribeLogDirsResponse;
    sasl_authenticate_request: SaslAuthenticateRequest;
    sasl_authenticate_response: SaslAuthenticateResponse;
    create_partitions_request: CreatePartitionsRequest;
    create_partitions_response: CreatePartitionsResponse;
    create_delegation_token_request: CreateDelegationTokenRequest;
    create_delegation_token_response: CreateDelegationTokenResponse;
    renew_delegation_token_request: RenewDelegationTokenRequest;
    renew_delegation_token_response: RenewDelegationTokenResponse;
    expire_delegation_token_request: ExpireDelegationTokenRequest;
    expire_delegation_token_response: ExpireDelegationTokenResponse;
    describe_delegation_token_request: DescribeDelegationTokenRequest;
    describe_delegation_token_response: DescribeDelegationTokenResponse;
    delete_groups_request: DeleteGroupsRequest;
    delete_groups_response: DeleteGroupsResponse;
    elect_leaders_request: ElectLeadersRequest;
    elect_leaders_response: ElectLeadersResponse;
    incremental_alter_configs_request: IncrementalAlterConfigsRequest;
    incremental_alter_configs_response: IncrementalAlterConfigsResponse;
    alter_partition_reassignments_request: AlterPartitionReassignmentsRequest;
    alter_partition_reassignments_response: AlterPartitionReassignmentsResponse;
    list_partition_reassignments_request: ListPartitionReassignmentsRequest;
    list_partition_reassignments_response: ListPartitionReassignmentsResponse;
    offset_delete_request: OffsetDeleteRequest;
    offset_delete_response: OffsetDeleteResponse;
    describe_client_quotas_request: DescribeClientQuotasRequest;
    describe_client_quotas_response: DescribeClientQuotasResponse;
    alter_client_quotas_request: AlterClientQuotasRequest;
    alter_client_quotas_response: AlterClientQuotasResponse;
    describe_user_scram_credentials_request: DescribeUserScramCredentialsRequest;
    describe_user_scram_credentials_response: DescribeUserScramCredentialsResponse;
    alter_user_scram_credentials_request: AlterUserScramCredentialsRequest;
    alter_user_scram_credentials_response: AlterUserScramCredentialsResponse;
    describe_quorum_request: DescribeQuorumRequest;
    describe_quorum_response: DescribeQuorumResponse;
    update_features_request: UpdateFeaturesRequest;
    update_features_response: UpdateFeaturesResponse;
    describe_cluster_request: DescribeClusterRequest;
    describe_cluster_response: DescribeClusterResponse;
    describe_producers_request: DescribeProducersRequest;
    describe_producers_response: DescribeProducersResponse;
    describe_transactions_request: DescribeTransactionsRequest;
    describe_transactions_response: DescribeTransactionsResponse;
    list_transactions_request: ListTransactionsRequest;
    list_transactions_response: ListTransactionsResponse;
    consumer_group_heartbeat_request: ConsumerGroupHeartbeatRequest;
    consumer_group_heartbeat_response: ConsumerGroupHeartbeatResponse;
    consumer_group_describe_request: ConsumerGroupDescribeRequest;
    consumer_group_describe_response: ConsumerGroupDescribeResponse;
    list_config_resources_request: ListConfigResourcesRequest;
    list_config_resources_response: ListConfigResourcesResponse;
    describe_topic_partitions_request: DescribeTopicPartitionsRequest;
    describe_topic_partitions_response: DescribeTopicPartitionsResponse;
    share_group_heartbeat_request: ShareGroupHeartbeatRequest;
    share_group_heartbeat_response: ShareGroupHeartbeatResponse;
    share_group_describe_request: ShareGroupDescribeRequest;
    share_group_describe_response: ShareGroupDescribeResponse;
    share_fetch_request: ShareFetchRequest;
    share_fetch_response: ShareFetchResponse;
    share_acknowledge_request: ShareAcknowledgeRequest;
    share_acknowledge_response: ShareAcknowledgeResponse;
    initialize_share_group_state_request: InitializeShareGroupStateRequest;
    initialize_share_group_state_response: InitializeShareGroupStateResponse;
    read_share_group_state_request: ReadShareGroupStateRequest;
    read_share_group_state_response: ReadShareGroupStateResponse;
    write_share_group_state_request: WriteShareGroupStateRequest;
    write_share_group_state_response: WriteShareGroupStateResponse;
    delete_share_group_state_request: DeleteShareGroupStateRequest;
    delete_share_group_state_response: DeleteShareGroupStateResponse;
    read_share_group_state_summary_request: ReadShareGroupStateSummaryRequest;
    read_share_group_state_summary_response: ReadShareGroupStateSummaryResponse;
    describe_share_group_offsets_request: DescribeShareGroupOffsetsRequest;
    describe_share_group_offsets_response: DescribeShareGroupOffsetsResponse;
    alter_share_group_offsets_request: AlterShareGroupOffsetsRequest;
    alter_share_group_offsets_response: AlterShareGroupOffsetsResponse;
    delete_share_group_offsets_request: DeleteShareGroupOffsetsRequest;
    delete_share_group_offsets_response: DeleteShareGroupOffsetsResponse;
}

fn written<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    encoded(message, version).head
}

fn encoded<'a>(message: &impl Message<'a>, version: i16) -> EncodedFrame {
    let mut writer = Writer::new();
    message.encode(&mut writer, version);
    writer.finish().unwrap()
}
