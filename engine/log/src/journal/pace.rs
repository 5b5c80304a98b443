//! How soon the next frame begins.
//!
//! A frame that began the moment the one before was durable would carry what came meanwhile, which
//! at a middling rate is two or three entries, and keep the disk busy with flushes back to back. So
//! when entries come in company, a frame waits for more of them; one that comes alone never does.

use std::time::Duration;

use corelog_io::Instant;

// Frames begin this many usual syncs apart: docs/decisions/0004-commit-pace.md.
const SYNCS_APART: u32 = 3;
/// The longest that a frame waits for company, whatever a sync takes.
const APART_MAX: Duration = Duration::from_millis(1);
// Part of a new latency in the usual one: 1 / 16.
const SMOOTHING: u32 = 16;

/// The rhythm of the frames of one journal.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the newest frame began and how many entries it has.
    newest: Option<(Instant, u32)>,
    /// What a sync usually takes.
    usual_sync: Duration,
}

impl Pace {
    /// A frame with so many entries begins.
    pub(super) fn begins(&mut self, at: Instant, entries: u32) {
        self.newest = Some((at, entries));
    }

    /// A sync took so long.
    pub(super) fn synced(&mut self, took: Duration) {
        let took = took.min(APART_MAX);
        self.usual_sync = match self.usual_sync {
            Duration::ZERO => took,
            usual => (usual * (SMOOTHING - 1) + took) / SMOOTHING,
        };
    }

    /// How long the next frame waits from `at`, if it has to. It may begin sooner when it is full.
    pub(super) fn pause(&self, at: Instant) -> Option<Duration> {
        let (began, entries) = self.newest?;
        if entries <= 1 {
            return None;
        }
        let apart = (self.usual_sync * SYNCS_APART).min(APART_MAX);
        let left = apart.saturating_sub(at.since(began));
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: u64) -> Instant {
        Instant::from_nanos(micros * 1000)
    }

    fn pace(sync_us: u64, entries: u32) -> Pace {
        let mut pace = Pace::default();
        pace.synced(Duration::from_micros(sync_us));
        pace.begins(at(1000), entries);
        pace
    }

    #[test]
    fn what_comes_alone_never_waits() {
        assert_eq!(pace(100, 1).pause(at(1001)), None);
        assert_eq!(Pace::default().pause(at(0)), None, "the first frame");
    }

    #[test]
    fn company_is_awaited_in_proportion_to_a_sync() {
        let pace = pace(100, 2);
        assert_eq!(pace.pause(at(1120)), Some(Duration::from_micros(180)));
        assert_eq!(pace.pause(at(1300)), None);
    }

    #[test]
    fn a_slow_disk_does_not_make_frames_wait_longer_than_the_bound() {
        assert_eq!(pace(50_000, 9).pause(at(1000)), Some(APART_MAX));
    }

    #[test]
    fn one_slow_sync_changes_little() {
        let mut pace = pace(160, 2);
        pace.synced(Duration::from_millis(500));
        assert_eq!(pace.usual_sync, Duration::from_nanos(212_500));
    }
}
