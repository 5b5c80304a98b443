//! Which part of a log is compacted, whether a pass is due, and which segments become one. Pure.

use std::ops::Range;

use corelog_model::{Offset, Timestamp};

use crate::config::CompactionRules;

/// What is known of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentFacts {
    pub(crate) base: Offset,
    /// The base offset of the next segment.
    pub(crate) end: Offset,
    pub(crate) bytes: u64,
    /// Timestamp of its first batch; where nobody knows it any more, the newest one.
    pub(crate) first_timestamp: Timestamp,
    pub(crate) max_timestamp: Timestamp,
}

/// How much of a log is dirty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Segments that a pass may touch, from the oldest on.
    pub(crate) count: usize,
    pub(crate) clean_bytes: u64,
    pub(crate) dirty_bytes: u64,
    /// A pass is due.
    pub(crate) is_due: bool,
}

impl Survey {
    /// The share of dirty bytes in parts of a million.
    pub(crate) fn dirty_ppm(&self) -> u64 {
        let total = u128::from(self.clean_bytes) + u128::from(self.dirty_bytes);
        let ppm = (u128::from(self.dirty_bytes) * 1_000_000).checked_div(total);
        ppm.map_or(0, |ppm| ppm as u64)
    }
}

/// Looks at the segments that are on disk for good, oldest first. Everything below `first_dirty`
/// has been compacted.
pub(crate) fn survey(
    segments: &[SegmentFacts],
    first_dirty: Offset,
    rules: &CompactionRules,
    now: Timestamp,
) -> Survey {
    let is_young = |segment: &&SegmentFacts| {
        rules.lag_ms_min > 0
            && segment.end > first_dirty
            && now.0.saturating_sub(segment.max_timestamp.0) < rules.lag_ms_min
    };
    let count = segments.iter().take_while(|segment| !is_young(segment)).count();
    let (mut clean_bytes, mut dirty_bytes, mut is_late) = (0, 0, false);
    for segment in &segments[..count] {
        if segment.end <= first_dirty {
            clean_bytes += segment.bytes;
        } else {
            dirty_bytes += segment.bytes;
            is_late |= !segment.first_timestamp.is_none()
                && now.0.saturating_sub(segment.first_timestamp.0) > rules.lag_ms_max;
        }
    }
    let mut survey = Survey { count, clean_bytes, dirty_bytes, is_due: false };
    let is_dirty = survey.dirty_ppm() > u64::from(rules.dirty_ppm_min);
    survey.is_due = dirty_bytes > 0 && (is_dirty || is_late);
    survey
}

/// Groups neighbours so that no group holds more than `bytes_max`, `count_max` segments, or offsets
/// that an index entry cannot count.
pub(crate) fn group(
    segments: &[SegmentFacts],
    bytes_max: u64,
    count_max: usize,
) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (number, segment) in segments.iter().enumerate() {
        let joins = groups.last().is_some_and(|last| {
            let span = segment.end - segments[last.start].base;
            bytes + segment.bytes <= bytes_max
                && last.len() < count_max
                && span <= i64::from(i32::MAX)
        });
        match groups.last_mut() {
            Some(last) if joins => {
                last.end = number + 1;
                bytes += segment.bytes;
            }
            _ => {
                groups.push(number..number + 1);
                bytes = segment.bytes;
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of ten offsets each; the newest record of each is `age` old at time 1000.
    fn segments(sizes_and_ages: &[(u64, i64)]) -> Vec<SegmentFacts> {
        let of = |(number, (bytes, age)): (usize, &(u64, i64))| SegmentFacts {
            base: Offset(number as i64 * 10),
            end: Offset(number as i64 * 10 + 10),
            bytes: *bytes,
            first_timestamp: Timestamp(1_000 - age - 5),
            max_timestamp: Timestamp(1_000 - age),
        };
        sizes_and_ages.iter().enumerate().map(of).collect()
    }

    #[track_caller]
    fn check(
        sizes_and_ages: &[(u64, i64)],
        first_dirty: i64,
        rules: &CompactionRules,
        expected: (usize, u64, u64, bool),
    ) {
        let segments = segments(sizes_and_ages);
        let survey = survey(&segments, Offset(first_dirty), rules, Timestamp(1_000));
        let found = (survey.count, survey.clean_bytes, survey.dirty_bytes, survey.is_due);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_pass_is_due_when_more_than_the_share_is_dirty() {
        let rules = CompactionRules::default();
        check(&[(50, 9), (50, 8)], 10, &rules, (2, 50, 50, false));
        check(&[(50, 9), (51, 8)], 10, &rules, (2, 50, 51, true));
        check(&[(50, 9), (51, 8)], 20, &rules, (2, 101, 0, false));
        let always = CompactionRules { dirty_ppm_min: 0, ..rules };
        check(&[(1_000, 9), (1, 8)], 10, &always, (2, 1_000, 1, true));
        check(&[], 0, &always, (0, 0, 0, false));
    }

    #[test]
    fn a_segment_that_is_dirty_in_part_counts_as_dirty() {
        check(&[(50, 9), (50, 8)], 5, &CompactionRules::default(), (2, 0, 100, true));
    }

    #[test]
    fn young_segments_and_those_behind_them_are_left_alone() {
        let rules = CompactionRules { lag_ms_min: 100, ..CompactionRules::default() };
        check(&[(50, 300), (50, 99), (50, 400)], 0, &rules, (1, 0, 50, true));
        check(&[(50, 300), (50, 100), (50, 400)], 0, &rules, (3, 0, 150, true));
    }

    #[test]
    fn a_record_that_is_too_old_makes_a_pass_due() {
        let rules = CompactionRules { lag_ms_max: 100, ..CompactionRules::default() };
        check(&[(90, 500), (10, 95)], 10, &rules, (2, 90, 10, false));
        check(&[(90, 500), (10, 96)], 10, &rules, (2, 90, 10, true));
    }

    #[test]
    fn groups_are_as_large_as_one_segment_may_be() {
        let segments = segments(&[(40, 1), (60, 1), (1, 1), (200, 1), (5, 1), (5, 1), (5, 1)]);
        assert_eq!(group(&segments, 100, 9), [0..2, 2..3, 3..4, 4..7]);
        assert_eq!(group(&segments, 100, 2), [0..2, 2..3, 3..4, 4..6, 6..7]);
    }

    #[test]
    fn a_group_spans_no_more_offsets_than_an_index_counts() {
        let mut segments = segments(&[(1, 1), (1, 1)]);
        segments[1].end = Offset(i64::from(i32::MAX) + 1);
        assert_eq!(group(&segments, 100, 9), [0..1, 1..2]);
        segments[1].end = Offset(i64::from(i32::MAX));
        assert_eq!(group(&segments, 100, 9), vec![0..2]);
    }
}
