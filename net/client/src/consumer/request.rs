//! Fetch on the wire: what goes out for a [`Fetch`], and what comes back. Without fetch sessions:
//! every request names its partitions, every response tells about each of them.

use std::time::Instant;

use corelog_model::{ErrorCode, LeaderEpoch, NodeId, Offset};
use corelog_wire::api::fetch::{FetchPartition, FetchTopic};
use corelog_wire::{ApiKey, FetchRequest, FetchResponse, Uuid};

use crate::consumer::ConsumerConfig;
use crate::consumer::fetcher::{Fetch, FetchFrom, Fetched};
use crate::metadata::Node;
use crate::{ClientError, Cluster, CorrelationId, Endpoint, Metadata, Reply, TopicPartition};

/// The last version that names topics; later ones have ids.
const NAMED_TOPICS_MAX: i16 = 12;

/// A Fetch request that waits for its answer.
#[derive(Debug)]
pub(super) struct OpenFetch {
    pub(super) sent: Instant,
    correlation: CorrelationId,
    /// The partitions, and the ids under which they were asked for.
    partitions: Vec<(TopicPartition, Uuid)>,
}

/// Sends a request.
pub(super) fn send(
    cluster: &mut Cluster,
    config: &ConsumerConfig,
    fetch: Fetch,
) -> Result<OpenFetch, ClientError> {
    let id = |from: &FetchFrom| {
        let topic = cluster.metadata().topic(&from.at.topic);
        topic.map_or([0; 16], |topic| *topic.id.as_bytes())
    };
    let ids: Vec<Uuid> = fetch.partitions.iter().map(id).collect();
    let version_max = if ids.contains(&[0; 16]) { NAMED_TOPICS_MAX } else { i16::MAX };
    let mut topics: Vec<FetchTopic<'_>> = Vec::new();
    for (from, id) in fetch.partitions.iter().zip(&ids) {
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
                topic: from.at.topic.as_ref().into(),
                topic_id: *id,
                partitions: vec![partition],
            }),
        }
    }
    let request = FetchRequest {
        max_wait_ms: i32::try_from(config.max_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: bytes(config.min_bytes),
        max_bytes: bytes(config.max_bytes),
        topics,
        ..FetchRequest::default()
    };
    let connection = cluster.connection(fetch.node)?;
    let version = connection.version_within(ApiKey::Fetch, version_max)?;
    let sent = Instant::now();
    let correlation = connection.send(version, &request, &[])?;
    let partitions = fetch.partitions.into_iter().zip(ids).map(|(from, id)| (from.at, id));
    Ok(OpenFetch { sent, correlation, partitions: partitions.collect() })
}

fn bytes(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Reads what a response says: something about each partition of the request, or an error. What
/// the server says about leaders goes into the metadata (KIP-951).
pub(super) fn read<'r>(
    metadata: &mut Metadata,
    open: &OpenFetch,
    reply: &'r Reply,
) -> Result<Vec<(TopicPartition, Fetched<'r>)>, ClientError> {
    assert!(open.correlation == reply.correlation(), "replies come in the order of requests");
    let response: FetchResponse<'r> = reply.decode()?;
    ClientError::refused(ApiKey::Fetch, "all partitions asked for", response.error_code, None)?;
    for endpoint in &response.node_endpoints {
        let Ok(port) = u16::try_from(endpoint.port) else { continue };
        metadata.apply_node(Node {
            id: NodeId(endpoint.node_id),
            endpoint: Endpoint::new(&endpoint.host, port),
            rack: endpoint.rack.as_deref().map(str::to_owned),
        });
    }
    let is_named = reply.version() <= NAMED_TOPICS_MAX;
    let mut all = Vec::with_capacity(open.partitions.len());
    for (at, id) in &open.partitions {
        let topics = response.responses.iter().filter(|topic| {
            if is_named { *topic.topic == *at.topic } else { topic.topic_id == *id }
        });
        let data = topics
            .flat_map(|topic| &topic.partitions)
            .find(|data| data.partition_index == at.partition)
            .ok_or_else(|| reply.lacks(at.to_string()))?;
        let epoch = LeaderEpoch(data.current_leader.leader_epoch);
        metadata.apply_leader(at, NodeId(data.current_leader.leader_id), epoch);
        let code = ErrorCode::from_code(data.error_code).unwrap_or(ErrorCode::UnknownServerError);
        let high_watermark = Offset(data.high_watermark);
        all.push((at.clone(), Fetched { code, high_watermark, records: data.records.bytes() }));
    }
    Ok(all)
}
