//! `corelog produce`: sends the lines of standard input or a file as records.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use corelog_client::blocking::Producer;
use corelog_client::producer::{Acks, Message, Reports};
use corelog_client::{ClientError, ProducerConfig};
use corelog_model::Codec;
use serde::Serialize;

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::progress::Unit;
use crate::output::{Output, Progress, Report, Table};

use self::lines::{Block, Lines, LinesError, Next};

mod lines;

/// The smallest file that gets a progress bar.
const PROGRESS_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// How large a request may be that is not a single large batch.
const REQUEST_BYTES: usize = 1024 * 1024;
/// How long to wait for input before looking at batches and signals.
const LOOK_PERIOD: Duration = Duration::from_millis(5);

/// The command line of `produce`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Topic to send to
    topic: String,
    /// File to read [default: standard input]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Text between key and value in each line; without it, lines are values
    #[arg(long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// How batches are compressed
    #[arg(long, value_enum, default_value = "none")]
    compression: Compression,
    /// Who has the records before they count as sent
    #[arg(long, value_enum, default_value = "all")]
    acks: AcksArgument,
    /// Partition to send to [default: by the hash of the key]
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// Size of a full batch, before compression
    #[arg(long, value_name = "N", default_value_t = 128 * 1024)]
    batch_bytes: usize,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AcksArgument {
    /// Nobody: nothing is known of what becomes of the records
    #[value(name = "0")]
    None,
    /// The leader
    #[value(name = "1")]
    Leader,
    /// Every replica that is in sync
    #[value(name = "all", alias = "-1")]
    All,
}

/// What was sent.
#[derive(Debug, Serialize)]
struct Summary {
    topic: String,
    records: u64,
    /// Keys and values.
    bytes: u64,
    batches: u64,
    /// As they went over the wire.
    batch_bytes: u64,
    seconds: f64,
    megabytes_per_second: f64,
}

impl Report for Summary {
    fn tables(&self) -> Vec<Table> {
        let row = vec![
            self.records.to_string(),
            self.bytes.to_string(),
            self.batches.to_string(),
            self.batch_bytes.to_string(),
            format!("{:.3}", self.seconds),
            format!("{:.2}", self.megabytes_per_second),
        ];
        let header = ["records", "bytes", "batches", "batch bytes", "seconds", "MB/s"];
        vec![Table::new(header, vec![row])]
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let interrupt = Interrupt::watch()?;
    let (source, length) = arguments.open()?;
    let producer = Producer::new(arguments.bootstrap.connect()?, arguments.config());
    let producer = producer.map_err(|error| arguments.failure(&error))?;
    let has_bar = length >= PROGRESS_BYTES_MIN;
    let progress = has_bar.then(|| Progress::start("sending", length, Unit::Bytes));
    let mut sending = Sending { arguments, producer, bytes: 0, begun: Instant::now() };
    let end = sending.send_all(Lines::start(source), &interrupt, progress.as_ref())?;
    drop(progress);
    let summary = sending.finish()?;
    output.show(&summary)?;
    match end {
        End::Input => Ok(()),
        End::Interrupted => {
            let done = format!("Ctrl-C came after {} records", summary.records);
            Err(Interrupt::failure("interrupted", done))
        }
    }
}

impl Arguments {
    fn config(&self) -> ProducerConfig {
        let acks = match self.acks {
            AcksArgument::None => Acks::None,
            AcksArgument::Leader => Acks::Leader,
            AcksArgument::All => Acks::All,
        };
        ProducerConfig {
            acks,
            is_idempotent: acks == Acks::All,
            codec: match self.compression {
                Compression::None => Codec::None,
                Compression::Gzip => Codec::Gzip,
                Compression::Snappy => Codec::Snappy,
                Compression::Lz4 => Codec::Lz4,
                Compression::Zstd => Codec::Zstd,
            },
            batch_bytes: self.batch_bytes,
            request_bytes_max: self.batch_bytes.max(REQUEST_BYTES),
            memory_bytes_max: self.batch_bytes.saturating_mul(8).max(32 * REQUEST_BYTES),
            reports: Reports::Failures,
            ..ProducerConfig::default()
        }
    }

    /// The input, and its length where that is known.
    fn open(&self) -> Result<(Box<dyn Read + Send>, u64), Failure> {
        let Some(path) = &self.file else { return Ok((Box::new(io::stdin()), 0)) };
        let opened = File::open(path).and_then(|file| {
            let metadata = file.metadata()?;
            let length = if metadata.is_file() { metadata.len() } else { 0 };
            Ok((file, length))
        });
        let (file, length) = opened.map_err(|error| self.unreadable(&error))?;
        Ok((Box::new(file), length))
    }

