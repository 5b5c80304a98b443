//! Any record that can be in a log, whether or not it fits an image.

use corelog_cluster::{
    AclBinding, AclEntry, AclOperation, ConfigResource, DelegationToken, MetadataRecord,
    PartitionState, PatternType, Permission, QuotaEntity, QuotaKey, QuotaName, QuotaValue,
    ResourcePattern, ResourceType, ScramCredential, ScramMechanism, ScramUser, ShardEndpoint,
};
use corelog_model::{
    BrokerId, LeaderEpoch, NodeId, PartitionId, PartitionIndex, ProducerId, ShardId, TopicId,
    TopicName,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const NOT_NEGATIVE: std::ops::RangeInclusive<i32> = 0..=i32::MAX;

pub(crate) fn topic_name() -> impl Strategy<Value = TopicName> {
    "[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,20}".prop_map(|text| TopicName::new(&text).unwrap())
}

fn topic_id() -> impl Strategy<Value = TopicId> {
    any::<[u8; 16]>().prop_map(TopicId::from_bytes)
}

fn endpoint() -> impl Strategy<Value = ShardEndpoint> {
    let numbers = (any::<u16>(), any::<u16>());
    (numbers, "[A-Z]{0,9}", ".{0,20}").prop_map(|((shard, port), listener, host)| ShardEndpoint {
        shard: ShardId(shard),
        listener,
        host,
        port,
    })
}

fn partition() -> impl Strategy<Value = (PartitionId, PartitionState)> {
    let id = (topic_id(), NOT_NEGATIVE)
        .prop_map(|(topic, index)| PartitionId::new(topic, PartitionIndex(index)));
    let nodes = || vec(NOT_NEGATIVE.prop_map(NodeId), 0..5);
    let numbers = (NOT_NEGATIVE, NOT_NEGATIVE, NOT_NEGATIVE);
    (id, nodes(), nodes(), nodes(), numbers).prop_map(|(id, replicas, isr, target, numbers)| {
        let (leader, leader_epoch, partition_epoch) = numbers;
        let (leader, leader_epoch) = (NodeId(leader), LeaderEpoch(leader_epoch));
        (id, PartitionState { replicas, isr, leader, leader_epoch, partition_epoch, target })
    })
}

fn resource() -> impl Strategy<Value = ConfigResource> {
    prop_oneof![
        topic_name().prop_map(ConfigResource::Topic),
        NOT_NEGATIVE.prop_map(|broker| ConfigResource::Broker(BrokerId(broker))),
        Just(ConfigResource::BrokerDefault),
        ".{0,20}".prop_map(ConfigResource::Group),
    ]
}

fn scram_user() -> impl Strategy<Value = ScramUser> {
    let mechanism = proptest::sample::select(&ScramMechanism::ALL[..]);
    (".{0,20}", mechanism).prop_map(|(name, mechanism)| ScramUser { name, mechanism })
}

fn quota_entity() -> impl Strategy<Value = QuotaEntity> {
    let name = || option::of(".{0,20}").prop_map(QuotaName::from);
    prop_oneof![
        name().prop_map(QuotaEntity::User),
        name().prop_map(QuotaEntity::Client),
        (name(), name()).prop_map(|(user, client)| QuotaEntity::UserAndClient(user, client)),
        name().prop_map(QuotaEntity::Ip),
    ]
}

fn quota_value() -> impl Strategy<Value = QuotaValue> {
    any::<f64>().prop_filter_map("a quota is above zero", QuotaValue::new)
}

/// Any binding whose texts are of these forms.
pub(crate) fn acl(
    name: &'static str,
    principal: &'static str,
    host: &'static str,
) -> impl Strategy<Value = AclBinding> {
    use proptest::sample::select;
    let kinds = (select(ResourceType::ALL), select(PatternType::ALL));
    let right = (select(AclOperation::ALL), select(Permission::ALL));
    (kinds, name, principal, host, right).prop_map(|(kinds, name, principal, host, right)| {
        let ((resource_type, pattern_type), (operation, permission)) = (kinds, right);
        AclBinding {
            pattern: ResourcePattern { resource_type, pattern_type, name },
            entry: AclEntry { principal, host, operation, permission },
        }
    })
}

fn delegation_token() -> impl Strategy<Value = DelegationToken> {
    let names = (".{0,20}", ".{0,20}", ".{0,20}", vec(".{0,20}", 0..4));
    let times = (any::<i64>(), any::<i64>(), any::<i64>());
    (names, times).prop_map(|((id, owner, requester, renewers), times)| {
        let (issued_ms, expires_ms, ends_ms) = times;
        DelegationToken { id, owner, requester, renewers, issued_ms, expires_ms, ends_ms }
    })
}

pub(crate) fn record() -> impl Strategy<Value = MetadataRecord> {
    prop_oneof![
        ".{0,40}".prop_map(|cluster_id| MetadataRecord::ClusterCreated { cluster_id }),
        (NOT_NEGATIVE, option::of(".{0,20}"), vec(endpoint(), 0..5)).prop_map(
            |(broker, rack, shards)| {
                MetadataRecord::BrokerRegistered { broker: BrokerId(broker), rack, shards }
            }
        ),
        (topic_id(), topic_name()).prop_map(|(id, name)| MetadataRecord::TopicCreated { id, name }),
        partition()
            .prop_map(|(partition, state)| MetadataRecord::PartitionCreated { partition, state }),
        partition()
            .prop_map(|(partition, state)| MetadataRecord::PartitionChanged { partition, state }),
        topic_id().prop_map(|id| MetadataRecord::TopicDeleted { id }),
        (resource(), ".{0,20}", option::of(".{0,40}"))
            .prop_map(|(resource, key, value)| MetadataRecord::ConfigSet { resource, key, value }),
        (0..=i64::MAX)
            .prop_map(|next| MetadataRecord::ProducerIdsAllocated { next: ProducerId(next) }),
        (scram_user(), vec(any::<u8>(), 0..20), NOT_NEGATIVE).prop_map(|(of, salt, iterations)| {
            let key = vec![7; of.mechanism.key_bytes()];
            let (stored_key, server_key) = (key.clone(), key);
            let credential = ScramCredential { salt, stored_key, server_key, iterations };
            MetadataRecord::ScramCredentialSet { of, credential }
        }),
        scram_user().prop_map(|of| MetadataRecord::ScramCredentialRemoved { of }),
        (quota_entity(), proptest::sample::select(&QuotaKey::ALL[..]), option::of(quota_value()))
            .prop_map(|(entity, key, value)| {
                MetadataRecord::ClientQuotaChanged { entity, key, value }
            }),
        acl(".{0,20}", ".{0,20}", ".{0,20}")
            .prop_map(|binding| MetadataRecord::AclAdded { binding }),
        acl(".{0,20}", ".{0,20}", ".{0,20}")
            .prop_map(|binding| MetadataRecord::AclRemoved { binding }),
        delegation_token().prop_map(|token| MetadataRecord::DelegationTokenSet { token }),
        ".{0,20}".prop_map(|id| MetadataRecord::DelegationTokenRemoved { id }),
    ]
}
