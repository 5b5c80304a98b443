//! Starts one executor on one core, with the settings that were measured to keep completions
//! flowing.

use std::future::Future;
use std::io;
use std::time::Duration;

use glommio::{LocalExecutorBuilder, Placement, PoolPlacement};

use super::load::heartbeat_was_late;

// The default of 100 ms collects completions only that often while any task is runnable; below 300
// us the executor was seen to wedge. One millisecond is the safe start between the two.
const PREEMPT_TIMER: Duration = Duration::from_millis(1);

// Frames, chunks and reads come from the global allocator; the registered arena only needs to
// exist.
const REGISTERED_MEMORY_BYTES: usize = 64 << 10;

const RING_DEPTH: usize = 256;

// A wake-up from a helper thread was seen to be lost while the executor went to sleep, rarely, on a
// busy machine. A timer that is always armed bounds what that costs; at this period it takes about
// a quarter of a percent of a core.
const HEARTBEAT: Duration = Duration::from_millis(50);

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
pub fn start<F, T>(
    config: &ExecutorConfig,
    main: impl FnOnce() -> F + Send + 'static,
) -> io::Result<CoreThread<T>>
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let placement = config.cpu.map_or(Placement::Unbound, Placement::Fixed);
    let handle = LocalExecutorBuilder::new(placement)
        .name(&config.name)
        .spin_before_park(config.spin)
        .preempt_timer(PREEMPT_TIMER)
        .io_memory(REGISTERED_MEMORY_BYTES)
        .ring_depth(RING_DEPTH)
        .blocking_thread_pool_placement(PoolPlacement::Unbound(2))
        .spawn(|| async {
            let heartbeat = glommio::spawn_local(async {
                loop {
                    let armed = crate::now();
                    glommio::timer::sleep(HEARTBEAT).await;
                    heartbeat_was_late(armed.elapsed().saturating_sub(HEARTBEAT));
                }
            });
            let value = main().await;
            heartbeat.cancel().await;
            value
        })
        .map_err(io::Error::from)?;
    Ok(CoreThread { handle })
}

/// A running core.
#[derive(Debug)]
pub struct CoreThread<T: Send + 'static> {
    handle: glommio::ExecutorJoinHandle<T>,
}

impl<T: Send + 'static> CoreThread<T> {
    /// Waits for the core's main future to end.
    pub fn join(self) -> io::Result<T> {
        self.handle.join().map_err(io::Error::from)
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
