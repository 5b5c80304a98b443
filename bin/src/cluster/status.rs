//! What `corelog cluster status` shows.

use corelog_client::admin::ClusterDescription;
use corelog_client::metadata::{Partition, Topic};
use corelog_model::NodeId;
use serde::Serialize;

use super::metrics::Sample;
use crate::output::{Report, Table};

/// The nodes of a cluster and what they hold.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    cluster_id: Option<String>,
    controller: Option<i32>,
    topics: usize,
    partitions: usize,
    /// Nobody can write to or read from these.
    partitions_without_leader: usize,
    /// These have fewer copies than they should.
    partitions_under_replicated: usize,
    nodes: Vec<NodeStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Sample>,
}

#[derive(Debug, Serialize)]
struct NodeStatus {
    node: i32,
    address: String,
    rack: Option<String>,
    controller: bool,
    leads: usize,
    holds: usize,
}

impl Status {
    pub(super) fn new(
        cluster: &ClusterDescription,
        topics: &[(String, Topic)],
        metrics: Vec<Sample>,
    ) -> Self {
        let partitions = || topics.iter().flat_map(|(_, topic)| topic.partitions.values());
        let count = |is_counted: &dyn Fn(&Partition) -> bool| {
            partitions().filter(|partition| is_counted(partition)).count()
        };
        let node = |node: &corelog_client::metadata::Node| NodeStatus {
            node: node.id.0,
            address: node.endpoint.to_string(),
            rack: node.rack.clone(),
            controller: cluster.controller == Some(node.id),
            leads: count(&|partition| partition.leader == Some(node.id)),
            holds: count(&|partition| partition.replicas.contains(&node.id)),
        };
        Self {
            cluster_id: cluster.cluster_id.clone(),
            controller: cluster.controller.map(NodeId::get),
            topics: topics.len(),
            partitions: count(&|_| true),
            partitions_without_leader: count(&|partition| partition.leader.is_none()),
            partitions_under_replicated: count(&|partition| {
                partition.isr.len() < partition.replicas.len()
            }),
            nodes: cluster.nodes.iter().map(node).collect(),
            metrics,
        }
    }
}

impl Report for Status {
    fn tables(&self) -> Vec<Table> {
        let nothing = || "-".to_owned();
        let head = vec![
            self.cluster_id.clone().unwrap_or_else(nothing),
            self.nodes.len().to_string(),
            self.topics.to_string(),
            self.partitions.to_string(),
            self.partitions_without_leader.to_string(),
            self.partitions_under_replicated.to_string(),
        ];
        let node = |node: &NodeStatus| {
            vec![
                node.node.to_string(),
                node.address.clone(),
                node.rack.clone().unwrap_or_else(nothing),
                if node.controller { "yes" } else { "no" }.to_owned(),
                node.leads.to_string(),
                node.holds.to_string(),
            ]
        };
        let sample = |sample: &Sample| {
            vec![sample.name.clone(), sample.labels_text(), sample.value.to_string()]
        };
        let header =
            ["cluster", "nodes", "topics", "partitions", "without leader", "under-replicated"];
        let nodes = self.nodes.iter().map(node).collect();
        let mut tables = vec![
            Table::new(header, vec![head]),
            Table::new(["node", "address", "rack", "controller", "leads", "holds"], nodes),
        ];
        if !self.metrics.is_empty() {
            let samples = self.metrics.iter().map(sample).collect();
            tables.push(Table::new(["metric", "of", "value"], samples));
        }
        tables
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use corelog_client::Endpoint;
    use corelog_client::metadata::Node;
    use corelog_model::{LeaderEpoch, TopicId};

    use super::*;

    #[test]
    fn nodes_are_shown_with_what_they_lead_and_hold() {
        let node = |id, rack: Option<&str>| Node {
            id: NodeId(id),
            endpoint: Endpoint::new("h", 9092),
            rack: rack.map(str::to_owned),
        };
        let partition = |leader: Option<i32>, isr: &[i32]| Partition {
            leader: leader.map(NodeId),
            leader_epoch: LeaderEpoch(0),
            replicas: vec![NodeId(1), NodeId(2)],
            isr: isr.iter().copied().map(NodeId).collect(),
        };
        let partitions = BTreeMap::from([
            (0, partition(Some(1), &[1, 2])),
            (1, partition(Some(1), &[1])),
            (2, partition(None, &[])),
        ]);
        let topic = Topic { id: TopicId::ZERO, is_internal: false, partitions };
        let cluster = ClusterDescription {
            cluster_id: Some("c".to_owned()),
            controller: Some(NodeId(1)),
            nodes: vec![node(1, Some("r")), node(2, None)],
        };
        let status = Status::new(&cluster, &[("t".to_owned(), topic)], Vec::new());
        let text: Vec<String> = status.tables().iter().map(Table::plain).collect();
        assert_eq!(text[0].lines().last(), Some("c\t2\t1\t3\t1\t2"));
        assert_eq!(
            text[1],
            "node\taddress\track\tcontroller\tleads\tholds\n\
             1\th:9092\tr\tyes\t2\t3\n2\th:9092\t-\tno\t0\t3\n"
        );
    }
}
