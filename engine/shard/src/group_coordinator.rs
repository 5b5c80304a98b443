//! The coordinator of the groups of one partition of `__consumer_offsets`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use corelog_coordinator::classic_group::GroupDescription;
use corelog_coordinator::consumer_group;
use corelog_coordinator::groups::{GroupTally, ListFilter, ListedGroup, Loaded};
use corelog_coordinator::offsets::{FetchedOffset, TopicPartition};
use corelog_coordinator::records::{CoordinatorRecord, RecordError, StateTopics};
use corelog_coordinator::share_group::ShareGroupDescription;
use corelog_coordinator::{AppendId, GroupConfig, Groups, Input, Now, Output, Reply, RequestId};
use corelog_io::spawn;
use corelog_log::Verification;
use corelog_model::control::{TransactionMarker, TransactionOutcome, TransactionVersion};
use corelog_model::{ErrorCode, PartitionId, ProducerEpoch, ProducerId, TopicName};

use crate::coordinator::registry::Led;
use crate::coordinator::{Coordinator, Decider, Effect, MarkerFailure, Owner};
use crate::metrics::ShardMetrics;
use crate::partition::Partition;
use crate::shard::Shard;

/// The coordinator.
pub struct GroupCoordinator {
    driver: Rc<Coordinator<Groups>>,
    /// The version of the topics that the groups were told, and in which life of them.
    topics_told: Cell<Option<(u64, u64)>>,
}

impl GroupCoordinator {
    /// Begins to load the coordinator of a partition that this core leads from now on.
    pub(crate) fn begin(shard: &Shard, partition: Partition, config: GroupConfig) -> Rc<Self> {
        let driver = Coordinator::begin(shard, partition, move || Groups::new(config.clone()));
        Rc::new(GroupCoordinator { driver, topics_told: Cell::new(None) })
    }

    /// Hands the coordinator a request, made with the number it is given, and waits for the reply.
    /// `None` if too many requests wait, or if the coordinator is gone.
    pub async fn ask(&self, request: impl FnOnce(RequestId) -> Input) -> Option<Reply> {
        let request = |id| {
            let request = request(id);
            if looks_at_topics(&request) {
                self.tell_topics();
            }
            request
        };
        self.driver.ask(None, request).await
    }

    /// Does as `ask` for a request in the transaction of a producer, whose coordinator says that it
    /// goes on. The verification is taken before that one is asked.
    pub async fn ask_in_transaction(
        &self,
        verification: Option<Verification>,
        request: impl FnOnce(RequestId) -> Input,
    ) -> Option<Reply> {
        self.driver.ask(verification, request).await
    }

    pub(crate) fn shard(&self) -> &Shard {
        self.driver.shard()
    }

    /// The partition in which the groups are kept.
    pub fn partition(&self) -> &Partition {
        self.driver.partition()
    }

    /// Whether it serves requests.
    pub(crate) fn is_loaded(&self) -> bool {
        self.driver.is_loaded()
    }

    /// Hands what was counted since the last time to the metrics of the core.
    pub(crate) fn tell_counts(&self) {
        self.driver.tell_counts();
    }

    /// Adds the groups that there are.
    pub(crate) fn tally(&self, tally: &mut GroupTally) {
        self.driver.decider().tally(tally);
    }

    /// Tells the groups of the topics of the cluster and of their own configs, if the metadata has
    /// changed.
    fn tell_topics(&self) {
        let shard = self.driver.shard();
        let topics = shard.coordinators().topics(&shard.image());
        let told = Some((self.driver.life(), topics.version()));
        if self.topics_told.replace(told) != told {
            let tunings = shard.coordinators().tunings(&shard.image());
            self.driver.step(Input::Topics(topics));
            self.driver.step(Input::Tunings(tunings));
        }
    }

    /// Has the marker of a producer written into the partition of the groups. When this resolves it
    /// is durable and its offsets count or do not, or it is neither.
    pub async fn write_marker(
        &self,
        producer: (ProducerId, ProducerEpoch),
        marker: TransactionMarker,
        version: TransactionVersion,
    ) -> Result<(), MarkerFailure> {
        self.driver.write_marker(producer, marker, version).await
    }

    /// Whether a member may fetch offsets, see [`Groups::check_fetch_offsets`].
    pub fn check_fetch_offsets(
        &self,
        group: &str,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        self.driver.decider().check_fetch_offsets(group, member_id, epoch)
    }

