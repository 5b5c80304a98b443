//! Produce: append what a producer sent, acknowledge when it is durable.

use corelog_log::Admission;
use corelog_model::validate::{RecordFault, RecordsRefusal};
use corelog_model::{BatchView, Codec, ErrorCode, PartitionIndex, TopicId};
use corelog_shard::{Partition, PartitionRefusal, ProduceError, Produced, Shard};
use corelog_wire::api::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use corelog_wire::api::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, TopicProduceData,
    TopicProduceResponse,
};
use corelog_wire::{ProduceRequest, ProduceResponse, Records, Text, Uuid};

use super::create_topics::is_reserved;
use super::transactional_produce::FirstBatches;
use crate::authorize::{Access, table};
use crate::error::{KafkaError, NamedBy, partition_code};

const FIRST_VERSION_WITH_IDS: i16 = 13;
const FIRST_VERSION_WITH_ZSTD: i16 = 7;
const FIRST_VERSION_WITH_LEADERS: i16 = 10;

enum Attempt {
    Appended(Produced),
    Refused {
        code: ErrorCode,
        message: String,
        /// The records at fault, where single ones are.
        records: Vec<BatchIndexAndErrorMessage<'static>>,
        leader: Option<LeaderIdAndEpoch>,
    },
}

struct Topic {
    name: String,
    id: Uuid,
    partitions: Vec<(i32, Attempt)>,
}

/// A produce request whose batches are in the log but perhaps not durable yet.
pub(crate) struct Produce {
    topics: Vec<Topic>,
    version: i16,
}

impl Produce {
    /// Appends every batch of the request, in its order. Waits only while the core is short of
    /// room.
    pub(crate) async fn begin(
        shard: &Shard,
        request: &ProduceRequest<'_>,
        version: i16,
        access: Access<'_>,
    ) -> Self {
        let checked = check_request(request).and_then(|()| check_transaction(request, access));
        let first = match checked {
            Ok(()) => first_batches(shard, request, version, access).await,
            Err(_) => FirstBatches::default(),
        };
        let mut topics = Vec::with_capacity(request.topic_data.len());
        for topic in &request.topic_data {
            let may = may_write(shard, topic, version, access);
            let mut partitions = Vec::with_capacity(topic.partition_data.len());
            for data in &topic.partition_data {
                let partition = if may {
                    partition_of(shard, topic, data.index, version)
                } else {
                    Err(PartitionRefusal::Unauthorized)
                };
                let attempt = match (partition, checked) {
                    (_, Err(code)) => refused(code, code.message().to_owned()),
                    (Err(refusal), _) => not_here(refusal, version),
                    (Ok(partition), _) if is_reserved(partition.topic.as_str()) => {
                        let code = ErrorCode::InvalidTopicException;
                        refused(code, "the cluster keeps its own state in this topic".to_owned())
                    }
                    (Ok(partition), _) => match first.get(&partition) {
                        Some(Err(code)) => refused(*code, code.message().to_owned()),
                        token => {
                            let token = token.and_then(|token| token.as_ref().ok());
                            let (bytes, codec) = (bytes_of(data), newest_codec(version));
                            let admission = Admission::Client(token);
                            let produced =
                                shard.produce_admitted(&partition, bytes, codec, admission);
                            match produced.await {
                                Ok(produced) => Attempt::Appended(produced),
                                Err(error) => refused_by_log(&error),
                            }
                        }
                    },
                };
                partitions.push((data.index, attempt));
            }
            let name = topic.name.clone().into_owned();
            topics.push(Topic { name, id: topic.topic_id, partitions });
        }
        Self { topics, version }
    }

    /// Whether anything was refused: with acks 0 the connection is then closed, which is all the
    /// producer can notice.
    pub(crate) fn has_refusals(&self) -> bool {
        let mut attempts = self.topics.iter().flat_map(|topic| &topic.partitions);
        attempts.any(|(_, attempt)| matches!(attempt, Attempt::Refused { .. }))
    }

