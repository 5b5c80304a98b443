//! The topics of the cluster as groups see them: a snapshot of the metadata, which the driver hands
//! over when it changes, and a hash that tells whether subscribed topics have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use corelog_model::TopicId;

/// A snapshot of the metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    version: u64,
    by_id: BTreeMap<TopicId, Topic>,
    ids: BTreeMap<Arc<str>, TopicId>,
}

/// A topic in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// The name.
    pub name: Arc<str>,
    /// How many partitions it has.
    pub partition_count: i32,
    /// In which racks the replicas of each partition are, in the order of the partitions; empty
    /// where racks are not known.
    pub racks: Vec<BTreeSet<Arc<str>>>,
}

impl Topics {
    /// A snapshot of these topics. Its version is larger than that of every older snapshot.
    pub fn new(version: u64, topics: impl IntoIterator<Item = (TopicId, Topic)>) -> Topics {
        let by_id: BTreeMap<TopicId, Topic> = topics.into_iter().collect();
        let ids = by_id.iter().map(|(id, topic)| (Arc::clone(&topic.name), *id)).collect();
        Topics { version, by_id, ids }
    }

    /// The version of the snapshot.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The topic with this id.
    pub fn topic(&self, id: TopicId) -> Option<&Topic> {
        self.by_id.get(&id)
    }

    /// The id of the topic with this name.
    pub fn id(&self, name: &str) -> Option<TopicId> {
        self.ids.get(name).copied()
    }

    /// The names of all topics.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.ids.keys()
    }

    /// A hash of everything that matters about the topics with these names; zero if there are
    /// none. Topics that do not exist do not count. It is not the hash of Kafka: a coordinator that
    /// takes over from another kind sees a change once, and computes the assignment anew.
    pub fn hash_of<'a>(&self, names: impl IntoIterator<Item = &'a Arc<str>>) -> i64 {
        let ids: BTreeSet<TopicId> = names.into_iter().filter_map(|name| self.id(name)).collect();
        if ids.is_empty() {
            return 0;
        }
        let mut hash = Fnv::default();
        for id in ids {
            let Some(topic) = self.by_id.get(&id) else { continue };
            hash.add(id.as_bytes());
            hash.add(topic.name.as_bytes());
            hash.add(&topic.partition_count.to_be_bytes());
            for racks in &topic.racks {
                hash.add(&racks.len().to_be_bytes());
                for rack in racks {
                    hash.add(rack.as_bytes());
                }
            }
        }
        hash.0.cast_signed()
    }
}

/// FNV-1a with 64 bits: short, and the same everywhere.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Adds a part with its length, so that parts cannot run into each other.
    fn add(&mut self, part: &[u8]) {
        for byte in part.len().to_be_bytes().iter().chain(part) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(version: u64, list: &[(u8, &str, i32)]) -> Topics {
        let topic = |(id, name, partition_count): &(u8, &str, i32)| {
            let (name, partition_count) = (Arc::from(*name), *partition_count);
            (TopicId::from_bytes([*id; 16]), Topic { name, partition_count, racks: Vec::new() })
        };
        Topics::new(version, list.iter().map(topic))
    }

    fn hash(topics: &Topics, names: &[&str]) -> i64 {
        let names: Vec<Arc<str>> = names.iter().map(|name| Arc::from(*name)).collect();
        topics.hash_of(&names)
    }

    #[test]
    fn the_hash_tells_apart_what_matters() {
        let one = topics(1, &[(1, "a", 3), (2, "b", 3)]);
        let same = topics(2, &[(1, "a", 3), (2, "b", 3), (3, "c", 3)]);
        assert_eq!(hash(&one, &["a", "b", "gone"]), hash(&same, &["b", "a", "a"]));
        for other in [
            topics(2, &[(1, "a", 4), (2, "b", 3)]),
            topics(2, &[(4, "a", 3), (2, "b", 3)]),
            topics(2, &[(2, "b", 3)]),
        ] {
            assert_ne!(hash(&one, &["a", "b"]), hash(&other, &["a", "b"]));
        }
        let racks = vec![BTreeSet::from([Arc::from("r")])];
        let known = Topic { name: Arc::from("a"), partition_count: 3, racks };
        let known = Topics::new(2, [(TopicId::from_bytes([1; 16]), known)]);
        assert_ne!(hash(&one, &["a"]), hash(&known, &["a"]));
        assert_eq!(hash(&one, &["gone"]), 0);
    }
}
