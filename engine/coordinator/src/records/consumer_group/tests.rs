//! Golden bytes, derived by hand from Kafka's schemas, and what is refused.

use std::sync::Arc;

use corelog_model::{PartitionId, PartitionIndex, Timestamp, TopicId};
use proptest::prelude::*;

use super::super::{CoordinatorRecord, Decoded, RecordError};
use super::{
    ClassicMember, ConsumerGroupRecord, CurrentAssignment, Entry, GroupEpoch, MemberMetadata,
    MemberState, ResolvedExpression, TargetMetadata, TopicMetadata,
};
use crate::consumer_group::MemberId;
use crate::input::JoinProtocol;

const TOPIC: TopicId = TopicId::from_bytes([7; 16]);

fn partition(index: i32) -> PartitionId {
    PartitionId::new(TOPIC, PartitionIndex(index))
}

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn member() -> MemberId {
    MemberId::from("m")
}

fn record(entry: Entry) -> CoordinatorRecord {
    CoordinatorRecord::ConsumerGroup(ConsumerGroupRecord { group: text("g"), entry })
}

/// Checks the bytes of a record in both directions. Parts are joined.
#[track_caller]
fn check(entry: Entry, key: &[&[u8]], value: Option<&[&[u8]]>) {
    let record = record(entry);
    let (key, value) = (key.concat(), value.map(<[&[u8]]>::concat));
    assert_eq!(record.encode_key(), key, "key");
    assert_eq!(record.encode_value(), value, "value");
    assert_eq!(CoordinatorRecord::decode(&key, value.as_deref()), Ok(Decoded::Known(record)));
}

#[track_caller]
fn check_value(key: &[u8], value: &[&[u8]], expected: Result<Entry, RecordError>) {
    let expected = expected.map(|entry| Decoded::Known(record(entry)));
    assert_eq!(CoordinatorRecord::decode(key, Some(&value.concat())), expected);
}

const GROUP_KEY: &[u8] = &[0, 3, 0, 1, b'g'];
const CURRENT_KEY: &[u8] = &[0, 8, 0, 1, b'g', 0, 1, b'm'];

#[test]
fn a_group_is_its_epoch_and_a_hash() {
    check(
        Entry::Group(Some(GroupEpoch { epoch: 10, metadata_hash: 0x0102 })),
        &[GROUP_KEY],
        // Version, epoch, one tag: 0, 8 bytes long.
        Some(&[&[0, 0], &[0, 0, 0, 10], &[1, 0, 8], &[0, 0, 0, 0, 0, 0, 1, 2]]),
    );
    check(
        Entry::Group(Some(GroupEpoch { epoch: -1, metadata_hash: 0 })),
        &[GROUP_KEY],
        Some(&[&[0, 0], &[0xff; 4], &[0]]),
    );
    check(Entry::Group(None), &[GROUP_KEY], None);
}

#[test]
fn metadata_of_partitions_is_read_as_it_was_written() {
    check(
        Entry::PartitionMetadata(Some(vec![TopicMetadata {
            id: TOPIC,
            name: text("t"),
            partition_count: 2,
            racks: vec![(PartitionIndex(1), vec![text("r")])],
        }])),
        &[&[0, 4, 0, 1, b'g']],
        Some(&[
            &[0, 0, 2],
            &[7; 16],
            &[2, b't', 0, 0, 0, 2],
            // One partition: 1, one rack, no tags.
            &[2, 0, 0, 0, 1, 2, 2, b'r', 0],
            &[0, 0],
        ]),
    );
    check(Entry::PartitionMetadata(None), &[&[0, 4, 0, 1, b'g']], None);
}

