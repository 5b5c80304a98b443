//! The seeded executor: ready tasks run in an order drawn from the seed, and virtual time jumps to
//! the next timer when nothing is ready.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// A task, with the waker that it has as long as it lives: who keeps a waker from an earlier poll
/// sees that it is the same one.
struct Work {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

/// Tasks that were woken. Wakers must be Send, so this is the one place with a lock; a run has one
/// thread.
#[derive(Debug, Default)]
struct Ready {
    tasks: Mutex<Vec<u64>>,
}

impl Ready {
    fn push(&self, task: u64) {
        let mut tasks = self.tasks.lock().expect("no task panics while it holds the list");
        if !tasks.contains(&task) {
            tasks.push(task);
        }
    }

    fn take(&self, choose: impl FnOnce(usize) -> usize) -> Option<u64> {
        let mut tasks = self.tasks.lock().expect("no task panics while it holds the list");
        if tasks.is_empty() {
            return None;
        }
        let index = choose(tasks.len());
        Some(tasks.swap_remove(index))
    }
}

#[derive(Debug)]
struct TaskWaker {
    task: u64,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.task);
    }
}

/// Tasks, timers and virtual time of one run.
#[derive(Default)]
pub(crate) struct Executor {
    ready: Arc<Ready>,
    tasks: RefCell<BTreeMap<u64, Work>>,
    next_task: Cell<u64>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    next_timer: Cell<u64>,
    now: Cell<u64>,
}

impl Executor {
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + 'static) -> u64 {
        let task = self.next_task.get();
        self.next_task.set(task + 1);
        let waker = Waker::from(Arc::new(TaskWaker { task, ready: Arc::clone(&self.ready) }));
        let work = Work { future: Box::pin(work), waker };
        self.tasks.borrow_mut().insert(task, work);
        self.ready.push(task);
        task
    }

    pub(crate) fn cancel(&self, task: u64) {
        // The task's destructor may cancel others, so the table must not be borrowed while it runs.
        let work = self.tasks.borrow_mut().remove(&task);
        drop(work);
    }

    /// Runs one ready task, drawn by `choose(number of ready tasks)`. Returns which, or `None` if
    /// nothing is ready.
    pub(crate) fn step(&self, choose: impl FnOnce(usize) -> usize) -> Option<u64> {
        let task = self.ready.take(choose)?;
        let Some(mut work) = self.tasks.borrow_mut().remove(&task) else {
            return Some(task);
        };
        let waker = work.waker.clone();
        if work.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.tasks.borrow_mut().insert(task, work);
        }
        Some(task)
    }

    /// Moves virtual time to the next timer and wakes it. False if there is none.
    pub(crate) fn advance(&self) -> bool {
        let Some(((at, _), waker)) = self.timers.borrow_mut().pop_first() else {
            return false;
        };
        assert!(self.now.get() <= at, "time never goes back");
        self.now.set(at);
        waker.wake();
        true
    }

    pub(crate) fn sleep_until(self: &Rc<Self>, at: u64) -> Sleep {
        Sleep { executor: Rc::clone(self), at, timer: None }
    }

    /// Drops every task and timer, as a power cut does.
    pub(crate) fn drop_all(&self) {
        loop {
            let Some((_, work)) = self.tasks.borrow_mut().pop_first() else { break };
            drop(work);
        }
        self.timers.borrow_mut().clear();
        while self.ready.take(|_| 0).is_some() {}
    }
}

/// Resolves when virtual time reaches its moment.
pub(crate) struct Sleep {
    executor: Rc<Executor>,
    at: u64,
    timer: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.executor.now() >= self.at {
            return Poll::Ready(());
        }
        let key = self.timer.unwrap_or_else(|| {
            let id = self.executor.next_timer.get();
            self.executor.next_timer.set(id + 1);
            (self.at, id)
        });
        self.timer = Some(key);
        self.executor.timers.borrow_mut().insert(key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            self.executor.timers.borrow_mut().remove(&key);
        }
    }
}

/// A task of the simulated machine. Dropping it cancels it.
#[derive(Debug)]
pub struct SimTask<T> {
    id: u64,
    result: flume::Receiver<T>,
    owned: bool,
}

impl<T: 'static> SimTask<T> {
    pub(crate) fn start(executor: &Executor, future: impl Future<Output = T> + 'static) -> Self {
        let (sender, result) = flume::bounded(1);
        let id = executor.spawn(async move {
            // Nobody may be waiting for the value of a detached task.
            drop(sender.try_send(future.await));
        });
        Self { id, result, owned: true }
    }

    pub(crate) fn detach(mut self) {
        self.owned = false;
    }

    pub(crate) async fn join(self) -> T {
        match self.result.recv_async().await {
            Ok(value) => value,
            Err(_) => std::future::pending().await,
        }
    }
}

impl<T> Drop for SimTask<T> {
    fn drop(&mut self) {
        if self.owned
            && let Some(machine) = super::machine::current()
        {
            machine.executor().cancel(self.id);
        }
    }
}
