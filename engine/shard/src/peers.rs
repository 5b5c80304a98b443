//! What cores ask of each other: for transactions to write markers and to let a transaction reach
//! partitions, and for share groups what share coordinators keep and how far partitions go. A
//! request is addressed to a node, may fail, and may come again; whoever sends it tries again, and
//! whoever gets it does the same as the first time. It will travel to other machines the same way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::records::SharePartitionKey;
use corelog_coordinator::share_states::{StateCall, StateReply};
use corelog_io::mesh::{Receiver, Sender, answer, channel};
use corelog_io::timeout;
use corelog_model::control::{TransactionMarker, TransactionVersion};
use corelog_model::{
    BrokerId, ErrorCode, NodeId, Offset, PartitionId, ProducerEpoch, ProducerId, ShardId,
};

/// Requests that wait at a core until it takes them.
const QUEUED_MAX: usize = 1024;
/// How long a node may take. It may have done what it does not answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// What a node is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerCall {
    /// To write the markers of a transaction into partitions that it leads.
    WriteMarkers(MarkersCall),
    /// To let a transaction that it coordinates reach partitions, or to say whether it has.
    Enlist(EnlistCall),
}

/// The end of a transaction on partitions of one leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkersCall {
    /// Whose transaction, with the epoch of the marker.
    pub producer: (ProducerId, ProducerEpoch),
    /// How it ended, and which coordinator says so.
    pub marker: TransactionMarker,
    /// Which epochs are taken.
    pub version: TransactionVersion,
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// Partitions and a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnlistCall {
    /// The transactional id.
    pub transactional_id: String,
    /// Who speaks for it.
    pub producer: (ProducerId, ProducerEpoch),
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
    /// Whether they are added or looked for.
    pub mode: EnlistMode,
}

/// What becomes of partitions that a transaction has not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnlistMode {
    /// They are added.
    Add(TransactionVersion),
    /// They are refused with `TRANSACTION_ABORTABLE`.
    Verify,
}

/// What became of each partition of a request, in its order.
pub type PeerAnswer = Vec<(TopicPartition, Result<(), ErrorCode>)>;

/// What a node is asked for share groups.
#[derive(Debug)]
pub(crate) enum ShareCall {
    /// Something of a share-partition whose share coordinator it is.
    State { key: SharePartitionKey, call: StateCall },
    /// The first offset and the end of a partition that it leads.
    Ends(PartitionId),
    /// To drop what it knows of a share-partition, whose state was set anew.
    Drop(SharePartitionKey),
}

/// What it answers.
#[derive(Debug)]
pub(crate) enum ShareAnswer {
    State(StateReply),
    Ends(Result<(Offset, Offset), ErrorCode>),
    Dropped,
}

/// A request on its way to a core.
#[derive(Debug)]
pub struct PeerRequest {
    pub(crate) kind: PeerRequestKind,
}

#[derive(Debug)]
pub(crate) enum PeerRequestKind {
    Transaction { call: PeerCall, answer: Sender<PeerAnswer> },
    Share { call: ShareCall, answer: Sender<ShareAnswer> },
}

/// The way to every core of the broker, on any core.
#[derive(Debug, Clone)]
pub struct Peers {
    by_node: Arc<BTreeMap<NodeId, Sender<PeerRequest>>>,
}

/// A request whose answer is waited for.
pub(crate) struct Asked {
    partitions: Vec<TopicPartition>,
    answer: Option<Receiver<PeerAnswer>>,
}

impl PeerCall {
    fn partitions(&self) -> &[TopicPartition] {
        match self {
            PeerCall::WriteMarkers(markers) => &markers.partitions,
            PeerCall::Enlist(enlist) => &enlist.partitions,
        }
    }
}

