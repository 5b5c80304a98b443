//! The bytes of a metadata record: one format version, then a flatbuffer as schema/metadata.fbs
//! describes it. Decoding verifies everything before it reads anything, and refuses what it does
//! not know in full.

use corelog_model::{
    BrokerId, LeaderEpoch, NodeId, PartitionId, PartitionIndex, ProducerId, ShardId, TopicId,
    TopicName, TopicNameError,
};
use flatbuffers::{
    FlatBufferBuilder, InvalidFlatbuffer, UnionWIPOffset, VerifierOptions, WIPOffset,
};
use thiserror::Error;

use crate::acl::{
    AclBinding, AclEntry, AclOperation, PatternType, Permission, ResourcePattern, ResourceType,
};
use crate::delegation_token::DelegationToken;
use crate::generated as fb;
use crate::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValue};
use crate::record::{
    ConfigResource, LISTENER_DEFAULT, MetadataRecord, PartitionState, ShardEndpoint,
};
use crate::scram::{ScramCredential, ScramMechanism, ScramUser};

/// The format that `encode` writes. Raised whenever the schema changes at all: flatbuffers readers
/// skip fields they do not know, and a record must never be half-read.
///
/// - 1: the first.
/// - 2: endpoints have a listener; SCRAM credentials.
/// - 3: quotas; ACLs; partitions have a target while they move; groups have configs.
/// - 4: delegation tokens.
pub const FORMAT_VERSION: u8 = 4;

/// The oldest format that `decode` reads. Formats only add, so what an old record lacks has one
/// meaning.
pub const FORMAT_VERSION_OLDEST: u8 = 1;

/// The most bytes a record may have. The largest legal one, a broker whose endpoints have long
/// names, needs less than half.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// What a record may make the verifier and the decoder do. Flatbuffers may refer to the same bytes
/// many times; the apparent size counts them each time, so it bounds the memory that decoding
/// takes. Half the bound on bytes, so that what was decoded can be encoded again.
const VERIFIER_OPTIONS: VerifierOptions = VerifierOptions {
    max_depth: 8,
    max_tables: 8192,
    max_apparent_size: RECORD_BYTES_MAX / 2,
    ignore_missing_null_terminator: false,
};

/// Why bytes are not a record this version understands.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Not even a format version.
    #[error("a metadata record has no bytes")]
    Empty,
    /// More than [`RECORD_BYTES_MAX`].
    #[error("a metadata record has {bytes} bytes, more than {RECORD_BYTES_MAX}")]
    TooLong {
        /// The length found.
        bytes: usize,
    },
    /// Written by another version of the software.
    #[error(
        "a metadata record has format version {found}, this software reads {FORMAT_VERSION_OLDEST} \
         to {FORMAT_VERSION}"
    )]
    FormatVersion {
        /// The version found.
        found: u8,
    },
    /// Not a valid flatbuffer.
    #[error("a metadata record is damaged: {0}")]
    Malformed(#[from] InvalidFlatbuffer),
    /// A kind of record that this version does not have.
    #[error("a metadata record has the unknown kind {kind}")]
    UnknownKind {
        /// The number of the kind in the schema's union.
        kind: u8,
    },
    /// A config belongs to something that this version does not have.
    #[error("a ConfigSet record is about the unknown kind of resource {kind}")]
    UnknownResource {
        /// The number of the resource kind in the schema's union.
        kind: u8,
    },
    /// A topic name that Kafka does not allow; it must not reach a path or a client.
    #[error("a metadata record names a topic wrongly: {0}")]
    TopicName(#[from] TopicNameError),
    /// A number outside the range of its field.
    #[error("a metadata record has {field} {value}, which is out of range")]
    OutOfRange {
        /// The field's name in the schema.
        field: &'static str,
        /// The number found.
        value: i64,
    },
    /// A quota whose entity or value cannot be.
    #[error("a metadata record has a quota of {rule}")]
    Quota {
        /// What is wrong.
        rule: &'static str,
    },
}

/// What a batch of the log adds to a record at most: its length, deltas and counts.
const BATCH_RECORD_BYTES_MAX: usize = 32;

impl MetadataRecord {
    /// Bytes that the record takes in a batch of the metadata log, at most.
    pub fn appended_bytes(&self) -> usize {
        let mut encoded = Vec::new();
        self.encode(&mut encoded);
        encoded.len() + BATCH_RECORD_BYTES_MAX
    }

    /// Appends the bytes of the record to `target`.
    pub fn encode(&self, target: &mut Vec<u8>) {
        let mut builder = FlatBufferBuilder::with_capacity(256);
        let (body_type, body) = encode_body(self, &mut builder);
        let root =
            fb::Record::create(&mut builder, &fb::RecordArgs { body_type, body: Some(body) });
        builder.finish(root, None);
        let flatbuffer = builder.finished_data();
        assert!(
            flatbuffer.len() < RECORD_BYTES_MAX,
            "decisions bound what records hold: {} < {RECORD_BYTES_MAX}",
            flatbuffer.len()
        );
        target.push(FORMAT_VERSION);
        target.extend_from_slice(flatbuffer);
    }

    /// Reads exactly one record. Never panics, whatever the bytes are.
    pub fn decode(bytes: &[u8]) -> Result<MetadataRecord, DecodeError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(DecodeError::TooLong { bytes: bytes.len() });
        }
        let (&version, flatbuffer) = bytes.split_first().ok_or(DecodeError::Empty)?;
        if !(FORMAT_VERSION_OLDEST..=FORMAT_VERSION).contains(&version) {
            return Err(DecodeError::FormatVersion { found: version });
        }
        let record = flatbuffers::root_with_opts::<fb::Record>(&VERIFIER_OPTIONS, flatbuffer)?;
        decode_body(&record)
    }
}

