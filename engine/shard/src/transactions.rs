//! Transactions as one core knows them: the coordinators of the partitions of `__transaction_state`
//! that it leads, and what it does for coordinators and leaders on other nodes.

use std::rc::Rc;

use corelog_cluster::ClusterImage;
use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::transactions::{
    AddPartitions, EndTransaction, InitProducer, ListedTransaction, Producer, TransactionConfig,
    TransactionDescription, TransactionFilter, TransactionInput, TransactionReply,
};
use corelog_coordinator::{RequestId, Transactions};
use corelog_io::mesh::Receiver;
use corelog_io::wall_clock_ms;
use corelog_model::{ErrorCode, NodeId, PartitionId, Timestamp};

use crate::coordinator::Coordinator;
use crate::coordinator::place::{TRANSACTIONS_TOPIC, coordinator_partition};
use crate::group_coordinators::CoordinatorRefusal;
use crate::peers::{
    EnlistCall, EnlistMode, PeerAnswer, PeerCall, PeerRequest, PeerRequestKind, all,
};
use crate::shard::Shard;

/// A coordinator of transactions on this core.
pub struct TransactionCoordinator {
    driver: Rc<Coordinator<Transactions>>,
}

/// Which node coordinates a transactional id; `None` while there is no topic to keep it in.
pub fn transaction_coordinator_of(image: &ClusterImage, transactional_id: &str) -> Option<NodeId> {
    let topic = image.topic_by_name(TRANSACTIONS_TOPIC)?;
    let index = coordinator_partition(transactional_id, topic.partition_count());
    topic.partition(index).map(|partition| partition.leader)
}

impl TransactionCoordinator {
    /// Lets a producer speak for a transactional id. The request's number is filled in.
    pub async fn init(&self, init: InitProducer) -> Result<Producer, ErrorCode> {
        let input = |request| TransactionInput::Init(InitProducer { request, ..init });
        match self.ask(input).await? {
            TransactionReply::Init(result) => result,
            other => unexpected(&other),
        }
    }

    /// Lets a transaction reach partitions that are in this core's metadata. The request's number
    /// is filled in.
    pub async fn add_partitions(&self, add: AddPartitions) -> Result<(), ErrorCode> {
        let input = |request| TransactionInput::AddPartitions(AddPartitions { request, ..add });
        match self.ask(input).await? {
            TransactionReply::AddPartitions(result) => result,
            other => unexpected(&other),
        }
    }

    /// Ends a transaction, and tells who its producer is from now on. The request's number is
    /// filled in.
    pub async fn end(&self, end: EndTransaction) -> Result<Producer, ErrorCode> {
        let input = |request| TransactionInput::End(EndTransaction { request, ..end });
        match self.ask(input).await? {
            TransactionReply::End(result) => result,
            other => unexpected(&other),
        }
    }

    async fn ask(
        &self,
        input: impl FnOnce(RequestId) -> TransactionInput,
    ) -> Result<TransactionReply, ErrorCode> {
        self.driver.ask(None, input).await.ok_or(ErrorCode::CoordinatorNotAvailable)
    }

    /// Whether a transaction has reached partitions, see [`Transactions::verify`].
    pub fn verify(
        &self,
        transactional_id: &str,
        producer: Producer,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        self.driver.decider().verify(transactional_id, producer, partitions)
    }

    /// What a transactional id looks like, see [`Transactions::describe`].
    pub fn describe(&self, transactional_id: &str) -> Result<TransactionDescription, ErrorCode> {
        self.driver.decider().describe(transactional_id)
    }

    /// The transactional ids that pass a filter, see [`Transactions::list`].
    pub fn list(&self, filter: &TransactionFilter) -> Result<Vec<ListedTransaction>, ErrorCode> {
        self.driver.decider().list(Timestamp(wall_clock_ms()), filter)
    }
}

fn unexpected(reply: &TransactionReply) -> ! {
    unreachable!("each request has its own kind of answer, not {reply:?}")
}

