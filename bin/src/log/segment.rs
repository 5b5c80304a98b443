//! Segment files: where they are, and their batches one by one. Memory is taken for one batch at a
//! time, and only for bytes that are in the file.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use corelog_model::{BatchError, BatchHeader, BatchView, HEADER_LEN, Offset};

/// How much is read at once.
const READ_BYTES: usize = 1024 * 1024;
/// How deep folders are searched: a data folder, its shards, their partitions, and some room.
const FOLDER_DEPTH_MAX: usize = 8;

/// A segment and the files beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentFiles {
    /// The folder, which holds one partition.
    pub(super) folder: PathBuf,
    /// The offset in the name.
    pub(super) base: Offset,
    /// The `.log` file.
    pub(super) log: PathBuf,
}

impl SegmentFiles {
    /// A file beside the `.log`.
    pub(super) fn beside(&self, extension: &str) -> PathBuf {
        self.log.with_extension(extension)
    }
}

/// The segments at or below `path`, by partition and offset.
pub(super) fn find(path: &Path) -> io::Result<Vec<SegmentFiles>> {
    let mut found = Vec::new();
    if path.is_dir() {
        search(path, FOLDER_DEPTH_MAX, &mut found)?;
    } else {
        // A missing file is an error of its own, a file of another name is not a segment.
        fs::metadata(path)?;
        found.extend(segment_of(path));
    }
    found.sort();
    Ok(found)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<SegmentFiles>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if depth > 0 {
                search(&path, depth - 1, found)?;
            }
        } else {
            found.extend(segment_of(&path));
        }
    }
    Ok(())
}

/// A segment's name is its base offset in twenty digits.
fn segment_of(path: &Path) -> Option<SegmentFiles> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".log")?;
    let is_name = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let base = Offset(digits.parse().ok().filter(|_| is_name)?);
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Some(SegmentFiles { folder, base, log: path.to_owned() })
}

/// Where a file stops being batches, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("position {position}: {why}")]
pub(super) struct Damage {
    /// In the `.log` file.
    pub(super) position: u64,
    /// What is wrong there.
    pub(super) why: BatchError,
}

/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Item<'b> {
    /// A batch and its position. Its checksum has not been looked at.
    Batch(u64, BatchView<'b>),
    /// Zeros up to the end: space that was set aside and not used.
    Padding {
        /// How many.
        bytes: u64,
    },
    /// Nothing that could be read. What follows cannot be found.
    Damage(Damage),
    /// The end.
    End,
}

/// The batches of a `.log` file.
#[derive(Debug)]
pub(super) struct Batches<R> {
    source: R,
    position: u64,
    length: u64,
    bytes: Vec<u8>,
}

impl Batches<BufReader<File>> {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self::new(BufReader::with_capacity(READ_BYTES, file), length))
    }
}

impl<R: Read> Batches<R> {
    /// Reads batches from `source`, which has `length` bytes.
    pub(super) fn new(source: R, length: u64) -> Self {
        Self { source, position: 0, length, bytes: Vec::new() }
    }

