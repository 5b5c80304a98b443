//! The share coordinator of one partition of `__share_group_state`, and the way to it from other
//! cores.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use corelog_cluster::ClusterImage;
use corelog_coordinator::groups::Loaded;
use corelog_coordinator::records::{RecordError, SharePartitionKey, ShareStateRecord};
use corelog_coordinator::share_states::{StateCall, StateInput, StateOutput, StateReply};
use corelog_coordinator::{AppendId, Now, ShareStates};
use corelog_io::sleep;
use corelog_model::{ErrorCode, NodeId, PartitionId, PartitionIndex, ProducerId};

use crate::coordinator::place::{SHARE_TOPIC, coordinator_partition};
use crate::coordinator::{Coordinator, Decider, Effect};
use crate::partition::Partition;
use crate::peers::ShareCall;
use crate::shard::Shard;

/// How long one waits before it asks again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// How often one asks before it gives up: for half a minute at least.
const ATTEMPTS_MAX: usize = 300;
/// Share-partitions that are asked for at a time.
const TOGETHER_MAX: usize = 100;

/// The partition of `__share_group_state` in which a share-partition is kept.
fn place_of(image: &ClusterImage, key: &str) -> Option<(PartitionIndex, NodeId)> {
    let topic = image.topic_by_name(SHARE_TOPIC)?;
    let index = coordinator_partition(key, topic.partition_count());
    topic.partition(index).map(|partition| (index, partition.leader))
}

/// Which node is the share coordinator of a key, which is a group, a topic id and a partition with
/// colons between them; `None` while there is no topic to keep its state in.
pub fn share_coordinator_of(image: &ClusterImage, key: &str) -> Option<NodeId> {
    place_of(image, key).map(|(_, leader)| leader)
}

fn text_of(key: &SharePartitionKey) -> String {
    let partition = key.partition;
    format!("{}:{}:{}", key.group, partition.topic, partition.index)
}

/// Begins to load the share coordinator of a partition.
pub(crate) fn begin_states(shard: &Shard, partition: Partition) -> Rc<Coordinator<ShareStates>> {
    let config = shard.config().share.states.clone();
    Coordinator::begin(shard, partition, move || ShareStates::new(config.clone()))
}

impl Shard {
    /// Asks the share coordinator of a share-partition, wherever it is, again and again while it
    /// may only be away.
    pub(crate) async fn share_state(&self, key: &SharePartitionKey, call: StateCall) -> StateReply {
        let mut code = ErrorCode::CoordinatorNotAvailable;
        for _ in 0..ATTEMPTS_MAX {
            let place = place_of(&self.image(), &text_of(key));
            code = match place {
                None => ErrorCode::CoordinatorNotAvailable,
                Some((_, node)) => {
                    let call = ShareCall::State { key: key.clone(), call: call.clone() };
                    match self.peers().ask_state(node, call).await {
                        Err(code) if is_away(code) => code,
                        reply => return reply,
                    }
                }
            };
            sleep(RETRY_PAUSE).await;
        }
        Err(code)
    }

    /// Asks for many share-partitions of a group, a number of them at a time so that they share
    /// syncs, and each as [`Shard::share_state`] does.
    pub(super) async fn share_state_of_each(
        &self,
        group: &Arc<str>,
        calls: Vec<(PartitionId, StateCall)>,
    ) -> Vec<(PartitionId, StateReply)> {
        let ask = async |(partition, call)| {
            let key = SharePartitionKey { group: Arc::clone(group), partition };
            (partition, self.share_state(&key, call).await)
        };
        some_at_a_time(calls, ask).await
    }

    /// Asks the share coordinators on this core for share-partitions of a group, and passes on the
    /// errors among them. Tells what became of each.
    pub async fn share_states_of(
        &self,
        group: &Arc<str>,
        calls: Vec<(PartitionId, Result<StateCall, ErrorCode>)>,
    ) -> Vec<(PartitionId, StateReply)> {
        let ask = async |(partition, call): (PartitionId, Result<StateCall, ErrorCode>)| {
            let key = SharePartitionKey { group: Arc::clone(group), partition };
            let reply = match call {
                Ok(call) => self.share_state_here(key, call).await,
                Err(code) => Err(code),
            };
            (partition, reply)
        };
        some_at_a_time(calls, ask).await
    }

    /// Asks the share coordinator on this core.
    pub(crate) async fn share_state_here(
        &self,
        key: SharePartitionKey,
        call: StateCall,
    ) -> StateReply {
        let place = place_of(&self.image(), &text_of(&key));
        let index = place.ok_or(ErrorCode::CoordinatorNotAvailable)?.0;
        let there = self.share_states().get(index).ok_or(ErrorCode::NotCoordinator)?;
        let input = |request| StateInput::Call { request, key, call };
        there.ask(None, input).await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
    }
}

/// Does something with each item, with a number of them at a time. Results are in the order of the
/// items.
async fn some_at_a_time<I, T>(items: Vec<I>, act: impl AsyncFn(I) -> T) -> Vec<T> {
    let mut results = Vec::with_capacity(items.len());
    let mut items = items.into_iter();
    loop {
        let mut running: Vec<_> =
            items.by_ref().take(TOGETHER_MAX).map(|item| Box::pin(act(item))).collect();
        if running.is_empty() {
            return results;
        }
        let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
        poll_fn(|cx| {
            for (one, done) in running.iter_mut().zip(&mut done) {
                if done.is_none()
                    && let Poll::Ready(result) = one.as_mut().poll(cx)
                {
                    *done = Some(result);
                }
            }
            if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        results.extend(done.into_iter().flatten());
    }
}

/// Whether a coordinator that answers so may answer otherwise soon.
fn is_away(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::RequestTimedOut
    )
}

impl Decider for ShareStates {
    type Input = StateInput;
    type Output = StateOutput;
    type Reply = StateReply;
    type Own = std::convert::Infallible;

    const NOUN: &'static str = "share states";

    fn step(&mut self, now: Now, input: StateInput) -> Vec<StateOutput> {
        ShareStates::step(self, now, input)
    }

    fn next_wakeup(&self) -> Option<Duration> {
        ShareStates::next_wakeup(self)
    }

    fn resign(&mut self, _: Now) -> Vec<StateOutput> {
        ShareStates::resign(self)
    }

    fn load(
        &mut self,
        _: Option<ProducerId>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Loaded, RecordError> {
        ShareStates::load(self, key, value)
    }

    fn finish_loading(&mut self, _: Now) -> Vec<StateOutput> {
        ShareStates::finish_loading(self);
        Vec::new()
    }

    fn count(&self) -> usize {
        ShareStates::count(self)
    }

    fn tick() -> StateInput {
        StateInput::Tick
    }

    fn settled(append: AppendId, result: Result<(), ErrorCode>) -> StateInput {
        match result {
            Ok(()) => StateInput::Appended(append),
            Err(code) => StateInput::AppendFailed { append, code },
        }
    }

    fn effect(output: StateOutput) -> Effect<Self> {
        let bytes = |record: ShareStateRecord| (record.encode_key(), record.encode_value());
        match output {
            StateOutput::Reply { request, reply } => Effect::Reply(request, reply),
            StateOutput::Append { append, records } => {
                let records = records.into_iter().map(bytes).collect();
                Effect::Append { append, records, owner: None }
            }
        }
    }

    fn perform(_: &Coordinator<Self>, own: std::convert::Infallible) {
        match own {}
    }
}
