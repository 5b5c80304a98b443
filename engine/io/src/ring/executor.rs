//! Starts one executor on one core, with the settings that were measured to keep completions
//! flowing.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use flume::RecvTimeoutError;
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement, PoolPlacement};

use super::load::heartbeat_was_late;
use super::timers;
use crate::mesh::{Receiver, Sender, channel};

// While any task is runnable, completions are collected only this often: it decides how long a
// journal write waits on a busy core. Shorter ones make the sleep that the heartbeat ends likelier.
const PREEMPT_TIMER: Duration = Duration::from_micros(300);

// Frames, chunks and reads come from the global allocator; the registered arena only needs to
// exist.
const REGISTERED_MEMORY_BYTES: usize = 64 << 10;

const RING_DEPTH: usize = 256;

// glommio 0.12 goes to sleep with tasks ready to run if its preempt timer or a late notification
// fires just before it would have run the first of them; docs/decisions/0002-heartbeat.md says why.
// A timer that is always armed bounds how long that sleep is.
// TODO: drop when a glommio is released that does not park while a queue is runnable.
const HEARTBEAT_AT_WORK: Duration = Duration::from_millis(3);
const HEARTBEAT_IDLE: Duration = Duration::from_millis(100);
// The heartbeat is a task like others, and may wait in the queue of an executor that sleeps. How
// long a thread outside hears none before it wakes the executor.
const PATIENCE_AT_WORK: Duration = Duration::from_millis(10);
const PATIENCE_IDLE: Duration = Duration::from_millis(50);

// How long an executor may take to run its first task; another one is made then. On a machine that
// is that slow the first one was only late, and ends.
const START_TIME_MAX: Duration = Duration::from_secs(1);
const STARTS_MAX: usize = 30;

// A beat itself runs two tasks or fewer. A core is at work until so many beats saw nothing else.
const TASKS_OF_A_BEAT: u64 = 2;
const QUIET_BEATS_AT_WORK: u32 = 8;

/// How one core's executor runs.
#[derive(Debug, Clone)]
pub struct ExecutorConfig {
    /// Name of the thread.
    pub name: String,
    /// The CPU it is pinned to; `None` leaves it to the scheduler (tests).
    pub cpu: Option<usize>,
    /// How long to spin before the core parks. Trades CPU for wake-up latency; zero costs nothing
    /// when idle.
    pub spin: Duration,
}

/// Runs `main` to its end on a new thread with its own executor.
///
/// Errors: the executor could not be made (io_uring unusable, locked memory exhausted, CPU not
/// allowed).
pub fn start<M, F, T>(config: &ExecutorConfig, main: M) -> io::Result<CoreThread<T>>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    for _ in 0..STARTS_MAX {
        let (sender, receiver) = channel::<M>(1);
        let (handle, awake) = spawn_executor(config, receiver)?;
        match awake.recv_timeout(START_TIME_MAX) {
            Ok(()) => {
                sender.try_send(main).expect("the channel is empty, and its receiver waits");
                return Ok(CoreThread { handle });
            }
            // One that wakes up later finds nobody and ends.
            Err(RecvTimeoutError::Timeout) => {}
            // It could not be made, and says why.
            Err(RecvTimeoutError::Disconnected) => return Ok(CoreThread { handle }),
        }
    }
    let why = format!("the executor {} does not wake up", config.name);
    Err(io::Error::new(io::ErrorKind::TimedOut, why))
}

/// An executor that runs what it receives, and where it says that it is awake: from then on it is
/// watched. One may fall asleep before it has run anything, and then nothing wakes it.
fn spawn_executor<M, F, T>(
    config: &ExecutorConfig,
    main: Receiver<M>,
) -> io::Result<(ExecutorJoinHandle<Option<T>>, Receiver<()>)>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let placement = config.cpu.map_or(Placement::Unbound, Placement::Fixed);
    let pulse = Arc::new(Pulse::default());
    let wakers = watch(Arc::clone(&pulse))?;
    let (awake, is_awake) = channel(1);
    let handle = LocalExecutorBuilder::new(placement)
        .name(&config.name)
        .spin_before_park(config.spin)
        .preempt_timer(PREEMPT_TIMER)
        .io_memory(REGISTERED_MEMORY_BYTES)
        .ring_depth(RING_DEPTH)
        .blocking_thread_pool_placement(PoolPlacement::Unbound(2))
        .spawn(|| async move {
            // It beats until nothing is awaited any more: the very last wait may need it too.
            let _heartbeat = glommio::spawn_local(beat(pulse));
            // Whoever watches ends when this task is dropped, with the sender in it.
            let mut is_watched = false;
            let _watched = glommio::spawn_local(poll_fn(move |context| {
                if !std::mem::replace(&mut is_watched, true) {
                    // Both are there, or nobody wants this executor any more.
                    let _ = wakers.try_send(context.waker().clone());
                    let _ = awake.try_send(());
                }
                Poll::<Infallible>::Pending
            }));
            let _timers = glommio::spawn_local(timers::drive());
            let main = main.recv_async().await.ok()?;
            Some(main().await)
        })
        .map_err(io::Error::from)?;
    Ok((handle, is_awake))
}

