//! Fetch: sessions, the long poll, and record bytes that go from the log's memory to the socket
//! uncopied.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use corelog_io::{Slice, now};
use corelog_log::{Pieces, ReadError, aborted};
use corelog_model::topic_config::TopicCompression;
use corelog_model::{Codec, LeaderEpoch, Offset, PartitionIndex, TopicId};
use corelog_shard::{
    FetchBounds, FetchError, FetchPartition, FetchedPartition, IsolationLevel, Partition,
    PartitionRefusal, Shard,
};
use corelog_wire::api::fetch::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use corelog_wire::{EncodeError, FetchRequest, FetchResponse, Records, Text};

use crate::api::produce::{leader_of, node_endpoints};
use crate::authorize::{Access, table};
use crate::error::{NamedBy, fetch_code};
use crate::fetch_session::{SessionCache, SessionRequest, TopicKey, Wanted};
use crate::quota::Charge;
use crate::reply::Reply;

const FIRST_VERSION_WITH_ZSTD: i16 = 10;
const FIRST_VERSION_WITH_IDS: i16 = 13;
const FIRST_VERSION_WITH_LEADERS: i16 = 16;
const WAIT_MAX: Duration = Duration::from_secs(60);

type Key = (TopicKey, i32);

/// What fetches that come by a listener are served from.
#[derive(Clone, Copy)]
pub(crate) struct FetchServer<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) sessions: &'a Rc<RefCell<SessionCache>>,
    pub(crate) listener: &'a str,
    /// What the client may do.
    pub(crate) access: Access<'a>,
}

/// A fetch that was read from its frame.
#[derive(Debug)]
pub(crate) struct Fetch {
    session: SessionRequest,
    bounds: FetchBounds,
    version: i16,
    is_of_replica: bool,
}

