//! One request for each line of the table of rights: what is asked, and whether the answer shows
//! that the right was there.

#![allow(clippy::wildcard_imports, reason = "there is a sample of nearly every message")]

use corelog_client::Reply;
use corelog_client::blocking::Connection;
use corelog_model::{BatchBuilder, Codec, ErrorCode, Offset, ProducerEpoch, ProducerId};
use corelog_model::{Sequence, Timestamp};
use corelog_server::authorize::table::{self, Right};
use corelog_wire::api::{
    add_partitions_to_txn, alter_client_quotas, alter_configs, alter_partition_reassignments,
    alter_replica_log_dirs, alter_user_scram_credentials, consumer_group_heartbeat, create_acls,
    create_partitions, create_topics, delete_acls, delete_records, delete_topics, describe_configs,
    describe_producers, describe_topic_partitions, elect_leaders, fetch, incremental_alter_configs,
    join_group, list_offsets, metadata, offset_commit, offset_delete, offset_fetch,
    offset_for_leader_epoch, produce, txn_offset_commit, write_txn_markers,
};
use corelog_wire::*;

pub(super) const TOPIC: &str = "t";
pub(super) const GROUP: &str = "g";
pub(super) const MEMBERS: &str = "m";
/// A share group with a member, and one without.
pub(super) const SHARES: &str = "s";
pub(super) const IDLE: &str = "idle";
pub(super) const ID: &str = "x";
pub(super) const OPEN_ID: &str = "open";

/// Topics that the lines about creating topics by asking for them create.
pub(super) const ASKED_FOR: [&str; 2] = ["asked-for", "asked-for-too"];
/// A topic that is deleted by its id.
pub(super) const GONE: &str = "gone";

/// Whether any of the codes says that a right is missing.
fn is_allowed(codes: impl IntoIterator<Item = i16>) -> bool {
    let refusals = [
        ErrorCode::TopicAuthorizationFailed,
        ErrorCode::GroupAuthorizationFailed,
        ErrorCode::ClusterAuthorizationFailed,
        ErrorCode::TransactionalIdAuthorizationFailed,
        ErrorCode::DelegationTokenAuthorizationFailed,
    ];
    !codes.into_iter().any(|code| refusals.iter().any(|refusal| refusal.code() == code))
}

fn call<'a, R: Request<'a>>(client: &mut Connection, version: i16, request: &R) -> Reply {
    client.call_in(version, request).expect("the broker answers")
}

/// Asks, and looks at the codes of the answer.
macro_rules! codes {
    ($client:expr, $version:literal, $request:expr, |$answer:ident: $type:ty| $codes:expr) => {{
        let reply = call($client, $version, &$request);
        let $answer: $type = reply.decode().expect("the answer can be read");
        is_allowed($codes)
    }};
}

/// Asks, and looks at the one code of the answer.
macro_rules! code {
    ($client:expr, $version:literal, $request:expr, $type:ty) => {
        codes!($client, $version, $request, |answer: $type| [answer.error_code])
    };
}

mod cluster;
mod groups;
mod shares;
mod tokens;

pub(super) use tokens::{make_token, token};

/// A batch of one record, of a transaction.
fn batch() -> Vec<u8> {
    let mut batch = BatchBuilder::new(Codec::None, None);
    batch.set_producer(ProducerId(5), ProducerEpoch(0), Sequence(0));
    batch.set_transactional();
    batch.append(Timestamp(1), None, Some(b"v"), &[]);
    batch.build(Offset::ZERO)
}

fn produce(client: &mut Connection, id: Option<&'static str>, bytes: &[u8]) -> bool {
    let data = produce::PartitionProduceData { index: 0, records: Records::Bytes(bytes) };
    let topic = produce::TopicProduceData {
        name: TOPIC.into(),
        partition_data: vec![data],
        ..Default::default()
    };
    let request = ProduceRequest {
        transactional_id: id.map(Into::into),
        acks: 1,
        timeout_ms: 1000,
        topic_data: vec![topic],
    };
    codes!(client, 9, request, |answer: ProduceResponse<'_>| {
        answer.responses[0].partition_responses.iter().map(|one| one.error_code)
    })
}