    fn unreadable(&self, why: &dyn std::fmt::Display) -> Failure {
        let what = match &self.file {
            Some(path) => format!("cannot read {}", path.display()),
            None => "cannot read standard input".to_owned(),
        };
        Failure::new(Exit::Failed, what, why, "check the path and the permissions")
    }

    fn failure(&self, error: &ClientError) -> Failure {
        failure(format!("cannot produce to {}", self.topic), error)
    }
}

/// Why reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Input,
    Interrupted,
}

struct Sending<'a> {
    arguments: &'a Arguments,
    producer: Producer,
    bytes: u64,
    begun: Instant,
}

impl Sending<'_> {
    fn send_all(
        &mut self,
        mut lines: Lines,
        interrupt: &Interrupt,
        progress: Option<&Progress>,
    ) -> Result<End, Failure> {
        let mut has_begun = false;
        loop {
            if interrupt.is_raised() {
                return Ok(End::Interrupted);
            }
            match lines.next(LOOK_PERIOD) {
                Ok(Next::Nothing) => self.look()?,
                Ok(Next::End) => return Ok(End::Input),
                Ok(Next::Block(block)) => {
                    // Waiting for somebody to type is not sending.
                    if !std::mem::replace(&mut has_begun, true) {
                        self.begun = Instant::now();
                    }
                    self.send(&block)?;
                    self.look()?;
                    if let Some(progress) = progress {
                        progress.advance(block.input_bytes());
                    }
                }
                Err(error) => return Err(self.input_failure(&error)),
            }
        }
    }

    fn input_failure(&self, error: &LinesError) -> Failure {
        match error {
            LinesError::Read(error) => self.arguments.unreadable(error),
            LinesError::TooLong { .. } => Failure::new(
                Exit::Failed,
                format!("cannot produce to {}", self.arguments.topic),
                error,
                "cut the input into lines, one for each record",
            ),
        }
    }

    fn send(&mut self, block: &Block) -> Result<(), Failure> {
        for line in block.lines() {
            let (key, value) = split(line, self.arguments.key_separator.as_deref());
            self.bytes += (key.map_or(0, <[u8]>::len) + value.len()) as u64;
            let message = Message {
                topic: &self.arguments.topic,
                partition: self.arguments.partition,
                key,
                value: Some(value),
                headers: &[],
                timestamp: None,
            };
            self.producer.send(&message).map_err(|error| self.arguments.failure(&error))?;
        }
        Ok(())
    }

    /// Lets time pass for the batches. The first record that failed ends the command.
    fn look(&mut self) -> Result<(), Failure> {
        self.producer.poll().map_err(|error| self.arguments.failure(&error))?;
        self.check()
    }

    fn check(&self) -> Result<(), Failure> {
        let totals = self.producer.totals();
        let Some(error) = &totals.first_error else { return Ok(()) };
        let what = format!(
            "cannot produce to {} ({} records were sent, {} failed)",
            self.arguments.topic, totals.records, totals.failed_records
        );
        Err(failure(what, error))
    }

    fn finish(&mut self) -> Result<Summary, Failure> {
        self.producer.flush().map_err(|error| self.arguments.failure(&error))?;
        self.check()?;
        let totals = self.producer.totals();
        let seconds = self.begun.elapsed().as_secs_f64();
        Ok(Summary {
            topic: self.arguments.topic.clone(),
            records: totals.records,
            bytes: self.bytes,
            batches: totals.batches,
            batch_bytes: totals.batch_bytes,
            seconds,
            megabytes_per_second: self.bytes as f64 / 1e6 / seconds.max(1e-9),
        })
    }
}

/// Cuts a line into key and value. A line without the separator has no key.
fn split<'l>(line: &'l [u8], separator: Option<&str>) -> (Option<&'l [u8]>, &'l [u8]) {
    let Some(separator) = separator.map(str::as_bytes).filter(|text| !text.is_empty()) else {
        return (None, line);
    };
    match line.windows(separator.len()).position(|window| window == separator) {
        None => (None, line),
        Some(place) => (Some(&line[..place]), &line[place + separator.len()..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_its_first_separator() {
        let cut = |line: &'static str, separator| {
            let (key, value) = split(line.as_bytes(), separator);
            (key.map(|key| std::str::from_utf8(key).unwrap()), std::str::from_utf8(value).unwrap())
        };
        assert_eq!(cut("k:v:w", Some(":")), (Some("k"), "v:w"));
        assert_eq!(cut("k=>v", Some("=>")), (Some("k"), "v"));
        assert_eq!(cut(":v", Some(":")), (Some(""), "v"));
        assert_eq!(cut("v", Some(":")), (None, "v"));
        assert_eq!(cut("k:v", None), (None, "k:v"));
        assert_eq!(cut("k:v", Some("")), (None, "k:v"));
    }
}
