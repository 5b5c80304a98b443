//! What the commands on groups show.

use std::collections::BTreeMap;

use corelog_client::TopicPartition;
use corelog_client::admin::{GroupDescription, GroupListing, GroupMember};
use corelog_client::group::CommittedOffset;
use corelog_model::Offset;
use serde::Serialize;

use crate::output::{Report, Table};

/// Stands where there is nothing to show.
const NOTHING: &str = "-";

/// Every group.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    groups: Vec<ListedGroup>,
}

#[derive(Debug, Serialize)]
struct ListedGroup {
    group: String,
    state: Option<String>,
    kind: Option<String>,
    protocol_type: String,
}

/// One group.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    group: String,
    state: String,
    assignor: String,
    #[serde(flatten)]
    lag: Lag,
    partitions: Vec<DescribedPartition>,
    members: Vec<DescribedMember>,
}

/// How far a group is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Lag {
    /// How many records of all partitions it has not read, as far as that is known.
    pub(super) lag: i64,
    /// Of how many partitions that is not known: they have no offset yet, or no leader.
    pub(super) partitions_of_unknown_lag: usize,
}

impl Lag {
    pub(super) fn of(lags: impl Iterator<Item = Option<i64>>) -> Self {
        let nothing = Self { lag: 0, partitions_of_unknown_lag: 0 };
        lags.fold(nothing, |sum, lag| match lag {
            Some(lag) => Self { lag: sum.lag.saturating_add(lag), ..sum },
            None => Self { partitions_of_unknown_lag: sum.partitions_of_unknown_lag + 1, ..sum },
        })
    }
}

#[derive(Debug, Serialize)]
struct DescribedPartition {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    end: Option<i64>,
    lag: Option<i64>,
    metadata: Option<String>,
    /// The member that reads it.
    member: Option<String>,
}

#[derive(Debug, Serialize)]
struct DescribedMember {
    member: String,
    instance: Option<String>,
    client_id: String,
    host: String,
    partitions: usize,
}

/// Offsets that are not what they were, or would not be.
#[derive(Debug, Serialize)]
pub(super) struct Reset {
    group: String,
    dry_run: bool,
    partitions: Vec<ResetPartition>,
}

#[derive(Debug, Serialize)]
struct ResetPartition {
    topic: String,
    partition: i32,
    before: Option<i64>,
    after: i64,
}

/// Groups that are no more.
#[derive(Debug, Serialize)]
pub(super) struct Deleted {
    deleted: Vec<String>,
}

impl Listed {
    pub(super) fn new(groups: Vec<GroupListing>) -> Self {
        let list = |group: GroupListing| ListedGroup {
            group: group.group,
            state: group.state,
            kind: group.kind,
            protocol_type: group.protocol_type,
        };
        Self { groups: groups.into_iter().map(list).collect() }
    }
}

impl Report for Listed {
    fn tables(&self) -> Vec<Table> {
        let row = |group: &ListedGroup| {
            vec![
                group.group.clone(),
                shown(group.state.as_ref()),
                shown(group.kind.as_ref()),
                word(&group.protocol_type),
            ]
        };
        let rows = self.groups.iter().map(row).collect();
        vec![Table::new(["group", "state", "kind", "protocol type"], rows)]
    }
}

impl Described {
    /// A group, what it has committed, and where the partitions end that it reads or has read.
    pub(super) fn new(
        description: &GroupDescription,
        committed: &BTreeMap<TopicPartition, CommittedOffset>,
        ends: &BTreeMap<TopicPartition, Option<Offset>>,
    ) -> Self {
        let members = description.members.iter();
        let mut readers: BTreeMap<&TopicPartition, Option<&GroupMember>> = members
            .flat_map(|member| member.assigned.iter().map(move |at| (at, Some(member))))
            .collect();
        for at in committed.keys() {
            readers.entry(at).or_default();
        }
        let partition = |(at, member): (&TopicPartition, Option<&GroupMember>)| {
            let stored = committed.get(at);
            let end = ends.get(at).copied().flatten().map(Offset::get);
            let committed = stored.map(|stored| stored.offset.get());
            DescribedPartition {
                topic: at.topic.to_string(),
                partition: at.partition,
                committed,
                end,
                // More may have been read since the end was asked for.
                lag: committed
                    .zip(end)
                    .map(|(committed, end)| end.saturating_sub(committed).max(0)),
                metadata: stored.and_then(|stored| stored.metadata.clone()),
                member: member.map(|member| member.member.clone()),
            }
        };
        let partitions: Vec<DescribedPartition> = readers.into_iter().map(partition).collect();
        let member = |member: &GroupMember| DescribedMember {
            member: member.member.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            host: member.host.clone(),
            partitions: member.assigned.len(),
        };
        Self {
            group: description.group.clone(),
            state: description.state.clone(),
            assignor: description.assignor.clone(),
            lag: Lag::of(partitions.iter().map(|partition| partition.lag)),
            partitions,
            members: description.members.iter().map(member).collect(),
        }
    }
}

impl Report for Described {
    fn tables(&self) -> Vec<Table> {
        let head = vec![
            self.group.clone(),
            self.state.clone(),
            word(&self.assignor),
            self.members.len().to_string(),
            self.lag.lag.to_string(),
            self.lag.partitions_of_unknown_lag.to_string(),
        ];
        let partition = |partition: &DescribedPartition| {
            vec![
                partition.topic.clone(),
                partition.partition.to_string(),
                shown(partition.committed),
                shown(partition.end),
                shown(partition.lag),
                shown(partition.member.as_ref()),
            ]
        };
        let member = |member: &DescribedMember| {
            vec![
                member.member.clone(),
                shown(member.instance.as_ref()),
                member.client_id.clone(),
                member.host.clone(),
                member.partitions.to_string(),
            ]
        };
        let columns = ["group", "state", "assignor", "members", "lag", "unknown lag"];
        let mut tables = vec![Table::new(columns, vec![head])];
        if !self.partitions.is_empty() {
            let columns = ["topic", "partition", "committed", "end", "lag", "member"];
            tables.push(Table::new(columns, self.partitions.iter().map(partition).collect()));
        }
        if !self.members.is_empty() {
            let columns = ["member", "instance", "client id", "host", "partitions"];
            tables.push(Table::new(columns, self.members.iter().map(member).collect()));
        }
        tables
    }
}