/// What others may know of a heartbeat.
#[derive(Debug, Default)]
struct Pulse {
    beats: AtomicU64,
    is_at_work: AtomicBool,
}

/// Starts a thread that takes one waker, calls it whenever there was no beat for a while, and ends
/// when the sender is dropped.
///
/// A waker ends the sleep of its executor whether its task is ready to run or not. A message to the
/// task does not: while the one before waits in the queue of an executor that sleeps, another one
/// wakes nobody.
fn watch(pulse: Arc<Pulse>) -> io::Result<Sender<Waker>> {
    let (sender, receiver) = channel::<Waker>(1);
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        let Ok(waker) = receiver.recv() else { return };
        let mut seen = 0;
        loop {
            let is_at_work = pulse.is_at_work.load(Ordering::Relaxed);
            let patience = if is_at_work { PATIENCE_AT_WORK } else { PATIENCE_IDLE };
            if !matches!(receiver.recv_timeout(patience), Err(RecvTimeoutError::Timeout)) {
                return;
            }
            let beats = pulse.beats.load(Ordering::Relaxed);
            if beats == seen {
                waker.wake_by_ref();
            }
            seen = beats;
        }
    })?;
    Ok(sender)
}

async fn beat(pulse: Arc<Pulse>) {
    let tasks = || glommio::executor().executor_stats().tasks_executed();
    let (mut quiet_beats, mut seen) = (0_u32, tasks());
    loop {
        let is_at_work = quiet_beats < QUIET_BEATS_AT_WORK;
        let period = if is_at_work { HEARTBEAT_AT_WORK } else { HEARTBEAT_IDLE };
        pulse.is_at_work.store(is_at_work, Ordering::Relaxed);
        pulse.beats.fetch_add(1, Ordering::Relaxed);
        let armed = crate::now();
        glommio::timer::sleep(period).await;
        heartbeat_was_late(armed.elapsed().saturating_sub(period));
        let is_quiet = tasks() <= seen + TASKS_OF_A_BEAT;
        quiet_beats = if is_quiet { quiet_beats.saturating_add(1) } else { 0 };
        seen = tasks();
    }
}

/// A running core.
#[derive(Debug)]
pub struct CoreThread<T: Send + 'static> {
    handle: ExecutorJoinHandle<Option<T>>,
}

impl<T: Send + 'static> CoreThread<T> {
    /// Waits for the core's main future to end.
    pub fn join(self) -> io::Result<T> {
        let value = self.handle.join().map_err(io::Error::from)?;
        value.ok_or_else(|| io::Error::other("the executor ended before it began"))
    }
}

/// Runs `main` on an unpinned executor and returns its value: for tests and one-shot commands.
pub fn run<F, T>(main: impl FnOnce() -> F + Send + 'static) -> io::Result<T>
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let config = ExecutorConfig { name: "one-shot".into(), cpu: None, spin: Duration::ZERO };
    start(&config, main)?.join()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Wake;

    use super::*;

    /// Says each time that it is called, and makes nothing run.
    struct Called(mpsc::Sender<()>);

    impl Wake for Called {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn an_executor_without_a_beat_is_woken_again_and_again() {
        let (called, calls) = mpsc::channel();
        let wakers = watch(Arc::default()).expect("a thread starts");
        wakers.send(Waker::from(Arc::new(Called(called)))).expect("the thread takes it");
        for _ in 0..3 {
            calls.recv().expect("the thread holds the waker");
        }
        drop(wakers);
        while calls.recv().is_ok() {}
    }
}
