//! ShareFetch and ShareAcknowledge: share sessions, what became of records, and records that go
//! from the log's memory to the socket uncopied (KIP-932).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::ClusterImage;
use corelog_coordinator::consumer_group::MemberId;
use corelog_coordinator::share_partition::{AcknowledgeType, AcknowledgementBatch, AcquireMode};
use corelog_io::{Slice, now};
use corelog_model::{ErrorCode, Offset, PartitionId, PartitionIndex, TopicId};
use corelog_shard::{Shard, ShareFetchBounds, ShareFetchError, ShareFetched};
use corelog_wire::api::current_leader::{LeaderIdAndEpoch, NodeEndpoint};
use corelog_wire::api::share_fetch::{
    self, AcquiredRecords, PartitionData, ShareFetchableTopicResponse,
};
use corelog_wire::{EncodeError, Records, ShareFetchRequest, ShareFetchResponse, Text, Uuid};

use crate::api::produce::{leader_of, node_endpoints};
use crate::authorize::Access;
use crate::authorize::table::{self, Right};
use crate::error::{KafkaError, NamedBy, partition_code};
use crate::reply::Reply;
use crate::share_session::{CLOSES, OPENS, SessionChange, SessionKey, ShareSessions};

const FIRST_VERSION_WITH_RENEWAL: i16 = 2;
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Partitions with acknowledgements in one request.
const ACKNOWLEDGED_MAX: usize = 10_000;

/// What a request says became of records of partitions; an error for those that make no sense.
pub(crate) type Said = Vec<(PartitionId, Result<Vec<AcknowledgementBatch>, ErrorCode>)>;

/// A ShareFetch that was read from its frame.
#[derive(Debug)]
pub(crate) struct ShareFetch {
    change: SessionChange,
    said: Said,
    bounds: ShareFetchBounds,
    version: i16,
    /// Records are renewed, and none are acquired.
    is_renewal: bool,
}

/// Who asks; an error if nobody says so.
pub(crate) fn session_key(
    group: Option<&Text<'_>>,
    member: Option<&Text<'_>>,
) -> Result<SessionKey, ErrorCode> {
    let group = group.filter(|group| !group.is_empty()).ok_or(ErrorCode::InvalidGroupId)?;
    let member = member.filter(|member| !member.is_empty()).ok_or(ErrorCode::InvalidRequest)?;
    Ok((Arc::from(&**group), MemberId::from(&**member)))
}

pub(crate) fn partition_id(topic: Uuid, index: i32) -> PartitionId {
    PartitionId::new(TopicId::from_bytes(topic), PartitionIndex(index))
}

/// What is said of a partition. Records are renewed only where the request says that it does so.
pub(crate) fn said_of(
    batches: &[share_fetch::AcknowledgementBatch],
    is_renewal: bool,
) -> Result<Vec<AcknowledgementBatch>, ErrorCode> {
    let type_of = |number: &i8| match AcknowledgeType::from_number(*number) {
        Some(AcknowledgeType::Renew) if !is_renewal => Err(ErrorCode::InvalidRequest),
        Some(kind) => Ok(kind),
        None => Err(ErrorCode::InvalidRequest),
    };
    let batch = |batch: &share_fetch::AcknowledgementBatch| {
        Ok(AcknowledgementBatch {
            first: Offset(batch.first_offset),
            last: Offset(batch.last_offset),
            types: batch.acknowledge_types.iter().map(type_of).collect::<Result<_, _>>()?,
        })
    };
    batches.iter().map(batch).collect()
}

/// The error of a partition of a topic that the client may not read. A topic that nobody has is
/// allowed, and then not found.
pub(crate) fn check_topic(
    access: Access<'_>,
    right: &Right,
    image: &ClusterImage,
    id: PartitionId,
) -> Result<(), ErrorCode> {
    let topic = image.topic(id.topic).filter(|_| access.is_limited());
    topic.map_or(Ok(()), |topic| access.check(right, topic.name().as_str()))
}

/// Takes back what is said of partitions that the client may not read.
pub(crate) fn refuse_unreadable(
    said: &mut Said,
    check: impl Fn(PartitionId) -> Result<(), ErrorCode>,
) {
    for (id, batches) in said {
        if let Err(code) = check(*id) {
            *batches = Err(code);
        }
    }
}

