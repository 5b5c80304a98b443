//! How often things happened in runs, and how often they must: a fault that never strikes and a
//! path that is never taken prove nothing.

use corelog_io::sim::FaultCounts;

/// Declares counters, each with how many seeds it may take until it happened once.
macro_rules! counts {
    ($(#[$about:meta])* $counts:ident
        $($(#[$doc:meta])* $name:ident: once_in $seeds:literal,)*) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl $counts {
            /// Adds the counts of another run.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// Each counter's name, what it says, and how many seeds it may take until it happened
            /// once.
            fn each(&self) -> Vec<(&'static str, u64, u64)> {
                vec![$((stringify!($name), self.$name, $seeds),)*]
            }

            /// What happened too rarely in `seeds` runs, one line each; none is what we want.
            pub fn missing(&self, seeds: u64) -> Vec<String> {
                let too_rare = |(name, count, once_in): (&str, u64, u64)| {
                    let expected = (seeds / once_in).max(1);
                    let is_rare = count < expected;
                    is_rare.then(|| format!("{name}: {count} times, {expected} at least"))
                };
                self.each().into_iter().filter_map(too_rare).collect()
            }
        }

        impl std::fmt::Display for $counts {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                for (name, count, _) in self.each() {
                    writeln!(f, "{name:>24} {count}")?;
                }
                Ok(())
            }
        }
    };
}

counts! {
    /// How often things happened in chains of transactions.
    ChainCounts
    /// Crashes.
    crashes: once_in 1,
    /// Transactions that were asked to be committed.
    asked: once_in 1,
    /// Those that were answered.
    committed: once_in 1,
    /// Transactions that were undone on purpose.
    aborted: once_in 1,
    /// Transactions that took too long.
    timed_out: once_in 2,
    /// Producers whose successor began while they were at work.
    fenced: once_in 2,
    /// Producers that tried something after they were fenced.
    zombies: once_in 1,
    /// Batches that came behind the end of their transaction and were refused.
    late: once_in 1,
    /// Such batches that were taken, before the marker.
    late_taken: once_in 50,
    /// Transactions whose outcome was decided in one life and told in the next.
    resumed: once_in 10,
    /// Records that readers saw while others wrote.
    watched: once_in 1,
    /// Records that were copied.
    copied: once_in 1,
}

counts! {
    /// How often things happened in groups.
    MembershipCounts
    /// Crashes.
    crashes: once_in 2,
    /// Ids that new members of classic groups were told to join with.
    named: once_in 2,
    /// Heartbeats that classic groups heard.
    beats: once_in 2,
    /// Members of classic groups that were told to join the next generation.
    rebalances: once_in 2,
    /// Static members that came back in the place of the one they were.
    replaced: once_in 4,
    /// Members that joined.
    joined: once_in 1,
    /// Assignments that members were told.
    assigned: once_in 1,
    /// Members that left.
    left: once_in 2,
    /// Members that were silent for longer than their session.
    stalled: once_in 2,
    /// Commits that came after that.
    late: once_in 3,
    /// Members that were told to join anew.
    fenced: once_in 20,
    /// Offsets that were acknowledged.
    commits: once_in 1,
    /// Committed offsets that were compared.
    looks: once_in 1,
}

counts! {
    /// How often things happened.
    Counts
    /// Partitions that parted from the storage and came back.
    parted: once_in 2,
    /// Recoveries that ended with an open storage.
    recoveries: once_in 1,
    /// Recoveries that were themselves interrupted by a crash.
    interrupted_recoveries: once_in 10,
    /// Starts after a clean stop, which replayed nothing.
    clean_starts: once_in 1,
    /// Batches that came back from the journal.
    replayed: once_in 1,
    /// Batches appended.
    appended: once_in 1,
    /// Batches acknowledged.
    acknowledged: once_in 1,
    /// Batches that were lost in a crash before they were acknowledged.
    lost: once_in 10,
    /// Retried batches that were recognised.
    duplicates: once_in 1,
    /// Batches refused for their sequence.
    refused: once_in 1,
    /// Reads that were compared.
    reads: once_in 1,
    /// Lookups by time that were compared.
    lookups: once_in 1,
    /// Journals that failed.
    failures: once_in 10,
    /// Checkpoints that were asked for and stored.
    checkpoints: once_in 2,
    /// Segments that retention deleted.
    expired: once_in 10,
    /// Passes of the compaction.
    compacted: once_in 10,
    /// Partitions that were deleted.
    deleted: once_in 10,
    /// Reads and starts that reported damage.
    damage: once_in 20,
    /// Checkpoints that met a full disk.
    full: once_in 50,
    /// Journal frames written.
    frames: once_in 1,
    /// Partitions that had ten segments or more when a life ended.
    many_segments: once_in 10,
    /// See [`FaultCounts::lost_writes`].
    lost_writes: once_in 1,
    /// See [`FaultCounts::torn_at_512`].
    torn_at_512: once_in 5,
    /// See [`FaultCounts::torn_at_4096`].
    torn_at_4096: once_in 5,
    /// See [`FaultCounts::reordered_writes`].
    reordered_writes: once_in 5,
    /// See [`FaultCounts::lost_names`].
    lost_names: once_in 5,
    /// See [`FaultCounts::failed_writes`].
    failed_writes: once_in 20,
    /// See [`FaultCounts::failed_syncs`].
    failed_syncs: once_in 20,
    /// See [`FaultCounts::forgotten_writes`].
    forgotten_writes: once_in 80,
    /// See [`FaultCounts::failed_reads`].
    failed_reads: once_in 20,
    /// See [`FaultCounts::refused_writes`].
    refused_writes: once_in 20,
    /// See [`FaultCounts::flipped_bits`].
    flipped_bits: once_in 20,
}

impl Counts {
    /// Adds what the disk of a run did.
    pub fn add_faults(&mut self, faults: FaultCounts) {
        let FaultCounts {
            lost_writes,
            torn_at_512,
            torn_at_4096,
            reordered_writes,
            lost_names,
            failed_writes,
            failed_syncs,
            forgotten_writes,
            failed_reads,
            refused_writes,
            flipped_bits,
        } = faults;
        self.add(&Self {
            lost_writes,
            torn_at_512,
            torn_at_4096,
            reordered_writes,
            lost_names,
            failed_writes,
            failed_syncs,
            forgotten_writes,
            failed_reads,
            refused_writes,
            flipped_bits,
            ..Self::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_never_happened_is_missing() {
        let mut counts = Counts::default();
        let all = counts.each().len();
        assert_eq!(counts.missing(100).len(), all);
        counts.add_faults(FaultCounts { torn_at_512: 20, ..FaultCounts::default() });
        assert_eq!(counts.missing(100).len(), all - 1);
        assert!(counts.missing(105).contains(&"torn_at_512: 20 times, 21 at least".to_owned()));
    }
}
