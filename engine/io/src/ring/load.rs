//! What one executor does with its core: how long it was at work, and how late its heartbeat came,
//! which is how long other tasks had to wait for one that did not let go.

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// Sum and longest of the delays.
    static LATE: Cell<(Duration, Duration)> = const { Cell::new((Duration::ZERO, Duration::ZERO)) };
}

/// How busy one core was since its executor started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreLoad {
    /// Time at work; neither sleeping nor looking for work counts.
    pub busy: Duration,
    /// Sum of the delays of a timer that goes off ten times a second or more.
    pub late: Duration,
    /// The longest of these delays.
    pub late_max: Duration,
}

/// Takes note of one heartbeat that came this much after its time.
pub(crate) fn heartbeat_was_late(by: Duration) {
    let (sum, max) = LATE.get();
    LATE.set((sum.saturating_add(by), max.max(by)));
}

/// The load of the executor that runs the caller.
pub(crate) fn core_load() -> CoreLoad {
    let (late, late_max) = LATE.get();
    let busy = glommio::executor().executor_stats().total_runtime();
    CoreLoad { busy, late, late_max }
}
