//! Produce and InitProducerId on the wire: what goes out for a [`Departing`], and what comes back.

use std::collections::BTreeMap;

use corelog_model::{ErrorCode, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId};
use corelog_wire::api::produce::{PartitionProduceData, TopicProduceData};
use corelog_wire::{
    ApiKey, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse,
    Records, Uuid,
};

use crate::cluster::{Cluster, Target};
use crate::metadata::Node;
use crate::producer::queue::Answer;
use crate::producer::sender::{Departing, RequestId};
use crate::producer::{Acks, Identity, ProducerConfig};
use crate::{ClientError, CorrelationId, Endpoint, Metadata, Reply, TopicPartition};

/// The last version that names topics; later ones have ids.
const NAMED_TOPICS_MAX: i16 = 12;

/// A Produce request that waits for its answer.
#[derive(Debug)]
pub(super) struct OpenProduce {
    pub(super) request: RequestId,
    pub(super) correlation: CorrelationId,
    /// The partitions, and the ids under which they were sent.
    partitions: Vec<(TopicPartition, Uuid)>,
}

/// What follows from sending.
#[derive(Debug)]
pub(super) enum Sent {
    /// An answer will come.
    Open(OpenProduce),
    /// There is none to come.
    Done(Vec<(TopicPartition, Answer)>),
}

/// Asks for the id of an idempotent producer.
pub(super) fn init_producer_id(cluster: &mut Cluster) -> Result<Identity, ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..InitProducerIdRequest::default()
    };
    cluster.with_retries(|cluster| {
        let reply = cluster.call(Target::Any, &request)?;
        let response: InitProducerIdResponse = reply.decode()?;
        ClientError::refused(ApiKey::InitProducerId, "this producer", response.error_code, None)?;
        if response.producer_id < 0 || response.producer_epoch < 0 {
            return Err(reply.lacks("the producer's id"));
        }
        Ok(Identity {
            id: ProducerId(response.producer_id),
            epoch: ProducerEpoch(response.producer_epoch),
        })
    })
}

/// Sends a request.
pub(super) fn send(
    cluster: &mut Cluster,
    config: &ProducerConfig,
    departing: Departing,
) -> Result<Sent, ClientError> {
    let Departing { request, node, batches } = departing;
    let ids: Vec<Uuid> = batches.iter().map(|(at, _)| topic_id(cluster.metadata(), at)).collect();
    let version_max = if ids.contains(&[0; 16]) { NAMED_TOPICS_MAX } else { i16::MAX };
    let timeout_ms = cluster.config().request_timeout.as_millis() / 2;
    let mut topics: Vec<TopicProduceData<'_>> = Vec::new();
    // Batches come in the order of their partitions, so those of a topic are neighbours.
    for ((at, bytes), id) in batches.iter().zip(&ids) {
        let records = Records::External { len: bytes.len() };
        let data = PartitionProduceData { index: at.partition, records };
        match topics.last_mut() {
            Some(topic) if *topic.name == *at.topic => topic.partition_data.push(data),
            _ => topics.push(TopicProduceData {
                name: at.topic.as_ref().into(),
                topic_id: *id,
                partition_data: vec![data],
            }),
        }
    }
    let body = ProduceRequest {
        transactional_id: None,
        acks: config.acks.number(),
        timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX),
        topic_data: topics,
    };
    let records: Vec<&[u8]> = batches.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let connection = cluster.connection(node)?;
    let version = connection.version_within(ApiKey::Produce, version_max)?;
    if config.acks == Acks::None {
        connection.notify(version, &body, &records)?;
        let done = |(at, _)| (at, Answer::Appended(Offset::NONE));
        return Ok(Sent::Done(batches.into_iter().map(done).collect()));
    }
    let correlation = connection.send(version, &body, &records)?;
    let partitions = batches.into_iter().zip(ids).map(|((at, _), id)| (at, id)).collect();
    Ok(Sent::Open(OpenProduce { request, correlation, partitions }))
}

fn topic_id(metadata: &Metadata, at: &TopicPartition) -> Uuid {
    metadata.topic(&at.topic).map_or([0; 16], |topic| *topic.id.as_bytes())
}

/// Reads the answers: one for each partition of the request, or an error. What the server says
/// about leaders goes into the metadata (KIP-951).
pub(super) fn read(
    metadata: &mut Metadata,
    open: &OpenProduce,
    reply: &Reply,
) -> Result<Vec<(TopicPartition, Answer)>, ClientError> {
    let response: ProduceResponse<'_> = reply.decode()?;
    for endpoint in &response.node_endpoints {
        let Ok(port) = u16::try_from(endpoint.port) else { continue };
        metadata.apply_node(Node {
            id: NodeId(endpoint.node_id),
            endpoint: Endpoint::new(&endpoint.host, port),
            rack: endpoint.rack.as_deref().map(str::to_owned),
        });
    }
    let is_named = reply.version() <= NAMED_TOPICS_MAX;
    let mut found = BTreeMap::new();
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            let asked = open.partitions.iter().find(|(at, id)| {
                let is_topic =
                    if is_named { *at.topic == *topic.name } else { *id == topic.topic_id };
                is_topic && at.partition == partition.index
            });
            let Some((at, _)) = asked else { continue };
            let leader = &partition.current_leader;
            let epoch = LeaderEpoch(leader.leader_epoch);
            metadata.apply_leader(at, NodeId(leader.leader_id), epoch);
            let code = ErrorCode::from_code(partition.error_code);
            let answer = match code.unwrap_or(ErrorCode::UnknownServerError) {
                ErrorCode::None => Answer::Appended(Offset(partition.base_offset)),
                code => {
                    let message = partition.error_message.as_deref().map(str::to_owned);
                    Answer::Refused { code, message }
                }
            };
            found.insert(at.clone(), answer);
        }
    }
    match open.partitions.iter().find(|(at, _)| !found.contains_key(at)) {
        Some((at, _)) => Err(reply.lacks(at.to_string())),
        None => Ok(found.into_iter().collect()),
    }
}