impl Reset {
    pub(super) fn done(
        group: &str,
        before: &BTreeMap<TopicPartition, CommittedOffset>,
        after: &BTreeMap<TopicPartition, Offset>,
    ) -> Self {
        let partition = |(at, after): (&TopicPartition, &Offset)| ResetPartition {
            topic: at.topic.to_string(),
            partition: at.partition,
            before: before.get(at).map(|stored| stored.offset.get()),
            after: after.get(),
        };
        let partitions = after.iter().map(partition).collect();
        Self { group: group.to_owned(), dry_run: false, partitions }
    }

    /// The same, but nothing was changed.
    pub(super) fn only_shown(self) -> Self {
        Self { dry_run: true, ..self }
    }
}

impl Report for Reset {
    fn tables(&self) -> Vec<Table> {
        let fate = if self.dry_run { "would be reset" } else { "reset" };
        let partition = |partition: &ResetPartition| {
            vec![
                partition.topic.clone(),
                partition.partition.to_string(),
                shown(partition.before),
                partition.after.to_string(),
            ]
        };
        let partitions = self.partitions.iter().map(partition).collect();
        vec![
            Table::new(["group", "offsets"], vec![vec![self.group.clone(), fate.to_owned()]]),
            Table::new(["topic", "partition", "before", "after"], partitions),
        ]
    }
}

impl Deleted {
    pub(super) fn new(groups: Vec<String>) -> Self {
        Self { deleted: groups }
    }
}

impl Report for Deleted {
    fn tables(&self) -> Vec<Table> {
        let rows = self.deleted.iter().map(|group| vec![group.clone(), "deleted".to_owned()]);
        vec![Table::new(["group", "now"], rows.collect())]
    }
}

pub(super) fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

/// A word that may be missing.
pub(super) fn word(text: &str) -> String {
    shown(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(offset: i64) -> CommittedOffset {
        CommittedOffset { offset: Offset(offset), leader_epoch: None, metadata: None }
    }

    #[test]
    fn a_description_shows_lag_by_partition_and_in_all() {
        let at = |number| TopicPartition::new("t", number);
        let member = GroupMember {
            member: "m-1".to_owned(),
            instance: None,
            client_id: "m".to_owned(),
            host: "/127.0.0.1".to_owned(),
            assigned: [at(1), at(2)].into(),
        };
        let description = GroupDescription {
            group: "g".to_owned(),
            state: "Stable".to_owned(),
            assignor: String::new(),
            members: vec![member],
        };
        let stored = [(0, 4), (1, 12), (3, 7)];
        let stored = stored.map(|(number, offset)| (at(number), committed(offset))).into();
        let ends = [(0, Some(9)), (1, Some(10)), (2, Some(5)), (3, None)];
        let ends = ends.map(|(number, end)| (at(number), end.map(Offset))).into();
        let described = Described::new(&description, &stored, &ends);
        let text: Vec<String> = described.tables().iter().map(Table::plain).collect();
        assert_eq!(
            text,
            [
                "group\tstate\tassignor\tmembers\tlag\tunknown lag\ng\tStable\t-\t1\t5\t2\n",
                "topic\tpartition\tcommitted\tend\tlag\tmember\n\
                 t\t0\t4\t9\t5\t-\n\
                 t\t1\t12\t10\t0\tm-1\n\
                 t\t2\t-\t5\t-\tm-1\n\
                 t\t3\t7\t-\t-\t-\n",
                "member\tinstance\tclient id\thost\tpartitions\nm-1\t-\tm\t/127.0.0.1\t2\n",
            ]
        );
        let json = serde_json::to_value(&described).unwrap();
        assert_eq!((&json["lag"], &json["partitions"][0]["lag"]), (&5.into(), &5.into()));
        assert_eq!(json["partitions_of_unknown_lag"], 2);
        assert_eq!(json["partitions"][2]["committed"], serde_json::Value::Null);
    }

    #[test]
    fn what_an_old_server_does_not_tell_is_shown_as_nothing() {
        let listed = Listed::new(vec![GroupListing {
            group: "g".to_owned(),
            protocol_type: String::new(),
            state: None,
            kind: None,
        }]);
        assert_eq!(listed.tables()[0].plain(), "group\tstate\tkind\tprotocol type\ng\t-\t-\t-\n");
    }

    #[test]
    fn a_reset_shows_before_and_after() {
        let at = |number| TopicPartition::new("t", number);
        let before = BTreeMap::from([(at(0), committed(4)), (at(2), committed(8))]);
        let after = BTreeMap::from([(at(0), Offset(0)), (at(1), Offset(3))]);
        let reset = Reset::done("g", &before, &after);
        let text: Vec<String> = reset.tables().iter().map(Table::plain).collect();
        assert_eq!(text[0], "group\toffsets\ng\treset\n");
        assert_eq!(text[1], "topic\tpartition\tbefore\tafter\nt\t0\t4\t0\nt\t1\t-\t3\n");
        let text = reset.only_shown().tables()[0].plain();
        assert_eq!(text, "group\toffsets\ng\twould be reset\n");
    }
}
