//! Checks segments: checksums, records, the chain of offsets and epochs, and that index entries
//! point at what they say.

use std::io;
use std::path::Path;

use corelog_model::{BatchView, LeaderEpoch, Offset};
use serde::Serialize;

use super::index::{self, Entries, OffsetEntry, TimeEntry};
use super::segment::{Batches, Item, SegmentFiles};
use super::unreadable;
use crate::failure::Failure;
use crate::output::{Report, Table};

/// The largest batch that is decompressed.
pub(super) const BATCH_BYTES_MAX: usize = 1 << 30;
/// How many damages of one segment are kept; one alone may cause thousands.
const DAMAGES_MAX: usize = 100;

/// What the check found.
#[derive(Debug, Serialize)]
pub(super) struct Verified {
    segments: Vec<VerifiedSegment>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct VerifiedSegment {
    file: String,
    batches: u64,
    records: u64,
    bytes: u64,
    first_offset: Option<i64>,
    last_offset: Option<i64>,
    /// Offsets that no batch has: normal after compaction.
    missing_offsets: i64,
    padding_bytes: u64,
    damages: Vec<String>,
}

impl Verified {
    /// Checks segments, which are ordered by partition and offset.
    pub(super) fn new(segments: &[SegmentFiles]) -> Result<Self, Failure> {
        let mut checked = Vec::with_capacity(segments.len());
        let mut chain = Chain::new(Path::new(""));
        for segment in segments {
            if chain.folder != segment.folder {
                chain = Chain::new(&segment.folder);
            }
            let verified = verify(segment, &mut chain);
            checked.push(verified.map_err(|error| unreadable(&segment.log, &error))?);
        }
        Ok(Self { segments: checked })
    }

    /// Every damage, with its file.
    pub(super) fn damages(&self) -> Vec<String> {
        let of = |segment: &VerifiedSegment| {
            let file = segment.file.clone();
            segment.damages.clone().into_iter().map(move |damage| format!("{file}: {damage}"))
        };
        self.segments.iter().flat_map(of).collect()
    }
}

impl Report for Verified {
    fn tables(&self) -> Vec<Table> {
        let offset =
            |offset: Option<i64>| offset.map_or("-".to_owned(), |offset| offset.to_string());
        let row = |segment: &VerifiedSegment| {
            vec![
                segment.file.clone(),
                segment.batches.to_string(),
                segment.records.to_string(),
                segment.bytes.to_string(),
                offset(segment.first_offset),
                offset(segment.last_offset),
                segment.missing_offsets.to_string(),
                match segment.damages.len() {
                    0 => "intact".to_owned(),
                    1 => "1 damage".to_owned(),
                    count => format!("{count} damages"),
                },
            ]
        };
        let header =
            ["segment", "batches", "records", "bytes", "first", "last", "missing", "verdict"];
        vec![Table::new(header, self.segments.iter().map(row).collect())]
    }
}

/// What the segments of a partition so far lead to.
#[derive(Debug)]
struct Chain<'p> {
    folder: &'p Path,
    next: Option<Offset>,
    epoch: LeaderEpoch,
}

impl<'p> Chain<'p> {
    fn new(folder: &'p Path) -> Self {
        Self { folder, next: None, epoch: LeaderEpoch::NONE }
    }
}

fn verify(segment: &SegmentFiles, chain: &mut Chain<'_>) -> io::Result<VerifiedSegment> {
    let file = segment.log.display().to_string();
    let mut check = Check {
        verified: VerifiedSegment { file, ..VerifiedSegment::default() },
        chain,
        scratch: Vec::new(),
    };
    let offsets = index::offsets(&segment.beside("index"), segment.base)?;
    let times = index::times(&segment.beside("timeindex"), segment.base)?;
    let mut offsets = OffsetCheck::new(offsets, &mut check);
    let mut times = TimeCheck::new(times, &mut check);
    if check.chain.next.is_some_and(|next| segment.base < next) {
        check.damage(format!("the segment before it ends behind offset {}", segment.base));
    }
    let mut batches = Batches::open(&segment.log)?;
    loop {
        match batches.next()? {
            Item::Batch(position, batch) => {
                check.batch(segment.base, position, &batch);
                offsets.pass(position, &batch, &mut check);
                times.pass(&batch, &mut check);
            }
            Item::Padding { bytes } => check.verified.padding_bytes = bytes,
            Item::Damage(damage) => {
                check.damage(damage.to_string());
                // Entries for what cannot be read are no damage of their own.
                return Ok(check.verified);
            }
            Item::End => break,
        }
    }
    offsets.end(&mut check);
    times.end(&mut check);
    Ok(check.verified)
}

