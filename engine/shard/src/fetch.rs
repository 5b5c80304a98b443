//! Fetching with a long poll (KIP-74): whole batches up to the high watermark, or up to the last
//! stable offset (KIP-98), bounded per partition and in all, answered at once when there is enough,
//! otherwise when enough came or the time is up.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use corelog_io::{Waiting, now, sleep};
use corelog_log::aborted::AbortedTransaction;
use corelog_log::{FirstBatch, PartitionLog, Pieces, ReadError, ReadRequest};
use corelog_model::{LeaderEpoch, Offset};

use crate::answer_memory::{AnswerMemory, Taking};
use crate::partition::{IsolationLevel, Partition, PartitionRefusal};
use crate::shard::Shard;

const YIELD_EVERY: usize = 64;

/// One partition of a fetch.
#[derive(Debug, Clone)]
pub struct FetchPartition {
    /// The partition, or why this core does not answer for it.
    pub partition: Result<Partition, PartitionRefusal>,
    /// First offset wanted.
    pub offset: Offset,
    /// Bytes of this partition at most; its first batch may be larger.
    pub bytes_max: usize,
    /// The leader epoch the client knows, or `NONE`.
    pub leader_epoch: LeaderEpoch,
}

/// Bounds of the whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchBounds {
    /// Bytes that must be there before the time is up.
    pub bytes_min: usize,
    /// Bytes at most; the very first batch may be larger.
    pub bytes_max: usize,
    /// How long to wait for `bytes_min`.
    pub wait_max: Duration,
    /// Which records are wanted.
    pub isolation: IsolationLevel,
}

/// Why a partition has no batches in the answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// This core does not answer for it.
    #[error(transparent)]
    Partition(#[from] PartitionRefusal),
    /// The offset is not in the log, the log is damaged, or the disk refused.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The answer for one partition.
#[derive(Debug)]
pub struct FetchedPartition {
    /// The batches, or why there are none.
    pub batches: Result<Pieces, FetchError>,
    /// Consumers may read up to here; `NONE` if this core does not know.
    pub high_watermark: Offset,
    /// Up to here no transaction is open; `NONE` if this core does not know.
    pub last_stable_offset: Offset,
    /// Aborted transactions with records in the answer, for readers of committed records.
    pub aborted: Option<Vec<AbortedTransaction>>,
    /// First offset of the log; `NONE` if this core does not know.
    pub log_start: Offset,
}

impl Shard {
    /// Answers a fetch, partition by partition in the order given. The memory is to be kept as long
    /// as the batches are.
    pub async fn fetch(
        &self,
        wanted: &[FetchPartition],
        bounds: FetchBounds,
    ) -> (Vec<FetchedPartition>, Option<AnswerMemory>) {
        let deadline = now() + bounds.wait_max;
        loop {
            // Taken before anything is read, so that progress meanwhile is not missed.
            let waiting: Vec<Waiting> = wanted
                .iter()
                .filter_map(|one| one.partition.as_ref().ok())
                .map(|partition| partition.log.progress().waiting())
                .collect();
            let (fetched, taking) = self.read_all(wanted, bounds).await;
            let bytes: usize =
                fetched.iter().map(|one| one.batches.as_ref().map_or(0, Pieces::len)).sum();
            let has_error = fetched.iter().any(|one| one.batches.is_err());
            let left = deadline.since(now());
            // There is more, but no memory for it: to wait for that would be in vain.
            let is_enough = bytes >= bounds.bytes_min || (bytes > 0 && taking.is_short());
            if is_enough || has_error || wanted.is_empty() || left.is_zero() {
                self.metrics().fetched(bytes);
                return (fetched, taking.finish());
            }
            drop((fetched, taking));
            futures_lite::future::or(first_of(waiting), sleep(left)).await;
        }
    }

    async fn read_all(
        &self,
        wanted: &[FetchPartition],
        bounds: FetchBounds,
    ) -> (Vec<FetchedPartition>, Taking<'_>) {
        let mut taking = Taking::new(self.answers());
        let mut room = bounds.bytes_max;
        let mut is_first = true;
        let mut fetched = Vec::with_capacity(wanted.len());
        for (number, one) in wanted.iter().enumerate() {
            let reading =
                Reading { isolation: bounds.isolation, room, is_first, rest: &wanted[number..] };
            let answer = self.read_one(one, reading, &mut taking).await;
            let bytes = answer.batches.as_ref().map_or(0, Pieces::len);
            room = room.saturating_sub(bytes);
            is_first &= bytes == 0;
            fetched.push(answer);
            if number % YIELD_EVERY == YIELD_EVERY - 1 {
                corelog_io::yield_now().await;
            }
        }
        (fetched, taking)
    }

    async fn read_one(
        &self,
        wanted: &FetchPartition,
        reading: Reading<'_>,
        taking: &mut Taking<'_>,
    ) -> FetchedPartition {
        match &wanted.partition {
            // It left while the fetch waited.
            Ok(partition) if partition.log.has_parted() => {
                not_here(self.refusal(partition.log.id()))
            }
            _ => read_one(wanted, reading, taking).await,
        }
    }
}

/// Where an answer stands when the next partition is read.
struct Reading<'a> {
    isolation: IsolationLevel,
    /// Bytes that still go into the answer.
    room: usize,
    is_first: bool,
    /// The partition and those behind it.
    rest: &'a [FetchPartition],
}

