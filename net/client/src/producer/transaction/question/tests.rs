//! Questions out and answers back.

use corelog_model::{LeaderEpoch, Offset};
use corelog_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};

use super::*;
use crate::group::rig::reply;

fn asker(dialect: Dialect) -> Asker {
    Asker { id: "x".into(), identity: identity(7, 2), dialect }
}

fn partitions() -> BTreeSet<TopicPartition> {
    [("a", 1), ("a", 3), ("b", 0)].map(|(topic, number)| TopicPartition::new(topic, number)).into()
}

#[test]
fn a_member_says_who_it_is_with_its_offsets() {
    let committed = CommittedOffset {
        offset: Offset(5),
        leader_epoch: Some(LeaderEpoch(4)),
        metadata: Some("note".to_owned()),
    };
    let bare = CommittedOffset { offset: Offset(6), leader_epoch: None, metadata: None };
    let offsets = [committed, bare.clone(), bare];
    let member = MemberIdentity {
        member_id: "me".to_owned(),
        epoch: 9,
        instance_id: Some("i".to_owned()),
        ..MemberIdentity::outside("g")
    };
    let offsets = partitions().into_iter().zip(offsets).collect();
    let question = Question::CommitOffsets(GroupOffsets { member, offsets });
    let Body::CommitOffsets(body) = question.body(&asker(Dialect::Explicit)) else {
        panic!("another message")
    };
    let part = |partition_index, committed_offset, committed_leader_epoch, note: &'static str| {
        TxnOffsetCommitRequestPartition {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            committed_metadata: Some(note.into()),
        }
    };
    let expected = TxnOffsetCommitRequest {
        transactional_id: "x".into(),
        group_id: "g".into(),
        producer_id: 7,
        producer_epoch: 2,
        generation_id_or_member_epoch: 9,
        member_id: "me".into(),
        group_instance_id: Some("i".into()),
        topics: vec![
            TxnOffsetCommitRequestTopic {
                name: "a".into(),
                partitions: vec![part(1, 5, 4, "note"), part(3, 6, -1, "")],
            },
            TxnOffsetCommitRequestTopic { name: "b".into(), partitions: vec![part(0, 6, -1, "")] },
        ],
    };
    assert_eq!(body, expected);
}

#[test]
fn each_dialect_keeps_to_its_versions() {
    let end = Question::End(Outcome::Commit);
    assert_eq!(end.versions(Dialect::Explicit), 0..=4);
    assert_eq!(*end.versions(Dialect::Implicit).start(), 5);
    let add = Question::AddPartitions(partitions());
    assert_eq!(add.versions(Dialect::Explicit), 0..=3);
    let levels = [0, 1, 2, 3].map(Dialect::of_transaction_version);
    let (explicit, implicit) = (Dialect::Explicit, Dialect::Implicit);
    assert_eq!(levels, [explicit, explicit, implicit, implicit]);
}

#[test]
fn an_answer_has_a_code_for_each_partition_asked_about() {
    let question = Question::AddPartitions(partitions());
    let respond = |results: &[(&'static str, i32, i16)]| {
        let result = |(name, number, code): &(&'static str, i32, i16)| {
            let part = AddPartitionsToTxnPartitionResult {
                partition_index: *number,
                partition_error_code: *code,
            };
            AddPartitionsToTxnTopicResult { name: (*name).into(), results_by_partition: vec![part] }
        };
        let response = AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: results.iter().map(result).collect(),
            ..AddPartitionsToTxnResponse::default()
        };
        let reply = reply::<AddPartitionsToTxnRequest<'_>>(3, &response);
        question.read(&asker(Dialect::Explicit), &reply)
    };
    let answer = respond(&[("b", 0, 51), ("a", 3, 0), ("a", 1, 3200)]).unwrap();
    let results = [
        ("partition a-1".to_owned(), ErrorCode::UnknownServerError),
        ("partition a-3".to_owned(), ErrorCode::None),
        ("partition b-0".to_owned(), ErrorCode::ConcurrentTransactions),
    ];
    assert_eq!(answer, Answer { results: results.into(), identity: None });
    let error = respond(&[("b", 0, 0), ("a", 3, 0)]).unwrap_err();
    assert!(matches!(error, ClientError::Missing { .. }), "{error}");
}

#[test]
fn the_end_gives_the_next_epoch_from_version_5_on() {
    let question = Question::End(Outcome::Abort);
    let ended = |version, producer_id, producer_epoch| {
        let response = EndTxnResponse { producer_id, producer_epoch, ..EndTxnResponse::default() };
        let reply = reply::<EndTxnRequest<'_>>(version, &response);
        question.read(&asker(Dialect::Implicit), &reply).map(|answer| answer.identity)
    };
    assert_eq!(ended(5, 7, 3), Ok(identity(7, 3)));
    assert_eq!(ended(4, -1, -1), Ok(None));
    assert!(matches!(ended(5, -1, -1), Err(ClientError::Missing { .. })));
}