struct Check<'c, 'p> {
    verified: VerifiedSegment,
    chain: &'c mut Chain<'p>,
    scratch: Vec<u8>,
}

impl Check<'_, '_> {
    fn damage(&mut self, why: String) {
        if self.verified.damages.len() < DAMAGES_MAX {
            self.verified.damages.push(why);
        }
    }

    fn batch(&mut self, segment_base: Offset, position: u64, batch: &BatchView<'_>) {
        self.verified.batches += 1;
        self.verified.bytes += batch.len() as u64;
        let (base, last) = (batch.base_offset(), batch.last_offset());
        if let Err(error) = batch.verify_crc() {
            self.damage(format!("position {position}: {error}"));
        } else {
            self.records(position, batch);
        }
        let expected = self.chain.next.unwrap_or(segment_base).max(segment_base);
        if base < expected {
            self.damage(format!("position {position}: offset {base} where {expected} is due"));
        } else if self.verified.batches > 1 || self.chain.next.is_some() {
            self.verified.missing_offsets += base - expected;
        }
        if batch.leader_epoch() < self.chain.epoch {
            self.damage(format!(
                "position {position}: leader epoch {} after {}",
                batch.leader_epoch(),
                self.chain.epoch
            ));
        }
        self.chain.epoch = self.chain.epoch.max(batch.leader_epoch());
        self.chain.next = Some(expected.max(last.next()));
        self.verified.first_offset.get_or_insert(base.0);
        self.verified.last_offset = Some(last.0);
    }

    fn records(&mut self, position: u64, batch: &BatchView<'_>) {
        // The buffer goes on its way with the records and comes back.
        let mut scratch = std::mem::take(&mut self.scratch);
        let problem = match batch.records(&mut scratch, BATCH_BYTES_MAX) {
            Err(error) => Some(error.to_string()),
            Ok(records) => {
                let mut previous = None;
                let mut problem = None;
                for record in records {
                    let offset = match record {
                        Ok(record) => record.offset,
                        Err(error) => {
                            problem = Some(error.to_string());
                            break;
                        }
                    };
                    if previous.is_some_and(|previous| offset <= previous)
                        || batch.last_offset() < offset
                    {
                        problem = Some(format!("a record has offset {offset} out of order"));
                        break;
                    }
                    previous = Some(offset);
                    self.verified.records += 1;
                }
                problem
            }
        };
        self.scratch = scratch;
        if let Some(problem) = problem {
            self.damage(format!("position {position}: {problem}"));
        }
    }
}

/// Walks along the offset index while the batches pass.
struct OffsetCheck {
    entries: std::vec::IntoIter<OffsetEntry>,
    next: Option<OffsetEntry>,
}

impl OffsetCheck {
    fn new(index: Option<Entries<OffsetEntry>>, check: &mut Check<'_, '_>) -> Self {
        let Entries { entries, surplus_bytes } =
            index.unwrap_or(Entries { entries: Vec::new(), surplus_bytes: 0 });
        if surplus_bytes > 0 {
            check.damage(format!("index: {surplus_bytes} bytes behind the last entry"));
        }
        let rises = |pair: &[OffsetEntry]| {
            pair[0].offset < pair[1].offset && pair[0].position < pair[1].position
        };
        if let Some(pair) = entries.windows(2).find(|pair| !rises(pair)) {
            check.damage(format!("index: the entry of offset {} does not rise", pair[1].offset));
            return Self { entries: Vec::new().into_iter(), next: None };
        }
        let mut entries = entries.into_iter();
        let next = entries.next();
        Self { entries, next }
    }

