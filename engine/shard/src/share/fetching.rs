//! Members of share groups acquire records: those that were given back, then new ones. Who finds
//! nothing waits until there is something, or until its time is up.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::consumer_group::MemberId;
use corelog_coordinator::share_partition::{
    Acquire, AcquireMode, Acquired, BatchKind, ReadBatch, SharePartition,
};
use corelog_io::{Waiting, now, sleep};
use corelog_log::aborted::AbortedTransaction;
use corelog_log::{FirstBatch, Pieces, ReadError, ReadRequest};
use corelog_model::{BatchHeader, ErrorCode, Offset, PartitionId};

use super::live::LiveShare;
use super::settings::GroupShareSettings;
use crate::answer_memory::{AnswerMemory, Taking};
use crate::coordinator::moment;
use crate::fetch::first_of;
use crate::partition::{IsolationLevel, PartitionRefusal};
use crate::shard::Shard;

/// Bytes that are read of a partition at a time; its first batch may be larger.
const READ_BYTES_MAX: usize = 1 << 20;
/// Reads of one partition for one member, where others are faster.
const READS_MAX: usize = 8;

/// Bounds of what a member acquires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareFetchBounds {
    /// Records at most; more where a batch would have to be divided and the mode lets it.
    pub records_max: usize,
    /// How strict that is.
    pub mode: AcquireMode,
    /// Bytes at most; the very first batch may be larger.
    pub bytes_max: usize,
    /// How long to wait for a record.
    pub wait_max: Duration,
}

/// What a member acquires of a partition.
#[derive(Debug)]
pub struct ShareFetched {
    /// The partition.
    pub partition: PartitionId,
    /// The batches, and what of them is the member's, or why there is nothing.
    pub result: Result<(Pieces, Vec<Acquired>), ShareFetchError>,
}

/// Why a member acquires nothing of a partition.
#[derive(Debug, thiserror::Error)]
pub enum ShareFetchError {
    /// This core does not answer for it.
    #[error(transparent)]
    Partition(#[from] PartitionRefusal),
    /// The log is damaged, or the disk refused.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The share-partition is not there, and why.
    #[error("the share-partition is not there: {}", .0.name())]
    Gone(ErrorCode),
}

impl Shard {
    /// How long a member of a group has a record for itself.
    pub fn share_lock_duration(&self, group: &str) -> Duration {
        self.share_settings(group).partition.lock_duration
    }

    /// What holds for a group now.
    pub(super) fn share_settings(&self, group: &str) -> GroupShareSettings {
        self.config().share.of_group(&self.image(), group)
    }

    /// Lets a member acquire records of partitions, in the order given. Those of which there is
    /// nothing to tell are left out.
    pub async fn share_fetch(
        &self,
        (group, member): (&Arc<str>, &MemberId),
        partitions: &[PartitionId],
        bounds: ShareFetchBounds,
    ) -> (Vec<ShareFetched>, Option<AnswerMemory>) {
        let deadline = now() + bounds.wait_max;
        loop {
            let mut taking = Taking::new(self.answers());
            let mut waiting: Vec<Waiting> = Vec::new();
            let mut room =
                Room { records: bounds.records_max, bytes: bounds.bytes_max, is_first: true };
            let mut fetched = Vec::new();
            for id in partitions {
                if room.records == 0 || (room.bytes == 0 && !fetched.is_empty()) {
                    break;
                }
                let result = match self.share_of(group, *id) {
                    Ok(live) => {
                        // Taken before anything is read, so that progress meanwhile is not missed.
                        waiting.push(live.news().waiting());
                        waiting.push(live.partition.log.progress().waiting());
                        room.is_first = fetched.is_empty();
                        self.acquire(&live, (member, bounds.mode), &mut room, &mut taking).await
                    }
                    Err(error) => Err(error),
                };
                let is_empty = matches!(&result, Ok((_, acquired)) if acquired.is_empty());
                if !is_empty {
                    fetched.push(ShareFetched { partition: *id, result });
                }
            }
            let left = deadline.since(now());
            if !fetched.is_empty() || partitions.is_empty() || left.is_zero() {
                let bytes = fetched.iter().filter_map(|one| one.result.as_ref().ok());
                self.metrics().fetched(bytes.map(|(pieces, _)| pieces.len()).sum());
                return (fetched, taking.finish());
            }
            drop(taking);
            futures_lite::future::or(first_of(waiting), sleep(left)).await;
        }
    }

    /// The share-partition of a partition that this core leads.
    fn share_of(
        &self,
        group: &Arc<str>,
        id: PartitionId,
    ) -> Result<Rc<LiveShare>, ShareFetchError> {
        let partition = self.partition(id.topic, id.index)?;
        let live = self.shares().get_or_begin(self, group, &partition);
        live.ok_or(ShareFetchError::Gone(ErrorCode::KafkaStorageError))
    }