fn fetch(client: &mut Connection, replica_id: i32) -> bool {
    let partition = fetch::FetchPartition { partition_max_bytes: 1000, ..Default::default() };
    let topic = fetch::FetchTopic {
        topic: TOPIC.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = FetchRequest {
        replica_id,
        max_bytes: 1000,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    codes!(client, 12, request, |answer: FetchResponse<'_>| {
        answer.responses[0].partitions.iter().map(|one| one.error_code)
    })
}

fn metadata(client: &mut Connection, topic: &'static str, creates: bool) -> bool {
    let topic = metadata::MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    let request = MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: creates,
        ..Default::default()
    };
    codes!(client, 9, request, |answer: MetadataResponse<'_>| {
        answer.topics.iter().map(|topic| topic.error_code)
    })
}

fn commit() -> OffsetCommitRequest<'static> {
    let partition = offset_commit::OffsetCommitRequestPartition {
        committed_offset: 1,
        committed_metadata: Some("".into()),
        ..Default::default()
    };
    let topic = offset_commit::OffsetCommitRequestTopic {
        name: TOPIC.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    OffsetCommitRequest { group_id: GROUP.into(), topics: vec![topic], ..Default::default() }
}

fn fetch_offsets() -> OffsetFetchRequest<'static> {
    let topic =
        offset_fetch::OffsetFetchRequestTopic { name: TOPIC.into(), partition_indexes: vec![0] };
    OffsetFetchRequest { group_id: GROUP.into(), topics: Some(vec![topic]), ..Default::default() }
}