type Body = (fb::RecordBody, WIPOffset<UnionWIPOffset>);

fn encode_body(record: &MetadataRecord, builder: &mut FlatBufferBuilder<'_>) -> Body {
    match record {
        MetadataRecord::ClusterCreated { cluster_id } => {
            let cluster_id = Some(builder.create_string(cluster_id));
            let body = fb::ClusterCreated::create(builder, &fb::ClusterCreatedArgs { cluster_id });
            (fb::RecordBody::ClusterCreated, body.as_union_value())
        }
        MetadataRecord::BrokerRegistered { broker, rack, shards } => {
            let rack = rack.as_ref().map(|rack| builder.create_string(rack));
            let shards = shards.iter().map(|shard| encode_endpoint(shard, builder));
            let shards = shards.collect::<Vec<_>>();
            let shards = Some(builder.create_vector(&shards));
            let args = fb::BrokerRegisteredArgs { broker: broker.0, rack, shards };
            let body = fb::BrokerRegistered::create(builder, &args);
            (fb::RecordBody::BrokerRegistered, body.as_union_value())
        }
        MetadataRecord::TopicCreated { id, name } => {
            let name = Some(builder.create_string(name.as_str()));
            let args = fb::TopicCreatedArgs { id: Some(&encode_topic_id(*id)), name };
            let body = fb::TopicCreated::create(builder, &args);
            (fb::RecordBody::TopicCreated, body.as_union_value())
        }
        MetadataRecord::PartitionCreated { partition, state } => {
            (fb::RecordBody::PartitionCreated, encode_partition(*partition, state, builder))
        }
        MetadataRecord::PartitionChanged { partition, state } => {
            (fb::RecordBody::PartitionChanged, encode_partition(*partition, state, builder))
        }
        MetadataRecord::TopicDeleted { id } => {
            let args = fb::TopicDeletedArgs { id: Some(&encode_topic_id(*id)) };
            let body = fb::TopicDeleted::create(builder, &args);
            (fb::RecordBody::TopicDeleted, body.as_union_value())
        }
        MetadataRecord::ConfigSet { resource, key, value } => {
            (fb::RecordBody::ConfigSet, encode_config(resource, key, value.as_deref(), builder))
        }
        MetadataRecord::ProducerIdsAllocated { next } => {
            let args = fb::ProducerIdsAllocatedArgs { next: next.0 };
            let body = fb::ProducerIdsAllocated::create(builder, &args);
            (fb::RecordBody::ProducerIdsAllocated, body.as_union_value())
        }
        MetadataRecord::ScramCredentialSet { of, credential } => {
            (fb::RecordBody::ScramCredentialSet, encode_credential(of, credential, builder))
        }
        MetadataRecord::ScramCredentialRemoved { of } => {
            let user = Some(builder.create_string(&of.name));
            let args =
                fb::ScramCredentialRemovedArgs { user, mechanism: of.mechanism.code() as u8 };
            let body = fb::ScramCredentialRemoved::create(builder, &args);
            (fb::RecordBody::ScramCredentialRemoved, body.as_union_value())
        }
        MetadataRecord::ClientQuotaChanged { entity, key, value } => {
            (fb::RecordBody::ClientQuotaChanged, encode_quota(entity, *key, *value, builder))
        }
        MetadataRecord::AclAdded { binding } => {
            (fb::RecordBody::AclAdded, encode_acl(binding, builder))
        }
        MetadataRecord::AclRemoved { binding } => {
            (fb::RecordBody::AclRemoved, encode_acl(binding, builder))
        }
        MetadataRecord::DelegationTokenSet { token } => {
            (fb::RecordBody::DelegationTokenSet, encode_token(token, builder))
        }
        MetadataRecord::DelegationTokenRemoved { id } => {
            let id = Some(builder.create_string(id));
            let args = fb::DelegationTokenRemovedArgs { id };
            let body = fb::DelegationTokenRemoved::create(builder, &args);
            (fb::RecordBody::DelegationTokenRemoved, body.as_union_value())
        }
    }
}