#[test]
fn a_member_is_what_it_said() {
    check(
        Entry::Member(
            member(),
            Some(MemberMetadata {
                instance_id: Some(text("i")),
                rack_id: None,
                client_id: text("c"),
                client_host: text("/h"),
                topic_names: [text("a"), text("b")].into(),
                topic_regex: Some(text("x*")),
                rebalance_timeout_ms: 300_000,
                server_assignor: Some(text("range")),
                classic: None,
            }),
        ),
        &[&[0, 5, 0, 1, b'g', 0, 1, b'm']],
        Some(&[
            &[0, 0],
            &[2, b'i', 0, 2, b'c', 3, b'/', b'h'],
            &[3, 2, b'a', 2, b'b'],
            &[3, b'x', b'*'],
            &[0, 4, 0x93, 0xe0],
            b"\x06range",
            &[0],
        ]),
    );
    check(Entry::Member(member(), None), &[&[0, 5, 0, 1, b'g', 0, 1, b'm']], None);
}

#[test]
fn a_member_of_the_classic_protocol_brings_its_protocols() {
    let classic = ClassicMember {
        session_timeout_ms: 258,
        protocols: vec![JoinProtocol { name: "range".into(), metadata: vec![1, 2] }],
    };
    check(
        Entry::Member(
            member(),
            Some(MemberMetadata { classic: Some(classic), ..MemberMetadata::default() }),
        ),
        &[&[0, 5, 0, 1, b'g', 0, 1, b'm']],
        Some(&[
            &[0, 0],
            &[0, 0, 1, 1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0],
            // One tag: 0, 17 bytes; not null, timeout, one protocol, no tags in either.
            &[1, 0, 17, 1, 0, 0, 1, 2, 2],
            b"\x06range",
            &[3, 1, 2, 0, 0],
        ]),
    );
}

#[test]
fn a_target_is_an_epoch_and_a_time() {
    check(
        Entry::Target(Some(TargetMetadata { epoch: 3, computed_at: Timestamp::ZERO })),
        &[&[0, 6, 0, 1, b'g']],
        Some(&[&[0, 0], &[0, 0, 0, 3], &[0]]),
    );
    check(
        Entry::Target(Some(TargetMetadata { epoch: 3, computed_at: Timestamp(5) })),
        &[&[0, 6, 0, 1, b'g']],
        Some(&[&[0, 0], &[0, 0, 0, 3], &[1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]]),
    );
}

#[test]
fn the_target_of_a_member_is_its_partitions() {
    let other = PartitionId::new(TopicId::from_bytes([8; 16]), PartitionIndex(0));
    check(
        Entry::MemberTarget(member(), Some([partition(1), partition(4), other].into())),
        &[&[0, 7, 0, 1, b'g', 0, 1, b'm']],
        Some(&[
            &[0, 0, 3],
            &[7; 16],
            &[3, 0, 0, 0, 1, 0, 0, 0, 4, 0],
            &[8; 16],
            &[2, 0, 0, 0, 0, 0],
            &[0],
        ]),
    );
}

#[test]
fn a_current_assignment_has_an_epoch_for_each_partition() {
    check(
        Entry::Current(
            member(),
            Some(CurrentAssignment {
                epoch: 5,
                previous_epoch: 4,
                state: MemberState::UnrevokedPartitions,
                assigned: [(partition(0), 5), (partition(1), 3)].into(),
                revoking: [(partition(2), 4)].into(),
            }),
        ),
        &[CURRENT_KEY],
        Some(&[
            &[0, 0, 0, 0, 0, 5, 0, 0, 0, 4, 1],
            &[2],
            &[7; 16],
            &[3, 0, 0, 0, 0, 0, 0, 0, 1],
            &[1, 0, 9, 3, 0, 0, 0, 5, 0, 0, 0, 3],
            &[2],
            &[7; 16],
            &[2, 0, 0, 0, 2],
            &[1, 0, 5, 2, 0, 0, 0, 4],
            &[0],
        ]),
    );
}

#[test]
fn partitions_without_epochs_have_that_of_the_member() {
    let expected = CurrentAssignment {
        epoch: 5,
        previous_epoch: 4,
        state: MemberState::UnreleasedPartitions,
        assigned: [(partition(1), 5)].into(),
        revoking: [].into(),
    };
    let head: &[u8] = &[0, 0, 0, 0, 0, 5, 0, 0, 0, 4, 2];
    // As Kafka 4.0 writes it, and with a tag that says null.
    for tags in [&[0][..], &[1, 0, 1, 0]] {
        check_value(
            CURRENT_KEY,
            &[head, &[2], &[7; 16], &[2, 0, 0, 0, 1], tags, &[1], &[0]],
            Ok(Entry::Current(member(), Some(expected.clone()))),
        );
    }
}

