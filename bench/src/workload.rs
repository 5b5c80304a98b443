//! What is measured: a workload, checked and complete. It comes from a preset, a file and flags,
//! each of which lies over the one before.

mod parse;
mod presets;
mod raw;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use corelog_client::producer::Acks;
use corelog_model::Codec;

use crate::keys::Keys;
use crate::payload::{STAMP_BYTES, Sizes, VALUE_BYTES_MAX};
use crate::schedule::{Shape, Trace};

pub use presets::{Preset, presets};
pub use raw::{RawLoad, RawMessage, RawProducer, RawReader, RawTopic, RawWorkload};

use parse::{ShapeText, parse_acks, parse_codec, parse_keys, parse_shape, parse_sizes};

/// A workload, complete and free of contradictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// What it is called.
    pub name: String,
    /// What it stands for.
    pub about: String,
    /// When messages are sent.
    pub load: Load,
    /// Where they go.
    pub topic: TopicPlan,
    /// How large their values are.
    pub sizes: Sizes,
    /// Which part of a value a codec can squeeze out.
    pub compressibility: f64,
    /// Which keys they have.
    pub keys: Keys,
    /// How they are sent.
    pub producer: ProducerPlan,
    /// How they are read.
    pub reader: ReaderPlan,
    /// The same as it is typed, with nothing missing: what a result keeps.
    pub typed: RawWorkload,
}

/// What decides when the next message is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// A schedule that knows nothing of the target. Waiting counts.
    Open {
        /// Its shape.
        shape: Shape,
        /// Messages a second of all producers together.
        rate: f64,
    },
    /// The acknowledgement of an earlier message: a slow target is asked less often, and what would
    /// have had to wait meanwhile is in no number.
    Closed {
        /// How many messages each producer has open.
        in_flight: usize,
    },
}

/// When messages are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// What decides when the next message is sent.
    pub mode: Mode,
    /// How long is measured.
    pub measured: Duration,
    /// How long the load runs before that.
    pub warm_up: Duration,
    /// How often the whole is measured.
    pub repeats: u32,
    /// What decides everything that is left to chance.
    pub seed: u64,
}

impl Load {
    /// From the first message to the last.
    pub fn length(&self) -> Duration {
        self.warm_up + self.measured
    }
}

/// Where messages without a key go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// To one partition until the bytes of a batch went there, then to another by chance, as
    /// Kafka's clients do (KIP-794).
    Sticky,
    /// To the next partition with each message.
    RoundRobin,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas of each.
    pub replication_factor: i16,
    /// Where messages without a key go.
    pub spread: Spread,
    /// Configs of the topic.
    pub configs: BTreeMap<String, String>,
}

/// How messages are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerPlan {
    /// How many producers.
    pub count: u32,
    /// Who has to have a message.
    pub acks: Acks,
    /// Whether the server drops what was sent twice.
    pub is_idempotent: bool,
    /// How long a batch waits for more messages.
    pub linger: Duration,
    /// When a batch is full.
    pub batch_bytes: usize,
    /// How many requests may be open at one node.
    pub requests_in_flight_max: usize,
    /// How many bytes of messages may wait for their acknowledgement.
    pub memory_bytes_max: usize,
    /// How batches are compressed.
    pub codec: Codec,
}

/// How messages are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderPlan {
    /// How many groups read the newest messages.
    pub tail_groups: u32,
    /// How many readers share the partitions of a group.
    pub members: u32,
    /// How many readers begin at the first message.
    pub catch_up: u32,
    /// Bytes that are in the topic before the load begins.
    pub backlog_bytes: u64,
    /// How long a server may wait for messages.
    pub wait_max: Duration,
    /// How many bytes a server waits for.
    pub fetch_bytes_min: usize,
    /// How many bytes of one partition an answer may hold.
    pub partition_bytes_max: usize,
}

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}: {rule}")]
pub struct Problem {
    /// Section and name.
    pub key: &'static str,
    /// What was typed.
    pub value: String,
    /// What it would have to be.
    pub rule: String,
}

impl Problem {
    fn new(key: &'static str, value: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { key, value: value.into(), rule: rule.into() }
    }
}

/// Collects what is wrong, so that all of it can be told at once.
#[derive(Debug, Default)]
struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    /// The value, or the one that stands for a missing one; a missing default is our bug.
    fn take<T>(value: Option<T>, key: &str) -> T {
        value.unwrap_or_else(|| panic!("the defaults have no value for {key}"))
    }

    fn within<T: PartialOrd + ToString + Copy>(
        &mut self,
        key: &'static str,
        value: Option<T>,
        bounds: std::ops::RangeInclusive<T>,
    ) -> T {
        let value = Self::take(value, key);
        if !bounds.contains(&value) {
            let (low, high) = (bounds.start().to_string(), bounds.end().to_string());
            self.problems.push(Problem::new(
                key,
                value.to_string(),
                format!("from {low} to {high}"),
            ));
        }
        value
    }

    fn parsed<T>(
        &mut self,
        key: &'static str,
        text: Option<&String>,
        parse: impl Fn(&str) -> Option<T>,
        rule: &str,
    ) -> Option<T> {
        let text = Self::take(text, key);
        let value = parse(text);
        if value.is_none() {
            self.problems.push(Problem::new(key, text, rule));
        }
        value
    }

    fn rule(&mut self, holds: bool, problem: impl FnOnce() -> Problem) {
        if !holds {
            self.problems.push(problem());
        }
    }
}

