//! The files of a segment's indexes, which have no checksum.

use corelog_log::index::{IndexedBatch, OFFSET_ENTRY_LEN, SegmentIndex, TIME_ENTRY_LEN};
use corelog_model::{Offset, Timestamp};

const BASE: Offset = Offset(1000);

/// The first two bytes say where the segment ends, the third where its time index begins.
pub fn index(input: &[u8]) {
    let Some(([positions, offsets, split], bytes)) = input.split_first_chunk() else { return };
    let (position_end, end) = (u64::from(*positions) << 24, BASE + (i64::from(*offsets) << 24));
    let split = bytes.len() * usize::from(*split) / 255;
    let (offsets, times) = bytes.split_at(split);
    let index = SegmentIndex::decode(BASE, offsets, times, position_end, end);
    assert!(index.entry_count() <= offsets.len() / OFFSET_ENTRY_LEN, "no entry from nowhere");
    for target in [Offset::ZERO, BASE, BASE + 1, BASE + (1 << 20), end, Offset(i64::MAX)] {
        if let Some((offset, position)) = index.entry_for(target) {
            assert!(offset <= target && offset < end, "{offset} is not at or below {target}");
            assert!(position < position_end, "{position} lies behind the end {position_end}");
        }
    }
    for time in [i64::MIN, 0, 1_700_000_000_000, i64::MAX] {
        let offset = index.offset_for_time(Timestamp(time));
        assert!(BASE <= offset && offset <= end.max(BASE), "{offset} is outside of the segment");
    }
    let (written, times) = (index.encode_offsets(), index.encode_times());
    assert!(times.len().is_multiple_of(TIME_ENTRY_LEN), "whole entries are written");
    let again = SegmentIndex::decode(BASE, &written, &times, position_end, end);
    assert_eq!((again.encode_offsets(), again.encode_times()), (written, times));
    add_behind(index, position_end, end);
}

/// A batch behind what the index says, as recovery adds the rest of the segment.
fn add_behind(mut index: SegmentIndex, position: u64, end: Offset) {
    let batch = IndexedBatch {
        last_offset: end,
        max_timestamp: Timestamp(1_700_000_000_000),
        position,
        len: 5000,
    };
    index.add(&batch, 4096);
    index.seal();
}

pub(crate) mod seeds {
    use super::{BASE, IndexedBatch, SegmentIndex, Timestamp};

    pub(crate) fn index() -> Vec<Vec<u8>> {
        let mut index = SegmentIndex::new(BASE);
        for number in 0..40 {
            let batch = IndexedBatch {
                last_offset: BASE + number * 10 + 9,
                max_timestamp: Timestamp(1_700_000_000_000 + number),
                position: number as u64 * 3_000,
                len: 3_000,
            };
            index.add(&batch, 4_096);
        }
        index.seal();
        let (offsets, times) = (index.encode_offsets(), index.encode_times());
        let both = [&*offsets, &*times].concat();
        let split = (offsets.len() * 255).div_ceil(both.len()) as u8;
        let seed = |head: [u8; 3], bytes: &[u8]| [&head, bytes].concat();
        vec![
            seed([1, 1, split], &both),
            seed([0, 1, split], &both),
            seed([255, 255, 255], &offsets),
            seed([255, 255, 0], &times),
        ]
    }
}
