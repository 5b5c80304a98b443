//! How the records of a coordinator reach the log: in the order in which it said them, each group
//! of records as one batch, and the next batch without waiting until the one before is durable.

use std::rc::Weak;

use corelog_coordinator::records::CoordinatorRecord;
use corelog_coordinator::{AppendId, Input};
use corelog_io::wall_clock_ms;
use corelog_log::AppendError;
use corelog_model::builder::BatchBuilder;
use corelog_model::validate::ProduceRefusal;
use corelog_model::{Codec, ErrorCode, Offset, Timestamp};

use super::GroupCoordinator;
use crate::produce::{ProduceError, Produced};

/// Batches that are in the log and not durable yet, at most.
const IN_FLIGHT_MAX: usize = 256;

/// A batch that is in the log, or why it is not.
pub(super) struct Outcome {
    append: AppendId,
    /// Which life of the groups it is of.
    life: u64,
    produced: Result<Produced, ProduceError>,
}

/// The records as one batch, stamped with the present time.
pub(super) fn batch_of(records: &[CoordinatorRecord]) -> Vec<u8> {
    let now = Timestamp(wall_clock_ms());
    let mut builder = BatchBuilder::new(Codec::None, None);
    for record in records {
        let (key, value) = (record.encode_key(), record.encode_value());
        builder.append(now, Some(&key), value.as_deref(), &[]);
    }
    builder.build(Offset::ZERO)
}

/// Appends what waits, in order.
pub(super) async fn append_all(coordinator: Weak<GroupCoordinator>) {
    loop {
        let Some(there) = coordinator.upgrade() else { return };
        let news = there.appends_news.waiting();
        let is_full = there.in_flight.borrow().len() >= IN_FLIGHT_MAX;
        let next = if is_full { None } else { there.appends.borrow_mut().pop_front() };
        let Some((append, batch)) = next else {
            drop(there);
            news.await;
            continue;
        };
        there.unsettled.set(there.unsettled.get() + 1);
        let life = there.life.get();
        let produced = there.shard.produce(&there.partition, &batch, Codec::Zstd).await;
        there.in_flight.borrow_mut().push_back(Outcome { append, life, produced });
        there.in_flight_news.notify();
    }
}

/// Tells the coordinator what became of each batch, in order.
pub(super) async fn settle_all(coordinator: Weak<GroupCoordinator>) {
    loop {
        let Some(there) = coordinator.upgrade() else { return };
        let news = there.in_flight_news.waiting();
        let next = there.in_flight.borrow_mut().pop_front();
        let Some(Outcome { append, life, produced }) = next else {
            drop(there);
            news.await;
            continue;
        };
        there.appends_news.notify();
        let durable = match produced {
            Ok(produced) => produced.durable().await.map(drop),
            Err(error) => Err(error),
        };
        there.unsettled.set(there.unsettled.get() - 1);
        there.settled_news.notify();
        if life != there.life.get() {
            // Nobody waits for it: the groups are loaded with it or without it.
            continue;
        }
        let input = match durable {
            Ok(()) => Input::Appended(append),
            Err(error) => {
                let partition = there.partition.log.id();
                tracing::warn!(%error, %partition, "groups are not stored");
                Input::AppendFailed { append, code: code_of(&error) }
            }
        };
        there.step(input);
    }
}

/// What clients are told, as by Kafka: a batch that never fits is their fault, anything else makes
/// them look for the coordinator again.
fn code_of(error: &ProduceError) -> ErrorCode {
    match error {
        ProduceError::Refused(
            ProduceRefusal::TooLarge { .. } | ProduceRefusal::LargerThanSegment { .. },
        )
        | ProduceError::Append(AppendError::TooLarge { .. }) => ErrorCode::InvalidCommitOffsetSize,
        ProduceError::DiskFull { .. } => ErrorCode::CoordinatorNotAvailable,
        ProduceError::Refused(_) | ProduceError::Records(_) => ErrorCode::UnknownServerError,
        ProduceError::Append(
            AppendError::Sequence(_) | AppendError::Journal(_) | AppendError::Gone,
        ) => ErrorCode::NotCoordinator,
    }
}