    async fn acquire(
        &self,
        live: &LiveShare,
        (member, mode): (&MemberId, AcquireMode),
        room: &mut Room,
        taking: &mut Taking<'_>,
    ) -> Result<(Pieces, Vec<Acquired>), ShareFetchError> {
        let partition = &live.partition;
        let isolation = live.settings().isolation;
        for _ in 0..READS_MAX {
            let log_start = partition.log.log_start();
            let next = live.with(|share| next_fetch(share, log_start));
            let Some(Some(from)) = next.map_err(ShareFetchError::Gone)? else { break };
            let limit = partition.readable_end(isolation);
            if limit <= from {
                break;
            }
            let first_batch = if room.is_first { FirstBatch::Always } else { FirstBatch::IfItFits };
            let batch_bytes = partition.config.max_message_bytes as usize;
            let bounds = (room.bytes.min(READ_BYTES_MAX), first_batch);
            let place = (&*partition.log, from);
            let bytes_max = taking.room(place, bounds, batch_bytes, || room.bytes).await;
            if bytes_max == 0 && !room.is_first {
                break;
            }
            let request = ReadRequest { offset: from, limit, bytes_max, first_batch };
            let read = match partition.log.read(request).await {
                Ok(read) => read,
                // The log has moved on meanwhile.
                Err(ReadError::OutOfRange { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let aborted = match isolation {
                IsolationLevel::Uncommitted => Vec::new(),
                IsolationLevel::Committed => {
                    partition.log.aborted_transactions(from..read.next).await?
                }
            };
            let (mut batches, positions) = batches_of(&read.pieces, &aborted);
            if batches.is_empty() {
                if read.next <= from {
                    break;
                }
                // Compaction has left nothing there.
                let last = Offset(read.next.0 - 1);
                batches.push(ReadBatch { first: from, last, kind: BatchKind::Hidden });
            }
            let records_max = room.records;
            let acquired = live.with(|share| {
                let acquire = Acquire { member, records_max, mode, from, batches: &batches };
                share.acquire(moment().clock, acquire)
            });
            let Some(acquired) = acquired.map_err(ShareFetchError::Gone)? else { break };
            if acquired.is_empty() {
                continue;
            }
            let pieces = part_of(&read.pieces, &batches, &positions, &acquired);
            taking.add(&pieces);
            room.take(&pieces, &acquired);
            return Ok((pieces, acquired));
        }
        Ok((Pieces::new(), Vec::new()))
    }
}

/// What may still be acquired.
struct Room {
    records: usize,
    bytes: usize,
    is_first: bool,
}

impl Room {
    fn take(&mut self, pieces: &Pieces, acquired: &[Acquired]) {
        let count = |one: &Acquired| usize::try_from(one.last - one.first + 1).unwrap_or(0);
        self.records = self.records.saturating_sub(acquired.iter().map(count).sum());
        self.bytes = self.bytes.saturating_sub(pieces.len());
    }
}

fn next_fetch(share: &mut SharePartition, log_start: Offset) -> Option<Offset> {
    share.move_start(log_start);
    share.next_fetch()
}

/// The batches of what was read, and where each begins; behind them the end of the last.
fn batches_of(pieces: &Pieces, aborted: &[AbortedTransaction]) -> (Vec<ReadBatch>, Vec<usize>) {
    let (mut batches, mut positions, mut position) = (Vec::new(), vec![0], 0);
    while let Ok(header) = pieces.header(position) {
        position += header.total_len();
        if position > pieces.len() {
            break;
        }
        let is_hidden = header.is_control() || is_aborted(&header, aborted);
        let kind = if is_hidden { BatchKind::Hidden } else { BatchKind::Data };
        let (first, last) = (header.base_offset(), header.last_offset());
        batches.push(ReadBatch { first, last, kind });
        positions.push(position);
    }
    (batches, positions)
}

fn is_aborted(header: &BatchHeader, aborted: &[AbortedTransaction]) -> bool {
    let (first, producer) = (header.base_offset(), header.producer_id());
    header.is_transactional()
        && aborted.iter().any(|one| {
            one.producer == producer && one.first_offset <= first && first <= one.last_offset
        })
}

/// The bytes from the first batch with an acquired record to the last.
fn part_of(
    pieces: &Pieces,
    batches: &[ReadBatch],
    positions: &[usize],
    acquired: &[Acquired],
) -> Pieces {
    let (Some(first), Some(last)) = (acquired.first(), acquired.last()) else {
        return Pieces::new();
    };
    let begin = batches.partition_point(|batch| batch.last < first.first);
    let end = batches.partition_point(|batch| batch.first <= last.last);
    pieces.part(positions[begin]..positions[end])
}