    /// The next batch. After anything else there is no more.
    pub(super) fn next(&mut self) -> io::Result<Item<'_>> {
        let (position, left) = (self.position, self.length - self.position);
        if left == 0 {
            return Ok(Item::End);
        }
        self.bytes.clear();
        self.read(left.min(HEADER_LEN as u64))?;
        let header = BatchHeader::peek(&self.bytes);
        let why = match header.map(|header| header.total_len() as u64) {
            Ok(declared) if declared <= left => {
                self.read(declared - HEADER_LEN as u64)?;
                self.position += declared;
                match BatchView::parse(&self.bytes) {
                    Ok((batch, _)) => return Ok(Item::Batch(position, batch)),
                    Err(why) => return Ok(Item::Damage(Damage { position, why })),
                }
            }
            Ok(declared) => {
                BatchError::Truncated { declared: declared as usize, present: left as usize }
            }
            Err(why) => why,
        };
        self.position = self.length;
        if self.is_zero_to_the_end(left)? {
            return Ok(Item::Padding { bytes: left });
        }
        Ok(Item::Damage(Damage { position, why }))
    }

    fn read(&mut self, count: u64) -> io::Result<()> {
        let before = self.bytes.len();
        (&mut self.source).take(count).read_to_end(&mut self.bytes)?;
        if ((self.bytes.len() - before) as u64) < count {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read; is a server using it?",
            ));
        }
        Ok(())
    }

    /// Whether what was read and the rest of the `left` bytes are zeros.
    fn is_zero_to_the_end(&mut self, left: u64) -> io::Result<bool> {
        let mut unread = left - self.bytes.len() as u64;
        loop {
            if self.bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if unread == 0 {
                return Ok(true);
            }
            self.bytes.clear();
            let count = unread.min(READ_BYTES as u64);
            self.read(count)?;
            unread -= count;
        }
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{BatchBuilder, Codec, Timestamp};

    use super::*;

    fn batch(base: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.append(Timestamp(base), None, Some(b"value"), &[]);
        builder.build(Offset(base))
    }

    /// What is in the bytes, in words.
    fn read(bytes: &[u8]) -> Vec<String> {
        let mut batches = Batches::new(bytes, bytes.len() as u64);
        let mut items = Vec::new();
        loop {
            items.push(match batches.next().unwrap() {
                Item::Batch(position, batch) => format!("{} at {position}", batch.base_offset()),
                Item::Padding { bytes } => format!("{bytes} zeros"),
                Item::Damage(damage) => damage.to_string(),
                Item::End => return items,
            });
        }
    }

    #[test]
    fn batches_come_with_their_positions() {
        let one = batch(7);
        let bytes = [one.clone(), batch(8)].concat();
        assert_eq!(read(&bytes), ["7 at 0".to_owned(), format!("8 at {}", one.len())]);
        assert!(read(&[]).is_empty());
    }

    #[test]
    fn zeros_at_the_end_are_no_damage_and_anything_else_is() {
        let one = batch(7);
        for zeros in [1, 60, 61, 4000, 3_000_000] {
            let mut bytes = one.clone();
            bytes.resize(one.len() + zeros, 0);
            assert_eq!(read(&bytes), ["7 at 0".to_owned(), format!("{zeros} zeros")]);
            *bytes.last_mut().unwrap() = 1;
            let items = read(&bytes);
            assert_eq!(items.len(), 2, "{items:?}");
            assert!(items[1].starts_with(&format!("position {}: ", one.len())), "{items:?}");
        }
    }

    #[test]
    fn a_cut_batch_is_damage_and_takes_no_memory_for_what_is_not_there() {
        let mut bytes = batch(7);
        let whole = bytes.len();
        bytes[8..12].copy_from_slice(&0x7000_0000_u32.to_be_bytes());
        let declared = 0x7000_0000 + 12;
        let text =
            format!("position 0: the batch says it has {declared} bytes, only {whole} are present");
        assert_eq!(read(&bytes), [text]);
    }

    #[test]
    fn segments_are_found_below_a_folder_in_the_order_of_partitions_and_offsets() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "b/00000000000000000000.log",
            "a/00000000000000000100.log",
            "a/00000000000000000009.log",
        ];
        for name in names.iter().chain(&["a/9.log", "a/00000000000000000009.index", "a/x.txt"]) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        let found: Vec<PathBuf> = find(folder.path())
            .unwrap()
            .into_iter()
            .map(|segment| segment.log.strip_prefix(folder.path()).unwrap().to_owned())
            .collect();
        assert_eq!(found, [names[2], names[1], names[0]].map(PathBuf::from));
        assert!(find(&folder.path().join("a/x.txt")).unwrap().is_empty());
        assert!(find(&folder.path().join("nowhere")).is_err());
    }
}
