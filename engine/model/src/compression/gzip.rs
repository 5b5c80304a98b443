//! Gzip (RFC 1952), of one or several members.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::CodecError;
use super::output::Output;

/// Appends `input` as one member. Levels are 1 (fastest) to 9; the default is 6.
pub(super) fn compress(level: Option<i32>, input: &[u8], out: &mut Vec<u8>) {
    let level = match level {
        Some(level) if level >= 1 => Compression::new(level.min(9) as u32),
        _ => Compression::default(),
    };
    let mut encoder = GzEncoder::new(out, level);
    encoder.write_all(input).expect("a vector takes all bytes");
    encoder.finish().expect("a vector takes all bytes");
}

/// Appends the data of all members.
pub(super) fn decompress(input: &[u8], out: &mut Output<'_>) -> Result<(), CodecError> {
    let mut decoder = MultiGzDecoder::new(input);
    out.fill_from(4 * input.len(), |room| {
        decoder.read(room).map_err(|_| CodecError::Malformed("gzip data is damaged"))
    })
}