fn encode_endpoint<'b>(
    endpoint: &ShardEndpoint,
    builder: &mut FlatBufferBuilder<'b>,
) -> WIPOffset<fb::ShardEndpoint<'b>> {
    let host = Some(builder.create_string(&endpoint.host));
    // Equal in every shard of a broker.
    let listener = Some(builder.create_shared_string(&endpoint.listener));
    let (shard, port) = (endpoint.shard.0.into(), endpoint.port);
    let args = fb::ShardEndpointArgs { shard, host, port, listener };
    fb::ShardEndpoint::create(builder, &args)
}

fn encode_partition(
    partition: PartitionId,
    state: &PartitionState,
    builder: &mut FlatBufferBuilder<'_>,
) -> WIPOffset<UnionWIPOffset> {
    let replicas = encode_nodes(&state.replicas, builder);
    let isr = encode_nodes(&state.isr, builder);
    let is_moving = !state.target.is_empty();
    let target = is_moving.then(|| encode_nodes(&state.target, builder));
    let args = fb::PartitionStateArgs {
        topic: Some(&encode_topic_id(partition.topic)),
        partition: partition.index.0,
        replicas: Some(replicas),
        isr: Some(isr),
        leader: state.leader.0,
        leader_epoch: state.leader_epoch.0,
        partition_epoch: state.partition_epoch,
        target,
    };
    fb::PartitionState::create(builder, &args).as_union_value()
}

fn encode_nodes<'b>(
    nodes: &[NodeId],
    builder: &mut FlatBufferBuilder<'b>,
) -> WIPOffset<flatbuffers::Vector<'b, i32>> {
    builder.create_vector(&nodes.iter().map(|node| node.0).collect::<Vec<i32>>())
}

fn encode_config(
    resource: &ConfigResource,
    key: &str,
    value: Option<&str>,
    builder: &mut FlatBufferBuilder<'_>,
) -> WIPOffset<UnionWIPOffset> {
    let (resource_type, resource) = match resource {
        ConfigResource::Topic(name) => {
            let name = Some(builder.create_string(name.as_str()));
            let table = fb::TopicResource::create(builder, &fb::TopicResourceArgs { name });
            (fb::ConfigResource::TopicResource, table.as_union_value())
        }
        ConfigResource::Broker(broker) => {
            let args = fb::BrokerResourceArgs { broker: broker.0 };
            let table = fb::BrokerResource::create(builder, &args);
            (fb::ConfigResource::BrokerResource, table.as_union_value())
        }
        ConfigResource::BrokerDefault => {
            let args = fb::BrokerDefaultResourceArgs {};
            let table = fb::BrokerDefaultResource::create(builder, &args);
            (fb::ConfigResource::BrokerDefaultResource, table.as_union_value())
        }
        ConfigResource::Group(name) => {
            let name = Some(builder.create_string(name));
            let table = fb::GroupResource::create(builder, &fb::GroupResourceArgs { name });
            (fb::ConfigResource::GroupResource, table.as_union_value())
        }
    };
    let key = Some(builder.create_string(key));
    let value = value.map(|value| builder.create_string(value));
    let args = fb::ConfigSetArgs { resource_type, resource: Some(resource), key, value };
    fb::ConfigSet::create(builder, &args).as_union_value()
}

