//! One pass over one log: the keys of its dirty part go into the map, then its segments are
//! rewritten group by group, from the log's start.

use std::collections::BTreeMap;

use corelog_io::random_u64;
use corelog_model::{Offset, ProducerId, Timestamp};

use super::aborted::Aborted;
use super::choice::{SegmentFacts, Survey, group, survey};
use super::filter::{Fate, Filter, Rules, note_keys};
use super::offset_map::OffsetMap;
use super::pace::Pace;
use super::source::Source;
use super::swap::{Swap, discard};
use super::target::Target;
use super::{CleanError, Cleaned, Progress};
use crate::aborted_file::SegmentAborted;
use crate::config::CompactionRules;
use crate::partition::{Inner, PartitionLog};
use crate::reader::ReadError;
use crate::segment::Segment;

/// Segments that become one, at most: so many files are open then.
const GROUP_SEGMENTS_MAX: usize = 64;

impl Inner {
    /// The oldest segments whose base is below `reach`.
    fn facts(&self, reach: Offset) -> Vec<SegmentFacts> {
        let next_bases = self.segments.keys().skip(1);
        let sealed = self.segments.values().zip(next_bases);
        sealed
            .take_while(|(segment, _)| segment.base < reach)
            .map(|(segment, end)| SegmentFacts {
                base: segment.base,
                end: *end,
                bytes: segment.size,
                first_timestamp: segment.first_timestamp.unwrap_or(segment.max_timestamp),
                max_timestamp: segment.max_timestamp,
            })
            .collect()
    }

    /// Those that are on disk for good, so that no start needs them as they are.
    fn stored_facts(&self) -> Vec<SegmentFacts> {
        let open = self.segments.values().find(|segment| !segment.is_complete);
        self.facts(open.map_or(self.stored, |segment| segment.base.min(self.stored)))
    }
}

/// Leaves segments alone in which a transaction may be open: whether it counts is not known yet.
fn below(mut segments: Vec<SegmentFacts>, stable: Offset) -> Vec<SegmentFacts> {
    segments.retain(|segment| segment.end <= stable);
    segments
}

/// What a pass works on.
struct Plan {
    rules: CompactionRules,
    segments: Vec<SegmentFacts>,
    first_dirty: Offset,
    segment_bytes: u64,
    producers: BTreeMap<ProducerId, Offset>,
}

impl PartitionLog {
    /// How dirty the part of the log is that a pass may touch; `None` if it is not compacted.
    pub(crate) fn survey_stored(&self, now: Timestamp) -> Option<Survey> {
        let stable = self.last_stable_offset();
        let inner = self.inner.borrow();
        let rules = inner.config.compaction.as_ref()?;
        let segments = below(inner.stored_facts(), stable);
        Some(survey(&segments, inner.progress.first_dirty, rules, now))
    }

    /// Whether a pass would be due if there were a new checkpoint.
    pub(crate) fn awaits_checkpoint_to_compact(&self, now: Timestamp) -> bool {
        let stable = self.last_stable_offset();
        let inner = self.inner.borrow();
        let Some(rules) = inner.config.compaction.as_ref() else { return false };
        let first_dirty = inner.progress.first_dirty;
        let is_due = |facts| survey(&below(facts, stable), first_dirty, rules, now).is_due;
        let sealed = inner.facts(inner.active().base);
        !self.is_uncleanable.get() && !is_due(inner.stored_facts()) && is_due(sealed)
    }

    fn plan(&self, now: Timestamp) -> Option<Plan> {
        let stable = self.last_stable_offset();
        let inner = self.inner.borrow();
        let rules = inner.config.compaction.clone()?;
        let mut segments = below(inner.stored_facts(), stable);
        let first_dirty = inner.progress.first_dirty;
        segments.truncate(survey(&segments, first_dirty, &rules, now).count);
        let last = |(id, state): (ProducerId, &crate::producers::ProducerState)| {
            Some((id, state.batches.back()?.last_offset))
        };
        let producers = inner.producers.iter().filter_map(last).collect();
        let segment_bytes = inner.config.segment_bytes;
        Some(Plan { rules, segments, first_dirty, segment_bytes, producers })
    }