impl Fetch {
    /// Takes over what the request says, so that its frame can go.
    pub(crate) fn parse(request: &FetchRequest<'_>, version: i16, bytes_max: usize) -> Self {
        let by_id = version >= FIRST_VERSION_WITH_IDS;
        let key_of = |name: &Text<'_>, id: &[u8; 16]| {
            if by_id { TopicKey::Id(*id) } else { TopicKey::Name(name.clone().into_owned()) }
        };
        let mut wanted = Vec::new();
        for topic in &request.topics {
            let key = key_of(&topic.topic, &topic.topic_id);
            for one in &topic.partitions {
                let bytes_max = one.partition_max_bytes;
                let leader_epoch = one.current_leader_epoch;
                let params = Wanted { offset: one.fetch_offset, bytes_max, leader_epoch };
                wanted.push(((key.clone(), one.partition), params));
            }
        }
        let mut forgotten = Vec::new();
        for topic in &request.forgotten_topics_data {
            let key = key_of(&topic.topic, &topic.topic_id);
            forgotten.extend(topic.partitions.iter().map(|index| (key.clone(), *index)));
        }
        let (id, epoch) = (request.session_id, request.session_epoch);
        let wait_ms = u64::try_from(request.max_wait_ms).unwrap_or(0);
        let bounds = FetchBounds {
            // A fetch that waits for more than it may take would wait in vain.
            bytes_min: usize::try_from(request.min_bytes).unwrap_or(0).min(bytes_max),
            bytes_max: usize::try_from(request.max_bytes).unwrap_or(0).min(bytes_max),
            wait_max: Duration::from_millis(wait_ms).min(WAIT_MAX),
            isolation: isolation_of(request.isolation_level),
        };
        let session = SessionRequest { id, epoch, by_id, wanted, forgotten };
        let replica_id = request.replica_id.max(request.replica_state.replica_id);
        Self { session, bounds, version, is_of_replica: replica_id >= 0 }
    }

    /// Serves it, as far as the client may read. What a client must wait for is not sent (KIP-219):
    /// it asks again after that time.
    pub(crate) async fn answer(
        self,
        server: FetchServer<'_>,
        correlation_id: i32,
        charge: Option<&Charge>,
    ) -> Result<Reply, EncodeError> {
        let FetchServer { shard, sessions, listener, access } = server;
        let version = self.version;
        let begun = sessions.borrow_mut().begin(self.session, now());
        let fetch = match begun {
            Ok(fetch) => fetch,
            Err(code) => {
                let response =
                    FetchResponse { error_code: code.code(), ..FetchResponse::default() };
                let frame = corelog_wire::encode_response(correlation_id, version, &response)?;
                return Ok(Reply::new(frame));
            }
        };
        let mut readable =
            Readable { shard, access, is_of_replica: self.is_of_replica, last: None };
        let wanted = fetch.partitions.iter().map(|(key, wanted)| {
            let may = readable.has(&key.0);
            let mut found = resolve(shard, key, wanted, may);
            if version < FIRST_VERSION_WITH_ZSTD {
                found.partition = found.partition.and_then(without_zstd);
            }
            found
        });
        let wanted: Vec<FetchPartition> = wanted.collect();
        let (fetched, memory) = shard.fetch(&wanted, self.bounds).await;
        if let Some(charge) = charge {
            let found = fetched.iter().filter_map(|one| one.batches.as_ref().ok());
            let bytes = found.map(Pieces::len).sum();
            if !charge.fetched(bytes, now()) {
                let session_id = sessions.borrow_mut().hold_back(&fetch);
                let response = FetchResponse { session_id, ..FetchResponse::default() };
                let frame = corelog_wire::encode_response(correlation_id, version, &response)?;
                return Ok(Reply::new(frame));
            }
        }
        let named_by = if version >= FIRST_VERSION_WITH_IDS { NamedBy::Id } else { NamedBy::Name };
        let mut answer = Answer::default();
        for ((key, _), one) in fetch.partitions.iter().zip(fetched) {
            let has_data_or_error = one.batches.as_ref().map_or(true, |found| !found.is_empty());
            let told = (one.high_watermark.0, one.last_stable_offset.0, one.log_start.0);
            let has_news = fetch.id == 0
                || sessions.borrow_mut().has_news(fetch.id, key, told, has_data_or_error);
            if has_news || !fetch.is_incremental {
                answer.add(key, one, named_by);
            }
        }
        let names_leaders = answer.names_leaders && version >= FIRST_VERSION_WITH_LEADERS;
        let response = FetchResponse {
            session_id: fetch.id,
            responses: answer.topics,
            node_endpoints: if names_leaders {
                node_endpoints(shard, listener)
            } else {
                Vec::new()
            },
            ..FetchResponse::default()
        };
        let frame = corelog_wire::encode_response(correlation_id, version, &response)?;
        Ok(Reply::with_records(frame, answer.records).keeping(memory))
    }
}

/// The isolation level with this number; like Kafka, all but 1 are that of uncommitted records.
pub(crate) fn isolation_of(number: i8) -> IsolationLevel {
    if number == 1 { IsolationLevel::Committed } else { IsolationLevel::Uncommitted }
}

fn told_of(aborted: &aborted::AbortedTransaction) -> AbortedTransaction {
    let (producer_id, first_offset) = (aborted.producer.0, aborted.first_offset.0);
    AbortedTransaction { producer_id, first_offset }
}

/// Which topics a fetch may read. Partitions come topic by topic, so the last answer is kept.
struct Readable<'a> {
    shard: &'a Shard,
    access: Access<'a>,
    is_of_replica: bool,
    last: Option<(&'a TopicKey, bool)>,
}

impl<'a> Readable<'a> {
    fn has(&mut self, topic: &'a TopicKey) -> bool {
        if !self.access.is_limited() {
            return true;
        }
        match self.last {
            Some((last, may)) if last == topic => may,
            _ => {
                let may = self.look(topic);
                self.last = Some((topic, may));
                may
            }
        }
    }

