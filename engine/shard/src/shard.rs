//! One core: the partitions it leads, the newest metadata image, its budgets and its background
//! work.

mod takeover;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::{ClientQuotas, ClusterImage};
use corelog_coordinator::{ShareStates, Transactions};
use corelog_io::mesh::{Receiver, Sender};
use corelog_io::{
    DiskSpace, Permit, Permits, Task, core_load, disk_space, sleep, spawn, spawn_behind, yield_now,
};
use corelog_log::{CleanError, Cleaned, FlushError, RecoveryReport, Storage};
use corelog_model::{NodeId, PartitionId, PartitionIndex, ShardId, Timestamp, TopicId};

use crate::answer_memory::AnswerBudget;
use crate::config::BrokerConfig;
use crate::control::Control;
use crate::coordinator::Coordinator;
use crate::coordinator::registry::Registry;
use crate::group_coordinators::GroupCoordinators;
use crate::metrics::{MetricsSnapshot, ShardMetrics};
use crate::moves::{Moves, give_away};
use crate::partition::{Partition, PartitionRefusal};
use crate::peers::{PeerRequest, Peers};
use crate::producer_ids::ProducerIds;
use crate::runtime::RuntimeSettings;
use crate::share::LiveShares;
use crate::transactions::serve_peers;

const DISK_CHECK_PERIOD: Duration = Duration::from_secs(1);
const YIELD_EVERY: usize = 64;
/// Requests of other cores that are served at a time.
const PEERS_SERVED_MAX: usize = 64;
const DISK_SPACE_UNKNOWN: DiskSpace = DiskSpace { available: u64::MAX, total: u64::MAX };

/// Where commands for a core are sent.
pub type Outbox = Sender<ShardCommand>;
/// Where a core receives its commands.
pub type Inbox = Receiver<ShardCommand>;

/// What other cores and threads ask of a core.
#[derive(Debug)]
pub enum ShardCommand {
    /// Take over a newer image and say when it is done.
    Image {
        /// The image.
        image: Arc<ClusterImage>,
        /// Told afterwards.
        done: Sender<()>,
    },
    /// Send all numbers.
    Metrics(Sender<MetricsSnapshot>),
    /// Close everything and end.
    Stop,
}

/// The ways from a core to others, and to it.
pub struct Links {
    /// To the controller.
    pub control: Control,
    /// To other cores.
    pub peers: Peers,
    /// Where their requests come out.
    pub requests: Receiver<PeerRequest>,
}

struct State {
    config: BrokerConfig,
    id: ShardId,
    node: NodeId,
    storage: Storage,
    image: RefCell<Arc<ClusterImage>>,
    partitions: RefCell<BTreeMap<PartitionId, Partition>>,
    runtime: RefCell<Rc<RuntimeSettings>>,
    control: Control,
    metrics: ShardMetrics,
    inflight: Permits,
    answers: AnswerBudget,
    disk_space: Cell<DiskSpace>,
    producer_ids: ProducerIds,
    coordinators: GroupCoordinators,
    transactions: Registry<Coordinator<Transactions>>,
    share_states: Registry<Coordinator<ShareStates>>,
    shares: LiveShares,
    peers: Peers,
    moves: Moves,
    /// Who changes which partitions are led: one at a time.
    turn: Permits,
    background: RefCell<Vec<Task<()>>>,
    report: RecoveryReport,
}

/// One core of the broker. Clones share it.
#[derive(Clone)]
pub struct Shard {
    state: Rc<State>,
}

impl Shard {
    pub(crate) fn new(
        config: BrokerConfig,
        id: ShardId,
        storage: Storage,
        report: RecoveryReport,
        links: Links,
    ) -> Self {
        let inflight = Permits::new(config.limits.inflight_bytes_max);
        let answers = AnswerBudget::new(config.limits.answer_bytes_max);
        let state = Rc::new(State {
            node: NodeId::of(config.broker, id),
            id,
            storage,
            image: RefCell::new(Arc::new(ClusterImage::empty())),
            partitions: RefCell::default(),
            runtime: RefCell::new(Rc::new(RuntimeSettings::of(&config, &ClusterImage::empty()))),
            control: links.control,
            metrics: ShardMetrics::default(),
            inflight,
            answers,
            disk_space: Cell::new(DISK_SPACE_UNKNOWN),
            producer_ids: ProducerIds::none(),
            coordinators: GroupCoordinators::default(),
            transactions: Registry::default(),
            share_states: Registry::default(),
            shares: LiveShares::default(),
            peers: links.peers,
            moves: Moves::default(),
            turn: Permits::new(1),
            background: RefCell::default(),
            report,
            config,
        });
        let shard = Self { state };
        let mut tasks = vec![
            spawn(watch_disk(shard.clone())),
            spawn(apply_retention(shard.clone())),
            spawn(expire_producers(shard.clone())),
            spawn_behind(compact(shard.clone())),
            spawn(give_away(shard.clone())),
        ];
        let serve = |_| spawn(serve_peers(shard.clone(), links.requests.clone()));
        tasks.extend((0..PEERS_SERVED_MAX).map(serve));
        shard.state.background.replace(tasks);
        shard
    }