    /// Waits until everything is durable and answers.
    pub(crate) async fn acknowledge(
        mut self,
        shard: &Shard,
        listener: &str,
    ) -> ProduceResponse<'static> {
        for topic in &mut self.topics {
            for (_, attempt) in &mut topic.partitions {
                if let Attempt::Appended(produced) = attempt
                    && let Err(error) = produced.durable().await
                {
                    *attempt = refused_by_log(&error);
                }
            }
        }
        let mut response = ProduceResponse { throttle_time_ms: 0, ..ProduceResponse::default() };
        let mut names_leaders = false;
        for topic in self.topics {
            let mut partition_responses = Vec::with_capacity(topic.partitions.len());
            for (index, attempt) in topic.partitions {
                names_leaders |= matches!(&attempt, Attempt::Refused { leader: Some(_), .. });
                partition_responses.push(answer(index, attempt).await);
            }
            response.responses.push(TopicProduceResponse {
                name: Text::Owned(topic.name),
                topic_id: topic.id,
                partition_responses,
            });
        }
        if names_leaders && self.version >= FIRST_VERSION_WITH_LEADERS {
            response.node_endpoints = node_endpoints(shard, listener);
        }
        response
    }
}

async fn answer(index: i32, attempt: Attempt) -> PartitionProduceResponse<'static> {
    let base = PartitionProduceResponse { index, base_offset: -1, ..Default::default() };
    match attempt {
        Attempt::Appended(produced) => match produced.durable().await {
            Ok(ack) => PartitionProduceResponse {
                base_offset: ack.base_offset.0,
                log_append_time_ms: ack.append_time.map_or(-1, |time| time.0),
                log_start_offset: ack.log_start.0,
                ..base
            },
            Err(error) => PartitionProduceResponse {
                error_code: error.error_code().code(),
                error_message: Some(Text::Owned(error.to_string())),
                ..base
            },
        },
        Attempt::Refused { code, message, records, leader } => PartitionProduceResponse {
            error_code: code.code(),
            record_errors: records,
            error_message: Some(Text::Owned(message)),
            current_leader: leader.unwrap_or_default(),
            ..base
        },
    }
}

/// The batches that are the first of a transaction, after its coordinator was asked about them.
async fn first_batches(
    shard: &Shard,
    request: &ProduceRequest<'_>,
    version: i16,
    access: Access<'_>,
) -> FirstBatches {
    let mut first = FirstBatches::default();
    let Some(id) = request.transactional_id.as_deref() else { return first };
    for topic in &request.topic_data {
        if !may_write(shard, topic, version, access) {
            continue;
        }
        for data in &topic.partition_data {
            if let Ok(partition) = partition_of(shard, topic, data.index, version) {
                first.add(partition, bytes_of(data));
            }
        }
    }
    first.enlist(shard, id, version).await
}

/// Whether the producer may write to a topic. Of one that does not exist its name decides; an id
/// that nobody has is allowed, and then not found.
fn may_write(
    shard: &Shard,
    topic: &TopicProduceData<'_>,
    version: i16,
    access: Access<'_>,
) -> bool {
    if !access.is_limited() {
        return true;
    }
    if version < FIRST_VERSION_WITH_IDS {
        return access.may(&table::PRODUCE, &topic.name);
    }
    let image = shard.image();
    let found = image.topic(TopicId::from_bytes(topic.topic_id));
    found.is_none_or(|found| access.may(&table::PRODUCE, found.name().as_str()))
}

/// Refuses batches of a transaction whose id the producer may not use. Batches say themselves what
/// they are: a request without an id must not slip through, whether rights are limited or not.
fn check_transaction(request: &ProduceRequest<'_>, access: Access<'_>) -> Result<(), ErrorCode> {
    let mut batches = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let is_transactional = batches.any(|data| {
        BatchView::parse(bytes_of(data)).is_ok_and(|(batch, _)| batch.header().is_transactional())
    });
    match request.transactional_id.as_deref() {
        _ if !is_transactional => Ok(()),
        Some(id) => access.check(&table::PRODUCE_IN_TRANSACTION, id),
        None => Err(table::PRODUCE_IN_TRANSACTION.refusal()),
    }
}

fn partition_of(
    shard: &Shard,
    topic: &TopicProduceData<'_>,
    index: i32,
    version: i16,
) -> Result<Partition, PartitionRefusal> {
    let index = PartitionIndex(index);
    if version >= FIRST_VERSION_WITH_IDS {
        return shard.partition(TopicId::from_bytes(topic.topic_id), index);
    }
    shard.partition_by_name(&topic.name, index)
}

fn bytes_of<'a>(data: &PartitionProduceData<'a>) -> &'a [u8] {
    match data.records {
        Records::Bytes(bytes) => bytes,
        Records::Null | Records::External { .. } => &[],
    }
}

fn check_request(request: &ProduceRequest<'_>) -> Result<(), ErrorCode> {
    if (-1..=1).contains(&request.acks) { Ok(()) } else { Err(ErrorCode::InvalidRequiredAcks) }
}

