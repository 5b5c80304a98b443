//! The short texts of a workload: sizes, keys, shapes, and the words for acknowledgements and
//! codecs. The same in files and on the command line.

use corelog_client::producer::Acks;
use corelog_model::Codec;

use crate::keys::Keys;
use crate::payload::{STAMP_BYTES, Sizes};

/// A shape before its trace is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShapeText {
    Constant,
    Poisson,
    Bursts(u64),
    Trace(String),
    Closed(usize),
}

pub(super) fn parse_shape(text: &str) -> Option<ShapeText> {
    match text.split_once(':') {
        None if text == "constant" => Some(ShapeText::Constant),
        None if text == "poisson" => Some(ShapeText::Poisson),
        Some(("bursts", count)) => positive(count).map(ShapeText::Bursts),
        Some(("closed", count)) => Some(ShapeText::Closed(positive(count)?.try_into().ok()?)),
        Some(("trace", file)) if !file.is_empty() => Some(ShapeText::Trace(file.to_owned())),
        _ => None,
    }
}

/// A number with or without `KiB` or `MiB` behind it.
pub(super) fn parse_bytes(text: &str) -> Option<usize> {
    let (number, unit) = match text.trim() {
        text if text.ends_with("KiB") => (text.strip_suffix("KiB")?, 1 << 10),
        text if text.ends_with("MiB") => (text.strip_suffix("MiB")?, 1 << 20),
        text => (text, 1),
    };
    number.trim().parse::<usize>().ok()?.checked_mul(unit)
}

pub(super) fn parse_sizes(text: &str) -> Option<Sizes> {
    if let Some(rest) = text.strip_prefix("lognormal:") {
        let [median, sigma, max] = three(rest)?;
        let bytes_median = parse_bytes(median)? as f64;
        let (sigma, bytes_max) = (sigma.parse::<f64>().ok()?, parse_bytes(max)?);
        let is_usable = (0.0..=10.0).contains(&sigma) && STAMP_BYTES <= bytes_max;
        return is_usable.then_some(Sizes::Lognormal { bytes_median, sigma, bytes_max });
    }
    if let Some((min, max)) = text.split_once("..") {
        let (bytes_min, bytes_max) = (parse_bytes(min)?, parse_bytes(max)?);
        return (bytes_min <= bytes_max).then_some(Sizes::Uniform { bytes_min, bytes_max });
    }
    Some(Sizes::Fixed { bytes: parse_bytes(text)? })
}

pub(super) fn parse_keys(text: &str) -> Option<Keys> {
    match text.split_once(':') {
        None if text == "none" => Some(Keys::None),
        Some(("uniform", count)) => Some(Keys::Uniform { count: positive(count)? }),
        Some(("zipf", rest)) => {
            let (count, exponent) = rest.split_once(':')?;
            let exponent = exponent.parse::<f64>().ok().filter(|it| 0.0 < *it && *it <= 10.0)?;
            Some(Keys::Zipf { count: positive(count)?, exponent })
        }
        _ => None,
    }
}

pub(super) fn parse_acks(text: &str) -> Option<Acks> {
    match text {
        "0" => Some(Acks::None),
        "1" => Some(Acks::Leader),
        "all" | "-1" => Some(Acks::All),
        _ => None,
    }
}

pub(super) fn parse_codec(text: &str) -> Option<Codec> {
    match text {
        "none" => Some(Codec::None),
        "gzip" => Some(Codec::Gzip),
        "snappy" => Some(Codec::Snappy),
        "lz4" => Some(Codec::Lz4),
        "zstd" => Some(Codec::Zstd),
        _ => None,
    }
}

fn positive(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number > 0)
}

fn three(text: &str) -> Option<[&str; 3]> {
    text.split(':').collect::<Vec<_>>().try_into().ok()
}