/// Has what is said stored, of all partitions at a time. Tells what became of each.
pub(crate) async fn acknowledge(
    shard: &Shard,
    (group, member): &SessionKey,
    said: Said,
) -> BTreeMap<PartitionId, Result<(), ErrorCode>> {
    let begun = said.into_iter().map(|(id, batches)| {
        let begun = batches.and_then(|batches| shard.share_settle((group, member), id, &batches));
        (id, begun)
    });
    let begun: Vec<_> = begun.collect();
    let mut results = BTreeMap::new();
    for (id, begun) in begun {
        let result = match begun {
            Ok(settling) => settling.stored().await,
            Err(code) => Err(code),
        };
        results.insert(id, result);
    }
    results
}

impl ShareFetch {
    /// Takes over what the request says, so that its frame can go.
    pub(crate) fn parse(
        request: &ShareFetchRequest<'_>,
        version: i16,
        bytes_max: usize,
    ) -> Result<Self, ErrorCode> {
        let key = session_key(request.group_id.as_ref(), request.member_id.as_ref())?;
        let is_renewal = request.is_renew_ack && version >= FIRST_VERSION_WITH_RENEWAL;
        let (mut wanted, mut said) = (Vec::new(), Vec::new());
        for topic in &request.topics {
            for one in &topic.partitions {
                let id = partition_id(topic.topic_id, one.partition_index);
                wanted.push(id);
                if !one.acknowledgement_batches.is_empty() {
                    said.push((id, said_of(&one.acknowledgement_batches, is_renewal)));
                }
            }
        }
        let epoch = request.share_session_epoch;
        if epoch < CLOSES || (epoch == OPENS && !said.is_empty()) || said.len() > ACKNOWLEDGED_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
            topic.partitions.iter().map(|index| partition_id(topic.topic_id, *index))
        });
        let wait_ms = u64::try_from(request.max_wait_ms).unwrap_or(0);
        let mode = match request.share_acquire_mode {
            0 => AcquireMode::BatchOptimized,
            1 => AcquireMode::RecordLimit,
            _ => return Err(ErrorCode::InvalidRequest),
        };
        // Who renews asks for nothing else.
        let asked =
            [request.max_wait_ms, request.min_bytes, request.max_bytes, request.max_records];
        if is_renewal && asked != [0; 4] {
            return Err(ErrorCode::InvalidRequest);
        }
        let bounds = ShareFetchBounds {
            records_max: usize::try_from(request.max_records).unwrap_or(0),
            mode,
            bytes_max: usize::try_from(request.max_bytes).unwrap_or(0).min(bytes_max),
            wait_max: Duration::from_millis(wait_ms).min(WAIT_MAX),
        };
        let change = SessionChange { key, epoch, wanted, forgotten: forgotten.collect() };
        Ok(Self { change, said, bounds, version, is_renewal })
    }

    /// Serves it, as far as the client may read.
    pub(crate) async fn answer(
        self,
        (shard, image, access): (&Shard, &ClusterImage, Access<'_>),
        sessions: &Rc<RefCell<ShareSessions>>,
        listener: &str,
        correlation_id: i32,
    ) -> Result<Reply, EncodeError> {
        let Self { change, mut said, bounds, version, is_renewal } = self;
        let right = &table::SHARE_FETCH_TOPIC;
        let (key, closes) = (change.key.clone(), change.epoch == CLOSES);
        let begun = sessions.borrow_mut().fetch(change, now());
        let view = match begun {
            Ok(view) => view,
            Err(code) => return refused(code, correlation_id, version),
        };
        for ((group, member), partitions) in view.ended {
            shard.share_release((&group, &member), partitions);
        }
        refuse_unreadable(&mut said, |id| check_topic(access, right, image, id));
        let said = acknowledge(shard, &key, said).await;
        let (mut answer, mut memory) = (Answer::default(), None);
        if closes {
            let partitions = sessions.borrow_mut().close(&key);
            shard.share_release((&key.0, &key.1), partitions);
        } else if !is_renewal && bounds.records_max > 0 {
            // Who has something to hear of what it said hears it now.
            let wait_max = if said.is_empty() { bounds.wait_max } else { Duration::ZERO };
            let bounds = ShareFetchBounds { wait_max, ..bounds };
            let mut partitions = view.partitions;
            partitions.retain(|id| {
                let checked = check_topic(access, right, image, *id);
                checked.map_err(|code| answer.refuse(*id, code)).is_ok()
            });
            let (fetched, kept) = shard.share_fetch((&key.0, &key.1), &partitions, bounds).await;
            for one in fetched {
                answer.add(one);
            }
            memory = kept;
        }
        for (id, result) in said {
            let data = answer.partition(id);
            if let Err(code) = result {
                data.acknowledge_error_code = code.code();
                data.acknowledge_error_message = Some(Text::Borrowed(code.message()));
            }
        }
        let lock_ms = shard.share_lock_duration(&key.0).as_millis();
        let (responses, records, names_leaders) = answer.finish();
        let response = ShareFetchResponse {
            acquisition_lock_timeout_ms: i32::try_from(lock_ms).unwrap_or(i32::MAX),
            responses,
            node_endpoints: endpoints(names_leaders, shard, listener),
            ..ShareFetchResponse::default()
        };
        let frame = corelog_wire::encode_response(correlation_id, version, &response)?;
        Ok(Reply::with_records(frame, records).keeping(memory))
    }
}

