//! What the commands on topics show.

use std::collections::BTreeMap;

use corelog_client::TopicPartition;
use corelog_client::admin::{ConfigEntry, ConfigSource, CreatedTopic};
use corelog_client::metadata::{Partition, Topic};
use corelog_model::{NodeId, Offset, TopicId};
use serde::Serialize;

use crate::output::{Report, Table};

/// Stands where there is nothing to show.
const NOTHING: &str = "-";

/// A topic that was created.
#[derive(Debug, Serialize)]
pub(super) struct Created {
    topic: String,
    topic_id: Option<String>,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
}

/// Every topic.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    topics: Vec<ListedTopic>,
}

#[derive(Debug, Serialize)]
struct ListedTopic {
    topic: String,
    topic_id: Option<String>,
    partitions: usize,
    replication_factor: usize,
    internal: bool,
}

/// One topic.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    topic: String,
    topic_id: Option<String>,
    internal: bool,
    partitions: Vec<DescribedPartition>,
    configs: Vec<DescribedConfig>,
    /// Whether people see configs that nobody has set.
    #[serde(skip)]
    has_all_configs: bool,
}

#[derive(Debug, Serialize)]
struct DescribedPartition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: Option<i32>,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
    beginning: Option<i64>,
    end: Option<i64>,
}

#[derive(Debug, Serialize)]
struct DescribedConfig {
    name: String,
    value: Option<String>,
    source: &'static str,
}

/// Topics that are not what they were.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    partitions: BTreeMap<String, i32>,
}

impl Created {
    pub(super) fn new(name: &str, created: &CreatedTopic) -> Self {
        Self {
            topic: name.to_owned(),
            topic_id: id(created.id),
            partitions: created.partitions,
            replication_factor: created.replication_factor,
        }
    }
}

impl Report for Created {
    fn tables(&self) -> Vec<Table> {
        let row = vec![
            self.topic.clone(),
            shown(self.topic_id.as_ref()),
            shown(self.partitions),
            shown(self.replication_factor),
        ];
        vec![Table::new(["topic", "topic id", "partitions", "replication factor"], vec![row])]
    }
}

impl Listed {
    pub(super) fn new(topics: &[(String, Topic)]) -> Self {
        let list = |(name, topic): &(String, Topic)| ListedTopic {
            topic: name.clone(),
            topic_id: id(topic.id),
            partitions: topic.partitions.len(),
            replication_factor: topic
                .partitions
                .values()
                .map(|p| p.replicas.len())
                .max()
                .unwrap_or(0),
            internal: topic.is_internal,
        };
        Self { topics: topics.iter().map(list).collect() }
    }
}

impl Report for Listed {
    fn tables(&self) -> Vec<Table> {
        let row = |topic: &ListedTopic| {
            vec![
                topic.topic.clone(),
                topic.partitions.to_string(),
                topic.replication_factor.to_string(),
                yes_or_no(topic.internal),
            ]
        };
        let rows = self.topics.iter().map(row).collect();
        vec![Table::new(["topic", "partitions", "replication factor", "internal"], rows)]
    }
}

impl Described {
    pub(super) fn new(
        name: &str,
        topic: &Topic,
        configs: &[ConfigEntry],
        beginnings: &BTreeMap<TopicPartition, Option<Offset>>,
        ends: &BTreeMap<TopicPartition, Option<Offset>>,
    ) -> Self {
        let partition = |(number, partition): (&i32, &Partition)| {
            let at = TopicPartition::new(name, *number);
            let offset = |offsets: &BTreeMap<TopicPartition, Option<Offset>>| {
                offsets.get(&at).copied().flatten().map(Offset::get)
            };
            DescribedPartition {
                partition: *number,
                leader: partition.leader.map(NodeId::get),
                leader_epoch: Some(partition.leader_epoch.0).filter(|epoch| *epoch >= 0),
                replicas: partition.replicas.iter().map(|node| node.0).collect(),
                in_sync: partition.isr.iter().map(|node| node.0).collect(),
                beginning: offset(beginnings),
                end: offset(ends),
            }
        };
        let config = |config: &ConfigEntry| DescribedConfig {
            name: config.name.clone(),
            value: config.value.clone(),
            source: config.source.name(),
        };
        Self {
            topic: name.to_owned(),
            topic_id: id(topic.id),
            internal: topic.is_internal,
            partitions: topic.partitions.iter().map(partition).collect(),
            configs: configs.iter().map(config).collect(),
            has_all_configs: false,
        }
    }

    /// Shows people the configs that nobody has set, too.
    pub(super) fn with_all_configs(self) -> Self {
        Self { has_all_configs: true, ..self }
    }
}