    /// The broker's settings.
    pub fn config(&self) -> &BrokerConfig {
        &self.state.config
    }

    /// The settings that may change while the broker runs, as they are now.
    pub fn runtime(&self) -> Rc<RuntimeSettings> {
        Rc::clone(&self.state.runtime.borrow())
    }

    /// Which core this is.
    pub fn id(&self) -> ShardId {
        self.state.id
    }

    /// The node it appears as.
    pub fn node(&self) -> NodeId {
        self.state.node
    }

    /// The newest metadata this core has taken over.
    pub fn image(&self) -> Arc<ClusterImage> {
        Arc::clone(&self.state.image.borrow())
    }

    /// What clients are allowed; `None` while nobody has a quota.
    pub fn client_quotas(&self) -> Option<Arc<ClientQuotas>> {
        let image = self.state.image.borrow();
        let quotas = image.client_quotas();
        (!quotas.is_empty()).then(|| Arc::clone(quotas))
    }

    /// The way to the controller.
    pub fn control(&self) -> &Control {
        &self.state.control
    }

    /// Counters of this core.
    pub fn metrics(&self) -> &ShardMetrics {
        &self.state.metrics
    }

    /// Budget of request frames in memory, in bytes.
    pub fn inflight(&self) -> &Permits {
        &self.state.inflight
    }

    /// Budget of what answers keep of disk reads until they are sent.
    pub(crate) fn answers(&self) -> &AnswerBudget {
        &self.state.answers
    }

    /// What opening the storage found.
    pub fn recovery_report(&self) -> &RecoveryReport {
        &self.state.report
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.state.storage
    }

    /// How much room the disk had a moment ago; all there could be while that is not known.
    pub fn disk_space(&self) -> DiskSpace {
        self.state.disk_space.get()
    }

    /// Every partition that has a log on this core.
    pub fn partitions(&self) -> Vec<Partition> {
        self.state.partitions.borrow().values().cloned().collect()
    }

    /// A partition that this core leads, by the topic's name.
    pub fn partition_by_name(
        &self,
        topic: &str,
        index: PartitionIndex,
    ) -> Result<Partition, PartitionRefusal> {
        let id = self.state.image.borrow().topic_id(topic).ok_or(PartitionRefusal::Unknown)?;
        self.partition(id, index)
    }

    /// A partition that this core leads, by the topic's id.
    pub fn partition(
        &self,
        topic: TopicId,
        index: PartitionIndex,
    ) -> Result<Partition, PartitionRefusal> {
        let id = PartitionId::new(topic, index);
        if let Some(partition) = self.state.partitions.borrow().get(&id) {
            return Ok(partition.clone());
        }
        Err(self.refusal(id))
    }

    /// Why this core does not answer for a partition.
    pub(crate) fn refusal(&self, id: PartitionId) -> PartitionRefusal {
        let image = self.state.image.borrow();
        let Some(found) = image.partition(id) else { return PartitionRefusal::Unknown };
        if found.leader != self.state.node {
            self.state.metrics.wrong_core();
        }
        PartitionRefusal::NotLeader { leader: found.leader, epoch: found.leader_epoch }
    }

    pub(crate) fn coordinators(&self) -> &GroupCoordinators {
        &self.state.coordinators
    }

    pub(crate) fn transactions(&self) -> &Registry<Coordinator<Transactions>> {
        &self.state.transactions
    }

    pub(crate) fn share_states(&self) -> &Registry<Coordinator<ShareStates>> {
        &self.state.share_states
    }

    pub(crate) fn shares(&self) -> &LiveShares {
        &self.state.shares
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.state.peers
    }

    pub(crate) fn moves(&self) -> &Moves {
        &self.state.moves
    }

    /// The right to change which partitions are led.
    pub(crate) async fn take_turn(&self) -> Permit {
        self.state.turn.take(1).await
    }

    pub(crate) fn producer_ids(&self) -> &ProducerIds {
        &self.state.producer_ids
    }

    /// Serves commands until one says stop, or nobody is left to send any.
    pub async fn run(&self, inbox: &Inbox) {
        while let Ok(command) = inbox.recv_async().await {
            match command {
                ShardCommand::Image { image, done } => {
                    if let Err(error) = self.take_over(image).await {
                        tracing::error!(%error, "this core cannot take over the new metadata");
                    }
                    // Nobody may be waiting for it.
                    let _ = done.try_send(());
                }
                ShardCommand::Metrics(answer) => {
                    // Who asked may have given up.
                    drop(answer.try_send(self.metrics_snapshot().await));
                }
                ShardCommand::Stop => break,
            }
        }
    }

