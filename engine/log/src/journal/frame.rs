//! The frame: one group commit on disk, a whole number of blocks. Its checksum covers the identity
//! and the position too, so a stale frame of a recycled file, a misdirected write and a torn one
//! are all told from a valid one.

use corelog_io::BLOCK;
use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const MAGIC: u32 = u32::from_le_bytes(*b"CLJ1");
const VERSION: u16 = 1;
/// Numbers and positions of frames stay below, so that counting on never overflows.
const NUMBER_END: u64 = 1 << 62;

/// Bytes of the header at the front of each frame.
pub const FRAME_HEADER_LEN: usize = size_of::<FrameHeader>();

/// Counts frames of one journal from 0, without gaps, over all its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct FrameSequence(pub u64);

impl FrameSequence {
    /// The frame after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Counts uses of journal files from 0: a recycled file gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct FileSequence(pub u64);

impl FileSequence {
    /// The use after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The first bytes of a frame, little endian.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FrameHeader {
    magic: U32,
    version: U16,
    header_len: U16,
    crc: U32,
    frame_len: U32,
    payload_len: U32,
    entry_count: U32,
    journal: [u8; 16],
    incarnation: U64,
    file: U64,
    frame: U64,
    position: U64,
    durable_end: U64,
}

/// What identifies a frame and its place; all of it is covered by the checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameIdentity {
    /// Random id of this journal.
    pub journal: [u8; 16],
    /// Random id of the process that wrote the frame.
    pub incarnation: u64,
    /// Which use of which file.
    pub file: FileSequence,
    /// Which frame.
    pub frame: FrameSequence,
    /// Byte position in the file.
    pub position: u64,
    /// Every frame below this one was durable when this one was written.
    pub durable_end: FrameSequence,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end within the header or the frame.
    #[error("the frame is cut short: {needed} bytes needed, {present} present")]
    Truncated {
        /// Bytes the frame needs.
        needed: usize,
        /// Bytes there are.
        present: usize,
    },
    /// No frame of this format begins here.
    #[error("no frame begins here")]
    Magic,
    /// A format this program does not know.
    #[error("frame format {0} is not known to this program; use a newer one")]
    Version(u16),
    /// A length that no frame can have.
    #[error("a frame of {frame_len} bytes with a payload of {payload_len} is impossible")]
    Length {
        /// Declared length of the frame.
        frame_len: u32,
        /// Declared length of its payload.
        payload_len: u32,
    },
    /// A number or a position that no journal gets to.
    #[error("a frame with the number or position {0} is impossible")]
    Number(u64),
    /// The bytes are not those that were written.
    #[error("the frame's CRC-32C is {computed:#010x}, its header says {stored:#010x}")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
}

impl FrameHeader {
    /// Reads the header at the front of `bytes` and checks all but the checksum. `frame_len` is
    /// then a positive multiple of 4096 that holds the payload, but may be more than the bytes
    /// present.
    pub fn peek(bytes: &[u8]) -> Result<&Self, FrameError> {
        let Ok((header, _)) = Self::ref_from_prefix(bytes) else {
            return Err(FrameError::Truncated { needed: FRAME_HEADER_LEN, present: bytes.len() });
        };
        if header.magic.get() != MAGIC {
            return Err(FrameError::Magic);
        }
        if header.version.get() != VERSION || header.header_len.get() as usize != FRAME_HEADER_LEN {
            return Err(FrameError::Version(header.version.get()));
        }
        let (frame_len, payload_len) = (header.frame_len.get(), header.payload_len.get());
        let whole_blocks = frame_len > 0 && (frame_len as usize).is_multiple_of(BLOCK);
        if !whole_blocks || payload_len as usize + FRAME_HEADER_LEN > frame_len as usize {
            return Err(FrameError::Length { frame_len, payload_len });
        }
        let numbers = [header.file, header.frame, header.position, header.durable_end];
        match numbers.map(U64::get).into_iter().find(|number| NUMBER_END <= *number) {
            Some(number) => Err(FrameError::Number(number)),
            None => Ok(header),
        }
    }

