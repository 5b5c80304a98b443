//! The quota on partitions that are created and deleted (KIP-599): takes the topics out of a
//! request that go over it, and answers them. A refused topic may be asked for again; the others go
//! on.
//!
//! What cannot be carried out anyway, what the client has no right to, and what is only to be
//! validated, uses up nothing.

use corelog_cluster::ClusterImage;
use corelog_model::{ErrorCode, TopicId};
use corelog_wire::api::create_partitions::CreatePartitionsTopicResult;
use corelog_wire::api::create_topics::CreatableTopicResult;
use corelog_wire::api::delete_topics::{DeletableTopicResult, DeleteTopicState};
use corelog_wire::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, Text};

use super::create_topics::is_reserved;
use super::settings::ApiSettings;
use crate::quota::Strictness;

/// From these versions on clients know THROTTLING_QUOTA_EXCEEDED.
const CREATE_STRICT_FROM: i16 = 6;
const DELETE_STRICT_FROM: i16 = 5;
const GROW_STRICT_FROM: i16 = 3;

const WHY: &str = "the quota on changes of partitions is exceeded";

fn strictness(version: i16, strict_from: i16) -> Strictness {
    if version >= strict_from { Strictness::Strict } else { Strictness::Permissive }
}

/// Takes the topics out that may not be created now.
pub(crate) fn hold_back_created<'a>(
    (request, version): (&mut CreateTopicsRequest<'a>, i16),
    (image, settings, may): (&ClusterImage, &ApiSettings, impl Fn(&str) -> bool),
    may_change: impl Fn(usize, Strictness) -> bool,
) -> Vec<CreatableTopicResult<'a>> {
    if request.validate_only {
        return Vec::new();
    }
    let strictness = strictness(version, CREATE_STRICT_FROM);
    let held_back = request.topics.extract_if(.., |topic| {
        let is_refused_anyway =
            is_reserved(&topic.name) || image.topic_id(&topic.name).is_some() || !may(&topic.name);
        let partitions = match usize::try_from(topic.num_partitions) {
            _ if !topic.assignments.is_empty() => topic.assignments.len(),
            Ok(partitions) => partitions,
            Err(_) => settings.topics.partitions_default,
        };
        !is_refused_anyway && !may_change(partitions, strictness)
    });
    let refused = held_back.map(|topic| CreatableTopicResult {
        name: topic.name,
        error_code: ErrorCode::ThrottlingQuotaExceeded.code(),
        error_message: Some(Text::Borrowed(WHY)),
        ..Default::default()
    });
    refused.collect()
}

/// Takes the topics out that may not be deleted now.
pub(crate) fn hold_back_deleted<'a>(
    (request, version): (&mut DeleteTopicsRequest<'a>, i16),
    (image, may): (&ClusterImage, impl Fn(&str) -> bool),
    may_change: impl Fn(usize, Strictness) -> bool,
) -> Vec<DeletableTopicResult<'a>> {
    let strictness = strictness(version, DELETE_STRICT_FROM);
    let is_held_back = |name: Option<&str>, id: [u8; 16]| {
        let topic = match name {
            Some(name) => image.topic_by_name(name),
            None => image.topic(TopicId::from_bytes(id)),
        };
        topic.is_some_and(|topic| {
            may(topic.name().as_str()) && !may_change(topic.partition_count(), strictness)
        })
    };
    let by_name = request.topic_names.extract_if(.., |name| is_held_back(Some(name), [0; 16]));
    let by_name: Vec<_> = by_name.map(|name| (Some(name), [0; 16])).collect();
    let is_topic_held_back =
        |topic: &mut DeleteTopicState<'a>| is_held_back(topic.name.as_deref(), topic.topic_id);
    let by_either = request.topics.extract_if(.., is_topic_held_back);
    let held_back = by_either.map(|topic| (topic.name, topic.topic_id)).chain(by_name);
    let refused = held_back.map(|(name, topic_id)| DeletableTopicResult {
        name,
        topic_id,
        error_code: ErrorCode::ThrottlingQuotaExceeded.code(),
        error_message: Some(Text::Borrowed(WHY)),
    });
    refused.collect()
}

