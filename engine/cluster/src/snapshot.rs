//! A short log that says what a long one amounts to: what a new reader is given, and what lets the
//! log drop its old records.

use crate::apply::ApplyError;
use crate::image::{ClusterImage, MetadataVersion};
use crate::record::{ConfigResource, MetadataRecord};
use corelog_model::{PartitionId, ProducerId};

/// The shortest records that make `image` out of nothing, all but its version: that one counts
/// records, and these are fewer than those that made the image.
pub fn snapshot(image: &ClusterImage) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    if let Some(cluster_id) = image.cluster_id() {
        records.push(MetadataRecord::ClusterCreated { cluster_id: cluster_id.to_owned() });
    }
    for broker in image.brokers() {
        records.push(MetadataRecord::BrokerRegistered {
            broker: broker.id,
            rack: broker.rack.clone(),
            shards: broker.shards.clone(),
        });
    }
    for topic in image.topics() {
        records.push(MetadataRecord::TopicCreated { id: topic.id(), name: topic.name().clone() });
        for (index, state) in topic.partitions() {
            let partition = PartitionId::new(topic.id(), index);
            records.push(MetadataRecord::PartitionCreated { partition, state: state.clone() });
        }
    }
    for (resource, configs) in image.configs() {
        records.extend(configs.iter().map(|(key, value)| set(&resource, key, value)));
    }
    if image.next_producer_id() > ProducerId::default() {
        records.push(MetadataRecord::ProducerIdsAllocated { next: image.next_producer_id() });
    }
    records
}

/// The image that was at `version` when [`snapshot`] made these records of it.
pub fn restore(
    version: MetadataVersion,
    records: &[MetadataRecord],
) -> Result<ClusterImage, ApplyError> {
    let mut image = ClusterImage::empty().fold(records)?;
    image.version = version;
    Ok(image)
}

fn set(resource: &ConfigResource, key: &str, value: &str) -> MetadataRecord {
    MetadataRecord::ConfigSet {
        resource: resource.clone(),
        key: key.to_owned(),
        value: Some(value.to_owned()),
    }
}