impl Workload {
    /// Completes what is typed with the defaults and checks it. `read` gives the text of a trace
    /// file, or says why it cannot.
    pub fn check(
        typed: RawWorkload,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        let typed = typed.over(presets::defaults());
        let mut checker = Checker::default();
        let load = check_load(&typed.load, &mut checker, read);
        let topic = check_topic(&typed.topic, &mut checker);
        let message = check_message(&typed.message, &mut checker);
        let producer = check_producer(&typed.producer, &mut checker);
        let reader = check_reader(&typed.reader, &mut checker);
        if let (Some(load), Some(message), Some(producer), Some(topic)) =
            (&load, &message, &producer, &topic)
        {
            let value_bytes_max = value_bytes_max(&load.mode, &message.0);
            check_memory(&mut checker, value_bytes_max, producer);
            check_keys(&mut checker, &message.2, topic);
        }
        match (load, topic, message, producer) {
            (Some(load), Some(topic), Some((sizes, compressibility, keys)), Some(producer))
                if checker.problems.is_empty() =>
            {
                let name = Checker::take(typed.name.clone(), "name");
                let about = typed.about.clone().unwrap_or_default();
                Ok(Self {
                    name,
                    about,
                    load,
                    topic,
                    sizes,
                    compressibility,
                    keys,
                    producer,
                    reader,
                    typed,
                })
            }
            _ => Err(checker.problems),
        }
    }

    /// The largest value that can come.
    pub fn value_bytes_max(&self) -> usize {
        value_bytes_max(&self.load.mode, &self.sizes)
    }

    /// The same at another rate: what a sweep asks for. Closed loops and traces have no rate.
    #[must_use]
    pub fn with_rate(&self, new_rate: f64) -> Self {
        let mut changed = self.clone();
        if let Mode::Open { rate, .. } = &mut changed.load.mode {
            *rate = new_rate;
            changed.typed.load.rate = Some(new_rate);
        }
        changed
    }
}

fn value_bytes_max(mode: &Mode, sizes: &Sizes) -> usize {
    match mode {
        Mode::Open { shape: Shape::Trace(trace), .. } => {
            trace.value_bytes_max().max(sizes.bytes_max())
        }
        Mode::Open { .. } | Mode::Closed { .. } => sizes.bytes_max(),
    }
}

fn check_load(
    raw: &RawLoad,
    checker: &mut Checker,
    read: impl Fn(&str) -> Result<String, String>,
) -> Option<Load> {
    let rate = checker.within("load.rate", raw.rate, 0.001..=1e9);
    let mut measured = checker.within("load.seconds", raw.seconds, 0.1..=1e6);
    let warm_up = checker.within("load.warm_up_seconds", raw.warm_up_seconds, 0.0..=1e6);
    let repeats = checker.within("load.repeats", raw.repeats, 1..=1000);
    // TOML has no larger numbers.
    let seed = checker.within("load.seed", raw.seed, 0..=i64::MAX as u64);
    let rule = "constant, poisson, bursts:MESSAGES, trace:FILE or closed:IN_FLIGHT";
    let mode = match checker.parsed("load.shape", raw.shape.as_ref(), parse_shape, rule)? {
        ShapeText::Constant => Mode::Open { shape: Shape::Constant, rate },
        ShapeText::Poisson => Mode::Open { shape: Shape::Poisson, rate },
        ShapeText::Bursts(messages) => Mode::Open { shape: Shape::Bursts { messages }, rate },
        ShapeText::Closed(in_flight) => Mode::Closed { in_flight },
        ShapeText::Trace(file) => {
            let trace =
                read(&file).and_then(|text| Trace::parse(&text).map_err(|error| error.to_string()));
            match trace {
                Ok(trace) => {
                    // A second without a schedule would water down every rate.
                    let left = trace.length().as_secs_f64() - warm_up;
                    measured = measured.min(left);
                    checker.rule(left >= 0.1, || {
                        let rule = format!("it has to outlast the warm-up of {warm_up} s");
                        Problem::new("load.shape", file, rule)
                    });
                    let rate = trace.count() as f64 / trace.length().as_secs_f64().max(1e-3);
                    Mode::Open { shape: Shape::Trace(Arc::new(trace)), rate }
                }
                Err(why) => {
                    checker.problems.push(Problem::new("load.shape", file, why));
                    return None;
                }
            }
        }
    };
    if !checker.problems.is_empty() {
        return None;
    }
    Some(Load {
        mode,
        measured: Duration::from_secs_f64(measured),
        warm_up: Duration::from_secs_f64(warm_up),
        repeats,
        seed,
    })
}

