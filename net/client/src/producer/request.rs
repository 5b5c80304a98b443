//! Produce on the wire: what goes out for a [`Departing`], and what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use corelog_model::{ErrorCode, LeaderEpoch, NodeId, Offset};
use corelog_wire::api::produce::{PartitionProduceData, TopicProduceData};
use corelog_wire::{ProduceRequest, ProduceResponse, Records, Uuid};

use crate::metadata::Node;
use crate::operation::server_timeout_ms;
use crate::producer::Acks;
use crate::producer::queue::Answer;
use crate::producer::sender::{Departing, RequestId};
use crate::producer::transaction::{Asker, Dialect};
use crate::{ClientConfig, ClientError, Endpoint, Metadata, Reply, TopicPartition};

/// The last version that names topics; later ones have ids.
const NAMED_TOPICS_MAX: i16 = 12;
/// The last version that adds no partitions to a transaction.
const NO_ADDING_MAX: i16 = 11;

/// A Produce request that waits for its answer.
#[derive(Debug)]
pub(crate) struct OpenProduce {
    pub(crate) request: RequestId,
    /// The partitions, and the ids under which they were sent.
    partitions: Vec<(TopicPartition, Uuid)>,
}

/// A Produce request before it is sent.
#[derive(Debug)]
pub(crate) struct Produce {
    /// The message; its records are external.
    pub(crate) body: ProduceRequest<'static>,
    /// The records, in the order of the message.
    pub(crate) records: Vec<Arc<Vec<u8>>>,
    /// The highest version that can say what it says.
    pub(crate) version_max: i16,
    /// What is kept until the answer is there.
    pub(crate) open: OpenProduce,
}

impl Produce {
    /// The message for batches in the order of their partitions.
    pub(crate) fn new(
        metadata: &Metadata,
        config: &ClientConfig,
        acks: Acks,
        departing: Departing,
        asker: Option<&Asker>,
    ) -> Self {
        let Departing { request, batches, .. } = departing;
        let ids: Vec<Uuid> = batches.iter().map(|(at, _)| topic_id(metadata, at)).collect();
        let version_max = if ids.contains(&[0; 16]) { NAMED_TOPICS_MAX } else { i16::MAX };
        let version_max = match asker.map(|asker| asker.dialect) {
            Some(Dialect::Explicit) => version_max.min(NO_ADDING_MAX),
            Some(Dialect::Implicit) | None => version_max,
        };
        let mut topics: Vec<TopicProduceData<'static>> = Vec::new();
        // Batches come in the order of their partitions, so those of a topic are neighbours.
        for ((at, bytes), id) in batches.iter().zip(&ids) {
            let records = Records::External { len: bytes.len() };
            let data = PartitionProduceData { index: at.partition, records };
            match topics.last_mut() {
                Some(topic) if *topic.name == *at.topic => topic.partition_data.push(data),
                _ => topics.push(TopicProduceData {
                    name: at.topic.as_ref().to_owned().into(),
                    topic_id: *id,
                    partition_data: vec![data],
                }),
            }
        }
        let body = ProduceRequest {
            transactional_id: asker.map(|asker| asker.id.as_ref().to_owned().into()),
            acks: acks.number(),
            timeout_ms: server_timeout_ms(config),
            topic_data: topics,
        };
        let (partitions, records) = batches.into_iter().unzip::<_, _, Vec<_>, _>();
        let partitions = partitions.into_iter().zip(ids).collect();
        Self { body, records, version_max, open: OpenProduce { request, partitions } }
    }
}

impl OpenProduce {
    /// The answers to a request that gets none: acks 0.
    pub(crate) fn unanswered(&self) -> Vec<(TopicPartition, Answer)> {
        let done = |(at, _): &(TopicPartition, _)| (at.clone(), Answer::Appended(Offset::NONE));
        self.partitions.iter().map(done).collect()
    }
}

fn topic_id(metadata: &Metadata, at: &TopicPartition) -> Uuid {
    metadata.topic(&at.topic).map_or([0; 16], |topic| *topic.id.as_bytes())
}

/// Reads the answers: one for each partition of the request, or an error. What the server says
/// about leaders goes into the metadata (KIP-951).
pub(crate) fn read(
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
