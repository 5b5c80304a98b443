//! What of a batch is kept: the last committed record of each key below the end of the map,
//! deletion marks until their horizon (KIP-534), and the last batch of each producer, emptied if
//! need be. Pure.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::{BatchBuilder, BatchView, Offset, ProducerId, Record, RecordIter, Timestamp};

use super::aborted::Aborted;
use super::offset_map::{Full, OffsetMap};
use crate::aborted::AbortedTransaction;
use crate::config::Winner;

/// A batch that needs more memory than this to decompress counts as unreadable.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// The records of a batch cannot be read, or their offsets do not rise. Its checksum is right, so
/// that is how its producer sent it: nobody looks at compressed records before the topic is
/// compacted. It stays as it is, and hides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unreadable;

/// What becomes of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays byte for byte.
    Kept,
    /// These bytes take its place.
    Replaced(Vec<u8>),
    /// It goes.
    Dropped,
}

/// Notes the keys of a batch's records from `from` on. Returns the offset that found the map full.
/// What was aborted replaces nothing.
pub(crate) fn note_keys(
    map: &mut OffsetMap,
    batch: &BatchView<'_>,
    from: Offset,
    aborted: &Aborted,
    scratch: &mut Vec<u8>,
) -> Option<Offset> {
    if batch.is_control() || aborted.has(batch) || batch.last_offset() < from {
        return None;
    }
    let records = read(batch, scratch).ok()?;
    for record in records.flatten() {
        let Some(key) = record.key.filter(|_| record.offset >= from) else { continue };
        if let Err(Full) = map.insert(key, record.offset) {
            return Some(record.offset);
        }
    }
    None
}

/// The records of a batch, every one of which can be read.
fn read<'s>(batch: &BatchView<'s>, scratch: &'s mut Vec<u8>) -> Result<RecordIter<'s>, Unreadable> {
    let records = batch.records(scratch, DECOMPRESSED_BYTES_MAX).map_err(|_| Unreadable)?;
    let mut next = 0;
    for record in records.clone() {
        let delta = record.map_err(|_| Unreadable)?.offset_delta;
        if delta < next || batch.last_offset_delta() < delta {
            return Err(Unreadable);
        }
        next = delta + 1;
    }
    Ok(records)
}

/// What is fixed for a pass.
pub(crate) struct Rules {
    pub(crate) map: OffsetMap,
    /// Records from here on are not in the map.
    pub(crate) map_end: Offset,
    pub(crate) aborted: Aborted,
    /// Where the last batch of each live producer ends.
    pub(crate) producers: BTreeMap<ProducerId, Offset>,
    pub(crate) now: Timestamp,
    pub(crate) delete_retention_ms: i64,
    pub(crate) winner: Winner,
}

/// Judges the batches of a log one after the other, from its start.
pub(crate) struct Filter {
    rules: Rules,
    /// Producers of a transaction that has data and whose marker has not come yet.
    in_transaction: BTreeSet<ProducerId>,
    scratch: Vec<u8>,
}