fn check_topic(raw: &RawTopic, checker: &mut Checker) -> Option<TopicPlan> {
    let spread = |text: &str| match text {
        "sticky" => Some(Spread::Sticky),
        "round-robin" => Some(Spread::RoundRobin),
        _ => None,
    };
    let (key, rule) = ("topic.replication_factor", "sticky or round-robin");
    Some(TopicPlan {
        partitions: checker.within("topic.partitions", raw.partitions, 1..=1_000_000),
        replication_factor: checker.within(key, raw.replication_factor, 1..=100),
        spread: checker.parsed("topic.spread", raw.spread.as_ref(), spread, rule)?,
        configs: raw.configs.clone().unwrap_or_default(),
    })
}

fn check_message(raw: &RawMessage, checker: &mut Checker) -> Option<(Sizes, f64, Keys)> {
    let compressibility = checker.within("message.compressibility", raw.compressibility, 0.0..=1.0);
    let rule = "BYTES, MIN..MAX or lognormal:MEDIAN:SIGMA:MAX";
    let sizes = checker.parsed("message.size", raw.size.as_ref(), parse_sizes, rule);
    let rule = "none, uniform:COUNT or zipf:COUNT:EXPONENT";
    let keys = checker.parsed("message.keys", raw.keys.as_ref(), parse_keys, rule);
    let sizes = sizes?;
    let text = raw.size.clone().unwrap_or_default();
    checker.rule(STAMP_BYTES <= sizes.bytes_min() && sizes.bytes_max() <= VALUE_BYTES_MAX, || {
        let rule = format!(
            "a value has {STAMP_BYTES} to {VALUE_BYTES_MAX} bytes: its first \
                                {STAMP_BYTES} say which message it is and when it was due"
        );
        Problem::new("message.size", text, rule)
    });
    Some((sizes, compressibility, keys?))
}

fn check_producer(raw: &RawProducer, checker: &mut Checker) -> Option<ProducerPlan> {
    let acks = checker.parsed("producer.acks", raw.acks.as_ref(), parse_acks, "0, 1 or all");
    let rule = "none, gzip, snappy, lz4 or zstd";
    let codec = checker.parsed("producer.codec", raw.codec.as_ref(), parse_codec, rule);
    let linger_ms = checker.within("producer.linger_ms", raw.linger_ms, 0.0..=60_000.0);
    let in_flight = "producer.requests_in_flight_max";
    let memory = "producer.memory_bytes_max";
    Some(ProducerPlan {
        count: checker.within("producer.count", raw.count, 1..=10_000),
        acks: acks?,
        // Without all acknowledgements there is nothing to be idempotent about.
        is_idempotent: Checker::take(raw.idempotent, "producer.idempotent") && acks? == Acks::All,
        linger: milliseconds(linger_ms),
        batch_bytes: checker.within("producer.batch_bytes", raw.batch_bytes, 1..=1 << 30),
        requests_in_flight_max: checker.within(in_flight, raw.requests_in_flight_max, 1..=1000),
        memory_bytes_max: checker.within(memory, raw.memory_bytes_max, 1 << 10..=1 << 40),
        codec: codec?,
    })
}

fn check_reader(raw: &RawReader, checker: &mut Checker) -> ReaderPlan {
    let wait_ms = checker.within("reader.wait_ms_max", raw.wait_ms_max, 0.0..=20_000.0);
    let bytes_max = "reader.partition_bytes_max";
    ReaderPlan {
        tail_groups: checker.within("reader.tail_groups", raw.tail_groups, 0..=1000),
        members: checker.within("reader.members", raw.members, 1..=1000),
        catch_up: checker.within("reader.catch_up", raw.catch_up, 0..=1000),
        backlog_bytes: checker.within("reader.backlog_bytes", raw.backlog_bytes, 0..=1 << 50),
        wait_max: milliseconds(wait_ms),
        fetch_bytes_min: checker.within("reader.fetch_bytes_min", raw.fetch_bytes_min, 0..=1 << 30),
        partition_bytes_max: checker.within(bytes_max, raw.partition_bytes_max, 1 << 10..=1 << 30),
    }
}

/// Zero for what is no time; that was told as a problem already.
fn milliseconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number / 1e3).unwrap_or_default()
}

/// Room for one message with its key and frame, or no message could ever be sent.
fn check_memory(checker: &mut Checker, value_bytes_max: usize, producer: &ProducerPlan) {
    checker.rule(value_bytes_max <= VALUE_BYTES_MAX, || {
        let rule = format!("a value has at most {VALUE_BYTES_MAX} bytes");
        Problem::new("load.shape", value_bytes_max.to_string(), rule)
    });
    let needed = value_bytes_max + 1024;
    checker.rule(needed <= producer.memory_bytes_max, || {
        let rule = format!("the largest message needs {needed}");
        Problem::new("producer.memory_bytes_max", producer.memory_bytes_max.to_string(), rule)
    });
}

fn check_keys(checker: &mut Checker, keys: &Keys, topic: &TopicPlan) {
    let policy = topic.configs.get("cleanup.policy").map_or("delete", String::as_str);
    checker.rule(!policy.contains("compact") || *keys != Keys::None, || {
        Problem::new("message.keys", "none", "a compacted topic takes no messages without a key")
    });
}

#[cfg(test)]
mod tests;
