//! The one clock of a run, and what a thread needs to keep to it: a CPU of its own, wake-ups
//! without slack, and its own CPU time.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};
use rustix::time::{ClockId, clock_gettime};

/// Time since the first message was due. All threads of a run share it, so that both ends of a
/// message read the same clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that begins at `start`.
    pub(super) fn starting(start: Instant) -> Self {
        Self { start }
    }

    /// Time since the start; zero before it.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// A moment as time since the start.
    pub(super) fn of(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.start)
    }

    /// Sleeps until the start.
    pub(super) fn wait_for_start(&self) {
        std::thread::sleep(self.start.saturating_duration_since(Instant::now()));
    }

    /// Sleeps until `moment`.
    pub(super) fn wait_until(&self, moment: Duration) {
        std::thread::sleep((self.start + moment).saturating_duration_since(Instant::now()));
    }
}

/// Makes the calling thread fit for keeping time. Gives how late the kernel may wake it, where it
/// let us choose.
pub(super) fn prepare_thread(cpu: Option<usize>) -> Option<u64> {
    if let Some(cpu) = cpu {
        let mut cpus = CpuSet::new();
        cpus.set(cpu);
        // The CPUs were checked before the run; one that went offline since shows in the numbers.
        let _ = sched_setaffinity(None, &cpus);
    }
    set_current_timer_slack(NonZeroU64::new(1)).ok().map(|()| 1)
}

/// CPU time of the calling thread.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// How busy the calling thread is during the measured part.
#[derive(Debug, Clone, Copy)]
pub(super) struct BusyMeter {
    from: Duration,
    until: Duration,
    first: Option<(Duration, Duration)>,
    last: Option<(Duration, Duration)>,
}

impl BusyMeter {
    /// Measures between two moments.
    pub(super) fn between(from: Duration, until: Duration) -> Self {
        Self { from, until, first: None, last: None }
    }

    /// To be called now and then.
    pub(super) fn look(&mut self, now: Duration) {
        if self.first.is_none() && self.from <= now {
            self.first = Some((now, thread_cpu()));
        }
        if self.last.is_none() && self.until <= now {
            self.last = Some((now, thread_cpu()));
        }
    }

    /// The part of the time in which the thread ran, from 0 to 1.
    pub(super) fn finish(mut self, now: Duration) -> f64 {
        let last = *self.last.get_or_insert_with(|| (now, thread_cpu()));
        let first = self.first.unwrap_or(last);
        let passed = last.0.saturating_sub(first.0).as_secs_f64();
        let used = last.1.saturating_sub(first.1).as_secs_f64();
        if passed > 0.0 { used / passed } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_sleeps_is_hardly_busy() {
        let clock = Clock::starting(Instant::now());
        let mut meter = BusyMeter::between(Duration::ZERO, Duration::from_secs(9));
        meter.look(clock.now());
        clock.wait_until(Duration::from_millis(60));
        assert!(meter.finish(clock.now()) < 0.5);
    }
}
