//! Claims about settings that change while the broker runs: they hold at once, and are there again
//! after a kill.

use corelog_client::admin::{AlterMode, ConfigChange, ConfigSource, Resource};
use corelog_client::blocking::{Admin, Connection};
use corelog_client::{ClientConfig, Endpoint};
use corelog_model::{ErrorCode, NodeId};
use corelog_wire::api::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use corelog_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use corelog_wire::{
    DeleteRecordsRequest, DeleteRecordsResponse, FindCoordinatorRequest, InitProducerIdRequest,
    InitProducerIdResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use crate::support::{DataFolder, Launch, connect, create_topic, wait_until};

fn set(admin: &mut Admin, resource: &Resource, name: &str, value: &str) {
    let changes = [(name.to_owned(), ConfigChange::Set(value.to_owned()))];
    admin.alter_configs(resource, &changes, AlterMode::Apply).expect("the config is set");
}

/// Value and source of one config.
fn config(admin: &mut Admin, resource: &Resource, name: &str) -> (String, ConfigSource) {
    let configs = admin.describe_configs(resource).expect("an answer");
    let found = configs.into_iter().find(|config| config.name == name);
    let found = found.unwrap_or_else(|| panic!("{name} is described"));
    (found.value.expect("it is no secret"), found.source)
}

#[test]
fn configs_that_were_changed_are_there_after_a_kill() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data());
    let broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, "t", 1, &[("retention.ms", "1000000")]);
    let (topic, group) = (Resource::Topic("t".to_owned()), Resource::Group("g".to_owned()));
    let node = Resource::Broker(NodeId(1000));
    let expected = [
        (&topic, "retention.ms", "2000000", ConfigSource::Topic),
        (&group, "share.auto.offset.reset", "earliest", ConfigSource::Group),
        (&group, "consumer.session.timeout.ms", "50000", ConfigSource::Group),
        (&node, "max.connections", "700", ConfigSource::Broker),
        (&Resource::AllBrokers, "log.retention.ms", "3000000", ConfigSource::Cluster),
    ];
    let mut admin = Admin::new(connect(&endpoint));
    for (resource, name, value, _) in expected {
        set(&mut admin, resource, name, value);
    }
    broker.kill();
    let broker = launch.start();
    let mut admin = Admin::new(connect(&endpoint));
    for (resource, name, value, source) in expected {
        assert_eq!(config(&mut admin, resource, name), (value.to_owned(), source), "{name}");
    }
    let all = config(&mut admin, &node, "log.retention.ms");
    assert_eq!(all, ("3000000".to_owned(), ConfigSource::Cluster));
    assert_eq!(broker.terminate().code(), Some(0));
}

/// A connection to a broker whose coordinators have their topics, and a producer.
fn producer(endpoint: &Endpoint) -> (Connection, InitProducerIdResponse) {
    let mut client = Connection::open(endpoint, &ClientConfig::default()).expect("a connection");
    let find = |key_type| FindCoordinatorRequest {
        key: "x".into(),
        key_type,
        coordinator_keys: vec!["x".into()],
    };
    for key_type in [0, 1] {
        client.call_in(4, &find(key_type)).expect("an answer");
    }
    let init = InitProducerIdRequest {
        transactional_id: Some("x".into()),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let mut answer = InitProducerIdResponse::default();
    wait_until("a producer id", || {
        let reply = client.call_in(4, &init).expect("an answer");
        answer = reply.decode().expect("an answer");
        answer.error_code == 0
    });
    (client, answer)
}

#[test]
fn offsets_of_a_transaction_are_stored_unasked_where_nobody_is_to_verify() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data());
    let broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, "t", 1, &[]);
    let (mut client, producer) = producer(&endpoint);
    // The coordinator of the transaction was never told of the group.
    let topic = TxnOffsetCommitRequestTopic {
        name: "t".into(),
        partitions: vec![TxnOffsetCommitRequestPartition::default()],
    };
    let commit = TxnOffsetCommitRequest {
        transactional_id: "x".into(),
        group_id: "x".into(),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        topics: vec![topic],
        ..Default::default()
    };
    let mut code = || {
        let reply = client.call_in(3, &commit).expect("an answer");
        let answer: TxnOffsetCommitResponse<'_> = reply.decode().expect("an answer");
        answer.topics[0].partitions[0].error_code
    };
    wait_until("the coordinators", || {
        let code = code();
        code != ErrorCode::CoordinatorLoadInProgress.code()
            && code != ErrorCode::NotCoordinator.code()
    });
    assert_eq!(code(), ErrorCode::InvalidTxnState.code());
    let mut admin = Admin::new(connect(&endpoint));
    let name = "transaction.partition.verification.enable";
    set(&mut admin, &Resource::AllBrokers, name, "false");
    assert_eq!(code(), ErrorCode::None.code());
    drop(broker);
}

#[test]
fn records_are_deleted_only_where_the_topic_may_lose_them() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores("1");
    let _broker = launch.start();
    let endpoint = launch.endpoint();
    for (topic, policy) in [("deleted", "delete"), ("both", "compact,delete"), ("kept", "compact")]
    {
        create_topic(&endpoint, topic, 1, &[("cleanup.policy", policy)]);
    }
    let (mut client, _) = producer(&endpoint);
    for (name, expected) in [
        ("deleted", ErrorCode::None),
        ("both", ErrorCode::None),
        ("kept", ErrorCode::PolicyViolation),
        ("__consumer_offsets", ErrorCode::InvalidTopicException),
        ("__transaction_state", ErrorCode::InvalidTopicException),
    ] {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: -1 }];
        let topics = vec![DeleteRecordsTopic { name: name.into(), partitions }];
        let request = DeleteRecordsRequest { topics, timeout_ms: 10_000 };
        let reply = client.call_in(2, &request).expect("an answer");
        let answer: DeleteRecordsResponse<'_> = reply.decode().expect("an answer");
        assert_eq!(answer.topics[0].partitions[0].error_code, expected.code(), "{name}");
    }
}