impl Reading<'_> {
    /// Bytes that all the rest may have.
    fn wanted(&self) -> usize {
        let all = self.rest.iter().map(|one| one.bytes_max.min(self.room));
        all.fold(0, usize::saturating_add).min(self.room)
    }
}

fn not_here(refusal: PartitionRefusal) -> FetchedPartition {
    FetchedPartition {
        batches: Err(refusal.into()),
        high_watermark: Offset::NONE,
        last_stable_offset: Offset::NONE,
        aborted: None,
        log_start: Offset::NONE,
    }
}

async fn read_one(
    wanted: &FetchPartition,
    reading: Reading<'_>,
    taking: &mut Taking<'_>,
) -> FetchedPartition {
    let Reading { isolation, room, is_first, .. } = reading;
    let checked = match &wanted.partition {
        Ok(partition) => partition.check_epoch(wanted.leader_epoch).map(|()| partition),
        Err(refusal) => Err(*refusal),
    };
    let partition = match checked {
        Ok(partition) => partition,
        Err(refusal) => return not_here(refusal),
    };
    let first_batch = if is_first { FirstBatch::Always } else { FirstBatch::IfItFits };
    let mut bytes_max = wanted.bytes_max.min(room);
    if has_records(partition, wanted.offset, isolation) && (bytes_max > 0 || is_first) {
        let (place, bounds) = ((&*partition.log, wanted.offset), (bytes_max, first_batch));
        let batch_bytes = partition.config.max_message_bytes as usize;
        bytes_max = taking.room(place, bounds, batch_bytes, || reading.wanted()).await;
    }
    // The stable offset first: it is never above the high watermark.
    let last_stable_offset = partition.last_stable_offset();
    let high_watermark = partition.high_watermark();
    let limit = match isolation {
        IsolationLevel::Uncommitted => high_watermark,
        IsolationLevel::Committed => last_stable_offset,
    };
    // Between the two an offset is fine, there is only nothing to read yet.
    let waits = limit <= wanted.offset && wanted.offset <= high_watermark;
    let (batches, aborted) = if waits || (bytes_max == 0 && !is_first) {
        (Ok(Pieces::new()), (isolation == IsolationLevel::Committed).then(Vec::new))
    } else {
        let request = ReadRequest { offset: wanted.offset, limit, bytes_max, first_batch };
        match read_isolated(&partition.log, request, isolation).await {
            Ok((pieces, aborted)) => {
                taking.add(&pieces);
                (Ok(pieces), aborted)
            }
            Err(error) => (Err(error.into()), None),
        }
    };
    let log_start = partition.log.log_start();
    FetchedPartition { batches, high_watermark, last_stable_offset, aborted, log_start }
}

/// Whether there is something to read from an offset on.
fn has_records(partition: &Partition, offset: Offset, isolation: IsolationLevel) -> bool {
    partition.log.log_start() <= offset && offset < partition.readable_end(isolation)
}

async fn read_isolated(
    log: &PartitionLog,
    request: ReadRequest,
    isolation: IsolationLevel,
) -> Result<(Pieces, Option<Vec<AbortedTransaction>>), ReadError> {
    let read = log.read(request).await?;
    let aborted = match isolation {
        IsolationLevel::Uncommitted => None,
        IsolationLevel::Committed => {
            Some(log.aborted_transactions(request.offset..read.next).await?)
        }
    };
    Ok((read.pieces, aborted))
}

/// Resolves with the first of them that does.
pub(crate) async fn first_of(mut waiting: Vec<Waiting>) {
    poll_fn(|cx| {
        let ready = waiting.iter_mut().any(|one| Pin::new(one).poll(cx).is_ready());
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(test)]
mod tests;
