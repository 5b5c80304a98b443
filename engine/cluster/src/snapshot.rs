//! A short log that says what a long one amounts to: what a new reader is given, and what lets the
//! log drop its old records.

use crate::apply::ApplyError;
use crate::image::{ClusterImage, MetadataVersion, TopicImage};
use crate::record::{ConfigResource, MetadataRecord};
use crate::scram::ScramCredential;
use corelog_model::{PartitionId, ProducerId};

/// The shortest records that make `image` out of nothing, all but its version: that one counts
/// records, and these are fewer than those that made the image.
pub fn snapshot(image: &ClusterImage) -> Vec<MetadataRecord> {
    snapshot_records(image).collect()
}

/// The records of [`snapshot`] one by one, each made when it is asked for.
pub fn snapshot_records(image: &ClusterImage) -> impl Iterator<Item = MetadataRecord> {
    let cluster = image
        .cluster_id()
        .map(|cluster_id| MetadataRecord::ClusterCreated { cluster_id: cluster_id.to_owned() });
    let brokers = image.brokers().map(|broker| MetadataRecord::BrokerRegistered {
        broker: broker.id,
        rack: broker.rack.clone(),
        shards: broker.shards.clone(),
    });
    let topics = image.topics().flat_map(|topic| topic_records(topic));
    let configs = image.configs().flat_map(|(resource, configs)| {
        configs.iter().map(move |(key, value)| set(&resource, key, value))
    });
    let next = image.next_producer_id();
    let producer_ids =
        (next > ProducerId::default()).then_some(MetadataRecord::ProducerIdsAllocated { next });
    let credentials = image.scram_credentials().map(|(of, credential)| {
        let (of, credential) = (of.clone(), ScramCredential::clone(credential));
        MetadataRecord::ScramCredentialSet { of, credential }
    });
    let quotas = image.client_quotas().entities().flat_map(|(entity, values)| {
        values.iter().map(|(key, value)| MetadataRecord::ClientQuotaChanged {
            entity: entity.clone(),
            key: *key,
            value: Some(*value),
        })
    });
    let acls = image.acls().bindings().map(|binding| MetadataRecord::AclAdded { binding });
    let cluster = cluster.into_iter().chain(brokers).chain(topics).chain(configs);
    let tokens = image.delegation_tokens();
    let tokens = tokens.map(|it| MetadataRecord::DelegationTokenSet { token: it.clone() });
    cluster.chain(producer_ids).chain(credentials).chain(quotas).chain(acls).chain(tokens)
}

fn topic_records(topic: &TopicImage) -> impl Iterator<Item = MetadataRecord> {
    let created = MetadataRecord::TopicCreated { id: topic.id(), name: topic.name().clone() };
    let partitions = topic.partitions().map(|(index, state)| {
        let partition = PartitionId::new(topic.id(), index);
        MetadataRecord::PartitionCreated { partition, state: state.clone() }
    });
    std::iter::once(created).chain(partitions)
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