pub(super) fn find(key_type: i8, key: &'static str) -> FindCoordinatorRequest<'static> {
    FindCoordinatorRequest { key: key.into(), key_type, ..Default::default() }
}

pub(super) fn create(topic: &'static str, validate_only: bool) -> CreateTopicsRequest<'static> {
    let topic = create_topics::CreatableTopic {
        name: topic.into(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only }
}

fn heartbeat(group: &'static str) -> ConsumerGroupHeartbeatRequest<'static> {
    ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        rebalance_timeout_ms: 10_000,
        subscribed_topic_names: Some(vec![TOPIC.into()]),
        topic_partitions: Some(Vec::<consumer_group_heartbeat::TopicPartitions>::new()),
        ..Default::default()
    }
}

fn topic_of_transaction() -> Vec<add_partitions_to_txn::AddPartitionsToTxnTopic<'static>> {
    vec![add_partitions_to_txn::AddPartitionsToTxnTopic { name: TOPIC.into(), partitions: vec![0] }]
}

/// Makes what the lines ask about: a topic, a group with an offset, and an open transaction.
pub(super) fn set_up(admin: &mut Connection) {
    call(admin, 5, &create(TOPIC, false));
    for (key_type, key) in [(0, GROUP), (1, ID)] {
        let is_found = |admin: &mut Connection| {
            let reply = call(admin, 3, &find(key_type, key));
            reply.decode::<FindCoordinatorResponse<'_>>().expect("an answer").error_code == 0
        };
        crate::support::wait_until("a coordinator", || is_found(admin));
    }
    crate::support::wait_until("the group", || {
        let reply = call(admin, 7, &commit());
        let answer: OffsetCommitResponse<'_> = reply.decode().expect("an answer");
        answer.topics[0].partitions[0].error_code == 0
    });
    let init = InitProducerIdRequest {
        transactional_id: Some(OPEN_ID.into()),
        transaction_timeout_ms: 900_000,
        ..Default::default()
    };
    let mut producer = InitProducerIdResponse::default();
    crate::support::wait_until("a producer", || {
        producer = call(admin, 4, &init).decode().expect("an answer");
        producer.error_code == 0
    });
    let add = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: OPEN_ID.into(),
        v3_and_below_producer_id: producer.producer_id,
        v3_and_below_producer_epoch: producer.producer_epoch,
        v3_and_below_topics: topic_of_transaction(),
        ..Default::default()
    };
    let reply = call(admin, 3, &add);
    let added: AddPartitionsToTxnResponse<'_> = reply.decode().expect("an answer");
    let result = &added.results_by_topic_v3_and_below[0].results_by_partition[0];
    assert_eq!(result.partition_error_code, 0);
}

/// Sends what needs this right, as `client`; whether it was there. `admin` may do everything and
/// prepares what the request is about.
pub(super) fn ask(client: &mut Connection, admin: &mut Connection, right: &Right) -> bool {
    match right.api {
        ApiKey::Produce if *right == table::PRODUCE => produce(client, None, &[]),
        ApiKey::Produce => produce(client, Some(ID), &batch()),
        ApiKey::Fetch if *right == table::FETCH => fetch(client, -1),
        ApiKey::Fetch => fetch(client, 1),
        ApiKey::Metadata => ask_metadata(client, right),
        ApiKey::CreateTopics | ApiKey::DeleteTopics => ask_topics(client, admin, right),
        ApiKey::ListOffsets | ApiKey::OffsetForLeaderEpoch | ApiKey::DeleteRecords => {
            ask_offsets(client, right.api)
        }
        ApiKey::InitProducerId
        | ApiKey::AddPartitionsToTxn
        | ApiKey::AddOffsetsToTxn
        | ApiKey::EndTxn
        | ApiKey::WriteTxnMarkers
        | ApiKey::TxnOffsetCommit
        | ApiKey::DescribeTransactions
        | ApiKey::ListTransactions => ask_transactions(client, right),
        ApiKey::DescribeConfigs | ApiKey::AlterConfigs | ApiKey::IncrementalAlterConfigs => {
            ask_configs(client, right)
        }
        ApiKey::OffsetCommit
        | ApiKey::OffsetFetch
        | ApiKey::FindCoordinator
        | ApiKey::JoinGroup
        | ApiKey::Heartbeat
        | ApiKey::LeaveGroup
        | ApiKey::SyncGroup
        | ApiKey::DescribeGroups
        | ApiKey::ListGroups
        | ApiKey::DeleteGroups
        | ApiKey::OffsetDelete
        | ApiKey::ConsumerGroupHeartbeat
        | ApiKey::ConsumerGroupDescribe => groups::ask(client, admin, right),
        ApiKey::ShareGroupHeartbeat
        | ApiKey::ShareGroupDescribe
        | ApiKey::ShareFetch
        | ApiKey::ShareAcknowledge
        | ApiKey::InitializeShareGroupState
        | ApiKey::ReadShareGroupState
        | ApiKey::WriteShareGroupState
        | ApiKey::DeleteShareGroupState
        | ApiKey::ReadShareGroupStateSummary
        | ApiKey::DescribeShareGroupOffsets
        | ApiKey::AlterShareGroupOffsets
        | ApiKey::DeleteShareGroupOffsets => shares::ask(client, admin, right),
        ApiKey::CreateDelegationToken | ApiKey::DescribeDelegationToken => {
            tokens::ask(client, right)
        }
        _ => cluster::ask(client, right),
    }
}

fn ask_metadata(client: &mut Connection, right: &Right) -> bool {
    match *right {
        table::METADATA => metadata(client, TOPIC, false),
        table::METADATA_CREATE => metadata(client, ASKED_FOR[0], true),
        table::METADATA_CREATE_ANY => metadata(client, ASKED_FOR[1], true),
        _ => {
            let include_cluster_authorized_operations = true;
            let request =
                MetadataRequest { include_cluster_authorized_operations, ..Default::default() };
            let reply = call(client, 8, &request);
            let answer: MetadataResponse<'_> = reply.decode().expect("an answer");
            answer.cluster_authorized_operations != 0
        }
    }
}

fn ask_topics(client: &mut Connection, admin: &mut Connection, right: &Right) -> bool {
    if right.api == ApiKey::CreateTopics {
        return codes!(client, 5, create("made", true), |answer: CreateTopicsResponse<'_>| {
            answer.topics.iter().flat_map(|it| [it.error_code, it.topic_config_error_code])
        });
    }
    if *right != table::DELETE_TOPICS_NAME {
        let topic_names = vec!["no-such".into()];
        let request = DeleteTopicsRequest { topic_names, timeout_ms: 1000, ..Default::default() };
        return codes!(client, 5, request, |answer: DeleteTopicsResponse<'_>| {
            answer.responses.iter().map(|it| it.error_code)
        });
    }
    let reply = call(admin, 7, &create(GONE, false));
    let created: CreateTopicsResponse<'_> = reply.decode().expect("an answer");
    let topic_id = created.topics[0].topic_id;
    let topics = vec![delete_topics::DeleteTopicState { name: None, topic_id }];
    let request = DeleteTopicsRequest { topics, timeout_ms: 10_000, ..Default::default() };
    let reply = call(client, 6, &request);
    let answer: DeleteTopicsResponse<'_> = reply.decode().expect("an answer");
    assert_eq!(answer.responses[0].error_code, 0, "the right to delete is another one");
    answer.responses[0].name.is_some()
}