    /// Checks the checksum of the frame at the front of `bytes` and returns its entries' bytes.
    pub fn verify<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], FrameError> {
        let needed = self.frame_len();
        let Some(frame) = bytes.get(..needed) else {
            return Err(FrameError::Truncated { needed, present: bytes.len() });
        };
        let (stored, computed) = (self.crc.get(), checksum(frame));
        if stored != computed {
            return Err(FrameError::Crc { stored, computed });
        }
        Ok(self.payload(frame))
    }

    /// The entries' bytes, unchecked.
    pub fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        &frame[FRAME_HEADER_LEN..FRAME_HEADER_LEN + self.payload_len.get() as usize]
    }

    /// Bytes of the whole frame on disk.
    pub fn frame_len(&self) -> usize {
        self.frame_len.get() as usize
    }

    /// Entries in it.
    pub fn entry_count(&self) -> u32 {
        self.entry_count.get()
    }

    /// What and where it claims to be.
    pub fn identity(&self) -> FrameIdentity {
        FrameIdentity {
            journal: self.journal,
            incarnation: self.incarnation.get(),
            file: FileSequence(self.file.get()),
            frame: FrameSequence(self.frame.get()),
            position: self.position.get(),
            durable_end: FrameSequence(self.durable_end.get()),
        }
    }
}

// The checksum field itself counts as zero.
fn checksum(frame: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&frame[..8]);
    crc32c::crc32c_append(crc32c::crc32c_append(crc, &[0; 4]), &frame[12..])
}

/// Writes the header over the front of `frame`, whose entries lie behind it and whose rest is zero.
pub(super) fn seal(
    frame: &mut [u8],
    payload_len: usize,
    entry_count: u32,
    identity: &FrameIdentity,
) {
    assert!(frame.len().is_multiple_of(BLOCK), "a frame is whole blocks: {}", frame.len());
    assert!(FRAME_HEADER_LEN + payload_len <= frame.len(), "the payload fits its frame");
    let header = FrameHeader {
        magic: U32::new(MAGIC),
        version: U16::new(VERSION),
        header_len: U16::new(FRAME_HEADER_LEN as u16),
        crc: U32::ZERO,
        frame_len: U32::new(u32::try_from(frame.len()).expect("a frame is smaller than 4 GiB")),
        payload_len: U32::new(payload_len as u32),
        entry_count: U32::new(entry_count),
        journal: identity.journal,
        incarnation: U64::new(identity.incarnation),
        file: U64::new(identity.file.0),
        frame: U64::new(identity.frame.0),
        position: U64::new(identity.position),
        durable_end: U64::new(identity.durable_end.0),
    };
    frame[..FRAME_HEADER_LEN].copy_from_slice(header.as_bytes());
    let crc = checksum(frame);
    frame[8..12].copy_from_slice(&crc.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> FrameIdentity {
        FrameIdentity {
            journal: [7; 16],
            incarnation: 9,
            file: FileSequence(3),
            frame: FrameSequence(1_000),
            position: 8192,
            durable_end: FrameSequence(998),
        }
    }

    fn frame() -> Vec<u8> {
        let mut frame = vec![0; 2 * BLOCK];
        frame[FRAME_HEADER_LEN..FRAME_HEADER_LEN + 5].copy_from_slice(b"hello");
        seal(&mut frame, 5, 1, &identity());
        frame
    }

    #[test]
    fn a_sealed_frame_gives_back_what_it_was_sealed_with() {
        let frame = frame();
        let header = FrameHeader::peek(&frame).unwrap();
        assert_eq!(header.identity(), identity());
        assert_eq!((header.frame_len(), header.entry_count()), (2 * BLOCK, 1));
        assert_eq!(header.verify(&frame), Ok(&b"hello"[..]));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let good = frame();
        for position in (0..FRAME_HEADER_LEN + 6).chain([4095, 4096, 8191]) {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[position] ^= 1 << bit;
                let noticed = FrameHeader::peek(&bad).and_then(|header| header.verify(&bad));
                assert!(noticed.is_err(), "byte {position} bit {bit}");
            }
        }
    }

    #[test]
    fn numbers_that_cannot_be_counted_on_are_refused() {
        let end = NUMBER_END;
        let good = identity();
        for bad in [
            FrameIdentity { file: FileSequence(end), ..good },
            FrameIdentity { frame: FrameSequence(end), ..good },
            FrameIdentity { position: end, ..good },
            FrameIdentity { durable_end: FrameSequence(end), ..good },
        ] {
            let mut frame = frame();
            seal(&mut frame, 5, 1, &bad);
            assert_eq!(FrameHeader::peek(&frame).unwrap_err(), FrameError::Number(end));
        }
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let frame = frame();
        for len in [0, 10, FRAME_HEADER_LEN, BLOCK, 2 * BLOCK - 1] {
            let cut = &frame[..len];
            assert!(FrameHeader::peek(cut).and_then(|header| header.verify(cut)).is_err());
        }
    }
}
