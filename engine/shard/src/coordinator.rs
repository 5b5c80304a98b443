//! The driver of one coordinator, of groups or of transactions: it loads what decides from a
//! partition of an internal topic, hands it requests and time, appends what it says and tells it
//! what became of that. Nothing is decided here.

mod appending;
mod decider;
mod loading;
pub(crate) mod place;
pub(crate) mod registry;

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

use corelog_coordinator::{Now, RequestId};
use corelog_io::mesh::{Sender, answer};
use corelog_io::{Signal, Task, now, sleep, spawn, wall_clock_ms};
use corelog_log::Verification;
use corelog_model::control::{TransactionMarker, TransactionVersion};
use corelog_model::{ProducerEpoch, ProducerId, Timestamp};

use crate::partition::Partition;
use crate::shard::Shard;
use appending::{Appending, MarkerToWrite, Outcome};

pub use appending::MarkerFailure;
pub(crate) use decider::{Decider, Effect, Owner};

/// Requests that wait for their replies, of all clients of one partition.
const REQUESTS_OPEN_MAX: usize = 100_000;

/// One coordinator and what it waits for.
pub(crate) struct Coordinator<D: Decider> {
    itself: Weak<Coordinator<D>>,
    shard: Shard,
    partition: Partition,
    /// Makes what decides before it is loaded.
    make: Box<dyn Fn() -> D>,
    decider: RefCell<D>,
    /// How often all was loaded anew.
    life: Cell<u64>,
    is_loaded: Cell<bool>,
    next_request: Cell<u64>,
    open: RefCell<BTreeMap<RequestId, Open<D::Reply>>>,
    /// What is to be appended, in order; said by what decides as it is now.
    appends: RefCell<VecDeque<Appending>>,
    appends_news: Signal,
    /// What was appended, until it is durable.
    in_flight: RefCell<VecDeque<Outcome>>,
    in_flight_news: Signal,
    /// How much is neither waiting to be appended nor settled.
    unsettled: Cell<usize>,
    settled_news: Signal,
    /// When the timer is set to.
    wakeup: Cell<Option<Duration>>,
    wakeup_news: Signal,
    tasks: RefCell<Vec<Task<()>>>,
    reload: RefCell<Option<Task<()>>>,
}

/// A request that waits for its reply.
struct Open<R> {
    reply: Sender<R>,
    /// That its producer may begin a transaction in the partition of the coordinator.
    verification: Option<Verification>,
}

/// Ends the wait of a request whose caller goes away.
struct OpenRequest<'a, D: Decider> {
    coordinator: &'a Coordinator<D>,
    request: RequestId,
}

impl<D: Decider> Drop for OpenRequest<'_, D> {
    fn drop(&mut self) {
        self.coordinator.open.borrow_mut().remove(&self.request);
    }
}