fn ask_offsets(client: &mut Connection, api: ApiKey) -> bool {
    match api {
        ApiKey::ListOffsets => {
            let partition =
                list_offsets::ListOffsetsPartition { timestamp: -1, ..Default::default() };
            let topic =
                list_offsets::ListOffsetsTopic { name: TOPIC.into(), partitions: vec![partition] };
            let request =
                ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
            codes!(client, 4, request, |answer: ListOffsetsResponse<'_>| {
                answer.topics[0].partitions.iter().map(|it| it.error_code)
            })
        }
        ApiKey::OffsetForLeaderEpoch => {
            let topic = offset_for_leader_epoch::OffsetForLeaderTopic {
                topic: TOPIC.into(),
                partitions: vec![offset_for_leader_epoch::OffsetForLeaderPartition::default()],
            };
            let request = OffsetForLeaderEpochRequest { topics: vec![topic], ..Default::default() };
            codes!(client, 3, request, |answer: OffsetForLeaderEpochResponse<'_>| {
                answer.topics[0].partitions.iter().map(|it| it.error_code)
            })
        }
        _ => {
            let topic = delete_records::DeleteRecordsTopic {
                name: TOPIC.into(),
                partitions: vec![delete_records::DeleteRecordsPartition::default()],
            };
            let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1000 };
            codes!(client, 1, request, |answer: DeleteRecordsResponse<'_>| {
                answer.topics[0].partitions.iter().map(|it| it.error_code)
            })
        }
    }
}

