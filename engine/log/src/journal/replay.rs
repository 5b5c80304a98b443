//! The way back: finds the files, reads frames in order from where the last checkpoint says, stops
//! at the first invalid one, and then looks for proof that the invalid one had been durable: that
//! is damage, not a torn tail.

use std::collections::VecDeque;
use std::path::PathBuf;

use corelog_io::{
    BLOCK, Buffer, File, IoError, Slice, SyncPath, create_directory, list_directory, random_u64,
    read_file, remove_file, sync_directory, write_file_atomically, yield_now,
};

use super::JournalConfig;
use super::entry::{Entry, MalformedEntry};
use super::files::{FilePool, UsedFile, file_number};
use super::frame::{FileSequence, FrameHeader, FrameIdentity, FrameSequence};

const READ_AHEAD_BYTES: u64 = 1 << 20;
const ID_FILE: &str = "journal.id";

/// Acknowledged data that the journal had and can no longer give back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "journal frame {} in {} at byte {position} is damaged, and frame {} shows that it had been \
     durable: acknowledged data from there on is lost",
    lost.0, path.display(), witness.0
)]
pub struct JournalDamage {
    /// The first frame that cannot be read.
    pub lost: FrameSequence,
    /// The file it should be in.
    pub path: PathBuf,
    /// Where in that file.
    pub position: u64,
    /// A later frame that was written when the lost one was durable.
    pub witness: FrameSequence,
}

/// Why a journal cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Acknowledged data is gone.
    #[error(transparent)]
    Damaged(#[from] JournalDamage),
    /// A frame whose checksum holds does not parse.
    #[error(transparent)]
    Malformed(#[from] MalformedEntry),
    /// The file that names the journal is not readable.
    #[error("{} does not hold a journal id", .0.display())]
    Id(PathBuf),
}

/// What replay hands over to the running journal.
#[derive(Debug)]
pub struct Replayed {
    pub(super) id: [u8; 16],
    pub(super) next_frame: FrameSequence,
    pub(super) next_file: FileSequence,
    pub(super) pool: FilePool,
}

/// One valid frame.
#[derive(Debug)]
pub struct ReplayedFrame {
    /// The file it is in.
    pub file: FileSequence,
    /// Which frame it is.
    pub sequence: FrameSequence,
    bytes: Slice,
}

impl ReplayedFrame {
    /// Its entries in the order of appending.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry<'_>, MalformedEntry>> {
        let header = FrameHeader::peek(&self.bytes).expect("the frame was valid when it was read");
        let mut rest = header.payload(&self.bytes);
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let parsed = Entry::parse(rest);
            rest = parsed.as_ref().map_or(&[], |(_, rest)| *rest);
            Some(parsed.map(|(entry, _)| entry))
        })
    }
}

struct Found {
    file: File,
    len: u64,
    first: Option<FrameIdentity>,
    unused: bool,
}

/// A replay under way.
pub struct Replay {
    config: JournalConfig,
    id: [u8; 16],
    found: Vec<Found>,
    current: Option<usize>,
    visited: Vec<usize>,
    position: u64,
    next_frame: FrameSequence,
    /// The last frames that were read and that no other shows to be durable: file, position, bytes.
    unproven: VecDeque<(FrameSequence, usize, u64, usize)>,
    /// The first file that replay wants; whatever is written from now on goes to it or a later one.
    first_file: FileSequence,
    window: (u64, Option<Slice>),
    next_number: u32,
}

impl Replay {
    /// Opens the journal and makes what it holds durable before anything is read. Replay begins at
    /// file `from.0`, whose first frame is `from.1`, as the last checkpoint says.
    pub async fn open(
        config: JournalConfig,
        from: (FileSequence, FrameSequence),
    ) -> Result<Self, ReplayError> {
        create_directory(&config.directory).await?;
        // A killed process may have renamed what no sync covered.
        sync_directory(&config.directory).await?;
        let id = read_or_create_id(&config).await?;
        let mut replay = Self {
            config,
            id,
            found: Vec::new(),
            current: None,
            visited: Vec::new(),
            position: 0,
            next_frame: from.1,
            unproven: VecDeque::new(),
            first_file: from.0,
            window: (0, None),
            next_number: 0,
        };
        replay.find_files().await?;
        replay.current = replay.successor(from.0);
        replay.visited.extend(replay.current);
        Ok(replay)
    }