    /// Ends background work, writes everything to segments and stores the checkpoint. Nothing may
    /// append any more.
    pub async fn close(&self) -> Result<(), FlushError> {
        // A pass that is cut off in the middle would leave files for the next start to settle.
        self.state.storage.stop_cleaning().await;
        self.state.moves.stop().await;
        self.state.background.take();
        self.state.coordinators.resign_all();
        self.state.transactions.resign_all();
        self.state.share_states.resign_all();
        self.state.shares.keep(|_| false);
        self.state.storage.close().await
    }

    async fn metrics_snapshot(&self) -> MetricsSnapshot {
        let state = &self.state;
        let mut log_bytes = 0;
        for (number, log) in state.storage.partitions().into_iter().enumerate() {
            log_bytes += log.bytes();
            if number % YIELD_EVERY == YIELD_EVERY - 1 {
                yield_now().await;
            }
        }
        self.take_coordinator_counts();
        let journal = state.storage.journal();
        let counters = journal.counters();
        let mut snapshot = MetricsSnapshot {
            shard: state.id.0,
            sync_latency: journal.sync_latency(),
            journal_frames: counters.frames,
            journal_bytes: counters.bytes,
            journal_syncs: counters.syncs,
            journal_fill: journal.fill(),
            journal_failed: journal.failed().is_some(),
            partitions: state.partitions.borrow().len() as u64,
            log_bytes,
            tail_bytes: state.storage.tail_bytes() as u64,
            inflight_bytes: (state.inflight.total() - state.inflight.free()) as u64,
            answer_bytes: state.answers.used() as u64,
            available_bytes: state.disk_space.get().available,
            tail_bytes_max: state.config.limits.tail_bytes_max as u64,
            inflight_bytes_max: state.inflight.total() as u64,
            answer_bytes_max: state.answers.total() as u64,
            disk_reserve_bytes: state.config.limits.disk_reserve_bytes,
            cleaner: state.storage.cleaner_counters(),
            load: core_load(),
            ..state.metrics.snapshot()
        };
        self.tally_coordinated(&mut snapshot).await;
        snapshot
    }
}

async fn watch_disk(shard: Shard) {
    let reserve = shard.state.config.limits.disk_reserve_bytes;
    loop {
        match disk_space(&shard.state.config.data_directory).await {
            Ok(space) => {
                let before = shard.state.disk_space.replace(space).available;
                let available = space.available;
                if available < reserve && before >= reserve {
                    tracing::error!(
                        available,
                        reserve,
                        "the disk is nearly full: produce is refused"
                    );
                } else if available >= reserve && before < reserve {
                    tracing::info!(available, "the disk has room again: produce goes on");
                }
            }
            Err(error) => tracing::warn!(%error, "free space cannot be told"),
        }
        sleep(DISK_CHECK_PERIOD).await;
    }
}

async fn apply_retention(shard: Shard) {
    let limits = shard.state.config.limits.clone();
    loop {
        sleep(Duration::from_millis(limits.retention_check_ms)).await;
        let now = Timestamp(corelog_io::wall_clock_ms());
        match shard.state.storage.apply_retention(now).await {
            Ok(0) => {}
            Ok(segments) => tracing::info!(segments, "old segments were deleted"),
            Err(error) => tracing::error!(%error, "old segments cannot be deleted"),
        }
    }
}

/// Compacts one log after the other, the dirtiest first, and waits when none is due.
async fn compact(shard: Shard) {
    if !shard.state.config.limits.cleaner.is_enabled {
        return;
    }
    loop {
        let backoff = Duration::from_millis(shard.runtime().cleaner.backoff_ms);
        let now = Timestamp(corelog_io::wall_clock_ms());
        match shard.state.storage.clean_next(now).await {
            Ok(Some(cleaned)) => {
                let Cleaned { partition, first_dirty, bytes_before, bytes_after } = cleaned;
                tracing::info!(
                    %partition,
                    %first_dirty,
                    bytes_before,
                    bytes_after,
                    "a log was compacted"
                );
                // Logs of tiny segments must not keep the core busy.
                yield_now().await;
            }
            Ok(None) => sleep(backoff).await,
            Err(CleanError::Stopped) => sleep(backoff).await,
            Err(error) => {
                tracing::error!(%error, "a log is not compacted any more until the next start");
                sleep(backoff).await;
            }
        }
    }
}

async fn expire_producers(shard: Shard) {
    let limits = shard.state.config.limits.clone();
    loop {
        sleep(Duration::from_millis(limits.producer_expiration_check_ms)).await;
        let silent_since =
            Timestamp(corelog_io::wall_clock_ms() - shard.runtime().producer_expiration_ms);
        for log in shard.state.storage.partitions() {
            log.expire_producers(silent_since);
            yield_now().await;
        }
    }
}
