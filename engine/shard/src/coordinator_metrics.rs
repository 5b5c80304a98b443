//! The numbers of a core that its coordinators know: what they counted, and what there is of groups
//! and transactions at a moment.

use corelog_io::{wall_clock_ms, yield_now};
use corelog_model::Timestamp;

use crate::metrics::MetricsSnapshot;
use crate::shard::Shard;

/// So many partitions are looked at in one go.
const YIELD_EVERY: usize = 64;

impl Shard {
    /// Takes what the coordinators counted since the last time into the metrics of the core.
    pub(crate) fn take_coordinator_counts(&self) {
        for coordinator in self.transactions().all() {
            coordinator.tell_counts();
        }
        for coordinator in self.group_coordinators() {
            coordinator.tell_counts();
        }
    }

    /// Adds up what there is now, coordinator by coordinator.
    pub(crate) async fn tally_coordinated(&self, snapshot: &mut MetricsSnapshot) {
        let now = Timestamp(wall_clock_ms());
        for coordinator in self.transactions().all() {
            snapshot.transactions_now.add(coordinator.decider().tally(now));
            snapshot.coordinators_loading += u64::from(!coordinator.is_loaded());
            yield_now().await;
        }
        for coordinator in self.group_coordinators() {
            coordinator.tally(&mut snapshot.groups_now);
            snapshot.coordinators_loading += u64::from(!coordinator.is_loaded());
            yield_now().await;
        }
        for (number, partition) in self.partitions().into_iter().enumerate() {
            let lag = partition.high_watermark() - partition.last_stable_offset();
            let lag = u64::try_from(lag).unwrap_or_default();
            snapshot.stable_lag_max = snapshot.stable_lag_max.max(lag);
            if number % YIELD_EVERY == YIELD_EVERY - 1 {
                yield_now().await;
            }
        }
    }
}