fn encode_credential(
    of: &ScramUser,
    credential: &ScramCredential,
    builder: &mut FlatBufferBuilder<'_>,
) -> WIPOffset<UnionWIPOffset> {
    let args = fb::ScramCredentialSetArgs {
        user: Some(builder.create_string(&of.name)),
        mechanism: of.mechanism.code() as u8,
        salt: Some(builder.create_vector(&credential.salt)),
        stored_key: Some(builder.create_vector(&credential.stored_key)),
        server_key: Some(builder.create_vector(&credential.server_key)),
        iterations: credential.iterations,
    };
    fb::ScramCredentialSet::create(builder, &args).as_union_value()
}

fn encode_quota(
    entity: &QuotaEntity,
    key: QuotaKey,
    value: Option<QuotaValue>,
    builder: &mut FlatBufferBuilder<'_>,
) -> WIPOffset<UnionWIPOffset> {
    let (user, client_id, ip) = match entity {
        QuotaEntity::User(user) => (Some(user), None, None),
        QuotaEntity::Client(client) => (None, Some(client), None),
        QuotaEntity::UserAndClient(user, client) => (Some(user), Some(client), None),
        QuotaEntity::Ip(ip) => (None, None, Some(ip)),
    };
    let [user, client_id, ip] = [user, client_id, ip].map(|part| {
        let name = part?.as_deref().map(|name| builder.create_string(name));
        Some(fb::QuotaName::create(builder, &fb::QuotaNameArgs { name }))
    });
    let (key, value) = (key.code(), value.map(QuotaValue::get));
    let args = fb::ClientQuotaChangedArgs { user, client_id, ip, key, value };
    fb::ClientQuotaChanged::create(builder, &args).as_union_value()
}

fn encode_acl(
    AclBinding { pattern, entry }: &AclBinding,
    builder: &mut FlatBufferBuilder<'_>,
) -> WIPOffset<UnionWIPOffset> {
    let args = fb::AclBindingArgs {
        resource_type: pattern.resource_type.code() as u8,
        pattern_type: pattern.pattern_type.code() as u8,
        name: Some(builder.create_string(&pattern.name)),
        principal: Some(builder.create_string(&entry.principal)),
        host: Some(builder.create_string(&entry.host)),
        operation: entry.operation.code() as u8,
        permission: entry.permission.code() as u8,
    };
    fb::AclBinding::create(builder, &args).as_union_value()
}

fn encode_token(
    token: &DelegationToken,
    builder: &mut FlatBufferBuilder<'_>,
) -> WIPOffset<UnionWIPOffset> {
    let renewers = token.renewers.iter().map(|renewer| builder.create_string(renewer));
    let renewers = renewers.collect::<Vec<_>>();
    let args = fb::DelegationTokenSetArgs {
        id: Some(builder.create_string(&token.id)),
        owner: Some(builder.create_string(&token.owner)),
        requester: Some(builder.create_string(&token.requester)),
        renewers: Some(builder.create_vector(&renewers)),
        issued_ms: token.issued_ms,
        expires_ms: token.expires_ms,
        ends_ms: token.ends_ms,
    };
    fb::DelegationTokenSet::create(builder, &args).as_union_value()
}

fn encode_topic_id(id: TopicId) -> fb::Uuid {
    let bits = u128::from_be_bytes(*id.as_bytes());
    fb::Uuid::new((bits >> 64) as u64, bits as u64)
}

