//! What messages consist of: sizes by a distribution, bytes of a set compressibility, and a stamp
//! in front that tells the reading side which message it is and when it was meant to be sent.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

/// Bytes of the stamp, and so the smallest value.
pub const STAMP_BYTES: usize = 32;

/// The largest value.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Random bytes that values are cut from. Large against a batch, so that a codec seldom meets the
/// same bytes twice.
const POOL_BYTES: usize = 16 * 1024 * 1024;

/// Each block begins with bytes of chance and ends with zeros.
const BLOCK_BYTES: usize = 64;

const MAGIC: [u8; 4] = *b"CLB1";

/// How large values are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sizes {
    /// All alike.
    Fixed {
        /// Bytes of each value.
        bytes: usize,
    },
    /// Anything between two sizes.
    Uniform {
        /// The smallest.
        bytes_min: usize,
        /// The largest.
        bytes_max: usize,
    },
    /// Mostly small with a long tail: the logarithm is normally distributed.
    Lognormal {
        /// Half of the values are smaller.
        bytes_median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
        /// The largest; what would be larger has this size.
        bytes_max: usize,
    },
}

impl Sizes {
    /// The size of the next value.
    pub fn choose(&self, random: &mut Rng) -> usize {
        match *self {
            Self::Fixed { bytes } => bytes,
            Self::Uniform { bytes_min, bytes_max } => random.usize(bytes_min..=bytes_max),
            Self::Lognormal { bytes_median, sigma, bytes_max } => {
                let bytes = bytes_median * (sigma * normal(random)).exp();
                (bytes as usize).clamp(STAMP_BYTES, bytes_max)
            }
        }
    }

    /// The largest size there can be.
    pub fn bytes_max(&self) -> usize {
        match *self {
            Self::Fixed { bytes } => bytes,
            Self::Uniform { bytes_max, .. } | Self::Lognormal { bytes_max, .. } => bytes_max,
        }
    }

    /// The smallest size there can be.
    pub fn bytes_min(&self) -> usize {
        match *self {
            Self::Fixed { bytes } => bytes,
            Self::Uniform { bytes_min, .. } => bytes_min,
            Self::Lognormal { .. } => STAMP_BYTES,
        }
    }
}

/// A number of the standard normal distribution (Box and Muller).
fn normal(random: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

/// What stands in front of each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Which run sent it, so that records of other runs are told apart.
    pub run: u64,
    /// Which producer of the run.
    pub producer: u32,
    /// Its number among the messages of that producer, from 0.
    pub sequence: u64,
    /// When it was meant to be sent, after the start of the run.
    pub intended: Duration,
}

impl Stamp {
    fn write(&self, bytes: &mut [u8]) {
        let nanoseconds = u64::try_from(self.intended.as_nanos()).unwrap_or(u64::MAX);
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.producer.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.run.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[24..32].copy_from_slice(&nanoseconds.to_be_bytes());
    }

    /// The stamp of a value; none when it is not one of ours.
    pub fn read(value: &[u8]) -> Option<Self> {
        let (magic, rest) = value.split_first_chunk()?;
        let (producer, rest) = rest.split_first_chunk()?;
        let (run, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (nanoseconds, _) = rest.split_first_chunk()?;
        (*magic == MAGIC).then(|| Self {
            run: u64::from_be_bytes(*run),
            producer: u32::from_be_bytes(*producer),
            sequence: u64::from_be_bytes(*sequence),
            intended: Duration::from_nanos(u64::from_be_bytes(*nanoseconds)),
        })
    }
}

/// Bytes that values are cut from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pool {
    bytes: Arc<Vec<u8>>,
}

impl Pool {
    /// Bytes of which the part `compressibility`, from 0 to 1, can be squeezed out.
    pub fn new(compressibility: f64, value_bytes_max: usize, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let len = (POOL_BYTES + value_bytes_max).next_multiple_of(BLOCK_BYTES);
        let mut bytes = vec![0; len];
        let chance = (BLOCK_BYTES as f64 * (1.0 - compressibility.clamp(0.0, 1.0))).round();
        for block in bytes.chunks_mut(BLOCK_BYTES) {
            random.fill(&mut block[..chance as usize]);
        }
        Self { bytes: Arc::new(bytes) }
    }

    /// Puts a value of `len` bytes into `value`, which is reused.
    pub fn write(&self, stamp: &Stamp, len: usize, random: &mut Rng, value: &mut Vec<u8>) {
        assert!(STAMP_BYTES <= len, "a value holds its stamp: {len}");
        value.clear();
        value.resize(STAMP_BYTES, 0);
        stamp.write(value);
        let body = len - STAMP_BYTES;
        let start = random.usize(0..=(self.bytes.len() - body) / BLOCK_BYTES);
        let start = (start * BLOCK_BYTES).min(self.bytes.len() - body);
        value.extend_from_slice(&self.bytes[start..start + body]);
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{BatchBuilder, Codec, Offset, Timestamp};

    use super::*;

    fn stamp() -> Stamp {
        Stamp { run: u64::MAX, producer: 3, sequence: 1 << 40, intended: Duration::from_nanos(5) }
    }

    fn batch_bytes(codec: Codec, compressibility: f64) -> f64 {
        let pool = Pool::new(compressibility, 1024, 1);
        let mut random = Rng::with_seed(2);
        let mut builder = BatchBuilder::new(codec, None);
        let mut value = Vec::new();
        for _ in 0..100 {
            pool.write(&stamp(), 1024, &mut random, &mut value);
            builder.append(Timestamp(0), None, Some(&value), &[]);
        }
        builder.build(Offset::ZERO).len() as f64
    }

    #[test]
    fn a_stamp_survives_and_what_is_none_is_passed_over() {
        let pool = Pool::new(0.0, 100, 1);
        let mut value = Vec::new();
        for len in [STAMP_BYTES, 33, 100] {
            pool.write(&stamp(), len, &mut Rng::with_seed(3), &mut value);
            assert_eq!((value.len(), Stamp::read(&value)), (len, Some(stamp())));
        }
        assert_eq!(Stamp::read(&value[..31]), None);
        assert_eq!(Stamp::read(&[0; 64]), None);
    }

    #[test]
    fn values_compress_as_much_as_asked() {
        for compressibility in [0.0, 0.5, 0.8] {
            let ratio = batch_bytes(Codec::Zstd, compressibility) / (100.0 * 1024.0);
            let expected = 1.0 - compressibility;
            assert!((ratio - expected).abs() < 0.1, "{compressibility}: {ratio}");
        }
    }

    #[test]
    fn sizes_stay_within_their_bounds() {
        let mut random = Rng::with_seed(1);
        let uniform = Sizes::Uniform { bytes_min: 50, bytes_max: 60 };
        let long = Sizes::Lognormal { bytes_median: 200.0, sigma: 1.0, bytes_max: 1000 };
        let mut found: Vec<usize> = (0..10_000).map(|_| long.choose(&mut random)).collect();
        found.sort_unstable();
        assert!((190..210).contains(&found[5000]), "{}", found[5000]);
        assert_eq!((found[9999], long.bytes_min(), long.bytes_max()), (1000, STAMP_BYTES, 1000));
        assert!((0..1000).all(|_| (50..=60).contains(&uniform.choose(&mut random))));
    }
}