    async fn find_files(&mut self) -> Result<(), ReplayError> {
        for entry in list_directory(&self.config.directory).await? {
            let path = self.config.directory.join(&entry.name);
            let Some(number) = file_number(&entry.name) else {
                if entry.name.contains(".jnl.") {
                    remove_file(&path).await?;
                }
                continue;
            };
            self.next_number = self.next_number.max(number + 1);
            let file = File::open(&path, self.config.open_mode()).await?;
            // A killed process may have written what no sync covered: whatever is read from here on
            // must stay.
            file.sync(SyncPath::Thread).await?;
            let len = file.len().await?;
            let (first, unused) = self.first_frame(&file).await?;
            self.found.push(Found { file, len, first, unused });
        }
        Ok(())
    }

    async fn first_frame(&self, file: &File) -> Result<(Option<FrameIdentity>, bool), IoError> {
        let block = file.read(0, BLOCK).await?;
        let unused = block.iter().all(|byte| *byte == 0);
        let Ok(header) = FrameHeader::peek(&block) else { return Ok((None, unused)) };
        if header.frame_len() as u64 > file.len().await? {
            return Ok((None, unused));
        }
        let frame = file.read(0, header.frame_len()).await?;
        let identity = header.identity();
        let intact = !self.config.safeguards.verifies_checksums || header.verify(&frame).is_ok();
        let ours = identity.journal == self.id && identity.position == 0;
        Ok(((intact && ours).then_some(identity), unused))
    }

    /// The file at or above `sequence` that continues with the next frame.
    fn successor(&self, sequence: FileSequence) -> Option<usize> {
        self.found.iter().position(|found| {
            found
                .first
                .is_some_and(|first| first.frame == self.next_frame && sequence <= first.file)
        })
    }

    /// The next valid frame, or `None` at the end of what was durable.
    pub async fn next(&mut self) -> Result<Option<ReplayedFrame>, ReplayError> {
        loop {
            let Some(current) = self.current else {
                return self.end(None).await.map(|()| None);
            };
            let first = self.found[current].first.expect("only files with a first frame are read");
            if let Some(bytes) = self.frame_at_position(current, &first).await? {
                let sequence = self.next_frame;
                self.note_unproven(current, &bytes);
                self.position += bytes.len() as u64;
                self.next_frame = sequence.next();
                return Ok(Some(ReplayedFrame { file: first.file, sequence, bytes }));
            }
            let Some(next) = self.successor(first.file.next()) else {
                return self.end(Some(current)).await.map(|()| None);
            };
            self.current = Some(next);
            self.visited.push(next);
            self.position = 0;
            self.window = (0, None);
        }
    }

    fn note_unproven(&mut self, file: usize, frame: &Slice) {
        let header = FrameHeader::peek(frame).expect("the frame was valid when it was read");
        let proven = header.identity().durable_end;
        while self.unproven.front().is_some_and(|front| front.0 < proven) {
            self.unproven.pop_front();
        }
        self.unproven.push_back((self.next_frame, file, self.position, frame.len()));
    }

    async fn end(&mut self, last: Option<usize>) -> Result<(), ReplayError> {
        self.look_for_damage(last).await?;
        Ok(self.write_unproven_anew().await?)
    }

    /// After a sync that failed a disk may have forgotten what it still gives to readers, and no
    /// later sync brings it back. What is replayed counts as durable from here on, so the frames
    /// whose own sync may be the one that failed are written once more, over themselves.
    async fn write_unproven_anew(&mut self) -> Result<(), IoError> {
        let mut files = Vec::new();
        for (_, file, position, len) in std::mem::take(&mut self.unproven) {
            let frame = self.found[file].file.read(position, len).await?;
            let mut buffer = Buffer::zeroed(len);
            buffer.copy_from_slice(&frame);
            self.found[file].file.write(buffer, position).await?;
            if files.last() != Some(&file) {
                files.push(file);
            }
        }
        for file in files {
            self.found[file].file.sync(SyncPath::Thread).await?;
        }
        Ok(())
    }

    async fn frame_at_position(
        &mut self,
        current: usize,
        first: &FrameIdentity,
    ) -> Result<Option<Slice>, IoError> {
        let block = self.read(current, self.position, BLOCK as u64).await?;
        let Ok(header) = FrameHeader::peek(&block) else { return Ok(None) };
        let identity = header.identity();
        let expected = FrameIdentity {
            frame: self.next_frame,
            position: self.position,
            durable_end: identity.durable_end,
            ..*first
        };
        let room = self.found[current].len.saturating_sub(self.position);
        if identity != expected || header.frame_len() as u64 > room {
            return Ok(None);
        }
        let frame = self.read(current, self.position, header.frame_len() as u64).await?;
        if self.config.safeguards.verifies_checksums && header.verify(&frame).is_err() {
            return Ok(None);
        }
        Ok((frame.len() == header.frame_len()).then_some(frame))
    }