    /// Compacts the log once.
    pub(crate) async fn compact(&self, now: Timestamp) -> Result<Option<Cleaned>, CleanError> {
        let Some(_use) = self.begin_use().filter(|_| !self.is_leaving()) else { return Ok(None) };
        let Some(plan) = self.plan(now).filter(|plan| !plan.segments.is_empty()) else {
            return Ok(None);
        };
        discard(&self.directory).await?;
        let mut pace = Pace::new(self);
        let aborted = self.aborted_in(&plan.segments).await?;
        let (map, map_end) = self.map_keys(&plan, &aborted, &mut pace).await?;
        let mut segments = plan.segments;
        segments.retain(|segment| segment.base < map_end);
        let mut filter = Filter::new(Rules {
            map,
            map_end,
            aborted,
            producers: plan.producers,
            now,
            delete_retention_ms: plan.rules.delete_retention_ms,
            winner: self.shared.cleaner.config().winner,
        });
        let (mut bytes_before, mut bytes_after) = (0, 0);
        for range in group(&segments, plan.segment_bytes, GROUP_SEGMENTS_MAX) {
            let group = &segments[range];
            bytes_before += group.iter().map(|segment| segment.bytes).sum::<u64>();
            bytes_after += self.rewrite(group, &mut filter, &mut pace).await?;
        }
        let progress = Progress { first_dirty: map_end, ..self.inner.borrow().progress };
        progress.store(&self.directory).await?;
        self.inner.borrow_mut().progress = progress;
        Ok(Some(Cleaned { partition: self.id, first_dirty: map_end, bytes_before, bytes_after }))
    }

