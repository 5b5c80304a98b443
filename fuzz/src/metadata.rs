//! Records of the metadata log: a format version and a flatbuffer each.

use corelog_cluster::{ClusterImage, MetadataRecord};

/// One record. What can be read can be written; an image takes it or refuses it.
pub fn metadata(input: &[u8]) {
    let Ok(record) = MetadataRecord::decode(input) else { return };
    let mut encoded = Vec::new();
    record.encode(&mut encoded);
    assert_eq!(MetadataRecord::decode(&encoded), Ok(record.clone()), "the same record comes back");
    let created = MetadataRecord::ClusterCreated { cluster_id: "cluster".to_owned() };
    for before in [vec![], vec![created]] {
        let image = ClusterImage::empty().fold(&before).expect("an empty image takes it");
        let _ = image.fold(std::slice::from_ref(&record));
    }
}

pub(crate) mod seeds {
    use corelog_cluster::{
        ConfigResource, PartitionState, QuotaEntity, QuotaKey, QuotaName, QuotaValue, ShardEndpoint,
    };
    use corelog_model::{
        BrokerId, LeaderEpoch, NodeId, PartitionId, PartitionIndex, ProducerId, ShardId, TopicId,
    };

    use super::MetadataRecord;

    fn records() -> Vec<MetadataRecord> {
        let id = TopicId::from_bytes([7; 16]);
        let partition = PartitionId { topic: id, index: PartitionIndex(0) };
        let state = PartitionState {
            replicas: vec![NodeId(1000), NodeId(2000)],
            isr: vec![NodeId(1000)],
            leader: NodeId(1000),
            leader_epoch: LeaderEpoch(3),
            partition_epoch: 4,
            target: vec![NodeId(1001)],
        };
        let shard = ShardEndpoint {
            shard: ShardId(0),
            listener: "SSL".to_owned(),
            host: "::1".to_owned(),
            port: 9092,
        };
        let config = |resource, value: Option<&str>| MetadataRecord::ConfigSet {
            resource,
            key: "retention.ms".to_owned(),
            value: value.map(str::to_owned),
        };
        let topic: corelog_model::TopicName = "orders".parse().expect("a legal name");
        vec![
            MetadataRecord::ClusterCreated { cluster_id: "cluster".to_owned() },
            MetadataRecord::BrokerRegistered {
                broker: BrokerId(1),
                rack: Some("a".to_owned()),
                shards: vec![shard],
            },
            MetadataRecord::TopicCreated { id, name: topic.clone() },
            MetadataRecord::PartitionCreated { partition, state: state.clone() },
            MetadataRecord::PartitionChanged { partition, state },
            MetadataRecord::TopicDeleted { id },
            config(ConfigResource::Topic(topic), Some("-1")),
            config(ConfigResource::Broker(BrokerId(1)), Some("1")),
            config(ConfigResource::BrokerDefault, None),
            config(ConfigResource::Group("g".to_owned()), Some("1")),
            MetadataRecord::ProducerIdsAllocated { next: ProducerId(1000) },
            MetadataRecord::ClientQuotaChanged {
                entity: QuotaEntity::UserAndClient(QuotaName::named("bob"), QuotaName::Default),
                key: QuotaKey::ProducerByteRate,
                value: QuotaValue::new(1024.0),
            },
        ]
    }

    pub(crate) fn metadata() -> Vec<Vec<u8>> {
        let encode = |record: &MetadataRecord| {
            let mut encoded = Vec::new();
            record.encode(&mut encoded);
            encoded
        };
        records().iter().map(encode).collect()
    }
}