impl Report for Described {
    fn tables(&self) -> Vec<Table> {
        let head = vec![
            self.topic.clone(),
            shown(self.topic_id.as_ref()),
            self.partitions.len().to_string(),
            yes_or_no(self.internal),
        ];
        let partition = |partition: &DescribedPartition| {
            vec![
                partition.partition.to_string(),
                shown(partition.leader),
                shown(partition.leader_epoch),
                list(&partition.replicas),
                list(&partition.in_sync),
                shown(partition.beginning),
                shown(partition.end),
            ]
        };
        let config = |config: &DescribedConfig| {
            vec![config.name.clone(), shown(config.value.as_ref()), config.source.to_owned()]
        };
        let partitions = self.partitions.iter().map(partition).collect();
        let mut tables = vec![
            Table::new(["topic", "topic id", "partitions", "internal"], vec![head]),
            Table::new(
                ["partition", "leader", "epoch", "replicas", "in sync", "beginning", "end"],
                partitions,
            ),
        ];
        let is_default = |config: &&DescribedConfig| config.source == ConfigSource::Default.name();
        let configs: Vec<Vec<String>> = self
            .configs
            .iter()
            .filter(|config| self.has_all_configs || !is_default(config))
            .map(config)
            .collect();
        if !configs.is_empty() {
            tables.push(Table::new(["config", "value", "source"], configs));
        }
        tables
    }
}

impl Changed {
    pub(super) fn deleted(names: Vec<String>) -> Self {
        Self { deleted: names, partitions: BTreeMap::new() }
    }

    pub(super) fn grown(name: &str, count: i32) -> Self {
        Self { deleted: Vec::new(), partitions: BTreeMap::from([(name.to_owned(), count)]) }
    }
}

impl Report for Changed {
    fn tables(&self) -> Vec<Table> {
        let deleted = self.deleted.iter().map(|name| vec![name.clone(), "deleted".to_owned()]);
        let grown = self
            .partitions
            .iter()
            .map(|(name, count)| vec![name.clone(), format!("{count} partitions")]);
        vec![Table::new(["topic", "now"], deleted.chain(grown).collect())]
    }
}

fn id(id: TopicId) -> Option<String> {
    (id != TopicId::ZERO).then(|| id.to_string())
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

fn list(nodes: &[i32]) -> String {
    nodes.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

fn yes_or_no(is_so: bool) -> String {
    if is_so { "yes".to_owned() } else { "no".to_owned() }
}

#[cfg(test)]
mod tests {
    use corelog_model::LeaderEpoch;

    use super::*;

    fn topic() -> Topic {
        let led = Partition {
            leader: Some(NodeId(1000)),
            leader_epoch: LeaderEpoch(4),
            replicas: vec![NodeId(1000), NodeId(2000)],
            isr: vec![NodeId(1000)],
        };
        let headless = Partition { leader: None, leader_epoch: LeaderEpoch(-1), ..led.clone() };
        let partitions = BTreeMap::from([(0, led), (1, headless)]);
        Topic { id: TopicId::from_bytes([7; 16]), is_internal: false, partitions }
    }

    #[test]
    fn a_description_shows_partitions_offsets_and_configs() {
        let config = |name: &str, source| ConfigEntry {
            name: name.to_owned(),
            value: Some("5".to_owned()),
            source,
            is_read_only: false,
            is_sensitive: false,
            synonyms: Vec::new(),
            documentation: None,
        };
        let configs = [
            config("retention.ms", ConfigSource::Topic),
            config("segment.ms", ConfigSource::Default),
        ];
        let at = TopicPartition::new("t", 0);
        let beginnings = BTreeMap::from([(at.clone(), Some(Offset(3)))]);
        let ends = BTreeMap::from([(at, Some(Offset(9)))]);
        let described = Described::new("t", &topic(), &configs, &beginnings, &ends);
        let text: Vec<String> = described.tables().iter().map(Table::plain).collect();
        assert_eq!(
            text[1],
            "partition\tleader\tepoch\treplicas\tin sync\tbeginning\tend\n\
             0\t1000\t4\t1000,2000\t1000\t3\t9\n\
             1\t-\t-\t1000,2000\t1000\t-\t-\n"
        );
        assert_eq!(text[2], "config\tvalue\tsource\nretention.ms\t5\ttopic\n");
        let json = serde_json::to_value(&described).unwrap();
        assert_eq!(json["configs"].as_array().unwrap().len(), 2);
        let all = described.with_all_configs().tables()[2].plain();
        assert_eq!(all.lines().last(), Some("segment.ms\t5\tdefault"));
        assert_eq!(json["partitions"][0]["end"], 9);
        assert_eq!(json["partitions"][1]["leader"], serde_json::Value::Null);
    }

    #[test]
    fn a_list_has_one_row_for_each_topic() {
        let listed = Listed::new(&[("t".to_owned(), topic())]);
        assert_eq!(
            listed.tables()[0].plain(),
            "topic\tpartitions\treplication factor\tinternal\nt\t2\t2\tno\n"
        );
    }

    #[test]
    fn what_an_old_server_does_not_tell_is_shown_as_nothing() {
        let created =
            CreatedTopic { id: TopicId::ZERO, partitions: None, replication_factor: Some(1) };
        let created = Created::new("t", &created);
        assert_eq!(created.tables()[0].plain().lines().last(), Some("t\t-\t-\t1"));
    }
}
