//! A journal frame by itself, and the entries in it.

use corelog_io::BLOCK;
use corelog_log::journal::{Entry, FRAME_HEADER_LEN, FrameHeader};

/// Bytes of the header where the fixed part begins, the checksum, and the length stand.
const FIXED: [u8; 8] = [b'C', b'L', b'J', b'1', 1, 0, FRAME_HEADER_LEN as u8, 0];

/// The first byte says whether magic, lengths and checksum are made right.
pub fn frame(input: &[u8]) {
    let Some((&mode, bytes)) = input.split_first() else { return };
    let mut frame = bytes.to_vec();
    frame.resize(bytes.len().max(1).next_multiple_of(BLOCK), 0);
    if mode & 1 == 1 {
        frame[..8].copy_from_slice(&FIXED);
        let len = frame.len() as u32;
        frame[12..16].copy_from_slice(&len.to_le_bytes());
        seal_again(&mut frame);
    }
    let Ok(header) = FrameHeader::peek(&frame) else { return };
    let Ok(payload) = header.verify(&frame) else { return };
    assert!(FRAME_HEADER_LEN + payload.len() <= header.frame_len(), "the payload is within");
    let _ = (header.identity(), header.entry_count());
    let mut rest = payload;
    while let Ok((entry, behind)) = Entry::parse(rest) {
        assert!(entry.payload.len() + behind.len() < rest.len(), "an entry has a head");
        rest = behind;
    }
}

/// Makes the checksum of a frame right.
pub(crate) fn seal_again(frame: &mut [u8]) {
    let crc = crc32c::crc32c(&frame[..8]);
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(crc, &[0; 4]), &frame[12..]);
    frame[8..12].copy_from_slice(&crc.to_le_bytes());
}

pub(crate) mod seeds {
    use super::FrameHeader;

    /// The frames that a real journal wrote.
    pub(crate) fn frame() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for (_, content) in crate::recovery::journal_files() {
            let mut rest = &*content;
            while let Ok(header) = FrameHeader::peek(rest)
                && let Some((frame, behind)) = rest.split_at_checked(header.frame_len())
            {
                seeds.push([&[0], frame].concat());
                seeds.push([&[1], frame].concat());
                rest = behind;
            }
        }
        seeds.truncate(40);
        assert!(!seeds.is_empty(), "a real journal has frames");
        seeds
    }
}