    /// The aborted transactions with data or markers in these segments.
    async fn aborted_in(&self, segments: &[SegmentFacts]) -> Result<Aborted, CleanError> {
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
            return Ok(Aborted::default());
        };
        let from = first.base.max(self.log_start());
        if last.end <= from {
            return Err(CleanError::Stopped);
        }
        match self.aborted_transactions(from..last.end).await {
            Ok(transactions) => Ok(Aborted::new(transactions)),
            Err(ReadError::Io(error)) => Err(error.into()),
            // Records were deleted meanwhile.
            Err(ReadError::OutOfRange { .. } | ReadError::Parted) => Err(CleanError::Stopped),
            Err(error @ ReadError::Damaged { .. }) => {
                Err(CleanError::damaged(first.base, error.to_string()))
            }
        }
    }

    async fn source(&self, facts: &SegmentFacts) -> Result<Source, CleanError> {
        let file = self.segment_file(facts.base).await?.ok_or(CleanError::Stopped)?;
        Ok(Source::new(file, facts.base, facts.end, facts.bytes))
    }

    /// The newest offsets of the keys in the dirty part, as far as the map holds them, and where
    /// that ends.
    async fn map_keys(
        &self,
        plan: &Plan,
        aborted: &Aborted,
        pace: &mut Pace<'_>,
    ) -> Result<(OffsetMap, Offset), CleanError> {
        let dirty = || plan.segments.iter().filter(|segment| segment.end > plan.first_dirty);
        let config = self.shared.cleaner.config();
        // Each record has an offset. A map for more keys than there can be costs the core the time
        // in which the kernel clears its memory.
        let offsets = dirty()
            .map(|segment| (segment.end.0 - segment.base.max(plan.first_dirty).0).unsigned_abs());
        let keys_max = offsets.sum::<u64>() as usize + 1;
        let secret = [random_u64(), random_u64()];
        let mut map =
            OffsetMap::new(config.dedupe_bytes_max, keys_max, config.load_percent_max, secret);
        let mut scratch = Vec::new();
        let mut end = plan.first_dirty;
        for segment in dirty() {
            let mut source = self.source(segment).await?;
            while let Some(batch) = source.next(pace).await? {
                let full_at = note_keys(&mut map, &batch, plan.first_dirty, aborted, &mut scratch);
                if let Some(offset) = full_at {
                    let keys = map.len();
                    tracing::info!(partition = %self.id, keys, %offset, "the map of keys is full");
                    return Ok((map, offset));
                }
            }
            end = segment.end;
        }
        Ok((map, end))
    }

    /// Writes what is kept of a group of segments and puts it in their place. Returns its bytes.
    async fn rewrite(
        &self,
        group: &[SegmentFacts],
        filter: &mut Filter,
        pace: &mut Pace<'_>,
    ) -> Result<u64, CleanError> {
        let interval = self.inner.borrow().config.index_interval_bytes;
        let mut target = Target::create(&self.directory, group[0].base, interval).await?;
        let mut has_changed = group.len() > 1;
        for segment in group {
            let mut source = self.source(segment).await?;
            while let Some(batch) = source.next(pace).await? {
                let fate = filter.judge(&batch);
                has_changed |= fate != Fate::Kept;
                if let Some(ended) = filter.aborted_by(&batch).filter(|_| fate != Fate::Dropped) {
                    target.aborted.add(ended);
                }
                let written = match fate {
                    Fate::Kept => target.add(batch.bytes()).await?,
                    Fate::Replaced(bytes) => target.add(&bytes).await?,
                    Fate::Dropped => 0,
                };
                pace.wrote(written).await?;
            }
        }
        if !has_changed {
            drop(target);
            discard(&self.directory).await?;
            return Ok(group[0].bytes);
        }
        target.finish().await?;
        self.replace(group, &target).await?;
        Ok(target.size())
    }

    /// Puts a finished segment in the place of others, on disk and in memory.
    async fn replace(&self, group: &[SegmentFacts], target: &Target) -> Result<(), CleanError> {
        let end = group[group.len() - 1].end;
        let bases: Vec<Offset> = group.iter().map(|segment| segment.base).collect();
        let progress = self.inner.borrow().progress;
        if progress.gaps_below < end {
            let progress = Progress { gaps_below: end, ..progress };
            progress.store(&self.directory).await?;
            self.inner.borrow_mut().progress = progress;
        }
        for base in &bases {
            if let Some(segment) = self.inner.borrow_mut().segments.get_mut(base) {
                segment.is_pinned = true;
            }
            self.segment_file(*base).await?;
            // Readers that are under way need what the old segments say.
            match self.load_aborted(*base).await {
                Ok(()) => {}
                Err(ReadError::Io(error)) => return Err(error.into()),
                Err(ReadError::Parted) => return Err(CleanError::Stopped),
                Err(error) => return Err(CleanError::damaged(*base, error.to_string())),
            }
        }
        {
            let inner = self.inner.borrow();
            // Retention may have deleted some of them meanwhile.
            if self.is_leaving() || bases.iter().any(|base| !inner.segments.contains_key(base)) {
                return Err(CleanError::Stopped);
            }
            self.is_swapping.set(true);
        }
        let swap = Swap { base: bases[0], end, has_aborted: target.has_aborted() };
        swap.decide(&self.directory).await?;
        let removed = swap.perform(&self.directory, &self.shared.removal, &bases).await?;
        self.take_over(&bases, target);
        self.is_swapping.set(false);
        for removed in removed {
            self.shared.removal.free_later(removed);
        }
        Ok(())
    }

    /// From here on reads find the new segment.
    fn take_over(&self, bases: &[Offset], target: &Target) {
        let mut inner = self.inner.borrow_mut();
        for base in bases {
            if let Some(segment) = inner.segments.remove(base) {
                self.shared.cache.forget(segment.cache_serial.unwrap_or(self.serial), *base);
            }
        }
        let mut segment = Segment::new(&self.directory, bases[0]);
        segment.size = target.size();
        segment.index = None;
        segment.aborted = SegmentAborted::on_disk(&target.aborted);
        segment.max_timestamp = target.max_timestamp;
        segment.first_timestamp = target.first_timestamp;
        segment.is_complete = true;
        segment.cache_serial = Some(self.shared.take_serial());
        inner.segments.insert(bases[0], segment);
        inner.cursors.retain(|cursor| !bases.contains(&cursor.1.segment));
        inner.replaced += 1;
        let freed = inner.tail.forget(bases);
        drop(inner);
        self.shared.memory.removed(freed);
    }
}