fn newest_codec(version: i16) -> Codec {
    if version < FIRST_VERSION_WITH_ZSTD { Codec::Lz4 } else { Codec::Zstd }
}

fn refused(code: ErrorCode, message: String) -> Attempt {
    Attempt::Refused { code, message, records: Vec::new(), leader: None }
}

fn refused_by_log(error: &ProduceError) -> Attempt {
    let (code, message) = (error.error_code(), error.to_string());
    Attempt::Refused { code, message, records: faulty_records(error), leader: None }
}

/// Which records of the batch are at fault, and what each lacks (KIP-467). Where the batch itself
/// is, none are named, and a client takes it for the fault of all.
fn faulty_records(error: &ProduceError) -> Vec<BatchIndexAndErrorMessage<'static>> {
    let ProduceError::Records(RecordsRefusal::Records(faults)) = error else { return Vec::new() };
    let named = |(number, fault): &(i32, RecordFault)| BatchIndexAndErrorMessage {
        batch_index: *number,
        batch_index_error_message: Some(Text::Owned(fault.to_string())),
    };
    faults.first.iter().map(named).collect()
}

fn not_here(refusal: PartitionRefusal, version: i16) -> Attempt {
    let named_by = if version >= FIRST_VERSION_WITH_IDS { NamedBy::Id } else { NamedBy::Name };
    let leader = leader_of(refusal);
    let code = partition_code(refusal, named_by);
    Attempt::Refused { code, message: refusal.to_string(), records: Vec::new(), leader }
}

/// The leader to name beside NOT_LEADER_OR_FOLLOWER (KIP-951).
pub(crate) fn leader_of(refusal: PartitionRefusal) -> Option<LeaderIdAndEpoch> {
    match refusal {
        PartitionRefusal::NotLeader { leader, epoch } => {
            Some(LeaderIdAndEpoch { leader_id: leader.0, leader_epoch: epoch.0 })
        }
        PartitionRefusal::Unknown
        | PartitionRefusal::Unauthorized
        | PartitionRefusal::UnknownCodec
        | PartitionRefusal::Fenced { .. }
        | PartitionRefusal::UnknownEpoch { .. } => None,
    }
}

/// Addresses of all nodes (KIP-951).
pub(crate) fn node_endpoints(shard: &Shard, listener: &str) -> Vec<NodeEndpoint<'static>> {
    let image = shard.image();
    let endpoint = |node: corelog_cluster::NodeEndpoint<'_>| NodeEndpoint {
        node_id: node.node.0,
        host: Text::Owned(node.host.to_owned()),
        port: i32::from(node.port),
        rack: node.rack.map(|rack| Text::Owned(rack.to_owned())),
    };
    image.nodes_at(listener).map(endpoint).collect()
}

#[cfg(test)]
mod tests {
    use corelog_model::validate::RecordFaults;
    use corelog_model::{ProduceRefusal, Timestamp};

    use super::*;

    fn faulty(error: &ProduceError) -> (i16, Vec<(i32, String)>) {
        let Attempt::Refused { code, records, .. } = refused_by_log(error) else {
            panic!("it is refused")
        };
        let named = records.into_iter().map(|record| {
            let message = record.batch_index_error_message.unwrap_or_default();
            (record.batch_index, message.into_owned())
        });
        (code.code(), named.collect())
    }

    #[test]
    fn the_records_at_fault_are_named_by_their_places_in_the_batch() {
        let (timestamp, earliest, latest) = (Timestamp(9), Timestamp(1), Timestamp(5));
        let time = RecordFault::Timestamp { timestamp, earliest, latest };
        let first = vec![(3, RecordFault::NoKey), (7, time)];
        let faults = RecordFaults { first, count: 2, has_timestamp: true };
        let (code, named) = faulty(&ProduceError::Records(RecordsRefusal::Records(faults)));
        assert_eq!(code, ErrorCode::InvalidTimestamp.code());
        let keyless = "Compacted topic cannot accept message without key".to_owned();
        let late = "the timestamp 9 lies outside 1 to 5".to_owned();
        assert_eq!(named, [(3, keyless), (7, late)]);
    }

    #[test]
    fn where_the_batch_is_at_fault_no_record_is_named() {
        let refusal = ProduceError::Refused(ProduceRefusal::Control);
        assert_eq!(faulty(&refusal), (ErrorCode::InvalidRecord.code(), Vec::new()));
    }
}
