//! The codecs of record batches. Every decompressor has a cap on its output, so that a small batch
//! of hostile bytes costs at most that much memory.

mod gzip;
mod lz4;
mod output;
mod snappy;
mod zstd;

use std::fmt;

use thiserror::Error;

use self::output::Output;

/// How the records of a batch are compressed: bits 0 to 2 of its attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Not at all.
    #[default]
    None = 0,
    /// RFC 1952.
    Gzip = 1,
    /// Snappy blocks, raw or in the xerial framing.
    Snappy = 2,
    /// The lz4 frame format.
    Lz4 = 3,
    /// RFC 8878 (KIP-110).
    Zstd = 4,
}

impl Codec {
    /// All codecs, in the order of their bits.
    pub const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    /// The bits of a batch's attributes that name the codec.
    pub const ATTRIBUTE_MASK: i16 = 0b111;

    /// The codec that the attributes of a batch name; none for 5 to 7.
    pub const fn from_attributes(attributes: i16) -> Option<Codec> {
        match attributes & Codec::ATTRIBUTE_MASK {
            0 => Some(Codec::None),
            1 => Some(Codec::Gzip),
            2 => Some(Codec::Snappy),
            3 => Some(Codec::Lz4),
            4 => Some(Codec::Zstd),
            _ => None,
        }
    }

    /// The bits for a batch's attributes.
    pub const fn attribute_bits(self) -> i16 {
        self as i16
    }

    /// The name Kafka uses in configs and tools.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why bytes could not be compressed or decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The data is larger than the caller is willing to hold.
    #[error("the decompressed data has more than {cap_bytes} bytes")]
    TooLarge {
        /// The cap that the caller gave.
        cap_bytes: usize,
    },
    /// The bytes are not what the codec writes.
    #[error("{0}")]
    Malformed(&'static str),
    /// The library refused to compress.
    #[error("compression failed: {0}")]
    Compress(&'static str),
}

/// Replaces the content of `out` by the compressed `input`. Levels outside a codec's range become
/// the nearest within; none is the codec's default; snappy and lz4 have no levels.
pub fn compress(
    codec: Codec,
    level: Option<i32>,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    out.clear();
    match codec {
        Codec::None => out.extend_from_slice(input),
        Codec::Gzip => gzip::compress(level, input, out),
        Codec::Snappy => snappy::compress(input, out),
        Codec::Lz4 => lz4::compress(input, out),
        Codec::Zstd => zstd::compress(level, input, out)?,
    }
    Ok(())
}

/// Replaces the content of `out` by the decompressed `input`. Takes at most `cap_bytes` of memory
/// beyond what `out` had, and a small constant. After an error `out` has no meaning.
pub fn decompress(
    codec: Codec,
    input: &[u8],
    cap_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    if input.is_empty() && codec != Codec::None {
        out.clear();
        return Err(CodecError::Malformed("there is no compressed data"));
    }
    match codec {
        Codec::None => Output::new(out, cap_bytes).push(input),
        Codec::Gzip => gzip::decompress(input, &mut Output::new(out, cap_bytes)),
        Codec::Snappy => snappy::decompress(input, &mut Output::new(out, cap_bytes)),
        Codec::Lz4 => lz4::decompress(input, &mut Output::new(out, cap_bytes)),
        Codec::Zstd => zstd::decompress(input, cap_bytes, out),
    }
}
