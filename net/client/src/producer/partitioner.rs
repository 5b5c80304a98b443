//! Which partition a record goes to. Keys are hashed as in the Java client; records without a key
//! stay with one partition until it has filled a batch, so that batches are large (KIP-480 and
//! KIP-794).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metadata::Topic;
use crate::murmur2::partition_of;
use crate::{ClientError, TopicPartition};

/// Remembers where the records without a key of each topic go.
#[derive(Debug)]
pub struct Partitioner {
    sticky: BTreeMap<Arc<str>, Sticky>,
    /// Where the first topic begins, so that producers do not all begin at partition 0.
    start: u32,
}

#[derive(Debug, Default)]
struct Sticky {
    /// How often the partition has changed, from a start that differs between producers.
    turn: u32,
}

/// What decides the partition of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// The sender says which.
    Partition(i32),
    /// The hash of the key.
    Key(&'a [u8]),
    /// Whichever fills the largest batches.
    Any,
}

impl Partitioner {
    /// A partitioner whose first choice for records without a key comes from `start`.
    pub fn new(start: u32) -> Self {
        Self { sticky: BTreeMap::new(), start }
    }

    /// The partition of a record.
    pub fn choose(
        &mut self,
        name: &str,
        topic: &Topic,
        choice: Choice<'_>,
    ) -> Result<TopicPartition, ClientError> {
        let count = topic.partitions.len();
        let name = self.name(name);
        let missing = |partition| {
            Err(ClientError::NoPartition { topic: name.as_ref().to_owned(), partition, count })
        };
        let partition = match choice {
            Choice::Partition(partition) if topic.partitions.contains_key(&partition) => partition,
            Choice::Partition(partition) => return missing(partition),
            _ if count == 0 => return missing(0),
            Choice::Key(key) => partition_of(key, count as i32),
            Choice::Any => self.any(&name, topic),
        };
        Ok(TopicPartition { topic: name, partition })
    }

    /// Notes that a batch of records without a key is full: the next goes elsewhere.
    pub fn batch_filled(&mut self, topic: &str) {
        if let Some(sticky) = self.sticky.get_mut(topic) {
            sticky.turn = sticky.turn.wrapping_add(1);
        }
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some((name, _)) = self.sticky.get_key_value(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = name.into();
        self.sticky.insert(Arc::clone(&name), Sticky { turn: self.start });
        name
    }

    /// The partition whose turn it is, among those with a leader; among all when none has one.
    fn any(&self, name: &str, topic: &Topic) -> i32 {
        let turn = self.sticky.get(name).map_or(0, |sticky| sticky.turn) as usize;
        let led = topic.partitions.values().filter(|partition| partition.leader.is_some()).count();
        let mut candidates =
            topic.partitions.iter().filter(|(_, partition)| led == 0 || partition.leader.is_some());
        let count = if led == 0 { topic.partitions.len() } else { led };
        candidates.nth(turn % count).map_or(0, |(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{LeaderEpoch, NodeId, TopicId};

    use super::*;
    use crate::metadata::Partition;

    fn topic(leaders: &[Option<i32>]) -> Topic {
        let partition = |leader: &Option<i32>| Partition {
            leader: leader.map(NodeId),
            leader_epoch: LeaderEpoch(0),
            replicas: Vec::new(),
            isr: Vec::new(),
        };
        let partitions = (0..).zip(leaders.iter().map(partition)).collect();
        Topic { id: TopicId::ZERO, is_internal: false, partitions }
    }

    fn any(partitioner: &mut Partitioner, topic: &Topic) -> i32 {
        partitioner.choose("t", topic, Choice::Any).unwrap().partition
    }

    #[test]
    fn records_without_a_key_stay_until_a_batch_is_full() {
        let topic = topic(&[Some(1), Some(1), Some(1)]);
        let mut partitioner = Partitioner::new(1);
        assert_eq!([any(&mut partitioner, &topic), any(&mut partitioner, &topic)], [1, 1]);
        partitioner.batch_filled("t");
        assert_eq!(any(&mut partitioner, &topic), 2);
        partitioner.batch_filled("t");
        assert_eq!(any(&mut partitioner, &topic), 0);
    }

    #[test]
    fn partitions_without_a_leader_are_passed_over_while_another_has_one() {
        let mut partitioner = Partitioner::new(0);
        let half = topic(&[None, Some(1), None, Some(2)]);
        let mut chosen = Vec::new();
        for _ in 0..4 {
            chosen.push(any(&mut partitioner, &half));
            partitioner.batch_filled("t");
        }
        assert_eq!(chosen, [1, 3, 1, 3]);
        assert_eq!(any(&mut partitioner, &topic(&[None])), 0);
    }

    #[test]
    fn a_key_goes_to_its_partition_whether_it_has_a_leader_or_not() {
        let mut partitioner = Partitioner::new(0);
        let chosen = partitioner.choose("t", &topic(&[None; 100]), Choice::Key(b"abc"));
        assert_eq!(chosen, Ok(TopicPartition::new("t", 7)));
    }

    #[test]
    fn a_partition_that_does_not_exist_is_refused() {
        let mut partitioner = Partitioner::new(0);
        let missing = |partition, count| {
            Err(ClientError::NoPartition { topic: "t".to_owned(), partition, count })
        };
        let one = topic(&[Some(1)]);
        assert_eq!(partitioner.choose("t", &one, Choice::Partition(1)), missing(1, 1));
        assert_eq!(partitioner.choose("t", &one, Choice::Partition(-1)), missing(-1, 1));
        assert_eq!(partitioner.choose("t", &topic(&[]), Choice::Any), missing(0, 0));
    }
}