/// A ShareFetch that is refused as a whole.
pub(crate) fn refused(
    code: ErrorCode,
    correlation_id: i32,
    version: i16,
) -> Result<Reply, EncodeError> {
    let response = ShareFetchResponse {
        error_code: code.code(),
        error_message: Some(Text::Borrowed(code.message())),
        ..ShareFetchResponse::default()
    };
    corelog_wire::encode_response(correlation_id, version, &response).map(Reply::new)
}

/// Where nodes listen, if the answer names any.
pub(crate) fn endpoints(
    names_leaders: bool,
    shard: &Shard,
    listener: &str,
) -> Vec<NodeEndpoint<'static>> {
    if names_leaders { node_endpoints(shard, listener) } else { Vec::new() }
}

#[derive(Default)]
struct Answer {
    partitions: BTreeMap<PartitionId, PartitionData<'static>>,
    records: BTreeMap<PartitionId, Vec<Slice>>,
    names_leaders: bool,
}

impl Answer {
    fn partition(&mut self, id: PartitionId) -> &mut PartitionData<'static> {
        self.partitions.entry(id).or_insert_with(|| PartitionData {
            partition_index: id.index.get(),
            records: Records::Bytes(&[]),
            current_leader: LeaderIdAndEpoch::default(),
            ..PartitionData::default()
        })
    }

    fn refuse(&mut self, id: PartitionId, code: ErrorCode) -> &mut PartitionData<'static> {
        let data = self.partition(id);
        data.error_code = code.code();
        data.error_message = Some(Text::Borrowed(code.message()));
        data
    }

    fn add(&mut self, fetched: ShareFetched) {
        let id = fetched.partition;
        match fetched.result {
            Ok((pieces, acquired)) => {
                let data = self.partition(id);
                data.records = Records::External { len: pieces.len() };
                let told = acquired.iter().map(|one| AcquiredRecords {
                    first_offset: one.first.0,
                    last_offset: one.last.0,
                    delivery_count: one.delivery_count,
                });
                data.acquired_records = told.collect();
                self.records.insert(id, pieces.into_slices());
            }
            Err(error) => {
                let code = match &error {
                    ShareFetchError::Partition(refusal) => partition_code(*refusal, NamedBy::Id),
                    ShareFetchError::Read(damage) => {
                        tracing::error!(error = %damage, "a share fetch cannot be served");
                        damage.error_code()
                    }
                    ShareFetchError::Gone(code) => *code,
                };
                let data = self.refuse(id, code);
                if let ShareFetchError::Partition(refusal) = error
                    && let Some(leader) = leader_of(refusal)
                {
                    data.current_leader = leader;
                    self.names_leaders = true;
                }
            }
        }
    }

    /// The topics in order, and the record bytes in the order of the partitions.
    fn finish(self) -> (Vec<ShareFetchableTopicResponse<'static>>, Vec<Slice>, bool) {
        let mut topics: Vec<ShareFetchableTopicResponse<'static>> = Vec::new();
        for (id, data) in self.partitions {
            let topic_id = *id.topic.as_bytes();
            match topics.last_mut().filter(|topic| topic.topic_id == topic_id) {
                Some(topic) => topic.partitions.push(data),
                None => {
                    topics.push(ShareFetchableTopicResponse { topic_id, partitions: vec![data] });
                }
            }
        }
        (topics, self.records.into_values().flatten().collect(), self.names_leaders)
    }
}