    /// The committed offsets of a group, see [`Groups::fetch_offsets`].
    pub fn fetch_offsets(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<Vec<FetchedOffset>, ErrorCode> {
        self.driver.decider().fetch_offsets(group, partitions)
    }

    /// What a group looks like, see [`Groups::describe`].
    pub fn describe(&self, group: &str) -> Result<GroupDescription, ErrorCode> {
        self.driver.decider().describe(group)
    }

    /// Whether heartbeats of this group search topics, see [`Groups::has_expressions`].
    pub fn searches(&self, group: &str) -> bool {
        self.driver.decider().has_expressions(group)
    }

    /// What a consumer group looks like, see [`Groups::describe_consumer_group`].
    pub fn describe_consumer_group(
        &self,
        group: &str,
    ) -> Result<consumer_group::GroupDescription, ErrorCode> {
        self.driver.decider().describe_consumer_group(group)
    }

    /// What a share group looks like, see [`Groups::describe_share_group`].
    pub fn describe_share_group(&self, group: &str) -> Result<ShareGroupDescription, ErrorCode> {
        self.driver.decider().describe_share_group(group)
    }

    /// Of which partitions the share coordinators know, see [`Groups::share_states`].
    pub fn share_states(&self, group: &str) -> Result<StateTopics, ErrorCode> {
        self.driver.decider().share_states(group)
    }

    /// The groups that pass a filter.
    pub fn list(&self, filter: &ListFilter) -> Result<Vec<ListedGroup>, ErrorCode> {
        self.driver.decider().list(filter)
    }

    /// Topics are gone: nobody can use the offsets that groups committed for them.
    pub(crate) fn forget_topics(&self, topics: Vec<TopicName>) {
        self.driver.step(Input::TopicsDeleted(topics));
    }
}

impl Led for GroupCoordinator {
    fn partition(&self) -> &Partition {
        self.driver.partition()
    }

    fn resign(&self) {
        self.driver.resign();
    }
}

impl Decider for Groups {
    type Input = Input;
    type Output = Output;
    type Reply = Reply;
    type Own = StatesErrand;

    const NOUN: &'static str = "groups";

    fn step(&mut self, now: Now, input: Input) -> Vec<Output> {
        Groups::step(self, now, input)
    }

    fn next_wakeup(&self) -> Option<Duration> {
        Groups::next_wakeup(self)
    }

    fn resign(&mut self, now: Now) -> Vec<Output> {
        Groups::resign(self, now)
    }

    fn load(
        &mut self,
        producer_id: Option<ProducerId>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Loaded, RecordError> {
        match producer_id {
            Some(producer_id) => self.load_transactional(producer_id, key, value),
            None => Groups::load(self, key, value),
        }
    }

    fn load_marker(&mut self, producer_id: ProducerId, outcome: TransactionOutcome) {
        Groups::load_marker(self, producer_id, outcome);
    }

    fn finish_loading(&mut self, now: Now) -> Vec<Output> {
        Groups::finish_loading(self, now);
        Vec::new()
    }

    fn count(&self) -> usize {
        Groups::count(self)
    }

    fn tell_counts(&mut self, metrics: &ShardMetrics) {
        metrics.groups_counted(self.take_counts());
    }

    fn tick() -> Input {
        Input::Tick
    }

    fn settled(append: AppendId, result: Result<(), ErrorCode>) -> Input {
        match result {
            Ok(()) => Input::Appended(append),
            Err(code) => Input::AppendFailed { append, code },
        }
    }

    fn ended(producer_id: ProducerId, outcome: TransactionOutcome) -> Option<Input> {
        Some(Input::TransactionEnded { producer_id, outcome })
    }

    fn effect(output: Output) -> Effect<Self> {
        let bytes = |record: CoordinatorRecord| (record.encode_key(), record.encode_value());
        match output {
            Output::Reply { request, reply } => Effect::Reply(request, reply),
            Output::Append { append, records } => {
                let records = records.into_iter().map(bytes).collect();
                Effect::Append { append, records, owner: None }
            }
            Output::AppendTransactional { append, producer, request, records } => {
                let records = records.into_iter().map(bytes).collect();
                Effect::Append { append, records, owner: Some(Owner { producer, request }) }
            }
            Output::InitializeStates { group, state_epoch, partitions } => {
                Effect::Own(StatesErrand::Initialize { group, state_epoch, partitions })
            }
            Output::DeleteStates { group, partitions } => {
                Effect::Own(StatesErrand::Delete { group, partitions })
            }
            Output::Reload => Effect::Reload,
        }
    }

    /// Each errand has a task of its own, at most one of each group for those that are waited for.
    /// It ends by itself, and tells a coordinator that is still there.
    fn perform(coordinator: &Coordinator<Self>, errand: StatesErrand) {
        let (shard, coordinator) = (coordinator.shard().clone(), coordinator.downgrade());
        let task = spawn(async move {
            match errand {
                StatesErrand::Initialize { group, state_epoch, partitions } => {
                    let done = shard.initialize_states(&group, state_epoch, partitions).await;
                    if let Some(there) = coordinator.upgrade() {
                        there.step(Input::StatesInitialized { group, done });
                    }
                }
                StatesErrand::Delete { group, partitions } => {
                    // Nobody can want a topic again that is gone.
                    if let Err(code) = shard.delete_states(&group, i32::MAX, partitions).await {
                        let code = code.name();
                        tracing::warn!(group, code, "states of topics that are gone stay");
                    }
                }
            }
        });
        task.detach();
    }
}

/// What groups say to their driver alone.
pub(crate) enum StatesErrand {
    Initialize { group: String, state_epoch: i32, partitions: Vec<PartitionId> },
    Delete { group: String, partitions: Vec<PartitionId> },
}

/// Whether what comes of a request depends on the topics of the cluster.
fn looks_at_topics(request: &Input) -> bool {
    matches!(
        request,
        Input::ConsumerGroupHeartbeat(_)
            | Input::ShareGroupHeartbeat(_)
            | Input::ShareStates(_)
            | Input::Join(_)
            | Input::Sync(_)
    )
}
