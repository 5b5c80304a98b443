//! When messages are meant to be sent. A schedule is absolute: it says how long after the start
//! each message is due, and does not know when it was really sent, so that a slow target cannot
//! slow it down. Pure.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

/// How many messages a recorded trace may have.
pub const TRACE_MESSAGES_MAX: usize = 10_000_000;

/// The shape of an open schedule. Rates are those of all producers together.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The same time between any two messages.
    Constant,
    /// Messages that know nothing of each other: exponential times between them.
    Poisson,
    /// So many messages at once, then nothing until the rate is kept again.
    Bursts {
        /// Messages in one burst.
        messages: u64,
    },
    /// The moments of a recorded trace; the rate has no meaning.
    Trace(Arc<Trace>),
}

/// Which part of the messages one producer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Number of the producer, from 0.
    pub index: u64,
    /// How many producers there are.
    pub count: u64,
}

/// A message that is meant to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intended {
    /// How long after the start.
    pub at: Duration,
    /// How large its value is, where a trace says so.
    pub value_bytes: Option<usize>,
}

/// The messages of one producer, in order. Endless unless it follows a trace.
#[derive(Debug, Clone)]
pub struct Schedule {
    shape: Shape,
    rate: f64,
    share: Share,
    /// How many messages of this producer were given.
    given: u64,
    /// Where a schedule by chance is.
    elapsed: f64,
    random: Rng,
}

impl Schedule {
    /// The part `part` of `rate` messages a second. Equal seeds give equal schedules.
    pub fn new(shape: Shape, rate: f64, part: Share, seed: u64) -> Self {
        assert!(part.index < part.count, "a share is one of its count");
        assert!(0.0 < rate && rate.is_finite(), "a rate is a positive number: {rate}");
        let random = Rng::with_seed(seed ^ part.index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Self { shape, rate, share: part, given: 0, elapsed: 0.0, random }
    }

    /// The place of the next message among those of all producers.
    fn place(&self) -> u64 {
        self.given * self.share.count + self.share.index
    }
}

impl Iterator for Schedule {
    type Item = Intended;

    fn next(&mut self) -> Option<Intended> {
        let place = self.place();
        self.given += 1;
        let mut value_bytes = None;
        let at = match &self.shape {
            // Computed from the number, not added up: errors must not grow with the run.
            Shape::Constant => seconds(place as f64 / self.rate),
            Shape::Poisson => {
                let rate = self.rate / self.share.count as f64;
                // 1 - x is never 0, whose logarithm has no value.
                self.elapsed += -(1.0 - self.random.f64()).ln() / rate;
                seconds(self.elapsed)
            }
            Shape::Bursts { messages } => {
                let burst = place / (*messages).max(1);
                seconds((burst * messages) as f64 / self.rate)
            }
            Shape::Trace(trace) => {
                let place = usize::try_from(place).ok()?;
                let message = trace.messages.get(place)?;
                value_bytes = message.value_bytes;
                message.at
            }
        };
        Some(Intended { at, value_bytes })
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// The moments and sizes of messages as they were recorded elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    messages: Vec<Intended>,
}

/// Why a text is no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A line that is not two numbers.
    #[error("line {line}: {text:?} is not SECONDS [BYTES]")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A line earlier than the one before.
    #[error("line {line}: time goes back")]
    Order {
        /// Number of the line, from 1.
        line: usize,
    },
    /// No message at all.
    #[error("no message in it")]
    Empty,
    /// More messages than memory is set aside for.
    #[error("more than {TRACE_MESSAGES_MAX} messages")]
    TooLong,
}

impl Trace {
    /// Reads one message a line, `SECONDS [BYTES]`, ordered by time. Empty lines and those that
    /// begin with `#` are passed over.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut messages: Vec<Intended> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            let message =
                parse_line(text).ok_or_else(|| TraceError::Line { line, text: text.to_owned() })?;
            if messages.last().is_some_and(|last| message.at < last.at) {
                return Err(TraceError::Order { line });
            }
            if messages.len() >= TRACE_MESSAGES_MAX {
                return Err(TraceError::TooLong);
            }
            messages.push(message);
        }
        if messages.is_empty() {
            return Err(TraceError::Empty);
        }
        Ok(Self { messages })
    }

    /// How many messages it has.
    pub fn count(&self) -> usize {
        self.messages.len()
    }

    /// The largest size of a value that it names; 0 when it names none.
    pub fn value_bytes_max(&self) -> usize {
        self.messages.iter().filter_map(|message| message.value_bytes).max().unwrap_or(0)
    }

    /// When the last message is due.
    pub fn length(&self) -> Duration {
        self.messages.last().map_or(Duration::ZERO, |message| message.at)
    }
}