    async fn read(&mut self, file: usize, position: u64, len: u64) -> Result<Slice, IoError> {
        let found = &self.found[file];
        if let (start, Some(window)) = &self.window
            && *start <= position
            && position + len <= start + window.len() as u64
        {
            let skip = (position - start) as usize;
            return Ok(window.part(skip..skip + len as usize));
        }
        let window = found.file.read(position, len.max(READ_AHEAD_BYTES) as usize).await?;
        let part = window.part(0..(len as usize).min(window.len()));
        self.window = (position, Some(window));
        Ok(part)
    }

    /// Searches behind the end for a frame that was written when the missing one was durable.
    async fn look_for_damage(&mut self, last: Option<usize>) -> Result<(), ReplayError> {
        let mut witness = None;
        for index in 0..self.found.len() {
            let found = &self.found[index];
            let is_last = last == Some(index);
            let start = match found.first {
                _ if is_last => self.position,
                Some(first) if self.visited.contains(&index) || first.frame < self.next_frame => {
                    continue;
                }
                Some(_) => 0,
                None if found.unused => continue,
                None => 0,
            };
            if let Some(frame) = self.witness_in(index, start).await? {
                witness = Some(witness.map_or(frame, |other: FrameSequence| other.min(frame)));
            }
        }
        let Some(witness) = witness else { return Ok(()) };
        let path = match last {
            Some(last) => self.found[last].file.path(),
            None => self.config.directory.clone(),
        };
        Err(JournalDamage { lost: self.next_frame, path, position: self.position, witness }.into())
    }

    async fn witness_in(&self, index: usize, start: u64) -> Result<Option<FrameSequence>, IoError> {
        let found = &self.found[index];
        let mut position = start;
        while position < found.len {
            let window = found.file.read(position, READ_AHEAD_BYTES as usize).await?;
            for (number, block) in window.chunks(BLOCK).enumerate() {
                let at = position + (number * BLOCK) as u64;
                let Ok(header) = FrameHeader::peek(block) else { continue };
                let identity = header.identity();
                let plausible = identity.journal == self.id
                    && identity.position == at
                    && header.frame_len() as u64 <= found.len - at
                    && self.next_frame < identity.frame
                    && self.next_frame < identity.durable_end;
                if !plausible {
                    continue;
                }
                let frame = found.file.read(at, header.frame_len()).await?;
                if header.verify(&frame).is_ok() {
                    return Ok(Some(identity.frame));
                }
            }
            position += READ_AHEAD_BYTES;
            yield_now().await;
        }
        Ok(None)
    }

    /// Ends the replay. What was replayed stays in use until partitions have it in their segments.
    pub async fn finish(self) -> Result<Replayed, ReplayError> {
        let seen = self.found.iter().filter_map(|found| found.first).map(|first| first.file.next());
        let next_file = seen.fold(self.first_file, FileSequence::max);
        let mut used = VecDeque::new();
        let mut spares = VecDeque::new();
        for (index, found) in self.found.into_iter().enumerate() {
            if self.visited.contains(&index) {
                let first = found.first.expect("only files with a first frame are read");
                used.push_back(UsedFile {
                    sequence: first.file,
                    first_frame: first.frame,
                    file: found.file,
                    len: found.len,
                });
            } else if found.len == self.config.file_bytes {
                spares.push_back(found.file);
            } else {
                remove_file(&found.file.path()).await?;
            }
        }
        used.make_contiguous().sort_by_key(|used: &UsedFile| used.sequence);
        let pool = FilePool { used, spares, next_number: self.next_number };
        Ok(Replayed { id: self.id, next_frame: self.next_frame, next_file, pool })
    }
}

async fn read_or_create_id(config: &JournalConfig) -> Result<[u8; 16], ReplayError> {
    let path = config.directory.join(ID_FILE);
    match read_file(&path, BLOCK as u64).await {
        Ok(bytes) => {
            let (id, crc) = bytes.split_at_checked(16).ok_or(ReplayError::Id(path.clone()))?;
            if crc != crc32c::crc32c(id).to_le_bytes() {
                return Err(ReplayError::Id(path));
            }
            Ok(id.try_into().expect("the slice has 16 bytes"))
        }
        Err(error) if error.is_not_found() => {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&random_u64().to_le_bytes());
            id[8..].copy_from_slice(&random_u64().to_le_bytes());
            let mut bytes = id.to_vec();
            bytes.extend_from_slice(&crc32c::crc32c(&id).to_le_bytes());
            write_file_atomically(&path, &bytes).await?;
            sync_directory(&config.directory).await?;
            Ok(id)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::file_name;
    use super::*;

    #[test]
    fn names_of_files_are_numbers() {
        assert_eq!(file_number(&file_name(12)), Some(12));
        assert_eq!((file_number("012.jnl.new"), file_number("x.jnl")), (None, None));
    }
}
