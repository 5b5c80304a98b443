//! `corelog transaction`: shows transactions and the producers of partitions, finds transactions
//! that no coordinator will ever end, and aborts them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use corelog_client::TopicPartition;
use corelog_client::admin::TransactionFilter;
use corelog_client::blocking::Admin;
use corelog_model::{Offset, ProducerId, Timestamp};

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::Output;

use self::report::{Aborted, Described, Listed, OfPartition};

mod hanging;
mod report;

/// The command line of `transaction`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Shows transactional ids and what their transactions are doing
    List(List),
    /// Shows the transaction of a transactional id
    Describe(Describe),
    /// Shows the producers that a partition knows, and their open transactions
    DescribeProducers(DescribeProducers),
    /// Finds open transactions of partitions that no coordinator knows of
    FindHanging(hanging::FindHanging),
    /// Aborts a transaction that hangs, in one partition
    Abort(Abort),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this state, such as Ongoing; may be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,
    /// Only those of this producer; may be repeated
    #[arg(long, value_name = "ID")]
    producer_id: Vec<i64>,
    /// Only those whose transaction began longer ago, in milliseconds
    #[arg(long, value_name = "MS")]
    longer_than_ms: Option<u64>,
    /// Only those whose whole name matches a regular expression
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Describe {
    /// The transactional id
    transactional_id: String,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct DescribeProducers {
    /// Name of the topic
    topic: String,
    /// Number of the partition
    #[arg(long, value_name = "N")]
    partition: i32,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Abort {
    /// Name of the topic
    topic: String,
    /// Number of the partition
    #[arg(long, value_name = "N")]
    partition: i32,
    /// Where the transaction begins, as find-hanging and describe-producers show it
    #[arg(long, value_name = "OFFSET")]
    start_offset: i64,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    match &arguments.action {
        Action::List(list) => list.run(output),
        Action::Describe(describe) => describe.run(output),
        Action::DescribeProducers(describe) => describe.run(output),
        Action::FindHanging(find) => find.run(output),
        Action::Abort(abort) => abort.run(output),
    }
}

/// The time by the clock of this machine.
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

impl List {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let filter = TransactionFilter {
            states: self.state.clone(),
            producer_ids: self.producer_id.iter().copied().map(ProducerId).collect(),
            running_longer_than: self.longer_than_ms.map(Duration::from_millis),
            pattern: self.pattern.clone(),
        };
        let listed = Admin::new(self.bootstrap.connect()?).list_transactions(&filter);
        let listed = listed.map_err(|error| failure("cannot list transactions", &error))?;
        output.show(&Listed::new(listed))
    }
}

impl Describe {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let what = format!("cannot describe transactional id {}", self.transactional_id);
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let described = admin.describe_transaction(&self.transactional_id);
        let described = described.map_err(|error| failure(what, &error))?;
        output.show(&Described::new(&described, now()))
    }
}

impl DescribeProducers {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let at = TopicPartition::new(&self.topic, self.partition);
        let producers = Admin::new(self.bootstrap.connect()?).describe_producers(&at);
        let what = format!("cannot describe the producers of {at}");
        let producers = producers.map_err(|error| failure(what, &error))?;
        output.show(&OfPartition::new(&at, &producers))
    }
}

impl Abort {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let at = TopicPartition::new(&self.topic, self.partition);
        let what = format!("cannot abort a transaction in {at}");
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let producers = admin.describe_producers(&at);
        let producers = producers.map_err(|error| failure(what.clone(), &error))?;
        let start = Some(Offset(self.start_offset));
        let Some(producer) = producers.iter().find(|one| one.transaction_start == start) else {
            let why = format!("no open transaction begins at offset {}", self.start_offset);
            let hint = "corelog transaction describe-producers shows where they begin";
            return Err(Failure::new(Exit::Failed, what, why, hint));
        };
        let aborted = admin.abort_transaction(&at, producer);
        aborted.map_err(|error| failure(what, &error))?;
        output.show(&Aborted::new(&at, producer))
    }
}
