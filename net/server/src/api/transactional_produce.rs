//! Batches of transactions in a produce request. Before the first batch of a transaction reaches a
//! partition its coordinator is asked: it adds the partition for producers that expect this, or
//! says whether the partition was added (KIP-890). The token is taken before the question, and a
//! marker voids it.

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::transactions::Producer;
use corelog_io::sleep;
use corelog_log::Verification;
use corelog_model::control::TransactionVersion;
use corelog_model::{BatchView, ErrorCode, Sequence};
use corelog_shard::{EnlistCall, EnlistMode, Partition, Shard};

use crate::error::KafkaError;

/// The first version of Produce that adds partitions to the transaction.
const ADDING_FROM: i16 = 12;
/// The first version of Produce with TRANSACTION_ABORTABLE.
const ABORTABLE_FROM: i16 = 11;
/// How often a coordinator is asked that still ends the transaction before.
const ATTEMPTS_MAX: u32 = 8;
/// The first pause between two questions; each is twice as long as the one before. In all they are
/// as long as Kafka's, whose pauses are 20 ms each: here a transaction ends within a few syncs.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// What a batch of a transaction is appended with, or why it is not.
pub(crate) type Enlisted = Result<Verification, ErrorCode>;

/// The first batch of a transaction on a partition.
pub(crate) struct Begin {
    pub(crate) partition: Partition,
    pub(crate) first: Sequence,
}

impl Begin {
    fn name(&self) -> TopicPartition {
        (self.partition.topic.clone(), self.partition.log.id().index)
    }

    /// A token; the same one as long as no marker voids it.
    fn token(&self, (id, epoch): Producer, mode: EnlistMode) -> Enlisted {
        let token = self.partition.log.begin_verification(id, epoch, self.first);
        let token = token.map_err(|error| error.error_code())?;
        Ok(match mode {
            EnlistMode::Add(TransactionVersion::EpochPerTransaction) => {
                token.with_epoch_per_transaction()
            }
            EnlistMode::Add(TransactionVersion::Classic) | EnlistMode::Verify => token,
        })
    }
}

/// Asks the coordinator of a transaction about partitions, each with a token. It is asked again, a
/// few times, while it is ending the transaction before, or if a marker of that one came after a
/// token was taken.
pub(crate) async fn enlist(
    shard: &Shard,
    (id, producer): (&str, Producer),
    begins: &[Begin],
    mode: EnlistMode,
) -> BTreeMap<TopicPartition, Enlisted> {
    let mut attempt = 1;
    loop {
        let tokens = begins.iter().map(|begin| (begin.name(), begin.token(producer, mode)));
        let mut tokens: BTreeMap<_, _> = tokens.collect();
        let takers = tokens.iter().filter(|(_, token)| token.is_ok());
        let partitions: Vec<_> = takers.map(|(partition, _)| partition.clone()).collect();
        if partitions.is_empty() {
            return tokens;
        }
        let transactional_id = id.to_owned();
        let call = EnlistCall { transactional_id, producer, partitions, mode };
        for (partition, result) in shard.enlist(call).await {
            if let Err(code) = result {
                tokens.insert(partition, Err(code));
            }
        }
        let concurrent = Err(ErrorCode::ConcurrentTransactions);
        let is_ending = tokens.values().any(|token| *token == concurrent);
        let is_void = begins.iter().any(|begin| {
            let token = &tokens[&begin.name()];
            token.is_ok() && begin.token(producer, mode) != *token
        });
        if attempt == ATTEMPTS_MAX || !(is_ending || is_void) {
            return tokens;
        }
        if is_ending {
            sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
        }
        attempt += 1;
    }
}

/// Whether a coordinator is asked at all: where nobody is to verify, only to add.
pub(crate) fn asks(shard: &Shard, mode: EnlistMode) -> bool {
    mode != EnlistMode::Verify || shard.runtime().verifies_transactions
}

/// The first batches of a transaction in one request, by their partitions.
#[derive(Default)]
pub(crate) struct FirstBatches {
    producer: Option<Producer>,
    begins: Vec<Begin>,
    tokens: BTreeMap<TopicPartition, Enlisted>,
}

impl FirstBatches {
    /// Notes a batch, if it is the first one of its transaction on the partition.
    pub(crate) fn add(&mut self, partition: Partition, bytes: &[u8]) {
        let Ok((batch, _)) = BatchView::parse(bytes) else { return };
        let header = batch.header();
        let producer = (header.producer_id(), header.producer_epoch());
        let begins = header.is_transactional()
            && !partition.log.has_open_transaction(producer.0, producer.1);
        // A request is of one producer; the log refuses the others.
        if begins && *self.producer.get_or_insert(producer) == producer {
            self.begins.push(Begin { partition, first: header.base_sequence() });
        }
    }

    /// Asks the coordinator about all of them.
    pub(crate) async fn enlist(mut self, shard: &Shard, id: &str, version: i16) -> Self {
        let Some(producer) = self.producer else { return self };
        let mode = if version < ADDING_FROM {
            EnlistMode::Verify
        } else {
            EnlistMode::Add(TransactionVersion::EpochPerTransaction)
        };
        if !asks(shard, mode) {
            return self;
        }
        let tokens = enlist(shard, (id, producer), &self.begins, mode).await;
        let told = |token: Enlisted| token.map_err(|code| told_producer(code, version));
        self.tokens = tokens.into_iter().map(|(name, token)| (name, told(token))).collect();
        self
    }

    /// What the batch of a partition is appended with; none if it is not the first.
    pub(crate) fn get(&self, partition: &Partition) -> Option<&Enlisted> {
        // Most requests are of no transaction.
        if self.tokens.is_empty() {
            return None;
        }
        self.tokens.get(&(partition.topic.clone(), partition.log.id().index))
    }
}

/// The codes that producers understand.
fn told_producer(code: ErrorCode, version: i16) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::TransactionAbortable if version < ABORTABLE_FROM => ErrorCode::InvalidTxnState,
        ErrorCode::ConcurrentTransactions if version >= ADDING_FROM => code,
        ErrorCode::ConcurrentTransactions
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator
        | ErrorCode::RequestTimedOut => ErrorCode::NotEnoughReplicas,
        code => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn producers_are_told_what_they_understand() {
        let check = |code, version, expected| assert_eq!(told_producer(code, version), expected);
        for version in [9, 13] {
            check(ErrorCode::ProducerFenced, version, ErrorCode::InvalidProducerEpoch);
            check(ErrorCode::NotCoordinator, version, ErrorCode::NotEnoughReplicas);
            check(ErrorCode::PolicyViolation, version, ErrorCode::PolicyViolation);
        }
        let concurrent = ErrorCode::ConcurrentTransactions;
        check(concurrent, 11, ErrorCode::NotEnoughReplicas);
        check(concurrent, 12, concurrent);
        check(ErrorCode::TransactionAbortable, 10, ErrorCode::InvalidTxnState);
        check(ErrorCode::TransactionAbortable, 11, ErrorCode::TransactionAbortable);
    }
}
