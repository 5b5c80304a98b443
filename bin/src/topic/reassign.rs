//! `corelog topic reassign` and `corelog topic reassignments`: partitions move to other nodes, and
//! which are on their way.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use corelog_client::admin::OngoingReassignment;
use corelog_client::blocking::Admin;
use corelog_client::{ClientError, TopicPartition};
use corelog_model::NodeId;
use serde::Serialize;

use crate::advice::{advice_on, failure};
use crate::bootstrap::Bootstrap;
use crate::failure::Failure;
use crate::output::{Output, Report, Table};

/// How often a command that waits looks.
const LOOK_PERIOD: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["to", "cancel"])))]
pub(super) struct Reassign {
    /// The partitions, each as TOPIC:NUMBER
    #[arg(required = true, value_name = "TOPIC:PARTITION", value_parser = partition)]
    partitions: Vec<(String, i32)>,
    /// The node that shall lead them; several, separated by commas, are all replicas
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    to: Vec<i32>,
    /// They stay where they are, if they have not moved yet
    #[arg(long)]
    cancel: bool,
    /// Returns only when they are there
    #[arg(long, conflicts_with = "cancel")]
    wait: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reassignments {
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// What became of each partition.
#[derive(Debug, Serialize)]
struct Reassigned {
    partitions: Vec<ReassignedPartition>,
}

#[derive(Debug, Serialize)]
struct ReassignedPartition {
    topic: String,
    partition: i32,
    now: &'static str,
}

/// The partitions on their way.
#[derive(Debug, Serialize)]
struct Ongoing {
    partitions: Vec<OngoingPartition>,
}

#[derive(Debug, Serialize)]
struct OngoingPartition {
    topic: String,
    partition: i32,
    replicas: Vec<i32>,
    adding: Vec<i32>,
    removing: Vec<i32>,
}

/// A partition as people write it. Names of topics have no colon.
fn partition(text: &str) -> Result<(String, i32), String> {
    let parts = text.rsplit_once(':').filter(|(topic, _)| !topic.is_empty());
    let number = parts.and_then(|(topic, number)| Some((topic, number.parse::<i32>().ok()?)));
    match number {
        Some((topic, number)) if number >= 0 => Ok((topic.to_owned(), number)),
        _ => Err("a partition is written TOPIC:NUMBER".to_owned()),
    }
}

impl Reassign {
    pub(super) fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let target: Vec<NodeId> = self.to.iter().copied().map(NodeId).collect();
        let replicas = (!self.cancel).then_some(&target[..]);
        let partitions = self.partitions.iter();
        let names: Vec<String> =
            partitions.map(|(topic, number)| format!("{topic}:{number}")).collect();
        let (done, outcome) = Failure::of_each(
            &names,
            "cannot reassign partitions",
            |name| {
                let (topic, number) = partition(name).expect("it was made of one");
                admin.reassign_partition(&TopicPartition::new(&topic, number), replicas)
            },
            |error| advice_on(error).to_owned(),
        );
        let now = if self.cancel { "stays" } else { "moves" };
        let now = if self.wait { "moved" } else { now };
        if self.wait {
            wait(&mut admin, &done)
                .map_err(|error| failure("cannot wait for the moves", &error))?;
        }
        if !done.is_empty() {
            output.show(&Reassigned::new(&done, now))?;
        }
        outcome
    }
}

/// Waits until none of the partitions is on its way.
fn wait(admin: &mut Admin, names: &[String]) -> Result<(), ClientError> {
    loop {
        let ongoing = admin.list_reassignments()?;
        let is_one =
            |at: &TopicPartition| names.contains(&format!("{}:{}", at.topic, at.partition));
        if !ongoing.keys().any(is_one) {
            return Ok(());
        }
        sleep(LOOK_PERIOD);
    }
}

impl Reassignments {
    pub(super) fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let ongoing = Admin::new(self.bootstrap.connect()?).list_reassignments();
        let ongoing =
            ongoing.map_err(|error| failure("cannot list the partitions that move", &error))?;
        output.show(&Ongoing::new(&ongoing))
    }
}

impl Reassigned {
    fn new(names: &[String], now: &'static str) -> Self {
        let parts = names.iter().filter_map(|name| partition(name).ok());
        let one = |(topic, partition)| ReassignedPartition { topic, partition, now };
        Self { partitions: parts.map(one).collect() }
    }
}

impl Report for Reassigned {
    fn tables(&self) -> Vec<Table> {
        let row = |one: &ReassignedPartition| {
            vec![one.topic.clone(), one.partition.to_string(), one.now.to_owned()]
        };
        let rows = self.partitions.iter().map(row).collect();
        vec![Table::new(["topic", "partition", "now"], rows)]
    }
}

impl Ongoing {
    fn new(ongoing: &BTreeMap<TopicPartition, OngoingReassignment>) -> Self {
        let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
        let one = |(at, found): (&TopicPartition, &OngoingReassignment)| OngoingPartition {
            topic: at.topic.as_ref().to_owned(),
            partition: at.partition,
            replicas: ids(&found.replicas),
            adding: ids(&found.adding),
            removing: ids(&found.removing),
        };
        Self { partitions: ongoing.iter().map(one).collect() }
    }
}

impl Report for Ongoing {
    fn tables(&self) -> Vec<Table> {
        let list = |nodes: &[i32]| {
            let nodes: Vec<String> = nodes.iter().map(i32::to_string).collect();
            if nodes.is_empty() { "-".to_owned() } else { nodes.join(",") }
        };
        let row = |one: &OngoingPartition| {
            let nodes = [&one.replicas, &one.adding, &one.removing].map(|nodes| list(nodes));
            let [replicas, adding, removing] = nodes;
            vec![one.topic.clone(), one.partition.to_string(), replicas, adding, removing]
        };
        let rows = self.partitions.iter().map(row).collect();
        vec![Table::new(["topic", "partition", "replicas", "adding", "removing"], rows)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_a_topic_and_a_number() {
        assert_eq!(partition("a.b:12"), Ok(("a.b".to_owned(), 12)));
        for text in ["a", ":1", "a:", "a:-1", "a:b", ""] {
            assert!(partition(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_partition_on_its_way_shows_where_it_comes_from_and_goes() {
        let ongoing = OngoingReassignment {
            replicas: vec![NodeId(1001), NodeId(1000)],
            adding: vec![NodeId(1001)],
            removing: vec![NodeId(1000)],
        };
        let ongoing = BTreeMap::from([(TopicPartition::new("t", 3), ongoing)]);
        let text = Ongoing::new(&ongoing).tables()[0].plain();
        assert_eq!(
            text,
            "topic\tpartition\treplicas\tadding\tremoving\nt\t3\t1001,1000\t1001\t1000\n"
        );
    }
}
