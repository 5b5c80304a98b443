//! The topics that consumers of a classic group say they read. Kafka's
//! `ConsumerProtocolSubscription` begins with a version and an array of topics in each of its
//! versions.

use std::collections::BTreeSet;

use super::ClassicGroup;
use super::commit::CONSUMER;
use crate::records::{Reader, RecordError};

impl ClassicGroup {
    /// The topics of all members; none if the members are no consumers, or one of them speaks in
    /// its own words.
    pub(super) fn subscribed_topics(&self) -> Option<BTreeSet<String>> {
        let protocol = self.protocol.as_deref()?;
        if self.protocol_type() != CONSUMER {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(read_topics(member.metadata(Some(protocol))).ok()?);
        }
        Some(topics)
    }
}

fn read_topics(metadata: &[u8]) -> Result<Vec<String>, RecordError> {
    let mut reader = Reader::new(metadata);
    reader.i16("the version of a subscription")?;
    let count = reader.count("the topics")?;
    (0..count).map(|_| reader.string("a topic")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_what_follows_is_not() {
        let metadata = b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff";
        assert_eq!(read_topics(metadata).unwrap(), ["a", "bc"]);
    }

    #[test]
    fn what_is_no_subscription_is_refused() {
        assert!(read_topics(b"").is_err());
        assert!(read_topics(b"\0\0\0\0\0\x02\0\x01a").is_err());
        assert!(read_topics(b"hello world").is_err());
    }
}
