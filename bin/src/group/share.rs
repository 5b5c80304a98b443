//! What `group describe` shows of a share group, whose members read the same partitions.

use std::collections::BTreeMap;

use corelog_client::TopicPartition;
use corelog_client::admin::{GroupDescription, GroupMember, ShareOffset};
use corelog_model::Offset;
use serde::Serialize;

use super::report::{Lag, shown, word};
use crate::output::{Report, Table};

/// One share group.
#[derive(Debug, Serialize)]
pub(super) struct DescribedShare {
    group: String,
    kind: &'static str,
    state: String,
    assignor: String,
    #[serde(flatten)]
    lag: Lag,
    partitions: Vec<DescribedPartition>,
    members: Vec<DescribedMember>,
}

#[derive(Debug, Serialize)]
struct DescribedPartition {
    topic: String,
    partition: i32,
    /// The first record that is not done with.
    start: Option<i64>,
    lag: Option<i64>,
}

#[derive(Debug, Serialize)]
struct DescribedMember {
    member: String,
    client_id: String,
    host: String,
    partitions: usize,
}

impl DescribedShare {
    pub(super) fn new(
        description: &GroupDescription,
        offsets: &BTreeMap<TopicPartition, ShareOffset>,
    ) -> Self {
        let partition = |(at, offset): (&TopicPartition, &ShareOffset)| DescribedPartition {
            topic: at.topic.to_string(),
            partition: at.partition,
            start: offset.start.map(Offset::get),
            lag: offset.lag,
        };
        let member = |member: &GroupMember| DescribedMember {
            member: member.member.clone(),
            client_id: member.client_id.clone(),
            host: member.host.clone(),
            partitions: member.assigned.len(),
        };
        Self {
            group: description.group.clone(),
            kind: "Share",
            state: description.state.clone(),
            assignor: description.assignor.clone(),
            lag: Lag::of(offsets.values().map(|offset| offset.lag)),
            partitions: offsets.iter().map(partition).collect(),
            members: description.members.iter().map(member).collect(),
        }
    }
}

impl Report for DescribedShare {
    fn tables(&self) -> Vec<Table> {
        let head = vec![
            self.group.clone(),
            self.state.clone(),
            word(&self.assignor),
            self.members.len().to_string(),
            self.lag.lag.to_string(),
            self.lag.partitions_of_unknown_lag.to_string(),
        ];
        let columns = ["share group", "state", "assignor", "members", "lag", "unknown lag"];
        let mut tables = vec![Table::new(columns, vec![head])];
        let partition = |partition: &DescribedPartition| {
            vec![
                partition.topic.clone(),
                partition.partition.to_string(),
                shown(partition.start),
                shown(partition.lag),
            ]
        };
        if !self.partitions.is_empty() {
            let rows = self.partitions.iter().map(partition).collect();
            tables.push(Table::new(["topic", "partition", "start", "lag"], rows));
        }
        let member = |member: &DescribedMember| {
            vec![
                member.member.clone(),
                member.client_id.clone(),
                member.host.clone(),
                member.partitions.to_string(),
            ]
        };
        if !self.members.is_empty() {
            let rows = self.members.iter().map(member).collect();
            tables.push(Table::new(["member", "client id", "host", "partitions"], rows));
        }
        tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_group_shows_members_and_where_its_partitions_start() {
        let at = |number| TopicPartition::new("t", number);
        let member = GroupMember {
            member: "m-1".to_owned(),
            instance: None,
            client_id: "m".to_owned(),
            host: "/127.0.0.1".to_owned(),
            assigned: [at(0), at(1)].into(),
        };
        let description = GroupDescription {
            group: "s".to_owned(),
            state: "Stable".to_owned(),
            assignor: "simple".to_owned(),
            members: vec![member],
        };
        let started = ShareOffset { start: Some(Offset(4)), lag: Some(3) };
        let offsets = [(at(0), started), (at(1), ShareOffset::default())].into();
        let described = DescribedShare::new(&description, &offsets);
        let text: Vec<String> = described.tables().iter().map(Table::plain).collect();
        assert_eq!(
            text,
            [
                "share group\tstate\tassignor\tmembers\tlag\tunknown lag\n\
                 s\tStable\tsimple\t1\t3\t1\n",
                "topic\tpartition\tstart\tlag\nt\t0\t4\t3\nt\t1\t-\t-\n",
                "member\tclient id\thost\tpartitions\nm-1\tm\t/127.0.0.1\t2\n",
            ]
        );
        let json = serde_json::to_value(&described).unwrap();
        assert_eq!((&json["lag"], &json["partitions_of_unknown_lag"]), (&3.into(), &1.into()));
    }
}
