//! `corelog transaction find-hanging`: transactions that are open in a partition for longer than
//! any may be, and that no coordinator counts that partition in. Readers of committed records wait
//! for them for ever.

use std::collections::{BTreeMap, BTreeSet};

use corelog_client::admin::{ActiveProducer, TransactionFilter};
use corelog_client::blocking::Admin;
use corelog_client::{ClientError, TopicPartition};
use corelog_model::{ErrorCode, ProducerId};

use super::now;
use super::report::Hanging;
use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::Failure;
use crate::output::Output;

/// The command line of `find-hanging`.
#[derive(Debug, clap::Args)]
pub(super) struct FindHanging {
    /// A topic; may be repeated [default: all]
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// Only transactions that wrote nothing for this long, in milliseconds; the longest that a
    /// transaction may take is a good value
    #[arg(long, value_name = "MS", default_value_t = 900_000)]
    older_than_ms: i64,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// What the coordinators know: the partitions of the open transaction of each producer.
type Known = BTreeMap<ProducerId, BTreeSet<TopicPartition>>;

impl FindHanging {
    pub(super) fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let found = self.find(&mut admin);
        let found = found.map_err(|error| failure("cannot find transactions that hang", &error))?;
        output.show(&found)
    }

    fn find(&self, admin: &mut Admin) -> Result<Hanging, ClientError> {
        let late = self.late(admin)?;
        let producers = late.iter().map(|(_, producer)| producer.producer_id).collect();
        // Asked for last: what began before is known to its coordinator by now.
        let known = known(admin, &producers)?;
        let hangs = |(at, producer): &(TopicPartition, ActiveProducer)| {
            !known.get(&producer.producer_id).is_some_and(|partitions| partitions.contains(at))
        };
        Ok(Hanging::new(late.iter().filter(|late| hangs(late)), now()))
    }

    /// Producers with a transaction that is open for long, and where.
    fn late(
        &self,
        admin: &mut Admin,
    ) -> Result<Vec<(TopicPartition, ActiveProducer)>, ClientError> {
        let before = now() + self.older_than_ms.saturating_neg();
        let mut late = Vec::new();
        for at in self.partitions(admin)? {
            let producers = admin.describe_producers(&at)?.into_iter();
            let is_late = |producer: &ActiveProducer| {
                producer.transaction_start.is_some() && producer.last_timestamp <= before
            };
            late.extend(producers.filter(is_late).map(|producer| (at.clone(), producer)));
        }
        Ok(late)
    }

    fn partitions(&self, admin: &mut Admin) -> Result<Vec<TopicPartition>, ClientError> {
        let mut topics = Vec::new();
        if self.topic.is_empty() {
            topics = admin.list_topics()?;
        }
        for name in &self.topic {
            topics.push((name.clone(), admin.describe_topic(name)?));
        }
        let partitions = topics.iter().flat_map(|(name, topic)| {
            topic.partitions.keys().map(|number| TopicPartition::new(name, *number))
        });
        Ok(partitions.collect())
    }
}

fn known(admin: &mut Admin, producers: &BTreeSet<ProducerId>) -> Result<Known, ClientError> {
    let mut known = Known::new();
    if producers.is_empty() {
        return Ok(known);
    }
    let producer_ids = producers.iter().copied().collect();
    let filter = TransactionFilter { producer_ids, ..TransactionFilter::default() };
    for listed in admin.list_transactions(&filter)? {
        match admin.describe_transaction(&listed.transactional_id) {
            Ok(described) => {
                known.entry(described.producer_id).or_default().extend(described.partitions);
            }
            // It has expired meanwhile.
            Err(error) if error.code() == Some(ErrorCode::TransactionalIdNotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(known)
}