impl Peers {
    /// The way to the cores of a broker, and for each core in their order the end where requests
    /// come out.
    pub fn new(broker: BrokerId, cores: u16) -> (Self, Vec<Receiver<PeerRequest>>) {
        let mut by_node = BTreeMap::new();
        let mut receivers = Vec::with_capacity(usize::from(cores));
        for core in 0..cores {
            let (sender, receiver) = channel(QUEUED_MAX);
            by_node.insert(NodeId::of(broker, ShardId(core)), sender);
            receivers.push(receiver);
        }
        (Self { by_node: Arc::new(by_node) }, receivers)
    }

    /// Sends a request; waits while the node has many of them.
    pub(crate) async fn send(&self, node: NodeId, call: PeerCall) -> Asked {
        let partitions = call.partitions().to_vec();
        let (answer, receiver) = answer();
        let sender = self.by_node.get(&node);
        let sent = match sender {
            Some(sender) => {
                let kind = PeerRequestKind::Transaction { call, answer };
                let request = PeerRequest { kind };
                timeout(ANSWER_TIME_MAX, sender.send_async(request))
                    .await
                    .is_ok_and(|sent| sent.is_ok())
            }
            None => false,
        };
        Asked { partitions, answer: sent.then_some(receiver) }
    }

    /// Asks a node for a share-partition. `REQUEST_TIMED_OUT` if it does not say.
    pub(crate) async fn ask_state(&self, node: NodeId, call: ShareCall) -> StateReply {
        match self.ask_share(node, call).await {
            Some(ShareAnswer::State(reply)) => reply,
            Some(ShareAnswer::Ends(_) | ShareAnswer::Dropped) | None => {
                Err(ErrorCode::RequestTimedOut)
            }
        }
    }

    /// Asks a node for share groups; none if it does not answer.
    pub(crate) async fn ask_share(&self, node: NodeId, call: ShareCall) -> Option<ShareAnswer> {
        let (answer, receiver) = answer();
        let request = PeerRequest { kind: PeerRequestKind::Share { call, answer } };
        let sender = self.by_node.get(&node)?;
        timeout(ANSWER_TIME_MAX, sender.send_async(request)).await.ok()?.ok()?;
        timeout(ANSWER_TIME_MAX, receiver.recv_async()).await.ok()?.ok()
    }
}

impl Asked {
    /// What became of each partition. `REQUEST_TIMED_OUT` if the node does not say.
    pub(crate) async fn answer(self) -> PeerAnswer {
        let answer = match self.answer {
            Some(receiver) => timeout(ANSWER_TIME_MAX, receiver.recv_async()).await.ok(),
            None => None,
        };
        if let Some(Ok(answer)) = answer {
            return answer;
        }
        let partitions = self.partitions.into_iter();
        partitions.map(|partition| (partition, Err(ErrorCode::RequestTimedOut))).collect()
    }
}

/// The same for all partitions.
pub(crate) fn all(partitions: Vec<TopicPartition>, result: Result<(), ErrorCode>) -> PeerAnswer {
    partitions.into_iter().map(|partition| (partition, result)).collect()
}

#[cfg(test)]
mod tests {
    use corelog_model::control::TransactionOutcome;
    use corelog_model::{PartitionIndex, TopicName};
    use futures_lite::future::block_on;

    use super::*;

    fn call() -> PeerCall {
        PeerCall::WriteMarkers(MarkersCall {
            producer: (ProducerId(1), ProducerEpoch(2)),
            marker: TransactionMarker { outcome: TransactionOutcome::Abort, coordinator_epoch: 3 },
            version: TransactionVersion::Classic,
            partitions: vec![(TopicName::new("t").unwrap(), PartitionIndex(0))],
        })
    }

    #[test]
    fn a_node_that_is_not_there_fails_each_partition() {
        let (peers, _receivers) = Peers::new(BrokerId(1), 1);
        let asked = peers.by_node.get(&NodeId::of(BrokerId(1), ShardId(1)));
        assert!(asked.is_none());
        let asked = Asked { partitions: call().partitions().to_vec(), answer: None };
        let expected = all(call().partitions().to_vec(), Err(ErrorCode::RequestTimedOut));
        assert_eq!(block_on(asked.answer()), expected);
    }
}
