//! The share-partitions of one core: one for each group that reads a partition which the core
//! leads. Each has a task, which loads it from its share coordinator, has its changes stored one
//! after the other and tells it that time has passed. One that fails is dropped, and loaded anew by
//! whoever needs it next.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::share_reset::ShareReset;
use corelog_coordinator::records::SharePartitionKey;
use corelog_coordinator::share_partition::{SharePartition, Write, WriteId};
use corelog_coordinator::share_states::{StateAnswer, StateCall, StateWrite};
use corelog_io::{Signal, Task, sleep, spawn};
use corelog_model::{ErrorCode, Offset, PartitionId, Timestamp};

use super::settings::GroupShareSettings;
use crate::coordinator::moment;
use crate::offsets::OffsetQuery;
use crate::partition::{IsolationLevel, Partition};
use crate::shard::Shard;

/// A share-partition.
pub(crate) struct LiveShare {
    key: SharePartitionKey,
    pub(super) partition: Partition,
    shard: Shard,
    phase: RefCell<Phase>,
    /// The version of the metadata with the configs that the share-partition goes by.
    configured: Cell<u64>,
    /// Something is to be done for it.
    changed: Signal,
    /// Records may have become available, or something is stored, or it is gone.
    news: Signal,
    /// The last write that is stored.
    written: Cell<Option<WriteId>>,
    task: RefCell<Option<Task<()>>>,
}

enum Phase {
    Loading,
    Ready { share: SharePartition, state_epoch: i32 },
    Gone(ErrorCode),
}

impl LiveShare {
    fn begin(shard: &Shard, key: SharePartitionKey, partition: Partition) -> Rc<Self> {
        let live = Rc::new(LiveShare {
            key,
            partition,
            shard: shard.clone(),
            phase: RefCell::new(Phase::Loading),
            configured: Cell::new(0),
            changed: Signal::new(),
            news: Signal::new(),
            written: Cell::new(None),
            task: RefCell::default(),
        });
        live.task.replace(Some(spawn(run(Rc::downgrade(&live)))));
        live
    }

    /// Lets something be done with the share-partition. `None` while it is loaded; an error if it
    /// is gone.
    pub(super) fn with<T>(
        &self,
        act: impl FnOnce(&mut SharePartition) -> T,
    ) -> Result<Option<T>, ErrorCode> {
        self.configure();
        let result = match &mut *self.phase.borrow_mut() {
            Phase::Loading => return Ok(None),
            Phase::Gone(code) => return Err(*code),
            Phase::Ready { share, .. } => act(share),
        };
        self.changed.notify();
        Ok(Some(result))
    }

    /// What holds for its group now.
    pub(super) fn settings(&self) -> GroupShareSettings {
        self.shard.share_settings(&self.key.group)
    }

    /// Has it go by the configs of its group, if the metadata has changed.
    fn configure(&self) {
        let version = self.shard.image().version().0;
        if let Phase::Ready { share, .. } = &mut *self.phase.borrow_mut()
            && self.configured.replace(version) != version
        {
            share.configure(self.settings().partition);
        }
    }

    /// Records may have become available, or it is gone.
    pub(super) fn news(&self) -> &Signal {
        &self.news
    }

    /// Resolves when a write is stored, or never will be.
    pub(super) async fn stored(&self, write: WriteId) -> Result<(), ErrorCode> {
        loop {
            let waiting = self.news.waiting();
            if self.written.get().is_some_and(|written| written >= write) {
                return Ok(());
            }
            if let Phase::Gone(code) = *self.phase.borrow() {
                return Err(code);
            }
            waiting.await;
        }
    }

    /// Whether no member has records of it, and all that is to be stored is.
    fn is_idle(&self) -> bool {
        match &*self.phase.borrow() {
            Phase::Ready { share, .. } => share.next_wakeup().is_none() && !share.is_writing(),
            Phase::Loading | Phase::Gone(_) => false,
        }
    }

    fn end(&self, code: ErrorCode) {
        self.phase.replace(Phase::Gone(code));
        self.news.notify();
    }

    /// What is known of it, and if nothing is, where it begins.
    async fn load(&self) -> Result<(SharePartition, i32), ErrorCode> {
        let call = StateCall::Read { leader_epoch: self.partition.leader_epoch };
        let stored = match self.shard.share_state(&self.key, call).await? {
            StateAnswer::State(stored) => stored,
            StateAnswer::Done => unreachable!("one that reads is told the state"),
        };
        let settings = self.settings();
        let share = if stored.start == Offset::NONE {
            SharePartition::begin(settings.partition, self.first_start(settings.reset).await?)
        } else {
            SharePartition::load(settings.partition, stored.start, &stored.batches)
        };
        Ok((share, stored.state_epoch))
    }

    /// Where a group begins that has never read.
    async fn first_start(&self, reset: ShareReset) -> Result<Offset, ErrorCode> {
        let end = self.partition.high_watermark();
        let age = match reset {
            ShareReset::Earliest => return Ok(self.partition.log.log_start()),
            ShareReset::Latest => return Ok(end),
            ShareReset::Within(age) => i64::try_from(age.as_millis()).unwrap_or(i64::MAX),
        };
        let oldest = Timestamp(moment().wall.0.saturating_sub(age).max(0));
        let query = OffsetQuery::AtTime(oldest);
        match self.partition.list_offset(query, IsolationLevel::Uncommitted).await {
            Ok(found) if found.offset == Offset::NONE => Ok(end),
            Ok(found) => Ok(found.offset),
            Err(error) => {
                let partition = self.key.partition;
                tracing::warn!(%partition, %error, "where a share group begins cannot be read");
                Err(ErrorCode::KafkaStorageError)
            }
        }
    }

