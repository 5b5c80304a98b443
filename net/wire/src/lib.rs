//! Kafka's wire format: bytes to values and back, for servers and clients alike.
//!
//! Everything here is pure: no sockets, no clock, no other corelog crate. A frame is cut by
//! [`frame`], its header read by [`RequestHeader`], its body by the [`Message`] that [`ApiKey`]
//! names. Each message is declared once, in `api/`, close to Kafka's own schema; the versions of
//! all of them stand in one table, [`APIS`].
//!
//! Decoded values borrow text and record bytes from the frame. Every length and count is checked
//! against the bytes that remain before memory is taken, so a frame of n bytes costs at most
//! [`Reader::HEAP_FACTOR`]` * n + `[`Reader::HEAP_BASE`] bytes of heap. Bad bytes are a
//! [`WireError`], never a panic.
//!
//! ```
//! use corelog_wire::{Message, MetadataRequest, Reader, RequestHeader, encode_request};
//!
//! let header = RequestHeader::new::<MetadataRequest>(12, 7, Some("me"));
//! let frame = encode_request(&header, &MetadataRequest::default())?;
//!
//! let mut reader = Reader::new(&frame.head[4..]);
//! let header = RequestHeader::decode(&mut reader)?;
//! let request = MetadataRequest::decode(&mut reader, header.api_version)?;
//! assert!(request.allow_auto_topic_creation);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[macro_use]
mod message;

pub mod api;
pub mod consumer_protocol;
mod float64;
pub mod frame;
mod header;
mod reader;
mod records;
mod writer;

pub use api::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
pub use api::add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
pub use api::alter_client_quotas::{AlterClientQuotasRequest, AlterClientQuotasResponse};
pub use api::alter_configs::{AlterConfigsRequest, AlterConfigsResponse};
pub use api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
};
pub use api::alter_replica_log_dirs::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse};
pub use api::alter_share_group_offsets::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse,
};
pub use api::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
};
pub use api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
pub use api::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
};
pub use api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
pub use api::create_acls::{CreateAclsRequest, CreateAclsResponse};
pub use api::create_delegation_token::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse,
};
pub use api::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse};
pub use api::create_topics::{CreateTopicsRequest, CreateTopicsResponse};
pub use api::delete_acls::{DeleteAclsRequest, DeleteAclsResponse};
pub use api::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
pub use api::delete_records::{DeleteRecordsRequest, DeleteRecordsResponse};
pub use api::delete_share_group_offsets::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse,
};
pub use api::delete_share_group_state::{
    DeleteShareGroupStateRequest, DeleteShareGroupStateResponse,
};
pub use api::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
pub use api::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};
pub use api::describe_client_quotas::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
pub use api::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
pub use api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse};
pub use api::describe_delegation_token::{
    DescribeDelegationTokenRequest, DescribeDelegationTokenResponse,
};
pub use api::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
pub use api::describe_log_dirs::{DescribeLogDirsRequest, DescribeLogDirsResponse};
pub use api::describe_producers::{DescribeProducersRequest, DescribeProducersResponse};
pub use api::describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse};
pub use api::describe_share_group_offsets::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse,
};
pub use api::describe_topic_partitions::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
};
pub use api::describe_transactions::{DescribeTransactionsRequest, DescribeTransactionsResponse};
pub use api::describe_user_scram_credentials::{
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
};
pub use api::elect_leaders::{ElectLeadersRequest, ElectLeadersResponse};
pub use api::end_txn::{EndTxnRequest, EndTxnResponse};
pub use api::expire_delegation_token::{
    ExpireDelegationTokenRequest, ExpireDelegationTokenResponse,
};
pub use api::fetch::{FetchRequest, FetchResponse};
pub use api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
pub use api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
pub use api::incremental_alter_configs::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
pub use api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
pub use api::initialize_share_group_state::{
    InitializeShareGroupStateRequest, InitializeShareGroupStateResponse,
};
pub use api::join_group::{JoinGroupRequest, JoinGroupResponse};
pub use api::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
pub use api::list_config_resources::{ListConfigResourcesRequest, ListConfigResourcesResponse};
pub use api::list_groups::{ListGroupsRequest, ListGroupsResponse};
pub use api::list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
pub use api::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};
pub use api::list_transactions::{ListTransactionsRequest, ListTransactionsResponse};
pub use api::metadata::{MetadataRequest, MetadataResponse};
pub use api::offset_commit::{OffsetCommitRequest, OffsetCommitResponse};
pub use api::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
pub use api::offset_fetch::{OffsetFetchRequest, OffsetFetchResponse};
pub use api::offset_for_leader_epoch::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
pub use api::produce::{ProduceRequest, ProduceResponse};
pub use api::read_share_group_state::{ReadShareGroupStateRequest, ReadShareGroupStateResponse};
pub use api::read_share_group_state_summary::{
    ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse,
};
pub use api::renew_delegation_token::{RenewDelegationTokenRequest, RenewDelegationTokenResponse};
pub use api::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
pub use api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
pub use api::share_acknowledge::{ShareAcknowledgeRequest, ShareAcknowledgeResponse};
pub use api::share_fetch::{ShareFetchRequest, ShareFetchResponse};
pub use api::share_group_describe::{ShareGroupDescribeRequest, ShareGroupDescribeResponse};
pub use api::share_group_heartbeat::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse};
pub use api::sync_group::{SyncGroupRequest, SyncGroupResponse};
pub use api::txn_offset_commit::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
pub use api::update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse};
pub use api::write_share_group_state::{WriteShareGroupStateRequest, WriteShareGroupStateResponse};
pub use api::write_txn_markers::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};
pub use api::{APIS, ApiInfo, ApiKey, VersionRange, protocol_table};
pub use consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
pub use float64::Float64;
pub use frame::{
    EncodedFrame, FrameError, encode_request, encode_response, encode_response_into, peek_frame_len,
};
pub use header::{RequestHeader, ResponseHeader, request_header_version, response_header_version};
pub use message::{Message, Request};
pub use reader::{Reader, WireError};
pub use records::Records;
pub use writer::{EncodeError, Writer};

/// A string of the protocol: borrowed from the frame when decoded, borrowed or owned when built.
pub type Text<'a> = std::borrow::Cow<'a, str>;

/// Bytes that the protocol does not look into: borrowed from the frame when decoded, borrowed or
/// owned when built.
pub type Bytes<'a> = std::borrow::Cow<'a, [u8]>;

/// A topic id or directory id: 16 bytes, most significant first. All zero means "none".
pub type Uuid = [u8; 16];
