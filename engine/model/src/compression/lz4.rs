//! The lz4 frame format around lz4 blocks:
//! <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>.
//!
//! The frames are parsed here because a library that stops after the first one loses records
//! silently, and because every length has to meet the cap before memory is taken.

use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into_with_dict,
    get_maximum_output_size,
};
use xxhash_rust::xxh32::xxh32;

use super::CodecError;
use super::output::Output;

const MAGIC: u32 = 0x184D_2204;
/// Magics of frames that hold no data: 16 of them, from here on.
const SKIPPABLE_MAGIC: u32 = 0x184D_2A50;
/// The largest distance a match reaches back, thus how much a linked block needs of its past.
const WINDOW_BYTES: usize = 64 * 1024;
/// A byte of a block gives at most 255 bytes of data.
const RATIO_MAX: usize = 255;
/// The highest bit of a block's length: the block is not compressed.
const UNCOMPRESSED: u32 = 1 << 31;

/// The flags of a frame's descriptor.
mod flag {
    pub(super) const VERSION_MASK: u8 = 0b1100_0000;
    pub(super) const VERSION: u8 = 0b0100_0000;
    pub(super) const INDEPENDENT_BLOCKS: u8 = 1 << 5;
    pub(super) const BLOCK_CHECKSUM: u8 = 1 << 4;
    pub(super) const CONTENT_SIZE: u8 = 1 << 3;
    pub(super) const CONTENT_CHECKSUM: u8 = 1 << 2;
    pub(super) const RESERVED: u8 = 1 << 1;
    pub(super) const DICTIONARY_ID: u8 = 1;
}

/// What the written frames say: independent blocks (the Java reader knows no others) of 64 KiB at
/// most, no checksums (the batch has one).
const WRITTEN_FLAGS: u8 = flag::VERSION | flag::INDEPENDENT_BLOCKS;
const WRITTEN_BLOCK_SIZE_ID: u8 = 4;
const WRITTEN_BLOCK_BYTES: usize = 64 * 1024;

/// Appends `input` as one frame.
pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) {
    let descriptor = [WRITTEN_FLAGS, WRITTEN_BLOCK_SIZE_ID << 4];
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&descriptor);
    out.push(descriptor_checksum(&descriptor));
    let mut table =
        if input.len() < 1 << 16 { CompressTable::small() } else { CompressTable::large() };
    for block in input.chunks(WRITTEN_BLOCK_BYTES) {
        let start = out.len();
        out.resize(start + 4 + get_maximum_output_size(block.len()), 0);
        let mut stored_bytes = compress_into_with_table(block, &mut out[start + 4..], &mut table)
            .expect("the room is as large as the library asks for");
        let mut length = stored_bytes as u32;
        if stored_bytes >= block.len() {
            out[start + 4..start + 4 + block.len()].copy_from_slice(block);
            stored_bytes = block.len();
            length = stored_bytes as u32 | UNCOMPRESSED;
        }
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        out.truncate(start + 4 + stored_bytes);
    }
    out.extend_from_slice(&0_u32.to_le_bytes());
}

/// Appends the data of all frames.
pub(super) fn decompress(mut input: &[u8], out: &mut Output<'_>) -> Result<(), CodecError> {
    while !input.is_empty() {
        let magic = take_u32(&mut input)?;
        if magic == MAGIC {
            let descriptor = Descriptor::take(&mut input)?;
            decompress_frame(&descriptor, &mut input, out)?;
        } else if (SKIPPABLE_MAGIC..SKIPPABLE_MAGIC + 16).contains(&magic) {
            let length = take_u32(&mut input)?;
            take(&mut input, length as usize)?;
        } else {
            return Err(CodecError::Malformed("an lz4 frame has an unknown magic"));
        }
    }
    Ok(())
}

/// What the head of a frame says about the rest.
struct Descriptor {
    flags: u8,
    block_bytes_max: usize,
    content_bytes: Option<u64>,
}

