//! Records survive their bytes; other bytes are refused.

use corelog_cluster::codec::{FORMAT_VERSION, FORMAT_VERSION_OLDEST, RECORD_BYTES_MAX};
use corelog_cluster::{
    ConfigResource, DecodeError, LISTENER_DEFAULT, MetadataRecord, QuotaEntity, QuotaKey,
    QuotaName, QuotaValue, ScramCredential, ScramMechanism, ScramUser, ShardEndpoint,
};
use corelog_model::{BrokerId, ProducerId, ShardId};
use proptest::prelude::*;

use crate::arbitrary;
use crate::scene::{endpoints, name, node, partition, state, topic_id};

fn bytes_of(record: &MetadataRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes
}

fn scram_user() -> ScramUser {
    ScramUser { name: "bob".to_owned(), mechanism: ScramMechanism::Sha512 }
}

fn one_of_each_kind() -> Vec<MetadataRecord> {
    let set = |resource, value: Option<&str>| MetadataRecord::ConfigSet {
        resource,
        key: "retention.ms".to_owned(),
        value: value.map(str::to_owned),
    };
    vec![
        MetadataRecord::ClusterCreated { cluster_id: "größe".to_owned() },
        MetadataRecord::BrokerRegistered {
            broker: BrokerId(3),
            rack: Some("a".to_owned()),
            shards: endpoints(3),
        },
        MetadataRecord::TopicCreated { id: topic_id(1), name: name("a.topic") },
        MetadataRecord::PartitionCreated {
            partition: partition(1, 0),
            state: state(&[node(3, 0), node(1, 1)], 0),
        },
        MetadataRecord::PartitionChanged {
            partition: partition(1, 0),
            state: state(&[node(3, 2)], 7),
        },
        MetadataRecord::TopicDeleted { id: topic_id(1) },
        set(ConfigResource::Topic(name("a.topic")), Some("1")),
        set(ConfigResource::Broker(BrokerId(3)), None),
        set(ConfigResource::BrokerDefault, Some("")),
        set(ConfigResource::Group("größe".to_owned()), Some("1")),
        MetadataRecord::ProducerIdsAllocated { next: ProducerId(i64::MAX) },
        MetadataRecord::ScramCredentialSet {
            of: scram_user(),
            credential: ScramCredential {
                salt: vec![1, 2],
                stored_key: vec![3; 64],
                server_key: vec![4; 64],
                iterations: 4096,
            },
        },
        MetadataRecord::ScramCredentialRemoved { of: scram_user() },
        MetadataRecord::ClientQuotaChanged {
            entity: QuotaEntity::UserAndClient(QuotaName::named("bob"), QuotaName::Default),
            key: QuotaKey::RequestPercentage,
            value: QuotaValue::new(0.5),
        },
        MetadataRecord::ClientQuotaChanged {
            entity: QuotaEntity::Ip(QuotaName::named("::1")),
            key: QuotaKey::ConnectionCreationRate,
            value: None,
        },
    ]
}

#[test]
fn every_kind_of_record_survives_its_bytes() {
    for record in one_of_each_kind() {
        assert_eq!(MetadataRecord::decode(&bytes_of(&record)), Ok(record));
    }
}

#[test]
fn the_largest_broker_fits_a_record() {
    let shard = |shard| ShardEndpoint {
        shard: ShardId(shard),
        listener: "SASL_PLAINTEXT".into(),
        host: "h".repeat(255),
        port: 1,
    };
    let record = MetadataRecord::BrokerRegistered {
        broker: BrokerId::MAX,
        rack: Some("r".repeat(255)),
        shards: (0..1000).map(shard).collect(),
    };
    assert_eq!(MetadataRecord::decode(&bytes_of(&record)), Ok(record));
}

#[test]
fn encoding_appends_to_what_is_there() {
    let record = MetadataRecord::TopicDeleted { id: topic_id(1) };
    let mut bytes = b"before".to_vec();
    record.encode(&mut bytes);
    assert_eq!(bytes[..6], *b"before");
    assert_eq!(MetadataRecord::decode(&bytes[6..]), Ok(record));
}

#[test]
fn another_format_version_is_refused_by_its_number() {
    let mut bytes = bytes_of(&MetadataRecord::TopicDeleted { id: topic_id(1) });
    for found in [FORMAT_VERSION_OLDEST - 1, FORMAT_VERSION + 1, 255] {
        bytes[0] = found;
        assert_eq!(MetadataRecord::decode(&bytes), Err(DecodeError::FormatVersion { found }));
    }
}