impl Filter {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, in_transaction: BTreeSet::new(), scratch: Vec::new() }
    }

    /// The aborted transaction that a batch ends.
    pub(crate) fn aborted_by(&self, marker: &BatchView<'_>) -> Option<AbortedTransaction> {
        self.rules.aborted.ended_by(marker)
    }

    /// What becomes of the next batch.
    pub(crate) fn judge(&mut self, batch: &BatchView<'_>) -> Fate {
        if batch.base_offset() >= self.rules.map_end {
            return Fate::Kept;
        }
        if batch.is_control() {
            return self.judge_marker(batch);
        }
        if batch.is_transactional() {
            self.in_transaction.insert(batch.producer_id());
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let fate = self.judge_records(batch, &mut scratch).unwrap_or(Fate::Kept);
        self.scratch = scratch;
        fate
    }

    /// A marker stays as long as its transaction has data, and then until its horizon.
    fn judge_marker(&mut self, batch: &BatchView<'_>) -> Fate {
        let had_data = self.in_transaction.remove(&batch.producer_id());
        if had_data || batch.producer_id().is_none() {
            return Fate::Kept;
        }
        if batch.has_delete_horizon() {
            let is_over = batch.base_timestamp() <= self.rules.now;
            return if is_over { Fate::Dropped } else { Fate::Kept };
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let fate = rebuild(batch, &mut scratch, |_| true, Some(self.horizon()));
        self.scratch = scratch;
        fate.unwrap_or(Fate::Kept)
    }

    fn judge_records(
        &self,
        batch: &BatchView<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<Fate, Unreadable> {
        let is_aborted = self.rules.aborted.has(batch);
        let horizon = batch.has_delete_horizon().then(|| batch.base_timestamp());
        let marks_stay = horizon.is_none_or(|end| self.rules.now < end);
        let (mut kept, mut total, mut has_marks) = (0, 0, false);
        for record in read(batch, scratch)?.flatten() {
            total += 1;
            if !is_aborted && self.keeps(&record, marks_stay) {
                kept += 1;
                has_marks |= record.value.is_none() && record.offset < self.rules.map_end;
            }
        }
        if kept == 0 {
            return if !self.is_last_of_producer(batch) {
                Ok(Fate::Dropped)
            } else if total == 0 {
                Ok(Fate::Kept)
            } else {
                rebuild(batch, scratch, |_| false, None)
            };
        }
        let needs_horizon = has_marks && horizon.is_none();
        if kept == total && !needs_horizon {
            return Ok(Fate::Kept);
        }
        let horizon = if needs_horizon { Some(self.horizon()) } else { horizon };
        rebuild(batch, scratch, |record| self.keeps(record, marks_stay), horizon)
    }

    /// Records without a key have no place in a compacted log.
    fn keeps(&self, record: &Record<'_>, marks_stay: bool) -> bool {
        if record.offset >= self.rules.map_end {
            return true;
        }
        let Some(key) = record.key else { return false };
        let newest = self.rules.map.newest(key);
        let is_last = newest.is_none_or(|newest| match self.rules.winner {
            Winner::Newest => newest <= record.offset,
            Winner::AllButNewest => record.offset < newest,
        });
        is_last && (record.value.is_some() || marks_stay)
    }

    fn is_last_of_producer(&self, batch: &BatchView<'_>) -> bool {
        self.rules.producers.get(&batch.producer_id()) == Some(&batch.last_offset())
    }

    fn horizon(&self) -> Timestamp {
        Timestamp(self.rules.now.0.saturating_add(self.rules.delete_retention_ms))
    }
}

/// Writes a batch anew with some of its records, in its place.
fn rebuild(
    batch: &BatchView<'_>,
    scratch: &mut Vec<u8>,
    keeps: impl Fn(&Record<'_>) -> bool,
    horizon: Option<Timestamp>,
) -> Result<Fate, Unreadable> {
    let mut builder = BatchBuilder::in_place_of(batch.header(), None).ok_or(Unreadable)?;
    if let Some(horizon) = horizon {
        builder.set_delete_horizon(horizon);
    }
    for record in read(batch, scratch)?.flatten() {
        if keeps(&record) {
            let Record { offset_delta, timestamp, key, value, headers, .. } = record;
            builder.append_at(offset_delta, timestamp, key, value, headers.iter());
        }
    }
    Ok(Fate::Replaced(builder.build(batch.base_offset())))
}

#[cfg(test)]
mod tests {
    use corelog_model::control::{TransactionMarker, TransactionOutcome};
    use corelog_model::{Codec, LeaderEpoch, ProducerEpoch, Sequence};

    use super::*;

    const NOW: i64 = 1_000;
    const RETENTION: i64 = 500;
    const PRODUCER: ProducerId = ProducerId(7);

    fn data(
        base: i64,
        records: &[(&str, Option<&str>)],
        set: impl Fn(&mut BatchBuilder),
    ) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::Lz4, None);
        builder.set_producer(PRODUCER, ProducerEpoch(1), Sequence(base as i32));
        builder.set_leader_epoch(LeaderEpoch(4));
        set(&mut builder);
        for (key, value) in records {
            let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
            builder.append(Timestamp(base), key, value, &[]);
        }
        builder.build(Offset(base))
    }

    fn plain(base: i64, records: &[(&str, Option<&str>)]) -> Vec<u8> {
        data(base, records, |_| {})
    }

    fn transactional(base: i64, records: &[(&str, Option<&str>)]) -> Vec<u8> {
        data(base, records, BatchBuilder::set_transactional)
    }

    fn marker(base: i64, outcome: TransactionOutcome) -> Vec<u8> {
        let marker = TransactionMarker { outcome, coordinator_epoch: 0 };
        marker.build((PRODUCER, ProducerEpoch(1)), Timestamp(base), Offset(base), LeaderEpoch(4))
    }

    fn view(bytes: &[u8]) -> BatchView<'_> {
        let (view, rest) = BatchView::parse(bytes).unwrap();
        assert!(rest.is_empty());
        view.verify_crc().unwrap();
        view
    }

    fn rules(map: OffsetMap, map_end: i64, now: i64, last: Option<i64>) -> Rules {
        Rules {
            map,
            map_end: Offset(map_end),
            aborted: Aborted::default(),
            producers: last.map(|last| (PRODUCER, Offset(last))).into_iter().collect(),
            now: Timestamp(now),
            delete_retention_ms: RETENTION,
            winner: Winner::Newest,
        }
    }

    /// What is left of each batch after a pass over all of them at `now`.
    fn pass(batches: &[Vec<u8>], now: i64, last: Option<i64>) -> Vec<Vec<u8>> {
        pass_with(batches, &[], now, last)
    }

    /// The same; transactions from one offset to another were aborted.
    fn pass_with(
        batches: &[Vec<u8>],
        aborted: &[(i64, i64)],
        now: i64,
        last: Option<i64>,
    ) -> Vec<Vec<u8>> {
        let transaction = |(first, last): &(i64, i64)| AbortedTransaction {
            producer: PRODUCER,
            first_offset: Offset(*first),
            last_offset: Offset(*last),
            stable_offset: Offset(last + 1),
        };
        let aborted = Aborted::new(aborted.iter().map(transaction).collect());
        let mut map = OffsetMap::new(1 << 20, 1_000, 90, [1, 2]);
        for batch in batches {
            let from = Offset::ZERO;
            let noted = note_keys(&mut map, &view(batch), from, &aborted, &mut Vec::new());
            assert_eq!(noted, None);
        }
        let mut filter = Filter::new(Rules { aborted, ..rules(map, 100, now, last) });
        let left = batches.iter().filter_map(|batch| match filter.judge(&view(batch)) {
            Fate::Dropped => None,
            Fate::Kept => Some(batch.clone()),
            Fate::Replaced(new) => Some(new),
        });
        left.collect()
    }

    fn offsets(batches: &[Vec<u8>]) -> Vec<Vec<i64>> {
        let of = |batch: &Vec<u8>| {
            let mut scratch = Vec::new();
            let records = view(batch).records(&mut scratch, 1 << 20).unwrap();
            records.map(|record| record.unwrap().offset.0).collect()
        };
        batches.iter().map(of).collect()
    }

    #[test]
    fn hidden_records_go_and_the_batch_keeps_everything_else() {
        let batches =
            [plain(0, &[("a", Some("1")), ("b", Some("1"))]), plain(2, &[("a", Some("2"))])];
        let left = pass(&batches, NOW, None);
        assert_eq!(offsets(&left), [vec![1], vec![2]]);
        assert_eq!(left[1], batches[1], "a batch that loses nothing stays byte for byte");
        let (old, new) = (view(&batches[0]), view(&left[0]));
        let range = |batch: &BatchView<'_>| (batch.base_offset(), batch.last_offset());
        assert_eq!(range(&new), range(&old));
        let producer = |batch: &BatchView<'_>| {
            (batch.producer_id(), batch.base_sequence(), batch.last_sequence())
        };
        assert_eq!(producer(&new), producer(&old));
        assert_eq!((new.codec(), new.leader_epoch()), (old.codec(), old.leader_epoch()));
    }

    #[test]
    fn the_last_batch_of_a_producer_stays_without_records() {
        let batches = [
            plain(0, &[("a", Some("1"))]),
            plain(1, &[("a", Some("2"))]),
            data(2, &[("a", Some("3"))], |builder| {
                builder.set_producer(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
            }),
        ];
        let left = pass(&batches, NOW, Some(1));
        assert_eq!(offsets(&left), [vec![], vec![2]]);
        assert_eq!(view(&left[0]).last_sequence(), Sequence(1));
        assert_eq!(pass(&left, NOW, Some(1)), left, "the next pass leaves it");
        assert_eq!(offsets(&pass(&left, NOW, Some(2))), [vec![2]], "a newer batch takes its place");
    }

    #[test]
    fn a_tombstone_is_stamped_once_and_goes_at_its_horizon() {
        let batches = [plain(0, &[("a", Some("1"))]), plain(1, &[("a", None)])];
        let first = pass(&batches, NOW, None);
        assert_eq!(offsets(&first), [vec![1]]);
        let stamped = view(&first[0]);
        assert!(stamped.has_delete_horizon());
        assert_eq!(stamped.base_timestamp(), Timestamp(NOW + RETENTION));
        assert_eq!(stamped.max_timestamp(), Timestamp(1), "the time of the record stays");
        assert_eq!(pass(&first, NOW + RETENTION - 1, None), first);
        assert_eq!(offsets(&pass(&first, NOW + RETENTION, None)), Vec::<Vec<i64>>::new());
    }

    #[test]
    fn what_was_aborted_goes_and_hides_nothing() {
        let batches = [
            plain(0, &[("a", Some("1")), ("b", Some("1"))]),
            transactional(2, &[("a", Some("aborted")), ("b", None)]),
            marker(4, TransactionOutcome::Abort),
        ];
        let left = pass_with(&batches, &[(2, 4)], NOW, None);
        assert_eq!(left, [batches[0].clone(), batches[2].clone()]);
        let left = pass_with(&left, &[(2, 4)], NOW, None);
        assert!(view(&left[1]).has_delete_horizon(), "the marker goes once its data is gone");
        assert_eq!(pass_with(&left, &[(2, 4)], NOW + RETENTION, None), batches[..1]);
        let left = pass_with(&batches, &[(2, 4)], NOW, Some(3));
        assert_eq!(offsets(&left), [vec![0, 1], vec![], vec![4]], "the producer's last batch");
    }

    #[test]
    fn what_was_committed_hides_what_is_older_and_its_tombstones_go_at_their_horizon() {
        let batches = [
            plain(0, &[("a", Some("1")), ("b", Some("1"))]),
            transactional(2, &[("a", Some("2")), ("b", None)]),
            marker(4, TransactionOutcome::Commit),
        ];
        let left = pass(&batches, NOW, None);
        assert_eq!(offsets(&left), [vec![2, 3], vec![4]]);
        assert_eq!(view(&left[0]).base_timestamp(), Timestamp(NOW + RETENTION));
        assert!(view(&left[0]).is_transactional());
        assert_eq!(offsets(&pass(&left, NOW + RETENTION, None)), [vec![2], vec![4]]);
    }

    #[test]
    fn a_commit_marker_goes_at_its_horizon_once_its_data_is_gone() {
        let newer = plain(2, &[("a", Some("2"))]);
        let commit = marker(1, TransactionOutcome::Commit);
        let first = pass(
            &[transactional(0, &[("a", Some("1"))]), commit.clone(), newer.clone()],
            NOW,
            None,
        );
        assert_eq!(first, [commit.clone(), newer.clone()], "this pass still read its data");
        let first = pass(&first, NOW, None);
        assert_eq!(offsets(&first), [vec![1], vec![2]]);
        let stamped = view(&first[0]);
        assert!(stamped.is_control() && stamped.is_transactional());
        assert_eq!(stamped.base_timestamp(), Timestamp(NOW + RETENTION));
        assert_eq!(pass(&first, NOW + RETENTION - 1, None), first);
        assert_eq!(pass(&first, NOW + RETENTION, None), std::slice::from_ref(&newer));
        let with_data = [transactional(0, &[("b", Some("1"))]), commit, newer];
        assert_eq!(pass(&with_data, i64::MAX, None), with_data, "its data is still there");
    }

    /// The batch with other bytes at some place, and a checksum that fits.
    fn sent_as(mut bytes: Vec<u8>, place: usize, value: &[u8]) -> Vec<u8> {
        bytes[place..place + value.len()].copy_from_slice(value);
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    #[test]
    fn a_batch_that_was_sent_unreadable_stays_and_hides_nothing() {
        let old = plain(0, &[("a", Some("1"))]);
        let no_lz4 = sent_as(plain(1, &[("a", Some("2"))]), 61, &[0xff]);
        let gap = data(2, &[("b", Some("1"))], |_| {});
        let beyond = {
            let mut builder = BatchBuilder::new(Codec::Lz4, None);
            builder.append_at(5, Timestamp(3), Some(b"a"), Some(b"3"), [].into_iter());
            sent_as(builder.build(Offset(3)), 23, &0_i32.to_be_bytes())
        };
        let newer = plain(4, &[("b", Some("2"))]);
        let left =
            pass(&[old.clone(), no_lz4.clone(), gap, beyond.clone(), newer.clone()], NOW, None);
        assert_eq!(left, [old, no_lz4, beyond, newer], "only the older b goes");
    }

    #[test]
    fn records_above_the_end_of_the_map_stay() {
        let batch = plain(0, &[("a", Some("1")), ("a", None), ("b", None)]);
        let mut map = OffsetMap::new(1 << 20, 10, 90, [1, 2]);
        map.insert(b"a", Offset(1)).unwrap();
        let mut filter = Filter::new(rules(map, 1, NOW, None));
        let fate = filter.judge(&view(&batch));
        let Fate::Replaced(left) = fate else { panic!("{fate:?}") };
        assert_eq!(offsets(std::slice::from_ref(&left)), [vec![1, 2]]);
        assert!(!view(&left).has_delete_horizon(), "not all of it was looked at");
    }
}
