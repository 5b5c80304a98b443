//! `corelog topic describe --health`: whether a topic is as it should be, partition by partition.

use std::collections::{BTreeMap, BTreeSet};

use corelog_client::admin::{DescribeLogDirs, DescribeProducers, Resource};
use corelog_client::blocking::Admin;
use corelog_client::consumer::IsolationLevel;
use corelog_client::metadata::{Partition, Topic};
use corelog_client::{ClientError, TopicPartition, offsets::Moment};
use corelog_model::{NodeId, Offset};
use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::output::{Report, Table};

/// Stands where there is nothing to show.
const NOTHING: &str = "-";

/// How a topic does.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    topic: String,
    min_in_sync: usize,
    partitions: Vec<PartitionHealth>,
}

#[derive(Debug, Serialize)]
struct PartitionHealth {
    partition: i32,
    leader: Option<i32>,
    bytes: Option<i64>,
    beginning: Option<i64>,
    end: Option<i64>,
    /// Records that readers of committed records do not see yet.
    unstable: Option<i64>,
    open_transactions: Option<usize>,
    problems: Vec<&'static str>,
}

/// What the nodes said about partitions.
#[derive(Debug, Default)]
struct Findings {
    bytes: BTreeMap<TopicPartition, i64>,
    beginnings: BTreeMap<TopicPartition, Option<Offset>>,
    ends: BTreeMap<TopicPartition, Option<Offset>>,
    stable: BTreeMap<TopicPartition, Option<Offset>>,
    open: BTreeMap<TopicPartition, usize>,
}

impl Health {
    /// Asks the nodes.
    pub(super) fn ask(admin: &mut Admin, name: &str) -> Result<Self, ClientError> {
        let topic = admin.describe_topic(name)?;
        let configs = admin.describe_configs(&Resource::Topic(name.to_owned()))?;
        let min = configs.iter().find(|config| config.name == "min.insync.replicas");
        let min = min.and_then(|config| config.value.as_deref()?.parse().ok()).unwrap_or(1);
        let mut by_leader: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
        for (number, partition) in &topic.partitions {
            if let Some(leader) = partition.leader {
                by_leader.entry(leader).or_default().push(TopicPartition::new(name, *number));
            }
        }
        let mut found = Findings::default();
        let cluster = admin.cluster();
        for (node, partitions) in &by_leader {
            found.bytes.extend(cluster.perform(&DescribeLogDirs { node: *node })?);
            let partitions = partitions.clone();
            let producers = cluster.perform(&DescribeProducers { node: *node, partitions })?;
            found.open.extend(producers.into_iter().map(|(at, all)| {
                (at, all.iter().filter(|one| one.transaction_start.is_some()).count())
            }));
        }
        let led: BTreeSet<_> = by_leader.into_values().flatten().collect();
        let all = |moment| led.iter().map(|at| (at.clone(), moment)).collect();
        let (all_read, committed) =
            (IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted);
        found.beginnings = cluster.list_offsets_as(&all(Moment::Beginning), all_read)?;
        // The stable end first: it is never above the other.
        found.stable = cluster.list_offsets_as(&all(Moment::End), committed)?;
        found.ends = cluster.list_offsets_as(&all(Moment::End), all_read)?;
        Ok(Self::new(name, &topic, min, &found))
    }

    fn new(name: &str, topic: &Topic, min_in_sync: usize, found: &Findings) -> Self {
        let partition = |(number, partition): (&i32, &Partition)| {
            let at = TopicPartition::new(name, *number);
            let offset = |offsets: &BTreeMap<TopicPartition, Option<Offset>>| {
                offsets.get(&at).copied().flatten().map(Offset::get)
            };
            let (end, stable) = (offset(&found.ends), offset(&found.stable));
            PartitionHealth {
                partition: *number,
                leader: partition.leader.map(NodeId::get),
                bytes: found.bytes.get(&at).copied(),
                beginning: offset(&found.beginnings),
                end,
                unstable: end.zip(stable).map(|(end, stable)| (end - stable).max(0)),
                open_transactions: found.open.get(&at).copied(),
                problems: problems(partition, min_in_sync),
            }
        };
        let partitions = topic.partitions.iter().map(partition).collect();
        Self { topic: name.to_owned(), min_in_sync, partitions }
    }