    fn pass(&mut self, position: u64, batch: &BatchView<'_>, check: &mut Check<'_, '_>) {
        while let Some(entry) = self.next.filter(|entry| entry.position <= position) {
            let OffsetEntry { offset, position: pointed } = entry;
            if pointed < position {
                check.damage(format!("index: offset {offset} points into a batch, at {pointed}"));
            } else if offset < batch.base_offset() {
                check.damage(format!(
                    "index: offset {offset} points at {position}, where offset {} begins",
                    batch.base_offset()
                ));
            }
            self.next = self.entries.next();
        }
    }

    fn end(&self, check: &mut Check<'_, '_>) {
        if let Some(entry) = self.next {
            check.damage(format!(
                "index: offset {} points behind the last batch, at {}",
                entry.offset, entry.position
            ));
        }
    }
}

/// Walks along the time index while the batches pass.
struct TimeCheck {
    entries: std::vec::IntoIter<TimeEntry>,
    next: Option<TimeEntry>,
}

impl TimeCheck {
    fn new(index: Option<Entries<TimeEntry>>, check: &mut Check<'_, '_>) -> Self {
        let Entries { entries, surplus_bytes } =
            index.unwrap_or(Entries { entries: Vec::new(), surplus_bytes: 0 });
        if surplus_bytes > 0 {
            check.damage(format!("timeindex: {surplus_bytes} bytes behind the last entry"));
        }
        let rises = |pair: &[TimeEntry]| {
            pair[0].timestamp < pair[1].timestamp && pair[0].offset <= pair[1].offset
        };
        if let Some(pair) = entries.windows(2).find(|pair| !rises(pair)) {
            let timestamp = pair[1].timestamp;
            check.damage(format!("timeindex: the entry of timestamp {timestamp} does not rise"));
            return Self { entries: Vec::new().into_iter(), next: None };
        }
        let mut entries = entries.into_iter();
        let next = entries.next();
        Self { entries, next }
    }

    fn pass(&mut self, batch: &BatchView<'_>, check: &mut Check<'_, '_>) {
        while let Some(entry) = self.next.filter(|entry| entry.offset <= batch.last_offset()) {
            let TimeEntry { timestamp, offset } = entry;
            if offset < batch.base_offset() {
                check.damage(format!("timeindex: no batch has offset {offset}"));
            } else if timestamp != batch.max_timestamp() {
                check.damage(format!(
                    "timeindex: timestamp {timestamp} at offset {offset}, whose batch has {}",
                    batch.max_timestamp()
                ));
            }
            self.next = self.entries.next();
        }
    }

