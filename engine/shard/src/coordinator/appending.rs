//! How what a coordinator says reaches the log: in the order in which it said it, each group of
//! records as one batch, and the next batch without waiting until the one before is durable. The
//! markers of its partition go the same way, so that it is told of them in the order of the log.

use std::rc::Weak;

use corelog_coordinator::AppendId;
use corelog_io::mesh::Sender;
use corelog_io::wall_clock_ms;
use corelog_log::producers::SequenceRefusal;
use corelog_log::{Admission, AppendError, MarkerError, Verification};
use corelog_model::builder::BatchBuilder;
use corelog_model::control::{TransactionMarker, TransactionOutcome, TransactionVersion};
use corelog_model::validate::ProduceRefusal;
use corelog_model::{Codec, ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use super::decider::{Owner, RecordBytes};
use super::{Coordinator, Decider};
use crate::produce::{ProduceError, Produced};

/// Batches that are in the log and not durable yet, at most.
const IN_FLIGHT_MAX: usize = 256;

/// What is to be appended.
pub(crate) enum Appending {
    /// Records of the coordinator.
    Batch {
        append: AppendId,
        batch: Vec<u8>,
        verification: Option<Verification>,
        /// Whether they are part of a transaction.
        is_owned: bool,
    },
    /// The end of the transaction of a producer.
    Marker(MarkerToWrite),
}

/// The end of the transaction of a producer.
pub(crate) struct MarkerToWrite {
    pub(crate) producer: (ProducerId, ProducerEpoch),
    pub(crate) marker: TransactionMarker,
    pub(crate) version: TransactionVersion,
    /// Told once it is durable and the coordinator knows, or why it never will be.
    pub(crate) done: Sender<Result<(), MarkerFailure>>,
}

/// Why a marker is not durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MarkerFailure {
    /// The log did not take it.
    #[error(transparent)]
    Marker(#[from] MarkerError),
    /// It is in the log, and nobody knows whether it stays.
    #[error(transparent)]
    Durable(#[from] ProduceError),
    /// The coordinator of the partition is being loaded or goes away.
    #[error("the coordinator of the partition is not ready")]
    NotReady,
}

/// What is in the log, or why it is not.
pub(crate) struct Outcome {
    /// Which life of the coordinator it is of.
    life: u64,
    kind: Kind,
}

enum Kind {
    Batch {
        append: AppendId,
        produced: Result<Produced, ProduceError>,
    },
    Marker {
        producer_id: ProducerId,
        outcome: TransactionOutcome,
        produced: Result<Produced, MarkerError>,
        done: Sender<Result<(), MarkerFailure>>,
    },
}

/// The records as one batch, stamped with the present time.
pub(super) fn batch_of(records: &[RecordBytes], owner: Option<&Owner>) -> Vec<u8> {
    let now = Timestamp(wall_clock_ms());
    let mut builder = BatchBuilder::new(Codec::None, None);
    if let Some(Owner { producer: (id, epoch), .. }) = owner {
        builder.set_producer(*id, *epoch, Sequence::NONE);
        builder.set_transactional();
    }
    for (key, value) in records {
        builder.append(now, Some(key), value.as_deref(), &[]);
    }
    builder.build(Offset::ZERO)
}

/// Appends what waits, in order.
pub(super) async fn append_all<D: Decider>(coordinator: Weak<Coordinator<D>>) {
    loop {
        let Some(there) = coordinator.upgrade() else { return };
        let news = there.appends_news.waiting();
        let is_full = there.in_flight.borrow().len() >= IN_FLIGHT_MAX;
        let next = if is_full { None } else { there.appends.borrow_mut().pop_front() };
        let Some(next) = next else {
            drop(there);
            news.await;
            continue;
        };
        there.unsettled.set(there.unsettled.get() + 1);
        let life = there.life.get();
        let kind = append(&there, next).await;
        there.in_flight.borrow_mut().push_back(Outcome { life, kind });
        there.in_flight_news.notify();
    }
}

async fn append<D: Decider>(there: &Coordinator<D>, next: Appending) -> Kind {
    let (shard, partition) = (&there.shard, &there.partition);
    match next {
        Appending::Batch { append, batch, verification, is_owned } => {
            let admission = if is_owned {
                Admission::Coordinator(verification.as_ref())
            } else {
                Admission::Client(None)
            };
            let produced = shard.produce_admitted(partition, &batch, Codec::Zstd, admission).await;
            Kind::Batch { append, produced }
        }
        Appending::Marker(MarkerToWrite { producer, marker, version, done }) => {
            let produced = shard.write_marker(partition, producer, marker, version).await;
            Kind::Marker { producer_id: producer.0, outcome: marker.outcome, produced, done }
        }
    }
}

/// Tells the coordinator what became of each, in order.
pub(super) async fn settle_all<D: Decider>(coordinator: Weak<Coordinator<D>>) {
    loop {
        let Some(there) = coordinator.upgrade() else { return };
        let news = there.in_flight_news.waiting();
        let next = there.in_flight.borrow_mut().pop_front();
        let Some(Outcome { life, kind }) = next else {
            drop(there);
            news.await;
            continue;
        };
        there.appends_news.notify();
        match kind {
            Kind::Batch { append, produced } => {
                let durable = match produced {
                    Ok(produced) => produced.durable().await.map(drop),
                    Err(error) => Err(error),
                };
                there.settle();
                // Else nobody waits for it: all is loaded with it or without it.
                if life == there.life.get() {
                    there.step(D::settled(append, durable.map_err(|error| there.told(&error))));
                }
            }
            Kind::Marker { producer_id, outcome, produced, done } => {
                let durable = match produced {
                    Ok(produced) => produced.durable().await.map(drop).map_err(MarkerFailure::from),
                    Err(error) => Err(MarkerFailure::from(error)),
                };
                there.settle();
                let input = D::ended(producer_id, outcome);
                if let Some(input) = input.filter(|_| durable.is_ok() && life == there.life.get()) {
                    there.step(input);
                }
                // Who asked may have gone away this very moment.
                drop(done.try_send(durable));
            }
        }
    }
}

impl<D: Decider> Coordinator<D> {
    fn settle(&self) {
        self.unsettled.set(self.unsettled.get() - 1);
        self.settled_news.notify();
    }

    fn told(&self, error: &ProduceError) -> ErrorCode {
        let partition = self.partition.log.id();
        tracing::warn!(%error, %partition, noun = D::NOUN, "a decision is not stored");
        code_of(error)
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
        ProduceError::Append(AppendError::Sequence(SequenceRefusal::Fenced { .. })) => {
            ErrorCode::InvalidProducerEpoch
        }
        ProduceError::Append(AppendError::Sequence(SequenceRefusal::Unverified { .. })) => {
            ErrorCode::InvalidTxnState
        }
        ProduceError::Append(
            AppendError::Sequence(_)
            | AppendError::Journal(_)
            | AppendError::Gone
            | AppendError::Parted,
        ) => ErrorCode::NotCoordinator,
    }
}