    /// An error for scripts if anything is wrong.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let bad = self.partitions.iter().filter(|partition| !partition.problems.is_empty());
        let count = bad.count();
        if count == 0 {
            return Ok(());
        }
        let what = format!("topic {} is not well", self.topic);
        let why = format!("{count} of {} partitions have a problem", self.partitions.len());
        Err(Failure::new(
            Exit::Failed,
            what,
            why,
            "corelog cluster status shows which nodes are there",
        ))
    }
}

/// What is wrong with a partition. One at its minimum is one failure away from refusing writes,
/// which is news only where it has more replicas than that.
fn problems(partition: &Partition, min_in_sync: usize) -> Vec<&'static str> {
    let (replicas, in_sync) = (partition.replicas.len(), partition.isr.len());
    let min = min_in_sync.min(replicas);
    let mut problems = Vec::new();
    if partition.leader.is_none() {
        problems.push("leaderless");
    }
    if in_sync == 0 {
        problems.push("offline");
    }
    if in_sync < replicas {
        problems.push("under-replicated");
    }
    if in_sync < min {
        problems.push("under min in-sync");
    } else if in_sync == min && min < replicas {
        problems.push("at min in-sync");
    }
    problems
}

impl Report for Health {
    fn tables(&self) -> Vec<Table> {
        let row = |one: &PartitionHealth| {
            let problems = one.problems.join(", ");
            vec![
                one.partition.to_string(),
                shown(one.leader),
                shown(one.bytes),
                shown(one.beginning),
                shown(one.end),
                shown(one.unstable),
                shown(one.open_transactions),
                if problems.is_empty() { "well".to_owned() } else { problems },
            ]
        };
        let head = [
            "partition",
            "leader",
            "bytes",
            "beginning",
            "end",
            "unstable",
            "open transactions",
            "health",
        ];
        vec![Table::new(head, self.partitions.iter().map(row).collect())]
    }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use corelog_model::{LeaderEpoch, TopicId};

    use super::*;

    fn partition(leader: Option<i32>, replicas: &[i32], isr: &[i32]) -> Partition {
        let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect();
        Partition {
            leader: leader.map(NodeId),
            leader_epoch: LeaderEpoch(1),
            replicas: nodes(replicas),
            isr: nodes(isr),
        }
    }

    #[test]
    fn each_problem_is_named_and_a_single_replica_is_none() {
        let check = |partition: &Partition, min, expected: &[&str]| {
            assert_eq!(problems(partition, min), expected, "{partition:?}");
        };
        check(&partition(Some(1), &[1], &[1]), 1, &[]);
        check(&partition(Some(1), &[1], &[1]), 2, &[]);
        check(&partition(None, &[1], &[1]), 1, &["leaderless"]);
        check(&partition(Some(1), &[1, 2, 3], &[1, 2, 3]), 2, &[]);
        check(&partition(Some(1), &[1, 2, 3], &[1, 2]), 2, &["under-replicated", "at min in-sync"]);
        check(&partition(Some(1), &[1, 2], &[1]), 2, &["under-replicated", "under min in-sync"]);
        let all = ["leaderless", "offline", "under-replicated", "under min in-sync"];
        check(&partition(None, &[1], &[]), 1, &all);
    }

    #[test]
    fn one_bad_partition_is_an_error_for_scripts() {
        let good = partition(Some(1000), &[1000], &[1000]);
        let bad = partition(None, &[1000], &[1000]);
        let topic = |partitions: &[&Partition]| Topic {
            id: TopicId::ZERO,
            is_internal: false,
            partitions: (0..).zip(partitions.iter().map(|one| (*one).clone())).collect(),
        };
        let at = TopicPartition::new("t", 0);
        let found = Findings {
            bytes: BTreeMap::from([(at.clone(), 70)]),
            beginnings: BTreeMap::from([(at.clone(), Some(Offset(0)))]),
            ends: BTreeMap::from([(at.clone(), Some(Offset(9)))]),
            stable: BTreeMap::from([(at.clone(), Some(Offset(4)))]),
            open: BTreeMap::from([(at, 2)]),
        };
        let health = Health::new("t", &topic(&[&good]), 1, &found);
        assert!(health.verdict().is_ok());
        let text = health.tables()[0].plain();
        assert_eq!(text.lines().last(), Some("0\t1000\t70\t0\t9\t5\t2\twell"));
        let health = Health::new("t", &topic(&[&good, &bad]), 1, &found);
        assert_eq!(health.verdict().unwrap_err().exit(), Exit::Failed);
        let text = health.tables()[0].plain();
        assert_eq!(text.lines().last(), Some("1\t-\t-\t-\t-\t-\t-\tleaderless"));
    }
}
