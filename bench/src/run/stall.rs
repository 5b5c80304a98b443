//! Stops the broker's process for a moment in the middle of a run, to show that what waits
//! meanwhile is in the numbers. The process goes on whatever happens to this thread.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::clock::Clock;

/// How often it is looked whether the run has ended.
const LOOK_PERIOD: Duration = Duration::from_millis(100);

/// A stall that was caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stalled {
    /// When the process was stopped.
    pub(super) at: Duration,
    /// For how long.
    pub(super) lasted: Duration,
}

/// Lets the process go on when it is dropped.
struct Stopped(Pid);

impl Stopped {
    fn stop(pid: Pid) -> io::Result<Self> {
        kill_process(pid, Signal::STOP)?;
        Ok(Self(pid))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // A process that has ended meanwhile cannot go on.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// Stops the process at `at` of the run's clock, for `length`; none when the run ends before.
pub(super) fn stall(
    pid: u32,
    clock: &Clock,
    (at, length): (Duration, Duration),
    should_stop: &AtomicBool,
) -> io::Result<Option<Stalled>> {
    let number = i32::try_from(pid).ok();
    let pid = number.and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    while clock.now() < at {
        if should_stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        clock.wait_until(at.min(clock.now() + LOOK_PERIOD));
    }
    let stopped = Stopped::stop(pid)?;
    let at = clock.now();
    clock.wait_until(at + length);
    drop(stopped);
    Ok(Some(Stalled { at, lasted: clock.now().saturating_sub(at) }))
}