#[cfg(test)]
mod tests {
    use corelog_wire::api::share_fetch::{FetchPartition, FetchTopic};

    use super::*;
    use crate::api::scene::received;

    fn batch(types: &[i8]) -> share_fetch::AcknowledgementBatch {
        let acknowledge_types = types.to_vec();
        share_fetch::AcknowledgementBatch { first_offset: 3, last_offset: 4, acknowledge_types }
    }

    fn request(epoch: i32, types: &[i8]) -> ShareFetchRequest<'static> {
        let acknowledgement_batches =
            if types.is_empty() { Vec::new() } else { vec![batch(types)] };
        let partition = FetchPartition { partition_index: 1, acknowledgement_batches };
        ShareFetchRequest {
            group_id: Some("g".into()),
            member_id: Some("m".into()),
            share_session_epoch: epoch,
            max_records: 5,
            topics: vec![FetchTopic { topic_id: [7; 16], partitions: vec![partition] }],
            ..Default::default()
        }
    }

    #[test]
    fn a_request_says_who_asks_for_what() {
        for version in 1..=2 {
            let asked: ShareFetchRequest<'_> = received(&request(2, &[1, 2]), version);
            let fetch = ShareFetch::parse(&asked, version, 100).unwrap();
            assert_eq!(fetch.change.key, (Arc::from("g"), MemberId::from("m")));
            assert_eq!(fetch.change.wanted, [partition_id([7; 16], 1)]);
            assert_eq!((fetch.bounds.records_max, fetch.bounds.bytes_max), (5, 100));
            let types = vec![AcknowledgeType::Accept, AcknowledgeType::Release];
            let said = AcknowledgementBatch { first: Offset(3), last: Offset(4), types };
            assert_eq!(fetch.said, [(partition_id([7; 16], 1), Ok(vec![said]))]);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let nameless = ShareFetchRequest { member_id: None, ..request(1, &[]) };
        let mode = ShareFetchRequest { share_acquire_mode: 2, ..request(1, &[]) };
        for asked in [request(0, &[1]), request(-2, &[]), nameless, mode] {
            let refused = ShareFetch::parse(&asked, 2, 100).map(|_| ());
            assert_eq!(refused, Err(ErrorCode::InvalidRequest));
        }
        let groupless = ShareFetchRequest { group_id: None, ..request(1, &[]) };
        let refused = ShareFetch::parse(&groupless, 2, 100).map(|_| ());
        assert_eq!(refused, Err(ErrorCode::InvalidGroupId));
    }

    #[test]
    fn records_are_renewed_where_the_request_says_so() {
        assert_eq!(said_of(&[batch(&[4])], false), Err(ErrorCode::InvalidRequest));
        assert_eq!(said_of(&[batch(&[5])], true), Err(ErrorCode::InvalidRequest));
        assert_eq!(said_of(&[batch(&[4])], true).unwrap()[0].types, [AcknowledgeType::Renew]);
    }

    #[test]
    fn who_renews_asks_for_no_records() {
        let nothing = ShareFetchRequest {
            is_renew_ack: true,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 0,
            max_records: 0,
            ..request(2, &[4])
        };
        assert!(ShareFetch::parse(&nothing, 2, 100).is_ok());
        let records = ShareFetchRequest { max_records: 1, ..nothing };
        let refused = ShareFetch::parse(&records, 2, 100).map(|_| ());
        assert_eq!(refused, Err(ErrorCode::InvalidRequest));
    }

    #[test]
    fn topics_and_partitions_are_told_in_order_with_their_records() {
        let mut answer = Answer::default();
        for (topic, index) in [(2, 0), (1, 1), (1, 0)] {
            answer.partition(partition_id([topic; 16], index));
        }
        let (topics, records, names_leaders) = answer.finish();
        let told = topics.iter().map(|topic| {
            let indexes = topic.partitions.iter().map(|data| data.partition_index);
            (topic.topic_id[0], indexes.collect::<Vec<_>>())
        });
        assert_eq!(told.collect::<Vec<_>>(), [(1, vec![0, 1]), (2, vec![0])]);
        assert_eq!((records.len(), names_leaders), (0, false));
    }
}