fn parse_line(text: &str) -> Option<Intended> {
    let mut words = text.split_whitespace();
    let at = Duration::try_from_secs_f64(words.next()?.parse().ok()?).ok()?;
    let value_bytes = match words.next() {
        None => None,
        Some(word) => Some(word.parse().ok()?),
    };
    words.next().is_none().then_some(Intended { at, value_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Share = Share { index: 0, count: 1 };

    fn micros(shape: Shape, rate: f64, part: Share, count: usize) -> Vec<u128> {
        let schedule = Schedule::new(shape, rate, part, 7);
        schedule.take(count).map(|message| message.at.as_micros()).collect()
    }

    #[test]
    fn a_constant_schedule_is_absolute_and_shared_without_gaps() {
        assert_eq!(micros(Shape::Constant, 1000.0, ALONE, 4), [0, 1000, 2000, 3000]);
        let of = |index| micros(Shape::Constant, 1000.0, Share { index, count: 2 }, 2);
        assert_eq!((of(0), of(1)), (vec![0, 2000], vec![1000, 3000]));
        let mut late = Schedule::new(Shape::Constant, 3.0, ALONE, 0);
        // A third of a second has no exact form; a sum of a million of them would be off.
        assert_eq!(late.nth(3_000_000).unwrap().at, Duration::from_secs(1_000_000));
    }

    #[test]
    fn a_poisson_schedule_keeps_its_rate_and_its_spread() {
        let times = micros(Shape::Poisson, 1000.0, Share { index: 1, count: 4 }, 20_000);
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 4000.0).abs() < 150.0, "{mean}");
        // The standard deviation of an exponential time is its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{}", variance.sqrt());
        assert_eq!(times, micros(Shape::Poisson, 1000.0, Share { index: 1, count: 4 }, 20_000));
    }

    #[test]
    fn bursts_come_together_and_keep_the_rate() {
        let shape = Shape::Bursts { messages: 3 };
        assert_eq!(micros(shape.clone(), 3000.0, ALONE, 7), [0, 0, 0, 1000, 1000, 1000, 2000]);
        let of = |index| micros(shape.clone(), 3000.0, Share { index, count: 2 }, 3);
        assert_eq!((of(0), of(1)), (vec![0, 0, 1000], vec![0, 1000, 1000]));
    }

    #[test]
    fn a_trace_is_replayed_with_its_sizes_and_ends() {
        let trace = Trace::parse("# recorded\n0.0 100\n\n0.5\n0.5 7\n").unwrap();
        assert_eq!((trace.count(), trace.length()), (3, Duration::from_millis(500)));
        let shape = Shape::Trace(Arc::new(trace));
        let messages: Vec<_> = Schedule::new(shape, 1.0, Share { index: 0, count: 2 }, 0)
            .map(|message| (message.at.as_millis(), message.value_bytes))
            .collect();
        assert_eq!(messages, [(0, Some(100)), (500, Some(7))]);
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        let error = |text| Trace::parse(text).unwrap_err();
        assert_eq!(error("1\n0.5\n"), TraceError::Order { line: 2 });
        assert_eq!(error("#\n"), TraceError::Empty);
        for text in ["x", "-1", "1 x", "1 2 3", "nan"] {
            assert_eq!(error(text), TraceError::Line { line: 1, text: text.to_owned() });
        }
    }
}
