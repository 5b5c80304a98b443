//! Tasks of one core. A task is owned: dropping its handle ends it, unless it was detached.

use std::future::Future;

use glommio::{Latency, Shares};

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

// A queue of its own has 1000: what is behind the others gets a twentieth of the core beside them.
const BACKGROUND_SHARES: usize = 50;

/// Starts a task that comes after all others: while any of them is ready, it gets a twentieth of
/// the core. For one long-lived task of a core: each call makes a queue with shares of its own. It
/// has to suspend often all the same, as no step of a task is interrupted. The simulator makes no
/// difference.
pub fn spawn_behind<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        return Task::Sim(machine.spawn(future));
    }
    let (shares, latency) = (Shares::Static(BACKGROUND_SHARES), Latency::NotImportant);
    let queue = glommio::executor().create_task_queue(shares, latency, "behind");
    let task = glommio::spawn_local_into(future, queue);
    Task::Ring(task.expect("the queue was made a line above"))
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;

    /// Counts its steps, each of which keeps the core busy for a while, until it is told to end.
    async fn step_on(steps: Rc<Cell<u32>>, ended: Rc<Cell<bool>>) {
        while !ended.get() {
            let began = crate::now();
            while began.elapsed() < Duration::from_micros(20) {
                std::hint::spin_loop();
            }
            steps.set(steps.get() + 1);
            yield_now().await;
        }
    }

    #[test]
    fn what_is_behind_gives_way_and_still_gets_on() {
        let (others, behind) = crate::ring::executor::run(|| async {
            let counts = [(); 2].map(|()| Rc::new(Cell::new(0)));
            let ended = Rc::new(Cell::new(false));
            let [others, behind] = &counts;
            let task = spawn_behind(step_on(behind.clone(), ended.clone()));
            let other = spawn(step_on(others.clone(), ended.clone()));
            while others.get() < 20_000 {
                crate::sleep(Duration::from_millis(5)).await;
            }
            ended.set(true);
            task.join().await;
            other.join().await;
            (others.get(), behind.get())
        })
        .unwrap();
        // A twentieth, and not half of it as in one queue.
        assert!(0 < behind && behind * 5 < others, "{behind} of {others}");
    }
}