impl Shard {
    /// The coordinator of a transactional id, if it is on this core.
    pub fn transaction_coordinator(
        &self,
        transactional_id: &str,
    ) -> Result<TransactionCoordinator, CoordinatorRefusal> {
        let image = self.image();
        let topic = image.topic_by_name(TRANSACTIONS_TOPIC);
        let topic = topic.ok_or(CoordinatorRefusal::NotAvailable)?;
        let index = coordinator_partition(transactional_id, topic.partition_count());
        if let Some(driver) = self.transactions().get(index) {
            return Ok(TransactionCoordinator { driver });
        }
        let leader = topic.partition(index).map_or(NodeId::NONE, |partition| partition.leader);
        Err(CoordinatorRefusal::Elsewhere { coordinator: leader })
    }

    /// Every coordinator of transactions on this core.
    pub fn transaction_coordinators(&self) -> Vec<TransactionCoordinator> {
        let all = self.transactions().all().into_iter();
        all.map(|driver| TransactionCoordinator { driver }).collect()
    }

    /// Begins to coordinate a partition.
    pub(crate) fn begin_transactions(
        &self,
        partition: crate::partition::Partition,
    ) -> Rc<Coordinator<Transactions>> {
        let config: TransactionConfig = self.config().transactions.clone();
        let epoch = partition.leader_epoch;
        Coordinator::begin(self, partition, move || Transactions::new(config.clone(), epoch))
    }

    /// Asks the coordinator of a transaction, wherever it is, to let it reach partitions or to say
    /// whether it has.
    pub async fn enlist(&self, call: EnlistCall) -> PeerAnswer {
        match transaction_coordinator_of(&self.image(), &call.transactional_id) {
            Some(node) => self.peers().send(node, PeerCall::Enlist(call)).await.answer().await,
            None => all(call.partitions, Err(ErrorCode::CoordinatorNotAvailable)),
        }
    }

    /// Does what other nodes ask for transactions that are coordinated here.
    async fn enlist_here(&self, call: EnlistCall) -> PeerAnswer {
        let EnlistCall { transactional_id, producer, partitions, mode } = call;
        let coordinator = match self.transaction_coordinator(&transactional_id) {
            Ok(coordinator) => coordinator,
            Err(CoordinatorRefusal::NotAvailable) => {
                return all(partitions, Err(ErrorCode::CoordinatorNotAvailable));
            }
            Err(CoordinatorRefusal::Elsewhere { .. }) => {
                return all(partitions, Err(ErrorCode::NotCoordinator));
            }
        };
        match mode {
            EnlistMode::Verify => {
                match coordinator.verify(&transactional_id, producer, &partitions) {
                    Ok(results) => partitions.into_iter().zip(results).collect(),
                    Err(code) => all(partitions, Err(code)),
                }
            }
            EnlistMode::Add(version) => {
                if !partitions.iter().all(|partition| self.has_partition(partition)) {
                    return all(partitions, Err(ErrorCode::UnknownTopicOrPartition));
                }
                let (request, partitions_added) = (RequestId(0), partitions.clone());
                let added = coordinator.add_partitions(AddPartitions {
                    request,
                    transactional_id,
                    producer,
                    partitions: partitions_added,
                    version,
                });
                all(partitions, added.await)
            }
        }
    }

    /// Whether a partition is in this core's metadata.
    pub fn has_partition(&self, (topic, index): &TopicPartition) -> bool {
        let image = self.image();
        let id = image.topic_id(topic.as_str());
        id.is_some_and(|topic| image.partition(PartitionId::new(topic, *index)).is_some())
    }
}

/// Does what other cores ask, one after the other; several of these run at a time.
pub(crate) async fn serve_peers(shard: Shard, requests: Receiver<PeerRequest>) {
    while let Ok(PeerRequest { kind }) = requests.recv_async().await {
        // Who asked may have given up.
        match kind {
            PeerRequestKind::Transaction { call, answer } => {
                let answered = match call {
                    PeerCall::WriteMarkers(call) => shard.write_markers(call).await,
                    PeerCall::Enlist(call) => shard.enlist_here(call).await,
                };
                drop(answer.try_send(answered));
            }
            PeerRequestKind::Share { call, answer } => {
                drop(answer.try_send(shard.serve_share(call).await));
            }
        }
    }
}