    /// Whoever says it is a replica sees more than consumers do, so only brokers may say so. An id
    /// that nobody has is allowed, and then not found.
    fn look(&self, topic: &TopicKey) -> bool {
        if self.is_of_replica {
            return self.access.may_on_cluster(&table::FETCH_AS_REPLICA);
        }
        match topic {
            TopicKey::Name(name) => self.access.may(&table::FETCH, name),
            TopicKey::Id(id) => {
                let image = self.shard.image();
                let found = image.topic(TopicId::from_bytes(*id));
                found.is_none_or(|topic| self.access.may(&table::FETCH, topic.name().as_str()))
            }
        }
    }
}

fn resolve(
    shard: &Shard,
    (topic, index): &Key,
    wanted: &Wanted,
    is_allowed: bool,
) -> FetchPartition {
    let index = PartitionIndex(*index);
    let partition = match topic {
        _ if !is_allowed => Err(PartitionRefusal::Unauthorized),
        TopicKey::Name(name) => shard.partition_by_name(name, index),
        TopicKey::Id(id) => shard.partition(TopicId::from_bytes(*id), index),
    };
    FetchPartition {
        partition,
        offset: Offset(wanted.offset),
        bytes_max: usize::try_from(wanted.bytes_max).unwrap_or(0),
        leader_epoch: LeaderEpoch(wanted.leader_epoch),
    }
}

/// Refuses a partition that is stored in zstd, as Kafka does for clients that cannot read that
/// (KIP-110).
fn without_zstd(partition: Partition) -> Result<Partition, PartitionRefusal> {
    match partition.config.compression {
        TopicCompression::Codec(Codec::Zstd, _) => Err(PartitionRefusal::UnknownCodec),
        TopicCompression::Codec(..) | TopicCompression::Producer => Ok(partition),
    }
}

#[derive(Default)]
struct Answer {
    topics: Vec<FetchableTopicResponse<'static>>,
    records: Vec<Slice>,
    last_topic: Option<TopicKey>,
    names_leaders: bool,
}

impl Answer {
    fn add(&mut self, (topic, index): &Key, one: FetchedPartition, named_by: NamedBy) {
        if self.last_topic.as_ref() != Some(topic) {
            let (name, topic_id) = match topic {
                TopicKey::Name(name) => (name.clone(), [0; 16]),
                TopicKey::Id(id) => (String::new(), *id),
            };
            let topic_response = FetchableTopicResponse {
                topic: Text::Owned(name),
                topic_id,
                partitions: Vec::new(),
            };
            self.topics.push(topic_response);
            self.last_topic = Some(topic.clone());
        }
        let mut data = PartitionData {
            partition_index: *index,
            high_watermark: one.high_watermark.0,
            last_stable_offset: one.last_stable_offset.0,
            log_start_offset: one.log_start.0,
            aborted_transactions: one.aborted.map(|aborted| aborted.iter().map(told_of).collect()),
            ..PartitionData::default()
        };
        match one.batches {
            Ok(pieces) => data.records = self.take(pieces),
            Err(failure) => {
                data.records = Records::Bytes(&[]);
                data.error_code = fetch_code(&failure, named_by).code();
                self.explain(&failure, &mut data);
            }
        }
        self.topics.last_mut().expect("a topic was just added").partitions.push(data);
    }

    fn take(&mut self, pieces: Pieces) -> Records<'static> {
        let len = pieces.len();
        self.records.extend(pieces.into_slices());
        Records::External { len }
    }

    fn explain(&mut self, failure: &FetchError, data: &mut PartitionData<'_>) {
        match failure {
            FetchError::Partition(refusal) => {
                if let Some(leader) = leader_of(*refusal) {
                    self.names_leaders = true;
                    data.current_leader = leader;
                }
            }
            FetchError::Read(ReadError::OutOfRange { .. }) => {}
            FetchError::Read(damage) => {
                tracing::error!(error = %damage, "a fetch cannot be served");
            }
        }
    }
}