    fn end(&self, check: &mut Check<'_, '_>) {
        if let Some(entry) = self.next {
            check.damage(format!("timeindex: offset {} is behind the last batch", entry.offset));
        }
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{BatchBuilder, Codec, Timestamp};

    use super::super::segment;
    use super::*;

    /// A folder with one partition; segments are added by their batches.
    struct Partition {
        folder: tempfile::TempDir,
    }

    fn batch(base: i64, count: i64, epoch: i32) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::Lz4, None);
        builder.set_leader_epoch(LeaderEpoch(epoch));
        for offset in base..base + count {
            builder.append(Timestamp(1000 + offset), None, Some(b"value"), &[]);
        }
        builder.build(Offset(base))
    }

    impl Partition {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        fn write(&self, base: i64, extension: &str, parts: &[&[u8]]) -> &Self {
            let name = format!("{base:020}.{extension}");
            std::fs::write(self.folder.path().join(name), parts.concat()).unwrap();
            self
        }

        fn verified(&self) -> Vec<VerifiedSegment> {
            Verified::new(&segment::find(self.folder.path()).unwrap()).unwrap().segments
        }

        /// The damages, which must all be in the last segment.
        fn damages(&self) -> Vec<String> {
            let mut segments = self.verified();
            let last = segments.pop().unwrap();
            assert!(segments.iter().all(|segment| segment.damages.is_empty()), "{segments:?}");
            last.damages
        }
    }

    fn entry(relative: u32, position: usize) -> Vec<u8> {
        [relative.to_be_bytes(), (position as u32).to_be_bytes()].concat()
    }

    fn time_entry(timestamp: i64, relative: u32) -> Vec<u8> {
        [timestamp.to_be_bytes().as_slice(), &relative.to_be_bytes()].concat()
    }

    #[test]
    fn whole_segments_are_intact() {
        let partition = Partition::new();
        let (one, two) = (batch(5, 3, 0), batch(10, 2, 1));
        partition
            .write(5, "log", &[&one, &two, &[0; 100]])
            .write(5, "index", &[&entry(6, one.len()), &[0; 16]])
            .write(5, "timeindex", &[&time_entry(1007, 2), &time_entry(1011, 6), &[0; 24]])
            .write(12, "log", &[&batch(12, 1, 1)]);
        let [first, second] = &partition.verified()[..] else { panic!() };
        let file = first.file.clone();
        let expected = VerifiedSegment {
            file,
            batches: 2,
            records: 5,
            bytes: (one.len() + two.len()) as u64,
            first_offset: Some(5),
            last_offset: Some(11),
            missing_offsets: 2,
            padding_bytes: 100,
            damages: Vec::new(),
        };
        assert_eq!(*first, expected);
        assert_eq!((second.batches, second.missing_offsets, second.damages.len()), (1, 0, 0));
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let mut bytes = batch(0, 3, 0);
        *bytes.last_mut().unwrap() ^= 1;
        let damages = Partition::new().write(0, "log", &[&bytes]).damages();
        assert!(damages.len() == 1 && damages[0].contains("CRC-32C"), "{damages:?}");
    }

    #[test]
    fn offsets_that_go_back_are_found() {
        let one = batch(0, 3, 0);
        let at = one.len();
        assert_eq!(
            Partition::new().write(0, "log", &[&one, &batch(2, 1, 0)]).damages(),
            [format!("position {at}: offset 2 where 3 is due")]
        );
        assert_eq!(
            Partition::new().write(7, "log", &[&batch(6, 1, 0)]).damages(),
            ["position 0: offset 6 where 7 is due"]
        );
        let overlap = Partition::new();
        overlap.write(0, "log", &[&one]).write(2, "log", &[&batch(3, 1, 0)]);
        assert_eq!(overlap.damages(), ["the segment before it ends behind offset 2"]);
    }

    #[test]
    fn epochs_that_go_back_are_found() {
        let one = batch(0, 3, 4);
        let at = one.len();
        assert_eq!(
            Partition::new().write(0, "log", &[&one, &batch(3, 1, 3)]).damages(),
            [format!("position {at}: leader epoch 3 after 4")]
        );
    }

    #[test]
    fn a_cut_batch_is_found_and_hides_no_index_behind_it() {
        let (one, two) = (batch(0, 3, 0), batch(3, 3, 0));
        let damages = Partition::new()
            .write(0, "log", &[&one, &two[..two.len() - 1]])
            .write(0, "index", &[&entry(5, one.len())])
            .damages();
        assert!(damages.len() == 1 && damages[0].contains("are present"), "{damages:?}");
    }

    #[test]
    fn index_entries_that_lie_are_found() {
        let (one, two) = (batch(0, 3, 0), batch(3, 3, 0));
        let check = |extension: &str, index: &[u8], damage: &str| {
            let partition = Partition::new();
            partition.write(0, "log", &[&one, &two]).write(0, extension, &[index]);
            assert_eq!(partition.damages(), [damage]);
        };
        let (middle, end) = (one.len(), one.len() + two.len());
        check("index", &entry(5, 1), "index: offset 5 points into a batch, at 1");
        let low = format!("index: offset 2 points at {middle}, where offset 3 begins");
        check("index", &entry(2, middle), &low);
        let far = format!("index: offset 9 points behind the last batch, at {end}");
        check("index", &entry(9, end), &far);
        let back = [entry(5, middle), entry(4, end)].concat();
        check("index", &back, "index: the entry of offset 4 does not rise");
        let surplus = [entry(5, middle), vec![1, 2]].concat();
        check("index", &surplus, "index: 2 bytes behind the last entry");
        let wrong = "timeindex: timestamp 1003 at offset 2, whose batch has 1002";
        check("timeindex", &time_entry(1003, 2), wrong);
        let far = "timeindex: offset 6 is behind the last batch";
        check("timeindex", &time_entry(1005, 6), far);
        let back = [time_entry(1002, 2), time_entry(1002, 5)].concat();
        check("timeindex", &back, "timeindex: the entry of timestamp 1002 does not rise");
    }
}
