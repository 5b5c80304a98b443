//! The driver of one coordinator of groups: it loads the coordinator from a partition of
//! `__consumer_offsets`, hands it requests and time, appends what it says and tells it what became
//! of that.

mod appending;
mod loading;
mod place;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

use corelog_coordinator::classic_group::GroupDescription;
use corelog_coordinator::consumer_group;
use corelog_coordinator::groups::{ListFilter, ListedGroup};
use corelog_coordinator::offsets::{FetchedOffset, TopicPartition};
use corelog_coordinator::{AppendId, GroupConfig, Groups, Input, Now, Output, Reply, RequestId};
use corelog_io::mesh::{Sender, answer};
use corelog_io::{Signal, Task, now, sleep, spawn, wall_clock_ms};
use corelog_model::{ErrorCode, Timestamp, TopicName};

use crate::partition::Partition;
use crate::shard::Shard;

pub use place::{GROUPS_TOPIC, group_partition};

/// Requests that wait for their replies, of all members of all groups of one partition.
const REQUESTS_OPEN_MAX: usize = 100_000;

/// One coordinator and what it waits for.
pub struct GroupCoordinator {
    itself: Weak<GroupCoordinator>,
    shard: Shard,
    partition: Partition,
    config: GroupConfig,
    groups: RefCell<Groups>,
    /// How often the groups were loaded anew.
    life: Cell<u64>,
    /// The version of the topics that the groups were told.
    topics_told: Cell<Option<u64>>,
    next_request: Cell<u64>,
    open: RefCell<BTreeMap<RequestId, Sender<Reply>>>,
    /// Batches that are to be appended, in order; of the groups as they are now.
    appends: RefCell<VecDeque<(AppendId, Vec<u8>)>>,
    appends_news: Signal,
    /// What was appended, until it is durable.
    in_flight: RefCell<VecDeque<appending::Outcome>>,
    in_flight_news: Signal,
    /// How many batches are neither waiting to be appended nor settled.
    unsettled: Cell<usize>,
    settled_news: Signal,
    /// When the timer is set to.
    wakeup: Cell<Option<Duration>>,
    wakeup_news: Signal,
    tasks: RefCell<Vec<Task<()>>>,
    reload: RefCell<Option<Task<()>>>,
}

/// Ends the wait of a request whose caller goes away.
struct OpenRequest<'a> {
    coordinator: &'a GroupCoordinator,
    request: RequestId,
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        self.coordinator.open.borrow_mut().remove(&self.request);
    }
}

impl GroupCoordinator {
    /// Begins to load the coordinator of a partition that this core leads from now on.
    pub(crate) fn begin(shard: &Shard, partition: Partition, config: GroupConfig) -> Rc<Self> {
        let coordinator = Rc::new_cyclic(|itself| Self {
            itself: Weak::clone(itself),
            shard: shard.clone(),
            partition,
            groups: RefCell::new(Groups::new(config.clone())),
            config,
            life: Cell::new(0),
            topics_told: Cell::new(None),
            next_request: Cell::new(0),
            open: RefCell::default(),
            appends: RefCell::default(),
            appends_news: Signal::new(),
            in_flight: RefCell::default(),
            in_flight_news: Signal::new(),
            unsettled: Cell::new(0),
            settled_news: Signal::new(),
            wakeup: Cell::new(None),
            wakeup_news: Signal::new(),
            tasks: RefCell::default(),
            reload: RefCell::default(),
        });
        let tasks = vec![
            spawn(loading::load(Rc::downgrade(&coordinator))),
            spawn(appending::append_all(Rc::downgrade(&coordinator))),
            spawn(appending::settle_all(Rc::downgrade(&coordinator))),
            spawn(tell_time(Rc::downgrade(&coordinator))),
        ];
        coordinator.tasks.replace(tasks);
        coordinator
    }

    /// The partition in which the coordinator keeps its groups.
    pub(crate) fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Hands the coordinator a request, made with the number it is given, and waits for the reply.
    /// `None` if too many requests wait, or if the coordinator is gone.
    pub async fn ask(&self, request: impl FnOnce(RequestId) -> Input) -> Option<Reply> {
        if self.open.borrow().len() >= REQUESTS_OPEN_MAX {
            return None;
        }
        let id = RequestId(self.next_request.get());
        self.next_request.set(id.0 + 1);
        let (reply, receiver) = answer();
        self.open.borrow_mut().insert(id, reply);
        let _open = OpenRequest { coordinator: self, request: id };
        let request = request(id);
        if matches!(request, Input::ConsumerGroupHeartbeat(_) | Input::Join(_) | Input::Sync(_)) {
            self.tell_topics();
        }
        self.step(request);
        receiver.recv_async().await.ok()
    }

