//! `corelog consume --group`: reads as a member of a group, which keeps how far it has come.
//! Only what was printed is committed: whoever takes over prints the newest records again, and
//! loses none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use corelog_client::consumer::{From, OffsetReset};
use corelog_client::group::{GroupConfig, Protocol};
use corelog_client::offsets::Moment;
use corelog_client::{ClientError, Cluster, Consumer, ConsumerConfig, Record, TopicPartition};
use corelog_model::Offset;
use tokio::runtime::Builder;

use super::printer::{Line, Printer};
use super::{Arguments, Start, WAIT};
use crate::advice::failure;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;

/// Kafka's `group.protocol`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum GroupProtocol {
    #[default]
    Classic,
    Consumer,
}

impl GroupProtocol {
    const fn of_client(self) -> Protocol {
        match self {
            Self::Classic => Protocol::Classic,
            Self::Consumer => Protocol::Consumer,
        }
    }
}

/// Reads until there is enough or a signal comes, and leaves the group.
pub(super) fn run(
    arguments: &Arguments,
    group: &str,
    mut printer: Printer<'_>,
) -> Result<(), Failure> {
    let reset = reset(arguments.from)?;
    let interrupt = Interrupt::watch_all()?;
    // Heartbeats go on in a thread of their own while whoever reads the output takes its time.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Exit::Unsuitable, arguments.what(), error, "look at the limits of threads")
    })?;
    runtime.block_on(async {
        let mut member = Member::join(arguments, group, reset).await?;
        let read = member.read(arguments, &interrupt, &mut printer).await;
        let left = member.leave().await.map_err(|error| failure(arguments.what(), &error));
        match read {
            Err(failure) if failure.exit() != Exit::Interrupted => Err(failure),
            read => left.and(read),
        }
    })
}

/// Where the group begins in partitions without an offset.
fn reset(from: Option<Start>) -> Result<OffsetReset, Failure> {
    match from.map(|start| start.0) {
        None | Some(From::End) => Ok(OffsetReset::Latest),
        Some(From::Beginning) => Ok(OffsetReset::Earliest),
        Some(From::Offset(_) | From::Timestamp(_)) => Err(Failure::new(
            Exit::Usage,
            "cannot begin there",
            "a group goes on at its own offsets",
            "move it with corelog group reset-offsets, or write --from beginning or --from end",
        )),
    }
}

/// A member of the group, and how far it is to read.
struct Member {
    consumer: Consumer,
    ends: Option<Ends>,
}

impl Member {
    /// Joins with the first polls.
    async fn join(arguments: &Arguments, group: &str, reset: OffsetReset) -> Result<Self, Failure> {
        let cluster = arguments.bootstrap.connect_async().await?;
        let group = GroupConfig {
            group: group.to_owned(),
            protocol: arguments.group_protocol.unwrap_or_default().of_client(),
            ..GroupConfig::default()
        };
        // What was handed over is flushed before the next poll, and polls are what commits it.
        let isolation = arguments.isolation.level();
        let config = ConsumerConfig { isolation, reset, ..ConsumerConfig::default() };
        let member = Self::begin(arguments, &cluster, config, group).await;
        member.map_err(|error| failure(arguments.what(), &error))
    }

    async fn begin(
        arguments: &Arguments,
        cluster: &Cluster,
        config: ConsumerConfig,
        group: GroupConfig,
    ) -> Result<Self, ClientError> {
        let name = arguments.topic.as_str();
        // A group may wait for a topic that is yet to come; somebody in front of it may not.
        cluster.require_topics(&[name]).await?;
        let mut ends = None;
        if arguments.until_end {
            let metadata = cluster.metadata();
            let partitions = metadata.topic(name).into_iter();
            let partitions = partitions.flat_map(|topic| topic.partitions.keys());
            let at = |number: &i32| (TopicPartition::new(name, *number), Moment::End);
            let wanted = partitions.map(at).collect();
            ends = Some(Ends::new(cluster.list_offsets_as(&wanted, config.isolation).await?));
        }
        let mut consumer = Consumer::in_group(cluster, config, group)?;
        consumer.subscribe(&[name]).await?;
        Ok(Self { consumer, ends })
    }

    async fn read(
        &mut self,
        arguments: &Arguments,
        interrupt: &Interrupt,
        printer: &mut Printer<'_>,
    ) -> Result<(), Failure> {
        let fails = |error| failure(arguments.what(), &error);
        let mut last_record = Instant::now();
        while !printer.is_done() && !arguments.is_over(last_record) {
            if interrupt.is_raised() {
                let done = format!("a signal came after {} records", printer.printed());
                return Err(Interrupt::failure("interrupted", done));
            }
            let records = self.consumer.poll(WAIT).await.map_err(fails)?;
            self.print(&records, printer, fails)?;
            if !records.is_empty() {
                last_record = Instant::now();
            }
            if self.is_done(records.is_empty()).await.map_err(fails)? {
                break;
            }
        }
        Ok(())
    }