impl Descriptor {
    fn take(input: &mut &[u8]) -> Result<Descriptor, CodecError> {
        let start = *input;
        let [flags, sizes] = *take_array::<2>(input)?;
        if flags & flag::VERSION_MASK != flag::VERSION {
            return Err(CodecError::Malformed("an lz4 frame has an unknown version"));
        }
        if flags & flag::RESERVED != 0 || sizes & 0b1000_1111 != 0 {
            return Err(CodecError::Malformed("an lz4 frame sets reserved bits"));
        }
        let block_bytes_max = match sizes >> 4 {
            4 => 64 * 1024,
            5 => 256 * 1024,
            6 => 1024 * 1024,
            7 => 4 * 1024 * 1024,
            _ => return Err(CodecError::Malformed("an lz4 frame has an unknown block size")),
        };
        let content_bytes = if flags & flag::CONTENT_SIZE == 0 {
            None
        } else {
            Some(u64::from_le_bytes(*take_array(input)?))
        };
        if flags & flag::DICTIONARY_ID != 0 {
            return Err(CodecError::Malformed("an lz4 frame needs a dictionary"));
        }
        let descriptor = &start[..start.len() - input.len()];
        if take_array::<1>(input)?[0] != descriptor_checksum(descriptor) {
            return Err(CodecError::Malformed("the checksum of an lz4 frame header is wrong"));
        }
        Ok(Descriptor { flags, block_bytes_max, content_bytes })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

fn decompress_frame(
    descriptor: &Descriptor,
    input: &mut &[u8],
    out: &mut Output<'_>,
) -> Result<(), CodecError> {
    let frame_start = out.len();
    if descriptor.content_bytes.is_some_and(|bytes| bytes > out.left() as u64) {
        return Err(out.too_large());
    }
    loop {
        let length = take_u32(input)?;
        if length == 0 {
            break;
        }
        let block = take(input, (length & !UNCOMPRESSED) as usize)?;
        if block.len() > descriptor.block_bytes_max {
            return Err(CodecError::Malformed("an lz4 block is larger than its frame allows"));
        }
        if descriptor.has(flag::BLOCK_CHECKSUM) && take_u32(input)? != xxh32(block, 0) {
            return Err(CodecError::Malformed("the checksum of an lz4 block is wrong"));
        }
        if length & UNCOMPRESSED != 0 {
            out.push(block)?;
            continue;
        }
        let since = if descriptor.has(flag::INDEPENDENT_BLOCKS) {
            out.len()
        } else {
            frame_start.max(out.len().saturating_sub(WINDOW_BYTES))
        };
        decompress_block(block, descriptor.block_bytes_max, since, out)?;
    }
    if descriptor.content_bytes.is_some_and(|bytes| bytes != (out.len() - frame_start) as u64) {
        return Err(CodecError::Malformed("an lz4 frame lies about the size of its content"));
    }
    if descriptor.has(flag::CONTENT_CHECKSUM) && take_u32(input)? != xxh32(out.data(frame_start), 0)
    {
        return Err(CodecError::Malformed("the checksum of an lz4 frame's content is wrong"));
    }
    Ok(())
}

/// Appends the data of one block that may refer to the data from `since` on.
fn decompress_block(
    block: &[u8],
    block_bytes_max: usize,
    since: usize,
    out: &mut Output<'_>,
) -> Result<(), CodecError> {
    let data_bytes_max = block_bytes_max.min(block.len() * RATIO_MAX);
    let is_capped = out.left() < data_bytes_max;
    let (past, room) = out.room(since, data_bytes_max);
    match decompress_into_with_dict(block, room, past) {
        Ok(written_bytes) => {
            out.advance(written_bytes);
            Ok(())
        }
        Err(DecompressError::OutputTooSmall { .. }) if is_capped => Err(out.too_large()),
        Err(_) => Err(CodecError::Malformed("an lz4 block is damaged")),
    }
}

fn descriptor_checksum(descriptor: &[u8]) -> u8 {
    (xxh32(descriptor, 0) >> 8) as u8
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Result<&'a [u8], CodecError> {
    input.split_off(..count).ok_or(CodecError::Malformed("an lz4 frame ends too early"))
}

fn take_array<'a, const N: usize>(input: &mut &'a [u8]) -> Result<&'a [u8; N], CodecError> {
    let (array, rest) =
        input.split_first_chunk().ok_or(CodecError::Malformed("an lz4 frame ends too early"))?;
    *input = rest;
    Ok(array)
}

fn take_u32(input: &mut &[u8]) -> Result<u32, CodecError> {
    Ok(u32::from_le_bytes(*take_array(input)?))
}