#[allow(clippy::too_many_lines, reason = "one arm for each line of the table")]
fn ask_transactions(client: &mut Connection, right: &Right) -> bool {
    match *right {
        table::INIT_TRANSACTION | table::INIT_PRODUCER | table::INIT_PRODUCER_TOPIC => {
            let has_id = *right == table::INIT_TRANSACTION;
            let request = InitProducerIdRequest {
                transactional_id: has_id.then(|| ID.into()),
                transaction_timeout_ms: 60_000,
                ..Default::default()
            };
            code!(client, 4, request, InitProducerIdResponse)
        }
        table::ADD_PARTITIONS | table::ADD_PARTITIONS_TOPIC => {
            let request = AddPartitionsToTxnRequest {
                v3_and_below_transactional_id: ID.into(),
                v3_and_below_topics: topic_of_transaction(),
                ..Default::default()
            };
            codes!(client, 3, request, |answer: AddPartitionsToTxnResponse<'_>| {
                let topic = &answer.results_by_topic_v3_and_below[0];
                topic.results_by_partition.iter().map(|it| it.partition_error_code)
            })
        }
        table::ADD_PARTITIONS_AS_BROKER => {
            code!(client, 4, AddPartitionsToTxnRequest::default(), AddPartitionsToTxnResponse<'_>)
        }
        table::ADD_OFFSETS | table::ADD_OFFSETS_GROUP => {
            let request = AddOffsetsToTxnRequest {
                transactional_id: ID.into(),
                group_id: GROUP.into(),
                ..Default::default()
            };
            code!(client, 3, request, AddOffsetsToTxnResponse)
        }
        table::END_TRANSACTION => {
            let request = EndTxnRequest { transactional_id: ID.into(), ..Default::default() };
            code!(client, 3, request, EndTxnResponse)
        }
        table::WRITE_MARKERS | table::WRITE_MARKERS_AS_BROKER => {
            let topic = write_txn_markers::WritableTxnMarkerTopic {
                name: TOPIC.into(),
                partition_indexes: vec![99],
            };
            let marker =
                write_txn_markers::WritableTxnMarker { topics: vec![topic], ..Default::default() };
            let request = WriteTxnMarkersRequest { markers: vec![marker] };
            codes!(client, 1, request, |answer: WriteTxnMarkersResponse<'_>| {
                answer.markers[0].topics[0].partitions.iter().map(|it| it.error_code)
            })
        }
        table::COMMIT_IN_TRANSACTION
        | table::COMMIT_IN_TRANSACTION_GROUP
        | table::COMMIT_IN_TRANSACTION_TOPIC => {
            let topic = txn_offset_commit::TxnOffsetCommitRequestTopic {
                name: TOPIC.into(),
                partitions: vec![txn_offset_commit::TxnOffsetCommitRequestPartition::default()],
            };
            let request = TxnOffsetCommitRequest {
                transactional_id: ID.into(),
                group_id: GROUP.into(),
                topics: vec![topic],
                ..Default::default()
            };
            codes!(client, 3, request, |answer: TxnOffsetCommitResponse<'_>| {
                answer.topics[0].partitions.iter().map(|it| it.error_code)
            })
        }
        table::DESCRIBE_TRANSACTIONS | table::DESCRIBE_TRANSACTIONS_TOPIC => {
            let request = DescribeTransactionsRequest { transactional_ids: vec![OPEN_ID.into()] };
            let reply = call(client, 0, &request);
            let answer: DescribeTransactionsResponse<'_> = reply.decode().expect("an answer");
            let state = &answer.transaction_states[0];
            is_allowed([state.error_code])
                && (*right == table::DESCRIBE_TRANSACTIONS || !state.topics.is_empty())
        }
        _ => {
            let reply = call(client, 0, &ListTransactionsRequest::default());
            let answer: ListTransactionsResponse<'_> = reply.decode().expect("an answer");
            answer.transaction_states.iter().any(|it| *it.transactional_id == *OPEN_ID)
        }
    }
}

/// The type and the name of the resource that a line about configs is about.
fn config_resource(right: &Right) -> (i8, Text<'static>) {
    match right.resource {
        corelog_cluster::ResourceType::Topic => (2, TOPIC.into()),
        corelog_cluster::ResourceType::Group => (32, GROUP.into()),
        _ => (4, "1000".into()),
    }
}

fn ask_configs(client: &mut Connection, right: &Right) -> bool {
    let (resource_type, resource_name) = config_resource(right);
    match right.api {
        ApiKey::DescribeConfigs => {
            let resource = describe_configs::DescribeConfigsResource {
                resource_type,
                resource_name,
                configuration_keys: None,
            };
            let resources = vec![resource];
            let request = DescribeConfigsRequest { resources, ..Default::default() };
            codes!(client, 4, request, |answer: DescribeConfigsResponse<'_>| {
                answer.results.iter().map(|it| it.error_code)
            })
        }
        ApiKey::AlterConfigs => {
            let configs = Vec::new();
            let resource =
                alter_configs::AlterConfigsResource { resource_type, resource_name, configs };
            let request = AlterConfigsRequest { resources: vec![resource], validate_only: true };
            codes!(client, 2, request, |answer: AlterConfigsResponse<'_>| {
                answer.responses.iter().map(|it| it.error_code)
            })
        }
        _ => {
            let resource = incremental_alter_configs::AlterConfigsResource {
                resource_type,
                resource_name,
                configs: Vec::new(),
            };
            let request =
                IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: true };
            codes!(client, 1, request, |answer: IncrementalAlterConfigsResponse<'_>| {
                answer.responses.iter().map(|it| it.error_code)
            })
        }
    }
}