impl<D: Decider> Coordinator<D> {
    /// Begins to load the coordinator of a partition that this core leads from now on.
    pub(crate) fn begin(
        shard: &Shard,
        partition: Partition,
        make: impl Fn() -> D + 'static,
    ) -> Rc<Self> {
        let coordinator = Rc::new_cyclic(|itself| Self {
            itself: Weak::clone(itself),
            shard: shard.clone(),
            partition,
            decider: RefCell::new(make()),
            make: Box::new(make),
            life: Cell::new(0),
            is_loaded: Cell::new(false),
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

    /// Whether it serves requests.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_loaded.get()
    }

    /// The partition in which the coordinator keeps what it knows.
    pub(crate) fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The core it is on.
    pub(crate) fn shard(&self) -> &Shard {
        &self.shard
    }

    /// What decides, to be asked.
    pub(crate) fn decider(&self) -> Ref<'_, D> {
        self.decider.borrow()
    }

    /// How often all was loaded anew.
    pub(crate) fn life(&self) -> u64 {
        self.life.get()
    }

    /// A task that ends with the coordinator can hold this.
    pub(crate) fn downgrade(&self) -> Weak<Self> {
        Weak::clone(&self.itself)
    }

    /// Hands over a request, made with the number it is given, and waits for the reply. `None` if
    /// too many requests wait, or if the coordinator is gone.
    pub(crate) async fn ask(
        &self,
        verification: Option<Verification>,
        request: impl FnOnce(RequestId) -> D::Input,
    ) -> Option<D::Reply> {
        if self.open.borrow().len() >= REQUESTS_OPEN_MAX {
            return None;
        }
        let id = RequestId(self.next_request.get());
        self.next_request.set(id.0 + 1);
        let (reply, receiver) = answer();
        self.open.borrow_mut().insert(id, Open { reply, verification });
        let _open = OpenRequest { coordinator: self, request: id };
        self.step(request(id));
        receiver.recv_async().await.ok()
    }

    /// Has the marker of a producer written into the partition. When this resolves it is durable
    /// and the coordinator knows, or it is neither.
    pub(crate) async fn write_marker(
        &self,
        producer: (ProducerId, ProducerEpoch),
        marker: TransactionMarker,
        version: TransactionVersion,
    ) -> Result<(), MarkerFailure> {
        // What is appended while the log is read may be read or not.
        if !self.is_loaded.get() || self.appends.borrow().len() >= REQUESTS_OPEN_MAX {
            return Err(MarkerFailure::NotReady);
        }
        let (done, receiver) = answer();
        self.queue(Appending::Marker(MarkerToWrite { producer, marker, version, done }));
        receiver.recv_async().await.unwrap_or(Err(MarkerFailure::NotReady))
    }

    /// This core does not lead the partition any more: every request is answered so.
    pub(crate) fn resign(&self) {
        self.tasks.take();
        self.reload.take();
        self.is_loaded.set(false);
        self.appends.borrow_mut().clear();
        self.in_flight.borrow_mut().clear();
        let outputs = self.decider.borrow_mut().resign(moment());
        self.tell_counts();
        self.perform(outputs);
    }

    /// Hands what was counted since the last time to the metrics of the core.
    pub(crate) fn tell_counts(&self) {
        self.decider.borrow_mut().tell_counts(self.shard.metrics());
    }

    pub(crate) fn step(&self, input: D::Input) {
        let outputs = self.decider.borrow_mut().step(moment(), input);
        self.perform(outputs);
    }

    fn perform(&self, outputs: Vec<D::Output>) {
        for output in outputs {
            match D::effect(output) {
                Effect::Reply(request, reply) => {
                    if let Some(open) = self.open.borrow_mut().remove(&request) {
                        // Who asked may have gone away this very moment.
                        drop(open.reply.try_send(reply));
                    }
                }
                Effect::Append { append, records, owner } => {
                    let batch = appending::batch_of(&records, owner.as_ref());
                    let verification = owner.as_ref().and_then(|owner| {
                        self.open.borrow_mut().get_mut(&owner.request)?.verification.take()
                    });
                    let is_owned = owner.is_some();
                    let next = Appending::Batch { append, batch, verification, is_owned };
                    self.queue(next);
                }
                Effect::Reload => self.begin_anew(),
                Effect::Own(own) => D::perform(self, own),
            }
        }
        self.set_timer();
    }

    fn queue(&self, next: Appending) {
        self.appends.borrow_mut().push_back(next);
        self.appends_news.notify();
    }

    /// Forgets everything and loads it from the log, as soon as nothing more can get there that was
    /// said before.
    fn begin_anew(&self) {
        self.tell_counts();
        self.decider.replace((self.make)());
        self.life.set(self.life.get() + 1);
        self.is_loaded.set(false);
        self.appends.borrow_mut().clear();
        let load = loading::load_when_settled(Weak::clone(&self.itself));
        // The last one has ended: only what is loaded asks for this.
        self.reload.replace(Some(spawn(load)));
    }

    fn set_timer(&self) {
        let wakeup = self.decider.borrow().next_wakeup();
        if self.wakeup.replace(wakeup) != wakeup {
            self.wakeup_news.notify();
        }
    }
}

/// The clocks of this core.
pub(crate) fn moment() -> Now {
    Now { clock: Duration::from_nanos(now().as_nanos()), wall: Timestamp(wall_clock_ms()) }
}

/// Tells the coordinator that time has passed whenever it wants to know.
async fn tell_time<D: Decider>(coordinator: Weak<Coordinator<D>>) {
    loop {
        let Some(there) = coordinator.upgrade() else { return };
        let news = there.wakeup_news.waiting();
        let wakeup = there.wakeup.get();
        if wakeup.is_some_and(|at| at <= moment().clock) {
            there.step(D::tick());
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

#[cfg(test)]
mod tests;
