//! The messages that consumers embed in JoinGroup and SyncGroup, against the oracle and against
//! damage, as `main.rs` does it for those with frames of their own.

use bytes::{Bytes, BytesMut};
use corelog_wire::consumer_protocol::{TopicPartition, VERSION_MAX};
use corelog_wire::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, WireError};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::oracle::normal_form;
use crate::samples::{bytes, some, text};

type TheirSubscription = kafka_protocol::messages::ConsumerProtocolSubscription;
type TheirAssignment = kafka_protocol::messages::ConsumerProtocolAssignment;

fn partitions() -> Vec<TopicPartition<'static>> {
    vec![
        TopicPartition { topic: text("topic-1"), partitions: vec![1, 2] },
        TopicPartition { topic: text("topic-2"), partitions: vec![] },
    ]
}

fn subscriptions() -> [ConsumerProtocolSubscription<'static>; 2] {
    let full = ConsumerProtocolSubscription {
        topics: vec![text("topic-1"), text("topic-2")],
        user_data: Some(bytes(b"user-data")),
        owned_partitions: partitions(),
        generation_id: 3,
        rack_id: some("rack-1"),
    };
    [full, ConsumerProtocolSubscription::default()]
}

fn assignments() -> [ConsumerProtocolAssignment<'static>; 2] {
    let full = ConsumerProtocolAssignment {
        assigned_partitions: partitions(),
        user_data: Some(bytes(b"user-data")),
    };
    [full, ConsumerProtocolAssignment::default()]
}

/// The printed value that the oracle reads from the bytes behind the version, and what it writes.
fn oracle<T: Decodable + Encodable + std::fmt::Debug>(encoded: &[u8]) -> (String, Vec<u8>) {
    let (version, body) = encoded.split_first_chunk().unwrap();
    let version = i16::from_be_bytes(*version);
    let mut body = Bytes::copy_from_slice(body);
    let value = T::decode(&mut body, version).unwrap();
    assert!(body.is_empty(), "the oracle leaves bytes");
    let mut again = BytesMut::from(&version.to_be_bytes()[..]);
    value.encode(&mut again, version).unwrap();
    (format!("{value:?}"), again.to_vec())
}

#[test]
fn the_oracle_reads_and_writes_the_same_in_every_version() {
    for version in 0..=VERSION_MAX {
        for subscription in subscriptions() {
            let ours = subscription.encode(version).unwrap();
            let (debug, theirs) = oracle::<TheirSubscription>(&ours);
            assert_eq!(ours, theirs);
            let (read_version, read) = ConsumerProtocolSubscription::decode(&theirs).unwrap();
            assert_eq!(read_version, version);
            assert_eq!(normal_form(&format!("{read:?}")), normal_form(&debug));
            assert_eq!(read.encode(version).unwrap(), ours);
        }
        for assignment in assignments() {
            let ours = assignment.encode(version).unwrap();
            let (debug, theirs) = oracle::<TheirAssignment>(&ours);
            assert_eq!(ours, theirs);
            let (read_version, read) = ConsumerProtocolAssignment::decode(&theirs).unwrap();
            assert_eq!((read_version, &read), (version, &assignment));
            assert_eq!(normal_form(&format!("{read:?}")), normal_form(&debug));
        }
    }
}

#[test]
fn a_newer_version_is_read_as_the_newest_known_one() {
    let [subscription, _] = subscriptions();
    let mut newer = subscription.encode(VERSION_MAX).unwrap();
    newer[..2].copy_from_slice(&9_i16.to_be_bytes());
    newer.extend(b"fields of version 9");
    let read = ConsumerProtocolSubscription::decode(&newer);
    assert_eq!(read, Ok((VERSION_MAX, subscription)));
}

#[test]
fn a_negative_version_and_no_bytes_at_all_are_refused() {
    let refused = ConsumerProtocolAssignment::decode(&[0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(refused, Err(WireError::EmbeddedVersion { version: -1 }));
    let refused = ConsumerProtocolAssignment::decode(&[]);
    assert_eq!(refused, Err(WireError::Truncated { needed: 2, remaining: 0 }));
}

#[test]
fn one_cut_anywhere_is_refused() {
    for version in 0..=VERSION_MAX {
        for subscription in subscriptions() {
            let encoded = subscription.encode(version).unwrap();
            for len in 0..encoded.len() {
                assert!(ConsumerProtocolSubscription::decode(&encoded[..len]).is_err());
            }
        }
        for assignment in assignments() {
            let encoded = assignment.encode(version).unwrap();
            for len in 0..encoded.len() {
                assert!(ConsumerProtocolAssignment::decode(&encoded[..len]).is_err());
            }
        }
    }
}

#[test]
fn a_hostile_count_is_refused_before_memory_is_taken() {
    let count = i32::MAX as usize;
    let hostile = [0, 3, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3];
    let refused = Err(WireError::Count { count, remaining: 3 });
    assert_eq!(ConsumerProtocolSubscription::decode(&hostile), refused);
    let refused = Err(WireError::Count { count, remaining: 3 });
    assert_eq!(ConsumerProtocolAssignment::decode(&hostile), refused);
}