    /// Prints records as far as they are wanted, and goes back before those that were not.
    fn print(
        &mut self,
        records: &[Record],
        printer: &mut Printer<'_>,
        fails: impl Fn(ClientError) -> Failure,
    ) -> Result<(), Failure> {
        let mut left = Vec::new();
        let mut problem = Ok(());
        for record in records {
            if printer.is_done() || self.ends.as_ref().is_some_and(|ends| ends.excludes(record)) {
                left.push(record);
            } else if let Err(failure) = printer.print(&Line::from(record)) {
                problem = Err(failure);
                break;
            }
        }
        // Text that nobody took may be of any of them.
        if let Err(failure) = problem.and_then(|()| printer.flush()) {
            self.go_back(records).map_err(fails)?;
            return Err(failure);
        }
        self.go_back(left).map_err(fails)
    }

    /// Reads, and commits, these as if they had never come.
    fn go_back<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Result<(), ClientError> {
        let mut firsts = BTreeMap::new();
        for record in records {
            firsts.entry(&record.at).or_insert(record.offset);
        }
        firsts.into_iter().try_for_each(|(at, offset)| {
            self.consumer.seek(at, From::Offset(offset))?;
            self.consumer.pause(at)
        })
    }

    /// Whether the group has come to the ends.
    async fn is_done(&mut self, is_quiet: bool) -> Result<bool, ClientError> {
        let Some(ends) = &mut self.ends else { return Ok(false) };
        ends.reached(&self.consumer.positions());
        // Other members may have come to an end of theirs.
        if is_quiet && !ends.open.is_empty() {
            let committed = self.consumer.committed(&ends.open).await?.into_iter();
            let committed = committed.filter_map(|(at, stored)| Some((at, stored?.offset)));
            ends.reached(&committed.collect());
        }
        Ok(ends.open.is_empty())
    }

    /// Commits what was printed and leaves the group.
    async fn leave(mut self) -> Result<(), ClientError> {
        let committed = self.consumer.commit().await;
        self.consumer.close().await?;
        committed
    }
}

/// Where the partitions ended when the command began.
#[derive(Debug, PartialEq, Eq)]
struct Ends {
    offsets: BTreeMap<TopicPartition, Offset>,
    /// Those to which the group has not come yet.
    open: BTreeSet<TopicPartition>,
}

impl Ends {
    fn new(found: BTreeMap<TopicPartition, Option<Offset>>) -> Self {
        let offset = |(at, offset): (_, Option<Offset>)| (at, offset.unwrap_or(Offset::ZERO));
        let offsets: BTreeMap<_, _> = found.into_iter().map(offset).collect();
        let open = offsets.keys().cloned().collect();
        Self { offsets, open }
    }

    /// Whether a record is behind them.
    fn excludes(&self, record: &Record) -> bool {
        self.offsets.get(&record.at).is_some_and(|end| *end <= record.offset)
    }

    /// Takes note of how far partitions were read.
    fn reached(&mut self, positions: &BTreeMap<TopicPartition, Offset>) {
        let offsets = &self.offsets;
        self.open.retain(|at| positions.get(at).is_none_or(|position| *position < offsets[at]));
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::Timestamp;

    use super::*;

    fn at(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    #[test]
    fn a_group_begins_at_an_end_or_where_it_has_come_to() {
        let begun = |from| reset(from).map_err(|failure| failure.exit());
        assert_eq!(begun(None), Ok(OffsetReset::Latest));
        assert_eq!(begun(Some(Start(From::End))), Ok(OffsetReset::Latest));
        assert_eq!(begun(Some(Start(From::Beginning))), Ok(OffsetReset::Earliest));
        for from in [From::Offset(Offset(3)), From::Timestamp(Timestamp(3))] {
            assert_eq!(begun(Some(Start(from))), Err(Exit::Usage));
        }
    }

    #[test]
    fn ends_are_reached_one_by_one() {
        let found = [(at(0), Some(Offset(3))), (at(1), Some(Offset(5))), (at(2), None)];
        let mut ends = Ends::new(found.into());
        ends.reached(&[(at(0), Offset(2)), (at(1), Offset(5))].into());
        assert_eq!(ends.open, [at(0), at(2)].into());
        ends.reached(&[(at(0), Offset(4)), (at(2), Offset(0))].into());
        assert!(ends.open.is_empty(), "{ends:?}");
    }

    #[test]
    fn records_behind_the_end_do_not_count() {
        let ends = Ends::new([(at(0), Some(Offset(3)))].into());
        let record = |number, offset| Record {
            at: at(number),
            offset: Offset(offset),
            timestamp: Timestamp(0),
            key: None,
            value: None,
            headers: Vec::new(),
        };
        assert_eq!([2, 3, 4].map(|offset| ends.excludes(&record(0, offset))), [false, true, true]);
        assert!(!ends.excludes(&record(1, 9)), "a partition that came later has no end");
    }
}