fn decode_body(record: &fb::Record<'_>) -> Result<MetadataRecord, DecodeError> {
    if let Some(body) = record.body_as_cluster_created() {
        let cluster_id = body.cluster_id().to_owned();
        return Ok(MetadataRecord::ClusterCreated { cluster_id });
    }
    if let Some(body) = record.body_as_broker_registered() {
        return decode_broker(&body);
    }
    if let Some(body) = record.body_as_topic_created() {
        let (id, name) = (decode_topic_id(body.id()), TopicName::new(body.name())?);
        return Ok(MetadataRecord::TopicCreated { id, name });
    }
    if let Some(body) = record.body_as_partition_created() {
        let (partition, state) = decode_partition(&body)?;
        return Ok(MetadataRecord::PartitionCreated { partition, state });
    }
    if let Some(body) = record.body_as_partition_changed() {
        let (partition, state) = decode_partition(&body)?;
        return Ok(MetadataRecord::PartitionChanged { partition, state });
    }
    if let Some(body) = record.body_as_topic_deleted() {
        return Ok(MetadataRecord::TopicDeleted { id: decode_topic_id(body.id()) });
    }
    if let Some(body) = record.body_as_config_set() {
        let (resource, key) = (decode_resource(&body)?, body.key().to_owned());
        let value = body.value().map(str::to_owned);
        return Ok(MetadataRecord::ConfigSet { resource, key, value });
    }
    if let Some(body) = record.body_as_producer_ids_allocated() {
        let next = ProducerId(not_negative("next", body.next())?);
        return Ok(MetadataRecord::ProducerIdsAllocated { next });
    }
    if let Some(body) = record.body_as_scram_credential_set() {
        let of = decode_scram_user(body.user(), body.mechanism())?;
        let credential = ScramCredential {
            salt: body.salt().bytes().to_vec(),
            stored_key: decode_key(&of, body.stored_key().bytes())?,
            server_key: decode_key(&of, body.server_key().bytes())?,
            iterations: not_negative("iterations", body.iterations())?,
        };
        return Ok(MetadataRecord::ScramCredentialSet { of, credential });
    }
    if let Some(body) = record.body_as_scram_credential_removed() {
        let of = decode_scram_user(body.user(), body.mechanism())?;
        return Ok(MetadataRecord::ScramCredentialRemoved { of });
    }
    if let Some(body) = record.body_as_acl_added() {
        return Ok(MetadataRecord::AclAdded { binding: decode_acl(&body)? });
    }
    if let Some(body) = record.body_as_acl_removed() {
        return Ok(MetadataRecord::AclRemoved { binding: decode_acl(&body)? });
    }
    if let Some(body) = record.body_as_delegation_token_set() {
        return Ok(MetadataRecord::DelegationTokenSet { token: decode_token(&body) });
    }
    if let Some(body) = record.body_as_delegation_token_removed() {
        return Ok(MetadataRecord::DelegationTokenRemoved { id: body.id().to_owned() });
    }
    if let Some(body) = record.body_as_client_quota_changed() {
        return decode_quota(&body);
    }
    Err(DecodeError::UnknownKind { kind: record.body_type().0 })
}

fn decode_broker(body: &fb::BrokerRegistered<'_>) -> Result<MetadataRecord, DecodeError> {
    let shards = body.shards().iter().map(|endpoint| {
        let shard = endpoint.shard();
        let out_of_range = DecodeError::OutOfRange { field: "shard", value: shard.into() };
        let shard = ShardId(shard.try_into().map_err(|_| out_of_range)?);
        let listener = endpoint.listener().unwrap_or(LISTENER_DEFAULT).to_owned();
        let (host, port) = (endpoint.host().to_owned(), endpoint.port());
        Ok(ShardEndpoint { shard, listener, host, port })
    });
    Ok(MetadataRecord::BrokerRegistered {
        broker: BrokerId(not_negative("broker", body.broker())?),
        rack: body.rack().map(str::to_owned),
        shards: shards.collect::<Result<_, DecodeError>>()?,
    })
}

fn decode_partition(
    body: &fb::PartitionState<'_>,
) -> Result<(PartitionId, PartitionState), DecodeError> {
    let index = PartitionIndex(not_negative("partition", body.partition())?);
    let nodes = |field, nodes: flatbuffers::Vector<'_, i32>| {
        nodes.iter().map(|node| not_negative(field, node).map(NodeId)).collect::<Result<_, _>>()
    };
    let state = PartitionState {
        replicas: nodes("replicas", body.replicas())?,
        isr: nodes("isr", body.isr())?,
        leader: NodeId(not_negative("leader", body.leader())?),
        leader_epoch: LeaderEpoch(not_negative("leader_epoch", body.leader_epoch())?),
        partition_epoch: not_negative("partition_epoch", body.partition_epoch())?,
        target: body.target().map_or(Ok(Vec::new()), |target| nodes("target", target))?,
    };
    Ok((PartitionId { topic: decode_topic_id(body.topic()), index }, state))
}

