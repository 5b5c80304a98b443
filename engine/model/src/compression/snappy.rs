//! Snappy in its two forms: raw blocks (librdkafka, franz-go) and the xerial framing of the Java
//! clients, a magic and then chunks of length and block.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::CodecError;
use super::output::Output;

/// Begins the xerial framing; then come two big-endian versions, the second the oldest compatible.
const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const XERIAL_HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// The version of the framing, and the oldest that reads it.
const XERIAL_VERSION: u32 = 1;
/// How much data one chunk holds, as in the Java library.
const CHUNK_BYTES: usize = 32 * 1024;

/// Appends `input` in the xerial framing, which every client reads.
pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&XERIAL_HEADER);
    let mut encoder = Encoder::new();
    for chunk in input.chunks(CHUNK_BYTES) {
        let start = out.len();
        out.resize(start + 4 + max_compress_len(chunk.len()), 0);
        let block_bytes = encoder
            .compress(chunk, &mut out[start + 4..])
            .expect("the room is as large as the library asks for");
        out[start..start + 4].copy_from_slice(&(block_bytes as u32).to_be_bytes());
        out.truncate(start + 4 + block_bytes);
    }
}

/// Appends the data of a raw block or of all chunks.
pub(super) fn decompress(input: &[u8], out: &mut Output<'_>) -> Result<(), CodecError> {
    if !input.starts_with(&XERIAL_MAGIC) {
        return decompress_block(input, out);
    }
    let Some((header, mut chunks)) = input.split_first_chunk::<16>() else {
        return Err(CodecError::Malformed("the snappy framing ends within its header"));
    };
    let compatible = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
    if compatible > XERIAL_VERSION {
        return Err(CodecError::Malformed("the snappy framing has an unknown version"));
    }
    while !chunks.is_empty() {
        let Some((length, rest)) = chunks.split_first_chunk() else {
            return Err(CodecError::Malformed("a snappy chunk ends within its length"));
        };
        let Some((block, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)
        else {
            return Err(CodecError::Malformed("a snappy chunk is longer than the data"));
        };
        decompress_block(block, out)?;
        chunks = rest;
    }
    Ok(())
}

fn decompress_block(block: &[u8], out: &mut Output<'_>) -> Result<(), CodecError> {
    const DAMAGED: CodecError = CodecError::Malformed("a snappy block is damaged");
    let data_bytes = decompress_len(block).map_err(|_| DAMAGED)?;
    // A copy gives at most 64 bytes and takes at least 3, so a larger claim is a lie.
    if data_bytes > block.len().saturating_mul(32) {
        return Err(DAMAGED);
    }
    if data_bytes > out.left() {
        return Err(out.too_large());
    }
    let since = out.len();
    let (_, room) = out.room(since, data_bytes);
    let written_bytes = Decoder::new().decompress(block, room).map_err(|_| DAMAGED)?;
    out.advance(written_bytes);
    Ok(())
}