#[test]
fn an_expression_is_what_it_matched() {
    check(
        Entry::Expression(
            text("x*"),
            Some(ResolvedExpression {
                topics: [text("x1")].into(),
                version: 2,
                resolved_at: Timestamp(3),
            }),
        ),
        &[&[0, 16, 0, 1, b'g', 0, 2, b'x', b'*']],
        Some(&[
            &[0, 0, 2, 3, b'x', b'1'],
            &[0, 0, 0, 0, 0, 0, 0, 2],
            &[0, 0, 0, 0, 0, 0, 0, 3],
            &[0],
        ]),
    );
}

#[test]
fn unknown_tags_are_skipped() {
    check_value(
        GROUP_KEY,
        &[&[0, 0, 0, 0, 0, 1], &[2, 5, 2, 9, 9], &[6, 0]],
        Ok(Entry::Group(Some(GroupEpoch { epoch: 1, metadata_hash: 0 }))),
    );
}

#[test]
fn what_breaks_the_schema_is_refused() {
    let version = RecordError::ValueVersion { kind: "a consumer group", version: 1 };
    check_value(GROUP_KEY, &[&[0, 1]], Err(version));
    check_value(GROUP_KEY, &[&[0, 0, 0, 0, 0, 1, 0, 9]], Err(RecordError::Trailing { bytes: 1 }));
    let truncated = |field| Err(RecordError::Truncated { field });
    check_value(GROUP_KEY, &[&[0, 0, 0, 0, 0]], truncated("the group epoch"));
    // A list of four billion elements in no bytes.
    let many: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0x0f];
    let head: &[u8] = &[0, 0, 0, 0, 0, 5, 0, 0, 0, 4, 2];
    check_value(CURRENT_KEY, &[head, many], truncated("the topics"));
    let null = |field| RecordError::Length { field, length: -1 };
    check_value(CURRENT_KEY, &[head, &[0]], Err(null("the topics")));
    check_value(
        CURRENT_KEY,
        &[&[0, 0, 0, 0, 0, 5, 0, 0, 0, 4, 3]],
        Err(RecordError::MemberState { state: 3 }),
    );
    check_value(
        CURRENT_KEY,
        &[head, &[2], &[7; 16], &[2, 0, 0, 0, 1], &[1, 0, 1, 1]],
        Err(RecordError::Epochs { epochs: 0, partitions: 1 }),
    );
    let expression: &[u8] = &[0, 16, 0, 1, b'g', 0, 1, b'x'];
    let no_text = RecordError::Text { field: "the name of a topic" };
    check_value(expression, &[&[0, 0, 2, 2, 0xff]], Err(no_text));
    let no_group = CoordinatorRecord::decode(&[0, 3, 0xff, 0xff], None);
    assert_eq!(no_group, Err(null("the group")));
    let longer = CoordinatorRecord::decode(&[0, 3, 0, 1, b'g', 0], None);
    assert_eq!(longer, Err(RecordError::Trailing { bytes: 1 }));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(version in 3_u8..=16, value: Vec<u8>) {
        let key = [&[0, version, 0, 1, b'g', 0, 1, b'm'][..], &[0, 0][..]];
        for end in [5, 8] {
            let key = key.concat();
            let value = [&[0, 0][..], &value].concat();
            let decoded = CoordinatorRecord::decode(&key[..end], Some(&value));
            if let Ok(Decoded::Known(record)) = decoded {
                // What was read is written so that it reads the same.
                let (key, value) = (record.encode_key(), record.encode_value());
                let again = CoordinatorRecord::decode(&key, value.as_deref());
                prop_assert_eq!(again, Ok(Decoded::Known(record)));
            }
        }
    }
}
