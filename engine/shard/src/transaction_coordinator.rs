//! The coordinator of the transactional ids of one partition of `__transaction_state`.

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_coordinator::groups::Loaded;
use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::records::{RecordError, TransactionRecord};
use corelog_coordinator::transactions::{
    MarkersWritten, Ticket, TransactionInput, TransactionOutput, TransactionReply, WriteMarkers,
};
use corelog_coordinator::{AppendId, Now, Transactions};
use corelog_io::spawn;
use corelog_model::{ErrorCode, NodeId, PartitionId, ProducerId};

use crate::coordinator::{Coordinator, Decider, Effect};
use crate::metrics::ShardMetrics;
use crate::peers::{MarkersCall, PeerCall};
use crate::producer_ids::ProducerIdError;
use crate::shard::Shard;

/// What transactions say to their driver alone.
pub(crate) enum Errand {
    FindProducerId(Ticket),
    WriteMarkers(WriteMarkers),
}

impl Decider for Transactions {
    type Input = TransactionInput;
    type Output = TransactionOutput;
    type Reply = TransactionReply;
    type Own = Errand;

    const NOUN: &'static str = "transactions";

    fn step(&mut self, now: Now, input: TransactionInput) -> Vec<TransactionOutput> {
        Transactions::step(self, now, input)
    }

    fn next_wakeup(&self) -> Option<Duration> {
        Transactions::next_wakeup(self)
    }

    fn resign(&mut self, _: Now) -> Vec<TransactionOutput> {
        Transactions::resign(self)
    }

    fn load(
        &mut self,
        _: Option<ProducerId>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Loaded, RecordError> {
        Transactions::load(self, key, value)
    }

    fn finish_loading(&mut self, now: Now) -> Vec<TransactionOutput> {
        Transactions::finish_loading(self, now)
    }

    fn count(&self) -> usize {
        Transactions::count(self)
    }

    fn tell_counts(&mut self, metrics: &ShardMetrics) {
        metrics.transactions_counted(self.take_counts());
    }

    fn tick() -> TransactionInput {
        TransactionInput::Tick
    }

    fn settled(append: AppendId, result: Result<(), ErrorCode>) -> TransactionInput {
        match result {
            Ok(()) => TransactionInput::Appended(append),
            Err(code) => TransactionInput::AppendFailed { append, code },
        }
    }

    fn effect(output: TransactionOutput) -> Effect<Self> {
        let bytes = |record: TransactionRecord| (record.encode_key(), record.encode_value());
        match output {
            TransactionOutput::Reply { request, reply } => Effect::Reply(request, reply),
            TransactionOutput::Append { append, records } => {
                let records = records.into_iter().map(bytes).collect();
                Effect::Append { append, records, owner: None }
            }
            TransactionOutput::FindProducerId { ticket } => {
                Effect::Own(Errand::FindProducerId(ticket))
            }
            TransactionOutput::WriteMarkers(markers) => Effect::Own(Errand::WriteMarkers(markers)),
        }
    }

    /// Each errand has a task of its own, of which there are as many as the transactions have open
    /// at a time. It ends by itself, and tells a coordinator that is still there.
    fn perform(coordinator: &Coordinator<Self>, errand: Errand) {
        let (shard, coordinator) = (coordinator.shard().clone(), coordinator.downgrade());
        let task = spawn(async move {
            let input = match errand {
                Errand::FindProducerId(ticket) => {
                    let result = shard.new_producer_id().await.map_err(|error| code_of(&error));
                    TransactionInput::ProducerId { ticket, result }
                }
                Errand::WriteMarkers(markers) => {
                    TransactionInput::MarkersWritten(have_written(&shard, markers).await)
                }
            };
            if let Some(there) = coordinator.upgrade() {
                there.step(input);
            }
        });
        task.detach();
    }
}

/// What a producer is told that needs an id of which there is none now: it tries again.
fn code_of(error: &ProducerIdError) -> ErrorCode {
    match error {
        ProducerIdError::Stopping(_) | ProducerIdError::Controller(_) => {
            ErrorCode::CoordinatorLoadInProgress
        }
        ProducerIdError::Ids(_) => ErrorCode::UnknownServerError,
    }
}

/// Has the leaders write markers, all at the same time. A partition that is not in the metadata was
/// deleted: it was there when the transaction reached it, and this core's metadata never goes back.
async fn have_written(shard: &Shard, markers: WriteMarkers) -> MarkersWritten {
    let WriteMarkers { transactional_id, producer, marker, version, partitions } = markers;
    let (by_leader, gone) = by_leader(shard, partitions);
    let mut asked = Vec::with_capacity(by_leader.len());
    for (leader, partitions) in by_leader {
        let call = MarkersCall { producer, marker, version, partitions };
        asked.push(shard.peers().send(leader, PeerCall::WriteMarkers(call)).await);
    }
    let mut results: Vec<_> = gone.into_iter().map(|partition| (partition, Ok(()))).collect();
    for asked in asked {
        results.extend(asked.answer().await);
    }
    MarkersWritten { transactional_id, producer, results }
}

/// The partitions of each leader, and those that are no more.
fn by_leader(
    shard: &Shard,
    partitions: Vec<TopicPartition>,
) -> (BTreeMap<NodeId, Vec<TopicPartition>>, Vec<TopicPartition>) {
    let image = shard.image();
    let (mut by_leader, mut gone) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for partition in partitions {
        let id = image.topic_id(partition.0.as_str());
        let id = id.map(|topic| PartitionId::new(topic, partition.1));
        match id.and_then(|id| image.partition(id)) {
            Some(found) => by_leader.entry(found.leader).or_default().push(partition),
            None => gone.push(partition),
        }
    }
    (by_leader, gone)
}
