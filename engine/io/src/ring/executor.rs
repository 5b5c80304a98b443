//! Starts one executor on one core, with the settings that were measured to keep completions
//! flowing.

use std::future::Future;
use std::io;
use std::time::Duration;

use flume::RecvTimeoutError;
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement, PoolPlacement};

use super::load::heartbeat_was_late;
use super::timers;
use crate::mesh::{Receiver, TrySendError, channel};

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

// How long an executor may take to run its first task; another one is made then. On a machine that
// is that slow the first one was only late, and ends.
const START_TIME_MAX: Duration = Duration::from_secs(1);
const STARTS_MAX: usize = 30;

// A beat itself runs two tasks or fewer.
const TASKS_OF_A_BEAT: u64 = 2;

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

/// An executor that runs what it receives, and where it says that it is awake: from then on its
/// nudges reach it. One may fall asleep before it has run anything, and then nothing does.
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
    let nudges = nudge()?;
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
            let _heartbeat = glommio::spawn_local(beat());
            let _nudged = glommio::spawn_local(async move {
                while nudges.recv_async().await.is_ok() {
                    // Once it was said, nobody listens any more.
                    let _ = awake.try_send(());
                }
            });
            let _timers = glommio::spawn_local(timers::drive());
            let main = main.recv_async().await.ok()?;
            Some(main().await)
        })
        .map_err(io::Error::from)?;
    Ok((handle, is_awake))
}

/// Wakes an executor from outside, at once and then again and again, as its heartbeat may not be
/// armed yet. The thread ends with the executor.
fn nudge() -> io::Result<Receiver<()>> {
    let (sender, receiver) = channel(1);
    std::thread::Builder::new().name("nudge".into()).spawn(move || {
        while !matches!(sender.try_send(()), Err(TrySendError::Disconnected(()))) {
            std::thread::sleep(HEARTBEAT_IDLE);
        }
    })?;
    Ok(receiver)
}

async fn beat() {
    let tasks = || glommio::executor().executor_stats().tasks_executed();
    let (mut period, mut seen) = (HEARTBEAT_AT_WORK, tasks());
    loop {
        let armed = crate::now();
        glommio::timer::sleep(period).await;
        heartbeat_was_late(armed.elapsed().saturating_sub(period));
        let is_at_work = tasks() > seen + TASKS_OF_A_BEAT;
        period = if is_at_work { HEARTBEAT_AT_WORK } else { HEARTBEAT_IDLE };
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