    async fn store(&self, write: Write, state_epoch: i32) -> Result<(), ErrorCode> {
        let Write { start, complete_count, batches, .. } = write;
        let leader_epoch = self.partition.leader_epoch;
        let write = StateWrite { state_epoch, leader_epoch, start, complete_count, batches };
        self.shard.share_state(&self.key, StateCall::Write(write)).await.map(drop)
    }

    /// What is to be stored now, with the epoch of the state.
    fn take_write(&self) -> Option<(Write, i32)> {
        self.configure();
        match &mut *self.phase.borrow_mut() {
            Phase::Ready { share, state_epoch } => {
                share.tick(moment().clock);
                share.take_write().map(|write| (write, *state_epoch))
            }
            Phase::Loading | Phase::Gone(_) => None,
        }
    }

    fn next_wakeup(&self) -> Option<Duration> {
        match &*self.phase.borrow() {
            Phase::Ready { share, .. } => share.next_wakeup(),
            Phase::Loading | Phase::Gone(_) => None,
        }
    }
}

/// Serves a share-partition until it fails or nobody has it any more.
async fn run(live: Weak<LiveShare>) {
    let Some(there) = live.upgrade() else { return };
    match there.load().await {
        Ok((share, state_epoch)) => {
            there.phase.replace(Phase::Ready { share, state_epoch });
            there.news.notify();
        }
        Err(code) => return there.fail(code),
    }
    drop(there);
    loop {
        let Some(there) = live.upgrade() else { return };
        let waiting = there.changed.waiting();
        if let Some((write, state_epoch)) = there.take_write() {
            let id = write.id;
            if let Err(code) = there.store(write, state_epoch).await {
                return there.fail(code);
            }
            if there.with(|share| share.written(id)).is_err() {
                return;
            }
            there.written.set(Some(id));
            there.news.notify();
            continue;
        }
        let wakeup = there.next_wakeup();
        drop(there);
        match wakeup {
            None => waiting.await,
            Some(at) => {
                let left = at.saturating_sub(moment().clock);
                futures_lite::future::or(waiting, sleep(left)).await;
            }
        }
    }
}

impl LiveShare {
    /// The share coordinator does not go on with this leader or with this state.
    fn fail(&self, code: ErrorCode) {
        let (group, partition) = (&*self.key.group, self.key.partition);
        tracing::warn!(group, %partition, code = code.name(), "a share-partition is dropped");
        self.end(match code {
            ErrorCode::FencedLeaderEpoch => ErrorCode::NotLeaderOrFollower,
            // Clients look at the metadata and come again, and what is stored is read anew.
            ErrorCode::InvalidRequest | ErrorCode::FencedStateEpoch => {
                ErrorCode::UnknownTopicOrPartition
            }
            _ => ErrorCode::KafkaStorageError,
        });
        // It is this task that ends here.
        if let Some(task) = self.task.take() {
            task.detach();
        }
        self.shard.shares().drop_gone(&self.key);
    }
}

/// The share-partitions of a core.
#[derive(Default)]
pub(crate) struct LiveShares {
    by_key: RefCell<BTreeMap<SharePartitionKey, Rc<LiveShare>>>,
}

impl LiveShares {
    /// One that is there.
    pub(super) fn get(&self, group: &Arc<str>, partition: PartitionId) -> Option<Rc<LiveShare>> {
        let key = SharePartitionKey { group: Arc::clone(group), partition };
        self.by_key.borrow().get(&key).cloned()
    }

    /// One that is there, or is loaded from now on, in place of one that nobody uses if there are
    /// many. `None` if all are used.
    pub(super) fn get_or_begin(
        &self,
        shard: &Shard,
        group: &Arc<str>,
        partition: &Partition,
    ) -> Option<Rc<LiveShare>> {
        let id = partition.log.id();
        if let Some(live) = self.get(group, id) {
            return Some(live);
        }
        let mut by_key = self.by_key.borrow_mut();
        if by_key.len() >= shard.config().share.partitions_max {
            let idle =
                by_key.iter().find(|(_, live)| live.is_idle() && Rc::strong_count(live) == 1);
            let idle = idle.map(|(key, _)| key.clone())?;
            by_key.remove(&idle);
        }
        let key = SharePartitionKey { group: Arc::clone(group), partition: id };
        let live = LiveShare::begin(shard, key.clone(), partition.clone());
        by_key.insert(key, Rc::clone(&live));
        Some(live)
    }

    fn drop_gone(&self, key: &SharePartitionKey) {
        let mut by_key = self.by_key.borrow_mut();
        let is_gone =
            by_key.get(key).is_some_and(|live| matches!(*live.phase.borrow(), Phase::Gone(_)));
        if is_gone {
            by_key.remove(key);
        }
    }

    /// Drops one: its state was set anew.
    pub(super) fn drop_one(&self, key: &SharePartitionKey) {
        let live = self.by_key.borrow_mut().remove(key);
        if let Some(live) = live {
            live.task.take();
            live.end(ErrorCode::UnknownTopicOrPartition);
        }
    }

    /// Ends those of partitions that are not led any more as they were.
    pub(crate) fn keep(&self, leads: impl Fn(&Partition) -> bool) {
        let mut gone = Vec::new();
        self.by_key.borrow_mut().retain(|_, live| {
            let stays = leads(&live.partition);
            if !stays {
                gone.push(Rc::clone(live));
            }
            stays
        });
        for live in gone {
            live.task.take();
            live.end(ErrorCode::NotLeaderOrFollower);
        }
    }
}
