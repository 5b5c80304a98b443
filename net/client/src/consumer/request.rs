//! Fetch on the wire: what goes out for a [`Fetch`], and what comes back.

use std::collections::BTreeMap;

use corelog_model::{ErrorCode, LeaderEpoch, NodeId, Offset, ProducerId};
use corelog_wire::api::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use corelog_wire::{ApiKey, FetchRequest, FetchResponse, Uuid};

use crate::consumer::fetcher::{Fetch, FetchFrom, Fetched};
use crate::consumer::{AbortedTransaction, ConsumerConfig, FetchSession};
use crate::metadata::Node;
use crate::{ClientError, Endpoint, Metadata, Reply, TopicPartition};

/// The last version that names topics; later ones have ids.
const NAMED_TOPICS_MAX: i16 = 12;

/// A Fetch request that waits for its answer.
#[derive(Debug)]
pub(crate) struct OpenFetch {
    /// Everything that the node serves with this request.
    asked: BTreeMap<TopicPartition, FetchFrom>,
    /// The names of topics that go by id.
    names: BTreeMap<Uuid, TopicPartition>,
    /// Whether the answer tells about each partition.
    is_full: bool,
}

/// What a response says.
#[derive(Debug)]
pub(crate) enum Answer<'r> {
    /// Something about some partitions.
    Partitions(Vec<(FetchFrom, Fetched<'r>)>),
    /// The node does not know the session: everything is to be named anew.
    SessionLost,
}

/// The message for a [`Fetch`], and the highest version that can say what it says.
pub(crate) fn prepare(
    metadata: &Metadata,
    config: &ConsumerConfig,
    session: &mut FetchSession,
    fetch: Fetch,
) -> (FetchRequest<'static>, i16, OpenFetch) {
    let id = |from: &FetchFrom| {
        let topic = metadata.topic(&from.at.topic);
        topic.map_or([0; 16], |topic| *topic.id.as_bytes())
    };
    let ids: Vec<Uuid> = fetch.partitions.iter().map(id).collect();
    let is_named = ids.contains(&[0; 16]);
    let version_max = if is_named { NAMED_TOPICS_MAX } else { i16::MAX };
    let id = |id: Uuid| if is_named { [0; 16] } else { id };
    let wanted = fetch.partitions.into_iter().zip(ids).map(|(from, of)| (from, id(of)));
    let wanted: Vec<(FetchFrom, Uuid)> = wanted.collect();
    let plan = session.plan(&wanted);
    let request = FetchRequest {
        max_wait_ms: i32::try_from(config.max_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: bytes(config.min_bytes),
        max_bytes: bytes(config.max_bytes),
        isolation_level: config.isolation.number(),
        session_id: plan.session_id,
        session_epoch: plan.session_epoch,
        topics: topics(config, &plan.named),
        forgotten_topics_data: forgotten(&plan.forgotten),
        ..FetchRequest::default()
    };
    let names = wanted.iter().map(|(from, id)| (*id, from.at.clone())).collect();
    let asked = wanted.into_iter().map(|(from, _)| (from.at.clone(), from)).collect();
    (request, version_max, OpenFetch { asked, names, is_full: plan.is_full() })
}

fn topics(config: &ConsumerConfig, named: &[(FetchFrom, Uuid)]) -> Vec<FetchTopic<'static>> {
    let mut topics: Vec<FetchTopic<'_>> = Vec::new();
    for (from, id) in named {
        let partition = FetchPartition {
            partition: from.at.partition,
            current_leader_epoch: from.leader_epoch.0,
            fetch_offset: from.offset.0,
            partition_max_bytes: bytes(config.partition_bytes_max),
            ..FetchPartition::default()
        };
        // Partitions come in the order of serving; neighbours of a topic share its entry.
        match topics.last_mut() {
            Some(topic) if *topic.topic == *from.at.topic => topic.partitions.push(partition),
            _ => topics.push(FetchTopic {
                topic: from.at.topic.as_ref().to_owned().into(),
                topic_id: *id,
                partitions: vec![partition],
            }),
        }
    }
    topics
}

fn forgotten(partitions: &[(TopicPartition, Uuid)]) -> Vec<ForgottenTopic<'static>> {
    let mut topics: Vec<ForgottenTopic<'_>> = Vec::new();
    for (at, id) in partitions {
        match topics.last_mut() {
            Some(topic) if *topic.topic == *at.topic => topic.partitions.push(at.partition),
            _ => topics.push(ForgottenTopic {
                topic: at.topic.as_ref().to_owned().into(),
                topic_id: *id,
                partitions: vec![at.partition],
            }),
        }
    }
    topics
}

fn bytes(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Reads what a response says: something about each partition where the request named all, else
/// news of some; or an error. What the server says about leaders goes into the metadata (KIP-951).
pub(crate) fn read<'r>(
    metadata: &mut Metadata,
    session: &mut FetchSession,
    open: &OpenFetch,
    reply: &'r Reply,
) -> Result<Answer<'r>, ClientError> {
    let response: FetchResponse<'r> = reply.decode()?;
    if !open.is_full && is_about_session(response.error_code) {
        session.reset();
        return Ok(Answer::SessionLost);
    }
    ClientError::refused(ApiKey::Fetch, "all partitions asked for", response.error_code, None)?;
    session.answered(response.session_id);
    for endpoint in &response.node_endpoints {
        let Ok(port) = u16::try_from(endpoint.port) else { continue };
        metadata.apply_node(Node {
            id: NodeId(endpoint.node_id),
            endpoint: Endpoint::new(&endpoint.host, port),
            rack: endpoint.rack.as_deref().map(str::to_owned),
        });
    }
    let is_named = reply.version() <= NAMED_TOPICS_MAX;
    let mut all = Vec::new();
    for topic in response.responses {
        let name = if is_named {
            TopicPartition::new(&topic.topic, 0).topic
        } else {
            match open.names.get(&topic.topic_id) {
                Some(at) => at.topic.clone(),
                None => continue,
            }
        };
        for data in topic.partitions {
            let at = TopicPartition { topic: name.clone(), partition: data.partition_index };
            let Some(from) = open.asked.get(&at) else { continue };
            let epoch = LeaderEpoch(data.current_leader.leader_epoch);
            metadata.apply_leader(&at, NodeId(data.current_leader.leader_id), epoch);
            let code = ErrorCode::from_code(data.error_code);
            let code = code.unwrap_or(ErrorCode::UnknownServerError);
            let high_watermark = Offset(data.high_watermark);
            let records = data.records.bytes();
            let aborted = data.aborted_transactions.iter().flatten();
            let aborted = aborted
                .map(|one| AbortedTransaction {
                    producer: ProducerId(one.producer_id),
                    first_offset: Offset(one.first_offset),
                })
                .collect();
            all.push((from.clone(), Fetched { code, high_watermark, aborted, records }));
        }
    }
    if open.is_full {
        let is_there = |at: &&TopicPartition| all.iter().any(|(from, _)| from.at == **at);
        if let Some(missing) = open.asked.keys().find(|at| !is_there(at)) {
            return Err(reply.lacks(missing.to_string()));
        }
    }
    Ok(Answer::Partitions(all))
}

fn is_about_session(code: i16) -> bool {
    [
        ErrorCode::FetchSessionIdNotFound,
        ErrorCode::InvalidFetchSessionEpoch,
        ErrorCode::FetchSessionTopicIdError,
    ]
    .iter()
    .any(|about| about.code() == code)
}
