//! Where the offsets of a group are to be, and of which partitions: what `--to` and `--topic` say.

use std::collections::BTreeSet;
use std::str::FromStr;

use corelog_client::metadata::Topic;
use corelog_client::offsets::Moment;
use corelog_client::{ClientError, TopicPartition};
use corelog_model::{Offset, Timestamp};

use super::time;

/// A place that every partition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// A moment, which the leader knows the offset of.
    Moment(Moment),
    /// So many milliseconds before now.
    Ago(i64),
    /// An offset, as far as the partition reaches.
    Offset(Offset),
    /// So many records further than the group is, or back; as far as the partition reaches.
    Shift(i64),
    /// Where the group is; at the end of what it has not read.
    Current,
}

/// What is known of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) beginning: Offset,
    pub(super) end: Offset,
    /// The offset of the moment, if a record is that late.
    pub(super) found: Option<Offset>,
    /// Where the group is.
    pub(super) committed: Option<Offset>,
}

impl FromStr for Destination {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const RULE: &str = "write earliest, latest, current, an offset, +N or -N, @ and a time in \
                            milliseconds since 1970, 2026-11-29T08:30:00, or P1DT12H for that \
                            long ago";
        let number = |digits: &str| digits.parse().ok().filter(|number: &i64| *number >= 0);
        let at = |time| Self::Moment(Moment::At(Timestamp(time)));
        let found = match (text, text.chars().next()) {
            ("earliest" | "beginning", _) => Some(Self::Moment(Moment::Beginning)),
            ("latest" | "end", _) => Some(Self::Moment(Moment::End)),
            ("current", _) => Some(Self::Current),
            (_, Some('@')) => number(&text[1..]).map(at),
            // Rust reads a sign in front of a number.
            (_, Some('+' | '-')) => text.parse().ok().map(Self::Shift),
            (_, Some('P')) => time::span(text).map(Self::Ago),
            _ if text.contains('T') => time::datetime(text).map(at),
            _ => number(text).map(|offset| Self::Offset(Offset(offset))),
        };
        found.ok_or(RULE)
    }
}

impl Destination {
    /// The moment that leaders are asked about, if it is one.
    pub(super) fn moment(self, now: Timestamp) -> Option<Moment> {
        match self {
            Self::Moment(moment) => Some(moment),
            Self::Ago(span) => Some(Moment::At(Timestamp(now.0.saturating_sub(span).max(0)))),
            Self::Offset(_) | Self::Shift(_) | Self::Current => None,
        }
    }

    /// The offset in a partition; none where the group has none to move from. After the last
    /// record, everything is read.
    pub(super) fn within(self, place: &Place) -> Option<Offset> {
        let bounded = |offset: Offset| offset.min(place.end).max(place.beginning);
        match self {
            Self::Moment(_) | Self::Ago(_) => Some(place.found.unwrap_or(place.end)),
            Self::Offset(offset) => Some(bounded(offset)),
            Self::Shift(count) => {
                place.committed.map(|offset| bounded(Offset(offset.0.saturating_add(count))))
            }
            Self::Current => Some(place.committed.unwrap_or(place.end)),
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
            ("+3", Ok(Destination::Shift(3))),
            ("-3", Ok(Destination::Shift(-3))),
            ("current", Ok(Destination::Current)),
            ("PT1H", Ok(Destination::Ago(3_600_000))),
            ("2023-11-14T22:13:20", moment(Moment::At(Timestamp(1_700_000_000_000)))),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for text in ["", "+", "-x", "@", "@-1", "first", "1.5", "99999999999999999999", "P1", "T"] {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }

    const PLACE: Place =
        Place { beginning: Offset(3), end: Offset(9), found: None, committed: None };

    #[test]
    fn an_offset_stays_within_the_partition() {
        for (offset, expected) in [(0, 3), (3, 3), (5, 5), (9, 9), (10, 9)] {
            let destination = Destination::Offset(Offset(offset));
            assert_eq!(destination.within(&PLACE), Some(Offset(expected)));
        }
    }

    #[test]
    fn a_shift_counts_from_where_the_group_is_and_stays_within_the_partition() {
        let place = Place { committed: Some(Offset(5)), ..PLACE };
        for (count, expected) in [(-9, 3), (-1, 4), (0, 5), (2, 7), (9, 9), (i64::MAX, 9)] {
            assert_eq!(Destination::Shift(count).within(&place), Some(Offset(expected)));
        }
        assert_eq!(Destination::Shift(1).within(&PLACE), None, "there is nothing to count from");
    }

    #[test]
    fn where_the_group_is_stays_and_what_it_has_not_read_is_skipped() {
        let place = Place { committed: Some(Offset(5)), ..PLACE };
        assert_eq!(Destination::Current.within(&place), Some(Offset(5)));
        assert_eq!(Destination::Current.within(&PLACE), Some(Offset(9)));
    }

    #[test]
    fn a_moment_after_the_last_record_is_the_end() {
        let moment = Destination::Moment(Moment::At(Timestamp(1)));
        for destination in [moment, Destination::Ago(1)] {
            let place = Place { found: Some(Offset(4)), ..PLACE };
            assert_eq!(destination.within(&place), Some(Offset(4)));
            assert_eq!(destination.within(&PLACE), Some(Offset(9)));
        }
    }

    #[test]
    fn a_time_ago_is_a_moment_that_was() {
        let at = |time| Some(Moment::At(Timestamp(time)));
        assert_eq!(Destination::Ago(400).moment(Timestamp(1000)), at(600));
        assert_eq!(Destination::Ago(4000).moment(Timestamp(1000)), at(0));
        assert_eq!(Destination::Current.moment(Timestamp(1000)), None);
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
