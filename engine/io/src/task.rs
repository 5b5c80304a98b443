//! Tasks of one core. A task is owned: dropping its handle ends it, unless it was detached.

use std::future::Future;

/// A spawned task. Dropping it cancels the task at its next suspension point.
#[derive(Debug)]
#[must_use = "a dropped task is cancelled; keep it or detach it"]
pub enum Task<T: 'static> {
    /// On a glommio executor.
    Ring(glommio::Task<T>),
    /// On the simulated machine.
    #[cfg(feature = "sim")]
    Sim(crate::sim::SimTask<T>),
}

impl<T: 'static> Task<T> {
    /// Lets the task run to its end on its own.
    pub fn detach(self) {
        match self {
            Self::Ring(task) => drop(task.detach()),
            #[cfg(feature = "sim")]
            Self::Sim(task) => task.detach(),
        }
    }

    /// Waits for the task's value.
    pub async fn join(self) -> T {
        match self {
            Self::Ring(task) => task.await,
            #[cfg(feature = "sim")]
            Self::Sim(task) => task.join().await,
        }
    }
}

/// Starts a task on the current core. It first runs after the caller has let go of the core, so
/// borrows that the caller holds do not matter.
pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        return Task::Sim(machine.spawn(future));
    }
    Task::Ring(glommio::spawn_local(async move {
        // glommio itself polls a new task before it returns to the caller.
        futures_lite::future::yield_now().await;
        future.await
    }))
}

/// Starts a task whose first step runs before this returns, which saves a turn of the executor. The
/// caller holds no borrow that the task may need. The simulator makes no difference.
pub fn spawn_at_once<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        return Task::Sim(machine.spawn(future));
    }
    Task::Ring(glommio::spawn_local(future))
}

/// Lets other tasks run and completions arrive, then goes on.
pub async fn yield_now() {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        // It takes time, or a task that waits by yielding would stop the clock for everybody.
        return machine.sleep(std::time::Duration::from_micros(1)).await;
    }
    glommio::executor().yield_task_queue_now().await;
}
