//! What one core does: copies memory, computes checksums, squeezes batches.

use std::time::{Duration, Instant};

use corelog_model::Codec;
use corelog_model::compression::{compress, decompress};
use fastrand::Rng;

use super::aligned::Aligned;
use super::{ProbeError, Steps};
use crate::payload::{Pool, Stamp};
use crate::plan::distribution::Measured;
use crate::plan::profile::{CodecSpeed, Core};

/// One for memory, one for checksums, two for each codec.
pub(super) const STEPS: u32 = 2 + 2 * CODECS.len() as u32;

const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
/// Large against the last cache of any core.
const COPY_BYTES: usize = 128 << 20;
/// A batch as producers fill it.
const BLOCK_BYTES: usize = 64 << 10;
/// Blocks that differ, so that a codec does not meet its own output again.
const BLOCKS: usize = 16;
/// The error comes from so many parts of each measurement.
const PARTS: u32 = 5;

/// Measures.
pub(super) fn measure(steps: &mut Steps<'_, '_>) -> Result<Core, ProbeError> {
    let copied = steps.begin("memory of one core")?;
    let copy_bytes_per_second = copy(copied);
    let blocks: Vec<Aligned> =
        (0..BLOCKS).map(|seed| Aligned::random(BLOCK_BYTES, seed as u64)).collect();
    let length = steps.begin("CRC-32C on one core")?;
    let mut next = 0;
    let checksum_bytes_per_second = rate(length, || {
        next += 1;
        std::hint::black_box(crc32c::crc32c(blocks[next % BLOCKS].bytes()));
        BLOCK_BYTES
    });
    let texts = texts();
    let codecs = CODECS.map(|codec| measure_codec(codec, &texts, steps));
    let codecs = codecs.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Core { copy_bytes_per_second, checksum_bytes_per_second, codecs })
}

fn copy(length: Duration) -> Measured {
    let (from, mut to) = (vec![7_u8; COPY_BYTES], vec![1_u8; COPY_BYTES]);
    let piece = COPY_BYTES / 16;
    let mut next = 0;
    rate(length, || {
        let at = next % 16 * piece;
        next += 1;
        to[at..at + piece].copy_from_slice(&from[at..at + piece]);
        std::hint::black_box(&to);
        piece
    })
}

/// Blocks of values of 1 KiB of which half can be squeezed out.
fn texts() -> Vec<Vec<u8>> {
    let (pool, mut random) = (Pool::new(0.5, 1024, 1), Rng::with_seed(1));
    let mut value = Vec::new();
    let mut block = || {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        while block.len() < BLOCK_BYTES {
            let stamp =
                Stamp { run: 1, producer: 0, sequence: 0, intended: Duration::from_secs(1) };
            pool.write(&stamp, 1024, &mut random, &mut value);
            block.extend_from_slice(&value);
        }
        block
    };
    (0..BLOCKS).map(|_| block()).collect()
}

fn measure_codec(
    codec: Codec,
    texts: &[Vec<u8>],
    steps: &mut Steps<'_, '_>,
) -> Result<CodecSpeed, ProbeError> {
    let failed = |error| ProbeError::Io {
        doing: format!("cannot use {}", codec.name()),
        source: std::io::Error::other(error),
    };
    let length = steps.begin(format!("{}, compressing", codec.name()))?;
    let mut squeezed = vec![Vec::new(); texts.len()];
    for (text, out) in texts.iter().zip(&mut squeezed) {
        compress(codec, None, text, out).map_err(failed)?;
    }
    let (mut out, mut next) = (Vec::new(), 0);
    let compress_bytes_per_second = rate(length, || {
        next += 1;
        let text = &texts[next % texts.len()];
        compress(codec, None, text, &mut out).map_or(0, |()| text.len())
    });
    let length = steps.begin(format!("{}, decompressing", codec.name()))?;
    let decompress_bytes_per_second = rate(length, || {
        next += 1;
        let text = &squeezed[next % squeezed.len()];
        decompress(codec, text, BLOCK_BYTES + 1, &mut out).map_or(0, |()| out.len())
    });
    let all = |texts: &[Vec<u8>]| texts.iter().map(Vec::len).sum::<usize>() as f64;
    Ok(CodecSpeed {
        name: codec.name().to_owned(),
        compress_bytes_per_second,
        decompress_bytes_per_second,
        ratio: all(texts) / all(&squeezed),
    })
}

/// Bytes a second of work that is done again and again, with the spread of its parts.
fn rate(length: Duration, mut work: impl FnMut() -> usize) -> Measured {
    work();
    let mut rates = Vec::new();
    for _ in 0..PARTS {
        let (begun, mut bytes) = (Instant::now(), 0);
        while bytes == 0 || begun.elapsed() < length / PARTS {
            bytes += work();
        }
        rates.push(bytes as f64 / begun.elapsed().as_secs_f64());
    }
    Measured::of(&rates)
}