    /// Tells the groups of the topics of the cluster, if these have changed.
    fn tell_topics(&self) {
        let topics = self.shard.coordinators().topics(&self.shard.image());
        if self.topics_told.replace(Some(topics.version())) != Some(topics.version()) {
            self.step(Input::Topics(topics));
        }
    }

    /// Whether a member may fetch offsets, see [`Groups::check_fetch_offsets`].
    pub fn check_fetch_offsets(
        &self,
        group: &str,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        self.groups.borrow().check_fetch_offsets(group, member_id, epoch)
    }

    /// The committed offsets of a group, see [`Groups::fetch_offsets`].
    pub fn fetch_offsets(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<Vec<FetchedOffset>, ErrorCode> {
        self.groups.borrow().fetch_offsets(group, partitions)
    }

    /// What a group looks like, see [`Groups::describe`].
    pub fn describe(&self, group: &str) -> Result<GroupDescription, ErrorCode> {
        self.groups.borrow().describe(group)
    }

    /// What a consumer group looks like, see [`Groups::describe_consumer_group`].
    pub fn describe_consumer_group(
        &self,
        group: &str,
    ) -> Result<consumer_group::GroupDescription, ErrorCode> {
        self.groups.borrow().describe_consumer_group(group)
    }

    /// The groups that pass a filter.
    pub fn list(&self, filter: &ListFilter) -> Result<Vec<ListedGroup>, ErrorCode> {
        self.groups.borrow().list(filter)
    }

    /// Topics are gone: nobody can use the offsets that groups committed for them.
    pub(crate) fn forget_topics(&self, topics: Vec<TopicName>) {
        self.step(Input::TopicsDeleted(topics));
    }

    /// This core does not lead the partition any more: every request is answered so.
    pub(crate) fn resign(&self) {
        self.tasks.take();
        self.reload.take();
        let outputs = self.groups.borrow_mut().resign(moment());
        self.perform(outputs);
    }

    fn step(&self, input: Input) {
        let outputs = self.groups.borrow_mut().step(moment(), input);
        self.perform(outputs);
    }

    fn perform(&self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Reply { request, reply } => {
                    if let Some(sender) = self.open.borrow_mut().remove(&request) {
                        // Who asked may have gone away this very moment.
                        drop(sender.try_send(reply));
                    }
                }
                Output::Append { append, records } => {
                    let batch = appending::batch_of(&records);
                    self.appends.borrow_mut().push_back((append, batch));
                    self.appends_news.notify();
                }
                Output::Reload => self.begin_anew(),
            }
        }
        self.set_timer();
    }

    /// Forgets everything and loads it from the log, as soon as nothing more can get there that was
    /// said before.
    fn begin_anew(&self) {
        self.groups.replace(Groups::new(self.config.clone()));
        self.life.set(self.life.get() + 1);
        self.topics_told.set(None);
        self.appends.borrow_mut().clear();
        let load = loading::load_when_settled(Weak::clone(&self.itself));
        // The last one has ended: only groups that are loaded ask for this.
        self.reload.replace(Some(spawn(load)));
    }

    fn set_timer(&self) {
        let wakeup = self.groups.borrow().next_wakeup();
        if self.wakeup.replace(wakeup) != wakeup {
            self.wakeup_news.notify();
        }
    }
}

/// The clocks of this core.
fn moment() -> Now {
    Now { clock: Duration::from_nanos(now().as_nanos()), wall: Timestamp(wall_clock_ms()) }
}

/// Tells the coordinator that time has passed whenever it wants to know.
async fn tell_time(coordinator: Weak<GroupCoordinator>) {
    loop {
        let Some(there) = coordinator.upgrade() else { return };
        let news = there.wakeup_news.waiting();
        let wakeup = there.wakeup.get();
        if wakeup.is_some_and(|at| at <= moment().clock) {
            there.step(Input::Tick);
            continue;
        }
        drop(there);
        match wakeup {
            None => news.await,
            Some(at) => {
                let left = at.saturating_sub(moment().clock);
                futures_lite::future::or(news, sleep(left)).await;
            }
        }
    }
}