fn decode_resource(body: &fb::ConfigSet<'_>) -> Result<ConfigResource, DecodeError> {
    if let Some(topic) = body.resource_as_topic_resource() {
        return Ok(ConfigResource::Topic(TopicName::new(topic.name())?));
    }
    if let Some(broker) = body.resource_as_broker_resource() {
        return Ok(ConfigResource::Broker(BrokerId(not_negative("broker", broker.broker())?)));
    }
    if body.resource_as_broker_default_resource().is_some() {
        return Ok(ConfigResource::BrokerDefault);
    }
    if let Some(group) = body.resource_as_group_resource() {
        return Ok(ConfigResource::Group(group.name().to_owned()));
    }
    Err(DecodeError::UnknownResource { kind: body.resource_type().0 })
}

fn decode_scram_user(name: &str, mechanism: u8) -> Result<ScramUser, DecodeError> {
    let code = i8::try_from(mechanism).ok();
    let known = code.and_then(ScramMechanism::from_code);
    let out_of_range = DecodeError::OutOfRange { field: "mechanism", value: mechanism.into() };
    Ok(ScramUser { name: name.to_owned(), mechanism: known.ok_or(out_of_range)? })
}

fn decode_quota(body: &fb::ClientQuotaChanged<'_>) -> Result<MetadataRecord, DecodeError> {
    let name = |part: fb::QuotaName<'_>| QuotaName::from(part.name().map(str::to_owned));
    let entity = match (body.user().map(name), body.client_id().map(name), body.ip().map(name)) {
        (Some(user), None, None) => QuotaEntity::User(user),
        (None, Some(client), None) => QuotaEntity::Client(client),
        (Some(user), Some(client), None) => QuotaEntity::UserAndClient(user, client),
        (None, None, Some(ip)) => QuotaEntity::Ip(ip),
        _ => return Err(DecodeError::Quota { rule: "an address and a client, or of nobody" }),
    };
    let code = body.key();
    let out_of_range = DecodeError::OutOfRange { field: "key", value: code.into() };
    let key = QuotaKey::from_code(code).ok_or(out_of_range)?;
    let value = body.value().map(|value| {
        QuotaValue::new(value).ok_or(DecodeError::Quota { rule: "a value that is not above zero" })
    });
    Ok(MetadataRecord::ClientQuotaChanged { entity, key, value: value.transpose()? })
}

fn decode_key(of: &ScramUser, key: &[u8]) -> Result<Vec<u8>, DecodeError> {
    if key.len() != of.mechanism.key_bytes() {
        let (field, value) = ("bytes of a key", key.len() as i64);
        return Err(DecodeError::OutOfRange { field, value });
    }
    Ok(key.to_vec())
}

fn decode_acl(body: &fb::AclBinding<'_>) -> Result<AclBinding, DecodeError> {
    fn known<T>(
        field: &'static str,
        value: u8,
        from_code: impl FnOnce(i8) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let found = i8::try_from(value).ok().and_then(from_code);
        found.ok_or(DecodeError::OutOfRange { field, value: value.into() })
    }
    let pattern = ResourcePattern {
        resource_type: known("resource_type", body.resource_type(), ResourceType::from_code)?,
        pattern_type: known("pattern_type", body.pattern_type(), PatternType::from_code)?,
        name: body.name().to_owned(),
    };
    let entry = AclEntry {
        principal: body.principal().to_owned(),
        host: body.host().to_owned(),
        operation: known("operation", body.operation(), AclOperation::from_code)?,
        permission: known("permission", body.permission(), Permission::from_code)?,
    };
    Ok(AclBinding { pattern, entry })
}

fn decode_token(body: &fb::DelegationTokenSet<'_>) -> DelegationToken {
    DelegationToken {
        id: body.id().to_owned(),
        owner: body.owner().to_owned(),
        requester: body.requester().to_owned(),
        renewers: body.renewers().iter().map(str::to_owned).collect(),
        issued_ms: body.issued_ms(),
        expires_ms: body.expires_ms(),
        ends_ms: body.ends_ms(),
    }
}

fn decode_topic_id(id: &fb::Uuid) -> TopicId {
    let bits = u128::from(id.most_significant()) << 64 | u128::from(id.least_significant());
    TopicId::from_bytes(bits.to_be_bytes())
}

fn not_negative<N: Copy + Into<i64>>(field: &'static str, value: N) -> Result<N, DecodeError> {
    let wide = value.into();
    if wide < 0 {
        return Err(DecodeError::OutOfRange { field, value: wide });
    }
    Ok(value)
}
