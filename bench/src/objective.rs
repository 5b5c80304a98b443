//! What is asked of a run in one line: a number of its result, and a bound for it such as
//! `p99.9 < 5ms`. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::result::{LoopKind, Repeat};

/// A number of a result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// A percentile from the intended moment to the acknowledgement; 100 is the longest.
    Produce(f64),
    /// A percentile from the intended moment to a tail reader.
    EndToEnd(f64),
    /// Messages acknowledged a second.
    Rate,
    /// Messages that tail readers got, a second.
    Received,
    /// Bytes that catch-up readers were sent, a second.
    CatchUp,
    /// Bytes of keys and values for each second of the broker's CPU time.
    BytesPerCpuSecond,
}

/// Whether a small number is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Latencies.
    Lower,
    /// Rates.
    Higher,
}

/// A latency that must not be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Objective {
    /// Which latency.
    pub metric: Metric,
    /// It must be below this.
    pub bound: Duration,
}

/// Why a text is no metric or objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectiveError {
    /// A word that is no metric.
    #[error(
        "{0:?} is no metric: write p99.9, max, e2e.p99, rate, received, catch-up or bytes-per-cpu"
    )]
    Metric(String),
    /// A text that is no bound of a latency.
    #[error("{0:?} is no objective: write a latency and a time, as in \"p99.9 < 5ms\"")]
    Bound(String),
}

impl Metric {
    /// The number in a repeat, latencies in nanoseconds; none when it was not measured.
    pub fn of(self, repeat: &Repeat) -> Option<f64> {
        let percentile = |of: &crate::latency::LatencyResult, percentile: f64| {
            if of.count == 0 {
                return None;
            }
            if percentile >= 100.0 {
                return Some(of.max_ns as f64);
            }
            let latency = crate::latency::Latency::of_result(of);
            Some(latency.quantile(percentile / 100.0).as_nanos() as f64)
        };
        // A rate of nobody is none.
        let per_second = |sum: u64| (sum > 0).then(|| sum as f64 / repeat.measured_seconds);
        match self {
            Self::Produce(which) => percentile(&repeat.latencies.produce, which),
            Self::EndToEnd(which) => percentile(&repeat.latencies.end_to_end, which),
            Self::Rate => Some(repeat.totals.acknowledged_per_second),
            Self::Received => per_second(repeat.totals.received),
            Self::CatchUp => per_second(repeat.totals.caught_up_bytes),
            Self::BytesPerCpuSecond => {
                repeat.broker.as_ref().map(|broker| broker.payload_bytes_per_cpu_second)
            }
        }
    }

    /// Which direction is good.
    pub fn better(self) -> Better {
        match self {
            Self::Produce(_) | Self::EndToEnd(_) => Better::Lower,
            Self::Rate | Self::Received | Self::CatchUp | Self::BytesPerCpuSecond => Better::Higher,
        }
    }

    /// Whether it only means something when waiting is in the numbers.
    pub fn is_honest_in(self, loop_kind: LoopKind) -> bool {
        loop_kind == LoopKind::Open || self.better() == Better::Higher
    }
}

impl FromStr for Metric {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let error = || ObjectiveError::Metric(text.to_owned());
        let (is_end_to_end, rest) = match text.strip_prefix("e2e.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let percentile = match rest {
            "rate" if !is_end_to_end => return Ok(Self::Rate),
            "received" if !is_end_to_end => return Ok(Self::Received),
            "catch-up" if !is_end_to_end => return Ok(Self::CatchUp),
            "bytes-per-cpu" if !is_end_to_end => return Ok(Self::BytesPerCpuSecond),
            "max" => 100.0,
            rest => rest
                .strip_prefix('p')
                .and_then(|number| number.parse::<f64>().ok())
                .filter(|percentile| (0.0..=100.0).contains(percentile))
                .ok_or_else(error)?,
        };
        Ok(if is_end_to_end { Self::EndToEnd(percentile) } else { Self::Produce(percentile) })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, percentile) = match self {
            Self::Produce(percentile) => ("", *percentile),
            Self::EndToEnd(percentile) => ("e2e.", *percentile),
            Self::Rate => return formatter.write_str("rate"),
            Self::Received => return formatter.write_str("received"),
            Self::CatchUp => return formatter.write_str("catch-up"),
            Self::BytesPerCpuSecond => return formatter.write_str("bytes-per-cpu"),
        };
        if percentile >= 100.0 {
            write!(formatter, "{prefix}max")
        } else {
            write!(formatter, "{prefix}p{percentile}")
        }
    }
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let error = || ObjectiveError::Bound(text.to_owned());
        let (metric, bound) = text.split_once('<').ok_or_else(error)?;
        let metric: Metric = metric.trim().parse()?;
        if metric.better() == Better::Higher {
            return Err(error());
        }
        let bound = parse_duration(bound.trim()).filter(|it| !it.is_zero()).ok_or_else(error)?;
        Ok(Self { metric, bound })
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} < {:?}", self.metric, self.bound)
    }
}

/// A time such as `5ms`, `250us` or `1.5s`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let units = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (number, seconds) =
        units.into_iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    let number = number.trim().parse::<f64>().ok()?;
    // Rounded to whole nanoseconds, which floating seconds would miss.
    let nanoseconds = (number * seconds * 1e9).round();
    (0.0..=1e18).contains(&nanoseconds).then(|| Duration::from_nanos(nanoseconds as u64))
}

impl TryFrom<String> for Metric {
    type Error = ObjectiveError;

    fn try_from(text: String) -> Result<Self, ObjectiveError> {
        text.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.to_string()
    }
}

impl TryFrom<String> for Objective {
    type Error = ObjectiveError;

    fn try_from(text: String) -> Result<Self, ObjectiveError> {
        text.parse()
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> Self {
        objective.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::tests::repeat;

    #[test]
    fn objectives_are_written_as_people_say_them() {
        for (text, metric, micros) in [
            ("p99.9 < 5ms", Metric::Produce(99.9), 5000),
            ("e2e.p50<250us", Metric::EndToEnd(50.0), 250),
            ("max < 1.5s", Metric::Produce(100.0), 1_500_000),
        ] {
            let objective: Objective = text.parse().unwrap();
            assert_eq!((objective.metric, objective.bound.as_micros()), (metric, micros));
            assert_eq!(objective.to_string().parse(), Ok(objective));
        }
        for text in ["p99", "p99 < 5", "p99 < 0ms", "p101 < 5ms", "rate < 5ms", "x < 5ms", "<"] {
            assert!(text.parse::<Objective>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn metrics_find_their_number() {
        let mut repeat = repeat(5, 100.0);
        (repeat.totals.received, repeat.measured_seconds) = (600, 3.0);
        let find = |text: &str| text.parse::<Metric>().unwrap().of(&repeat);
        assert!((find("p75").unwrap() / 5e6 - 1.0).abs() < 0.001);
        assert!((find("max").unwrap() / 5e6 - 1.0).abs() < 0.001);
        assert_eq!(
            (find("rate"), find("e2e.p99"), find("bytes-per-cpu")),
            (Some(100.0), None, None)
        );
        assert_eq!((find("received"), find("catch-up")), (Some(200.0), None));
        for text in ["rate", "received", "catch-up", "bytes-per-cpu", "e2e.p99", "max"] {
            assert_eq!(text.parse::<Metric>().unwrap().to_string(), text);
        }
    }
}
