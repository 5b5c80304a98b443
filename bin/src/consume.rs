//! `corelog consume`: prints the records of a topic, read by itself or as a member of a group.

use std::ops::ControlFlow;
use std::str::FromStr;
use std::time::{Duration, Instant};

use corelog_client::ConsumerConfig;
use corelog_client::blocking::Consumer;
use corelog_client::consumer::{From, IsolationLevel, Partitions, Until};
use corelog_model::{Offset, Timestamp};

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

use self::member::GroupProtocol;
use self::printer::{Line, Printer};
use self::template::Template;

mod json_line;
mod member;
mod printer;
mod template;

/// How long one wait for records may be before signals are looked at.
const WAIT: Duration = Duration::from_millis(200);

/// The command line of `consume`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Topic to read
    topic: String,
    /// Read as a member of this group, which goes on where it has come to. What was printed is
    /// committed, so a record may be printed again, but none is left out
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Who shares out the partitions of the group: one of its members (classic), or the coordinator
    /// (consumer, KIP-848) [default: classic, as in Kafka]
    #[arg(long, value_name = "NAME", requires = "group")]
    group_protocol: Option<GroupProtocol>,
    /// Where to begin: beginning, end, an offset, or @ and a time in milliseconds since 1970
    /// [default: beginning]. With --group, beginning or end, and only where the group has no offset
    /// yet [default: end]
    #[arg(long, value_name = "WHERE")]
    from: Option<Start>,
    /// Partition to read; may be repeated [default: all]
    #[arg(long, value_name = "N", conflicts_with = "group")]
    partition: Vec<i32>,
    /// Stop after so many records
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Stop where the partitions end at the beginning of the command
    #[arg(long)]
    until_end: bool,
    /// Stop when no record has come for so many milliseconds
    #[arg(long, value_name = "N")]
    timeout_ms: Option<u64>,
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

impl Arguments {
    fn what(&self) -> String {
        format!("cannot consume {}", self.topic)
    }

    /// Whether records have been missing for longer than they may.
    fn is_over(&self, last_record: Instant) -> bool {
        self.timeout_ms.is_some_and(|limit| last_record.elapsed() >= Duration::from_millis(limit))
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let printer = Printer::new(&arguments.format, output, arguments.count);
    match &arguments.group {
        Some(group) => member::run(arguments, group, printer),
        None => read(arguments, printer),
    }
}

/// Reads without a group.
fn read(arguments: &Arguments, mut printer: Printer<'_>) -> Result<(), Failure> {
    let interrupt = Interrupt::watch()?;
    let cluster = arguments.bootstrap.connect()?;
    let config =
        ConsumerConfig { isolation: arguments.isolation.level(), ..ConsumerConfig::default() };
    let fails = |error| failure(arguments.what(), &error);
    let mut consumer = Consumer::new(cluster, config).map_err(fails)?;
    let partitions = match arguments.partition.as_slice() {
        [] => Partitions::All,
        partitions => Partitions::These(partitions),
    };
    let until = if arguments.until_end { Until::End } else { Until::Forever };
    let from = arguments.from.map_or(From::Beginning, |start| start.0);
    consumer.assign(&arguments.topic, partitions, from, until).map_err(fails)?;
    let mut last_record = Instant::now();
    while !printer.is_done() && !consumer.is_done() && !arguments.is_over(last_record) {
        if interrupt.is_raised() {
            let done = format!("Ctrl-C came after {} records", printer.printed());
            return Err(Interrupt::failure("interrupted", done));
        }
        let before = printer.printed();
        let mut problem = Ok(());
        let polled = consumer.poll(WAIT, |record| match printer.print(&Line::from(record)) {
            Ok(flow) => flow,
            Err(failure) => {
                problem = Err(failure);
                ControlFlow::Break(())
            }
        });
        // What was read before an error is printed before it is reported.
        printer.flush()?;
        problem?;
        polled.map_err(fails)?;
        if printer.printed() > before {
            last_record = Instant::now();
        }
    }
    Ok(())
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