/// Takes the topics out that may not be given more partitions now.
pub(crate) fn hold_back_grown<'a>(
    (request, version): (&mut CreatePartitionsRequest<'a>, i16),
    (image, may): (&ClusterImage, impl Fn(&str) -> bool),
    may_change: impl Fn(usize, Strictness) -> bool,
) -> Vec<CreatePartitionsTopicResult<'a>> {
    if request.validate_only {
        return Vec::new();
    }
    let strictness = strictness(version, GROW_STRICT_FROM);
    let held_back = request.topics.extract_if(.., |topic| {
        let Some(known) = image.topic_by_name(&topic.name) else { return false };
        let wanted = usize::try_from(topic.count).unwrap_or(0);
        let added = wanted.saturating_sub(known.partition_count());
        added > 0 && may(&topic.name) && !may_change(added, strictness)
    });
    let refused = held_back.map(|topic| CreatePartitionsTopicResult {
        name: topic.name,
        error_code: ErrorCode::ThrottlingQuotaExceeded.code(),
        error_message: Some(Text::Borrowed(WHY)),
    });
    refused.collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use corelog_wire::api::create_partitions::CreatePartitionsTopic;
    use corelog_wire::api::create_topics::{CreatableReplicaAssignment, CreatableTopic};

    use super::*;
    use crate::api::scene::{cluster, topic_id, with_topic};

    const THROTTLED: i16 = ErrorCode::ThrottlingQuotaExceeded.code();

    /// A client that may change so many partitions, and what it was asked.
    struct Quota {
        left: Cell<usize>,
        strictness: Cell<Option<Strictness>>,
    }

    impl Quota {
        fn of(left: usize) -> Self {
            Self { left: Cell::new(left), strictness: Cell::new(None) }
        }

        fn take(&self, partitions: usize, strictness: Strictness) -> bool {
            self.strictness.set(Some(strictness));
            let left = self.left.get().checked_sub(partitions);
            self.left.set(left.unwrap_or(self.left.get()));
            left.is_some()
        }
    }

    fn image() -> ClusterImage {
        with_topic(&cluster(&[1]), ("old", 1), (3, 1), &[])
    }

    fn names<'a>(names: impl Iterator<Item = &'a Text<'a>>) -> Vec<&'a str> {
        names.map(|name| &**name).collect()
    }

    #[test]
    fn topics_over_the_quota_are_refused_and_those_that_fail_anyway_cost_nothing() {
        let topic = |name: &'static str, num_partitions| CreatableTopic {
            name: name.into(),
            num_partitions,
            ..Default::default()
        };
        let assignment = CreatableReplicaAssignment::default();
        let assigned = CreatableTopic {
            assignments: vec![assignment.clone(), assignment],
            ..topic("assigned", -1)
        };
        let topics = vec![
            topic("old", 100),
            topic("__consumer_offsets", 100),
            topic("a", 3),
            topic("b", 3),
            assigned,
            topic("default", -1),
        ];
        let mut request = CreateTopicsRequest { topics, ..Default::default() };
        let (image, settings) = (image(), ApiSettings::default());
        let hold_back = |request: &mut CreateTopicsRequest<'static>, version, quota: &Quota| {
            let take = |partitions, strictness| quota.take(partitions, strictness);
            hold_back_created((request, version), (&image, &settings, |_: &str| true), take)
        };
        let quota = Quota::of(5);
        let refused = hold_back(&mut request, 6, &quota);
        assert_eq!(names(refused.iter().map(|it| &it.name)), ["b", "default"]);
        assert!(refused.iter().all(|it| it.error_code == THROTTLED));
        assert_eq!(quota.strictness.get(), Some(Strictness::Strict));
        let left = names(request.topics.iter().map(|it| &it.name));
        assert_eq!(left, ["old", "__consumer_offsets", "a", "assigned"]);
        request.validate_only = true;
        assert_eq!(hold_back(&mut request, 6, &Quota::of(0)), []);
        request.validate_only = false;
        let elder = Quota::of(5);
        assert_eq!(hold_back(&mut request, 5, &elder), []);
        assert_eq!(elder.strictness.get(), Some(Strictness::Permissive));
    }

    #[test]
    fn topics_are_deleted_by_name_and_by_id_as_far_as_the_quota_reaches() {
        let image = image();
        for (version, by_name, strictness) in [
            (4, true, Strictness::Permissive),
            (5, true, Strictness::Strict),
            (6, false, Strictness::Strict),
        ] {
            let request = || {
                let state = DeleteTopicState { name: None, topic_id: *topic_id(1).as_bytes() };
                let unknown = Text::Borrowed("unknown");
                let topic_names = if by_name { vec!["old".into(), unknown] } else { vec![] };
                let topics = if by_name { vec![] } else { vec![state] };
                DeleteTopicsRequest { topics, topic_names, ..Default::default() }
            };
            let quota = Quota::of(3);
            let take = |partitions, strictness| quota.take(partitions, strictness);
            assert_eq!(
                hold_back_deleted((&mut request(), version), (&image, |_: &str| true), take),
                []
            );
            assert_eq!((quota.left.get(), quota.strictness.get()), (0, Some(strictness)));
            let mut request = request();
            let refused =
                hold_back_deleted((&mut request, version), (&image, |_: &str| true), take);
            assert_eq!(refused.iter().map(|it| it.error_code).collect::<Vec<_>>(), [THROTTLED]);
            assert_eq!(request.topic_names.len() + request.topics.len(), usize::from(by_name));
        }
    }

    #[test]
    fn only_the_partitions_that_are_added_count() {
        let grow = |name: &'static str, count| CreatePartitionsTopic {
            name: name.into(),
            count,
            assignments: None,
        };
        let quota = Quota::of(4);
        let take = |partitions, strictness| quota.take(partitions, strictness);
        let hold_back = |topics, validate_only, version| {
            let mut request =
                CreatePartitionsRequest { topics, validate_only, ..Default::default() };
            let refused =
                hold_back_grown((&mut request, version), (&image(), |_: &str| true), take);
            (refused.len(), request.topics.len())
        };
        let too_few = vec![grow("old", 3), grow("old", -1), grow("unknown", 100)];
        assert_eq!((hold_back(too_few, false, 3), quota.left.get()), ((0, 3), 4));
        assert_eq!(hold_back(vec![grow("old", 8)], false, 3), (1, 0));
        assert_eq!(quota.strictness.get(), Some(Strictness::Strict));
        assert_eq!(hold_back(vec![grow("old", 8)], true, 3), (0, 1));
        assert_eq!((hold_back(vec![grow("old", 7)], false, 2), quota.left.get()), ((0, 1), 0));
        assert_eq!(quota.strictness.get(), Some(Strictness::Permissive));
    }
}
