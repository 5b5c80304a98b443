//! `corelog consume`: prints the records of a topic.

use std::ops::ControlFlow;
use std::str::FromStr;
use std::time::Duration;

use corelog_client::ConsumerConfig;
use corelog_client::blocking::Consumer;
use corelog_client::consumer::{ConsumedRecord, From, IsolationLevel, Partitions, Until};
use corelog_model::{Offset, Timestamp};

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Format, Output};

use self::template::Template;

mod json_line;
mod template;

/// How long one wait for records may be before signals are looked at.
const WAIT: Duration = Duration::from_millis(200);
/// How much text is collected before it is printed.
const PRINT_BYTES: usize = 256 * 1024;

/// The command line of `consume`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Topic to read
    topic: String,
    /// Where to begin: beginning, end, an offset, or @ and a time in milliseconds since 1970
    #[arg(long, value_name = "WHERE", default_value = "beginning")]
    from: Start,
    /// Partition to read; may be repeated [default: all]
    #[arg(long, value_name = "N")]
    partition: Vec<i32>,
    /// Stop after so many records
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Stop where the partitions end at the beginning of the command
    #[arg(long)]
    until_end: bool,
    /// Which records count: read_uncommitted takes all, read_committed leaves out those of
    /// transactions that are open or aborted
    #[arg(long, value_name = "LEVEL", default_value = "read_uncommitted")]
    isolation: Isolation,
    /// How a record is printed: %t topic, %p partition, %o offset, %k key, %s value (also %v),
    /// %T timestamp, %h headers, %K and %S length of key and value, %n newline, %% percent;
    /// \n \t \r \\ \0 \xHH as in C
    #[arg(long, value_name = "TEXT", default_value = "%s\\n")]
    format: Template,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start(From);

impl FromStr for Start {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const RULE: &str =
            "write beginning, end, an offset, or @ and a time in milliseconds since 1970";
        let number = |digits: &str| digits.parse().ok().filter(|number: &i64| *number >= 0);
        let from = match (text, text.strip_prefix('@')) {
            ("beginning", _) => From::Beginning,
            ("end", _) => From::End,
            (_, Some(digits)) => From::Timestamp(Timestamp(number(digits).ok_or(RULE)?)),
            (digits, None) => From::Offset(Offset(number(digits).ok_or(RULE)?)),
        };
        Ok(Self(from))
    }
}

/// Kafka's `isolation.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Isolation {
    ReadUncommitted,
    ReadCommitted,
}

impl Isolation {
    const fn level(self) -> IsolationLevel {
        match self {
            Self::ReadUncommitted => IsolationLevel::ReadUncommitted,
            Self::ReadCommitted => IsolationLevel::ReadCommitted,
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let interrupt = Interrupt::watch()?;
    let what = || format!("cannot consume {}", arguments.topic);
    let cluster = arguments.bootstrap.connect()?;
    let config =
        ConsumerConfig { isolation: arguments.isolation.level(), ..ConsumerConfig::default() };
    let mut consumer = Consumer::new(cluster, config).map_err(|error| failure(what(), &error))?;
    let partitions = match arguments.partition.as_slice() {
        [] => Partitions::All,
        partitions => Partitions::These(partitions),
    };
    let until = if arguments.until_end { Until::End } else { Until::Forever };
    consumer
        .assign(&arguments.topic, partitions, arguments.from.0, until)
        .map_err(|error| failure(what(), &error))?;
    let left = arguments.count.unwrap_or(u64::MAX);
    let mut printer = Printer { template: &arguments.format, output, text: Vec::new(), left };
    while printer.left > 0 && !consumer.is_done() {
        if interrupt.is_raised() {
            let done = format!("Ctrl-C came after {} records", printer.printed(arguments.count));
            return Err(Interrupt::failure("interrupted", done));
        }
        let mut problem = Ok(());
        let polled = consumer.poll(WAIT, |record| match printer.print(record) {
            Ok(flow) => flow,
            Err(failure) => {
                problem = Err(failure);
                ControlFlow::Break(())
            }
        });
        // What was read before an error is printed before it is reported.
        printer.flush()?;
        problem?;
        polled.map_err(|error| failure(what(), &error))?;
    }
    Ok(())
}

struct Printer<'p> {
    template: &'p Template,
    output: &'p mut Output,
    text: Vec<u8>,
    /// How many records are still wanted.
    left: u64,
}

impl Printer<'_> {
    fn print(&mut self, record: &ConsumedRecord<'_>) -> Result<ControlFlow<()>, Failure> {
        match self.output.format() {
            Format::Json => json_line::write(record, &mut self.text)?,
            Format::Terminal { .. } | Format::Plain => self.template.write(record, &mut self.text),
        }
        self.left -= 1;
        if self.text.len() >= PRINT_BYTES {
            self.flush()?;
        }
        Ok(if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn printed(&self, count: Option<u64>) -> u64 {
        count.unwrap_or(u64::MAX) - self.left
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if !self.text.is_empty() {
            self.output.bytes(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_an_offset_or_a_time() {
        let start = |text: &str| text.parse::<Start>().map(|start| start.0);
        assert_eq!(start("beginning"), Ok(From::Beginning));
        assert_eq!(start("end"), Ok(From::End));
        assert_eq!(start("17"), Ok(From::Offset(Offset(17))));
        assert_eq!(start("@1700000000000"), Ok(From::Timestamp(Timestamp(1_700_000_000_000))));
        for text in ["", "-1", "@", "@-1", "first", "1.5", "99999999999999999999"] {
            assert!(start(text).is_err(), "{text}");
        }
    }
}
