//! Where the offsets of a group are to be, and of which partitions: what `--to` and `--topic` say.

use std::collections::BTreeSet;
use std::str::FromStr;

use corelog_client::metadata::Topic;
use corelog_client::offsets::Moment;
use corelog_client::{ClientError, TopicPartition};
use corelog_model::{Offset, Timestamp};

/// A place that every partition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// A moment, which the leader knows the offset of.
    Moment(Moment),
    /// An offset, as far as the partition reaches.
    Offset(Offset),
}

impl FromStr for Destination {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const RULE: &str =
            "write earliest, latest, an offset, or @ and a time in milliseconds since 1970";
        let number = |digits: &str| digits.parse().ok().filter(|number: &i64| *number >= 0);
        Ok(match (text, text.strip_prefix('@')) {
            ("earliest" | "beginning", _) => Self::Moment(Moment::Beginning),
            ("latest" | "end", _) => Self::Moment(Moment::End),
            (_, Some(digits)) => Self::Moment(Moment::At(Timestamp(number(digits).ok_or(RULE)?))),
            (digits, None) => Self::Offset(Offset(number(digits).ok_or(RULE)?)),
        })
    }
}

impl Destination {
    /// The offset in a partition that begins and ends there. `found` is that of the moment, if a
    /// record is that late; after the last record, everything is read.
    pub(super) fn within(self, beginning: Offset, end: Offset, found: Option<Offset>) -> Offset {
        match self {
            Self::Moment(_) => found.unwrap_or(end),
            Self::Offset(offset) => offset.min(end).max(beginning),
        }
    }
}

/// A topic, and which partitions of it; all if none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) topic: String,
    partitions: BTreeSet<i32>,
}

impl FromStr for Selection {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const RULE: &str = "write TOPIC, or TOPIC:0,1 for some of its partitions";
        let (topic, numbers) = match text.split_once(':') {
            None => (text, None),
            Some((topic, numbers)) => (topic, Some(numbers)),
        };
        let number =
            |digits: &str| digits.parse().ok().filter(|number: &i32| *number >= 0).ok_or(RULE);
        let numbers = numbers.into_iter().flat_map(|numbers| numbers.split(','));
        let partitions = numbers.map(number).collect::<Result<_, _>>()?;
        if topic.is_empty() {
            return Err(RULE);
        }
        Ok(Self { topic: topic.to_owned(), partitions })
    }
}

impl Selection {
    /// The partitions. Fails if the topic does not have one that is named.
    pub(super) fn of(&self, topic: &Topic) -> Result<BTreeSet<TopicPartition>, ClientError> {
        let at = |number: &i32| TopicPartition::new(&self.topic, *number);
        if self.partitions.is_empty() {
            return Ok(topic.partitions.keys().map(at).collect());
        }
        match self.partitions.iter().find(|number| !topic.partitions.contains_key(*number)) {
            Some(missing) => Err(ClientError::NoPartition {
                topic: self.topic.clone(),
                partition: *missing,
                count: topic.partitions.len(),
            }),
            None => Ok(self.partitions.iter().map(at).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use corelog_client::metadata::Partition;
    use corelog_model::{LeaderEpoch, TopicId};

    use super::*;

    #[test]
    fn a_destination_is_a_moment_or_an_offset() {
        let moment = |moment| Ok(Destination::Moment(moment));
        for (text, expected) in [
            ("earliest", moment(Moment::Beginning)),
            ("beginning", moment(Moment::Beginning)),
            ("latest", moment(Moment::End)),
            ("end", moment(Moment::End)),
            ("@1700000000000", moment(Moment::At(Timestamp(1_700_000_000_000)))),
            ("17", Ok(Destination::Offset(Offset(17)))),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for text in ["", "-1", "@", "@-1", "first", "1.5", "99999999999999999999"] {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_offset_stays_within_the_partition() {
        for (offset, expected) in [(0, 3), (3, 3), (5, 5), (9, 9), (10, 9)] {
            let destination = Destination::Offset(Offset(offset));
            assert_eq!(destination.within(Offset(3), Offset(9), None), Offset(expected));
        }
    }

    #[test]
    fn a_moment_after_the_last_record_is_the_end() {
        let destination = Destination::Moment(Moment::At(Timestamp(1)));
        assert_eq!(destination.within(Offset(3), Offset(9), Some(Offset(4))), Offset(4));
        assert_eq!(destination.within(Offset(3), Offset(9), None), Offset(9));
    }

    #[test]
    fn partitions_are_all_or_those_named() {
        let partition = Partition {
            leader: None,
            leader_epoch: LeaderEpoch(0),
            replicas: Vec::new(),
            isr: Vec::new(),
        };
        let partitions = BTreeMap::from([(0, partition.clone()), (1, partition)]);
        let topic = Topic { id: TopicId::ZERO, is_internal: false, partitions };
        let of = |text: &str| text.parse::<Selection>().unwrap().of(&topic);
        let at = |number| TopicPartition::new("t", number);
        assert_eq!(of("t"), Ok(BTreeSet::from([at(0), at(1)])));
        assert_eq!(of("t:1"), Ok(BTreeSet::from([at(1)])));
        assert_eq!(of("t:1,0,1"), Ok(BTreeSet::from([at(0), at(1)])));
        let missing = ClientError::NoPartition { topic: "t".to_owned(), partition: 7, count: 2 };
        assert_eq!(of("t:0,7"), Err(missing));
        for text in ["", ":1", "t:", "t:-1", "t:a", "t:1,"] {
            assert!(text.parse::<Selection>().is_err(), "{text}");
        }
    }
}
