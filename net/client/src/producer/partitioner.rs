//! Which partition a record goes to. Keys are hashed as in the Java client. Records without a key
//! stay with one partition until as many bytes as a batch may have went there, in however many
//! batches, so that batches are large and every partition gets its share (KIP-794). The weights of
//! KIP-794 for slow partitions are left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metadata::{Partition, Topic};
use crate::murmur2::partition_of;
use crate::producer::Pushed;
use crate::{ClientError, TopicPartition};

/// Remembers where the records without a key of each topic go.
#[derive(Debug)]
pub struct Partitioner {
    sticky: BTreeMap<Arc<str>, Sticky>,
    /// After so many bytes the partition changes.
    sticky_bytes: usize,
    random: fastrand::Rng,
}

#[derive(Debug, Default)]
struct Sticky {
    /// Where records without a key go; none until the next one comes.
    partition: Option<i32>,
    /// How many bytes went there since it was chosen.
    bytes: usize,
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
    /// A partitioner for batches of so many bytes. `seed` decides what is left to chance.
    pub fn new(batch_bytes: usize, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { sticky: BTreeMap::new(), sticky_bytes: batch_bytes.max(1), random }
    }

    /// The partition of a record. `fits_batch` says whether a partition has an open batch with room
    /// for it: as long as it has one, records without a key stay there.
    pub fn choose(
        &mut self,
        name: &str,
        topic: &Topic,
        choice: Choice<'_>,
        fits_batch: impl FnOnce(&TopicPartition) -> bool,
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
            Choice::Any => return Ok(self.any(name, topic, fits_batch)),
        };
        Ok(TopicPartition { topic: name, partition })
    }

    /// Counts a record without a key that went where [`Partitioner::choose`] said last.
    pub fn count(&mut self, topic: &str, pushed: &Pushed) {
        let Some(sticky) = self.sticky.get_mut(topic) else { return };
        sticky.bytes = sticky.bytes.saturating_add(pushed.grown_bytes);
        // A change in the middle of a batch would leave it small. At twice the bytes it changes all
        // the same: records with keys may keep batches of this partition open for ever.
        let is_at_boundary = !pushed.has_open_batch;
        if self.sticky_bytes <= sticky.bytes
            && (is_at_boundary || self.sticky_bytes.saturating_mul(2) <= sticky.bytes)
        {
            *sticky = Sticky::default();
        }
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some((name, _)) = self.sticky.get_key_value(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = name.into();
        self.sticky.insert(Arc::clone(&name), Sticky::default());
        name
    }

    /// The partition where records without a key go now, or a new one by chance: among those with a
    /// leader, or among all when none has one.
    fn any(
        &mut self,
        name: Arc<str>,
        topic: &Topic,
        fits_batch: impl FnOnce(&TopicPartition) -> bool,
    ) -> TopicPartition {
        let has_leader = |partition: &Partition| partition.leader.is_some();
        let sticky = self.sticky.entry(Arc::clone(&name)).or_default();
        let current = sticky.partition.and_then(|number| topic.partitions.get_key_value(&number));
        // Whoever lost its leader is left at once, unless there is no better one.
        let is_usable = |partition: &Partition| {
            has_leader(partition) || !topic.partitions.values().any(has_leader)
        };
        if let Some((number, _)) = current.filter(|(_, partition)| is_usable(partition)) {
            let at = TopicPartition { topic: Arc::clone(&name), partition: *number };
            if sticky.bytes < self.sticky_bytes || fits_batch(&at) {
                return at;
            }
        }
        let led = topic.partitions.iter().filter(|(_, partition)| has_leader(partition));
        let mut candidates: Vec<i32> = led.map(|(number, _)| *number).collect();
        if candidates.is_empty() {
            candidates.extend(topic.partitions.keys());
        }
        let partition = candidates[self.random.usize(..candidates.len())];
        *sticky = Sticky { partition: Some(partition), bytes: 0 };
        TopicPartition { topic: name, partition }
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{LeaderEpoch, NodeId, TopicId};

    use super::*;
    use crate::producer::Ticket;

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

    /// Where a record without a key goes when `open` are the partitions with room in a batch.
    fn any_of(partitioner: &mut Partitioner, topic: &Topic, open: &[i32]) -> i32 {
        let fits_batch = |at: &TopicPartition| open.contains(&at.partition);
        partitioner.choose("t", topic, Choice::Any, fits_batch).unwrap().partition
    }

    fn any(partitioner: &mut Partitioner, topic: &Topic) -> i32 {
        any_of(partitioner, topic, &[])
    }

    /// A record that made its batch grow, and whether that one takes more.
    fn pushed(grown_bytes: usize, has_open_batch: bool) -> Pushed {
        Pushed { ticket: Ticket(0), has_filled_batch: !has_open_batch, grown_bytes, has_open_batch }
    }

    const SEED: u64 = 7;

    /// A partitioner, its topic of a hundred partitions, and the one it has chosen.
    fn settled() -> (Partitioner, Topic, i32) {
        let mut partitioner = Partitioner::new(100, SEED);
        let topic = topic(&[Some(1); 100]);
        let first = any(&mut partitioner, &topic);
        (partitioner, topic, first)
    }

    #[test]
    fn a_partition_is_kept_until_the_bytes_of_a_batch_went_there() {
        let (mut partitioner, topic, first) = settled();
        for bytes in [40, 40, 19] {
            partitioner.count("t", &pushed(bytes, false));
            assert_eq!(any(&mut partitioner, &topic), first);
        }
        partitioner.count("t", &pushed(1, false));
        let second = any(&mut partitioner, &topic);
        assert_ne!(second, first);
        // The count begins anew.
        partitioner.count("t", &pushed(99, false));
        assert_eq!(any(&mut partitioner, &topic), second);
    }

    #[test]
    fn a_partition_is_not_left_in_the_middle_of_a_batch() {
        let (mut partitioner, topic, first) = settled();
        partitioner.count("t", &pushed(150, true));
        assert_eq!(any_of(&mut partitioner, &topic, &[first]), first);
        // The batch was closed meanwhile, or has no room for this record.
        assert_ne!(any_of(&mut partitioner, &topic, &[]), first);
    }

    #[test]
    fn a_partition_is_left_at_twice_the_bytes_whatever_its_batch() {
        let (mut partitioner, topic, first) = settled();
        partitioner.count("t", &pushed(199, true));
        assert_eq!(any_of(&mut partitioner, &topic, &[first]), first);
        partitioner.count("t", &pushed(1, true));
        assert_ne!(any_of(&mut partitioner, &topic, &[first]), first);
    }

    #[test]
    fn every_partition_has_the_same_chance() {
        let mut partitioner = Partitioner::new(100, SEED);
        let topic = topic(&[Some(1); 4]);
        let mut counts = [0; 4];
        for _ in 0..4000 {
            counts[usize::try_from(any(&mut partitioner, &topic)).unwrap()] += 1;
            partitioner.count("t", &pushed(100, false));
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn topics_are_counted_apart() {
        let (mut partitioner, topic, first) = settled();
        let mut other = || {
            let at = partitioner.choose("other", &topic, Choice::Any, |_| false);
            partitioner.count("other", &pushed(100, false));
            at.unwrap().partition
        };
        assert_ne!(other(), other());
        assert_eq!(any(&mut partitioner, &topic), first);
    }

    #[test]
    fn partitions_without_a_leader_are_passed_over_while_another_has_one() {
        let mut partitioner = Partitioner::new(100, SEED);
        let half = topic(&[None, Some(1), None, Some(2)]);
        let mut chosen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            chosen.insert(any(&mut partitioner, &half));
            partitioner.count("t", &pushed(100, false));
        }
        assert_eq!(chosen, [1, 3].into());
        let first = any(&mut partitioner, &topic(&[None, Some(1)]));
        assert_eq!((first, any(&mut partitioner, &topic(&[Some(1), None]))), (1, 0));
        assert_eq!(any(&mut partitioner, &topic(&[None, None])), 0);
        // It is gone.
        let mut partitioner = Partitioner::new(100, SEED);
        assert_eq!(any(&mut partitioner, &topic(&[None, Some(1)])), 1);
        assert_eq!(any(&mut partitioner, &topic(&[None])), 0);
    }

    #[test]
    fn a_key_goes_to_its_partition_whether_it_has_a_leader_or_not() {
        let mut partitioner = Partitioner::new(100, SEED);
        let chosen = partitioner.choose("t", &topic(&[None; 100]), Choice::Key(b"abc"), |_| false);
        assert_eq!(chosen, Ok(TopicPartition::new("t", 7)));
    }

    #[test]
    fn a_partition_that_does_not_exist_is_refused() {
        let mut partitioner = Partitioner::new(100, SEED);
        let missing = |partition, count| {
            Err(ClientError::NoPartition { topic: "t".to_owned(), partition, count })
        };
        let one = topic(&[Some(1)]);
        let mut choose = |topic, choice| partitioner.choose("t", topic, choice, |_| false);
        assert_eq!(choose(&one, Choice::Partition(1)), missing(1, 1));
        assert_eq!(choose(&one, Choice::Partition(-1)), missing(-1, 1));
        assert_eq!(choose(&topic(&[]), Choice::Any), missing(0, 0));
    }
}