#[test]
fn a_broker_of_the_first_format_has_the_default_listener() {
    // As version 1 wrote it: broker 3, shard 2 on h:9092.
    let bytes = [
        1, 12, 0, 0, 0, 8, 0, 14, 0, 7, 0, 8, 0, 8, 0, 0, 0, 0, 0, 0, 2, 16, 0, 0, 0, 0, 0, 10, 0,
        12, 0, 4, 0, 0, 0, 8, 0, 10, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0,
        0, 10, 0, 16, 0, 8, 0, 12, 0, 6, 0, 10, 0, 0, 0, 0, 0, 132, 35, 2, 0, 0, 0, 4, 0, 0, 0, 1,
        0, 0, 0, 104, 0, 0, 0,
    ];
    let shards = vec![ShardEndpoint {
        shard: ShardId(2),
        listener: LISTENER_DEFAULT.to_owned(),
        host: "h".to_owned(),
        port: 9092,
    }];
    let broker = MetadataRecord::BrokerRegistered { broker: BrokerId(3), rack: None, shards };
    assert_eq!(MetadataRecord::decode(&bytes), Ok(broker));
}

#[test]
fn no_bytes_and_too_many_bytes_are_refused() {
    assert_eq!(MetadataRecord::decode(&[]), Err(DecodeError::Empty));
    let bytes = vec![FORMAT_VERSION; RECORD_BYTES_MAX + 1];
    let error = DecodeError::TooLong { bytes: RECORD_BYTES_MAX + 1 };
    assert_eq!(MetadataRecord::decode(&bytes), Err(error));
}

#[test]
fn an_unknown_kind_is_refused_by_its_number() {
    // The kind is the only byte of the record whose value is the number of the kind and whose
    // change to another number makes the kind unknown.
    let bytes = bytes_of(&MetadataRecord::ProducerIdsAllocated { next: ProducerId(0x1111) });
    let unknown = (1..bytes.len()).filter(|place| {
        let mut newer = bytes.clone();
        newer[*place] = 99;
        MetadataRecord::decode(&newer) == Err(DecodeError::UnknownKind { kind: 99 })
    });
    assert_eq!(unknown.count(), 1);
}

#[test]
fn an_unknown_kind_of_resource_is_refused_by_its_number() {
    let bytes = bytes_of(&MetadataRecord::ConfigSet {
        resource: ConfigResource::BrokerDefault,
        key: "k".to_owned(),
        value: None,
    });
    let unknown = (1..bytes.len()).filter(|place| {
        let mut newer = bytes.clone();
        newer[*place] = 99;
        MetadataRecord::decode(&newer) == Err(DecodeError::UnknownResource { kind: 99 })
    });
    assert_eq!(unknown.count(), 1);
}

#[test]
fn a_topic_name_that_could_leave_its_folder_is_refused() {
    let bytes = bytes_of(&MetadataRecord::TopicCreated { id: topic_id(1), name: name("x-y-z") });
    let place = bytes.windows(5).position(|window| window == b"x-y-z").unwrap();
    let mut changed = bytes.clone();
    changed[place..place + 5].copy_from_slice(b"../..");
    let decoded = MetadataRecord::decode(&changed);
    assert!(matches!(decoded, Err(DecodeError::TopicName(_))), "{decoded:?}");
}

#[test]
fn a_negative_number_is_refused() {
    let bytes = bytes_of(&MetadataRecord::ProducerIdsAllocated { next: ProducerId(0x0102_0304) });
    let place = bytes.windows(4).position(|window| window == [4, 3, 2, 1]).unwrap();
    let mut changed = bytes.clone();
    changed[place..place + 8].fill(0xff);
    let error = DecodeError::OutOfRange { field: "next", value: -1 };
    assert_eq!(MetadataRecord::decode(&changed), Err(error));
}

proptest! {
    #[test]
    fn any_record_survives_its_bytes(record in arbitrary::record()) {
        prop_assert_eq!(MetadataRecord::decode(&bytes_of(&record)), Ok(record));
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes: Vec<u8>) {
        let _ = MetadataRecord::decode(&bytes);
        let versioned = [&[FORMAT_VERSION], &bytes[..]].concat();
        let _ = MetadataRecord::decode(&versioned);
    }

    #[test]
    fn a_damaged_record_is_decoded_without_a_panic(
        record in arbitrary::record(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = bytes_of(&record);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        // Where it can still be decoded, it is a record like any other.
        if let Ok(other) = MetadataRecord::decode(&bytes) {
            prop_assert_eq!(MetadataRecord::decode(&bytes_of(&other)), Ok(other));
        }
        let _ = MetadataRecord::decode(&bytes[..cut.index(bytes.len())]);
    }
}
