//! DescribeTopicPartitions: topics and their partitions page by page, ordered by name and index
//! (KIP-966).

use std::collections::BTreeSet;

use corelog_cluster::{ClusterImage, TopicImage};
use corelog_model::{ErrorCode, PartitionIndex, TopicName};
use corelog_wire::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use corelog_wire::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, Text};

use super::create_topics::is_reserved;
use super::metadata::View;
use crate::authorize::{Access, table};

/// Answers with the page that begins at the request's cursor and has so many partitions at most.
pub fn respond<'a>(
    request: &'a DescribeTopicPartitionsRequest<'a>,
    (image, access): (&'a ClusterImage, Access<'a>),
    partitions_max: usize,
) -> DescribeTopicPartitionsResponse<'a> {
    let begin = request.cursor.as_ref().map(|cursor| (&*cursor.topic_name, cursor.partition_index));
    if begin.is_some_and(|(_, index)| index < 0) {
        let asked = request.topics.iter().map(|topic| &*topic.name);
        let topics = asked.map(|name| without_partitions(name, ErrorCode::InvalidRequest));
        return DescribeTopicPartitionsResponse { topics: topics.collect(), ..Default::default() };
    }
    let names: BTreeSet<&str> = if request.topics.is_empty() {
        let names = image.topics().map(|topic| topic.name().as_str());
        names.filter(|name| access.may_see(&table::DESCRIBE_PARTITIONS, name)).collect()
    } else {
        request.topics.iter().map(|topic| &*topic.name).collect()
    };
    let wanted = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let mut page = Page {
        view: View::newest(image, access),
        room: wanted.clamp(1, partitions_max),
        answer: DescribeTopicPartitionsResponse::default(),
    };
    let (first_name, first_index) = begin.unwrap_or(("", 0));
    for name in names.range(first_name..) {
        let from = if *name == first_name { first_index } else { 0 };
        match image.topic_by_name(name) {
            _ if !access.may(&table::DESCRIBE_PARTITIONS, name) => {
                let code = table::DESCRIBE_PARTITIONS.refusal();
                page.answer.topics.push(without_partitions(name, code));
            }
            Some(topic) => page.add(topic, PartitionIndex(from)),
            None => page.answer.topics.push(missing(name)),
        }
        if page.answer.next_cursor.is_some() {
            break;
        }
    }
    page.answer
}

/// An answer that grows until it is full.
struct Page<'a> {
    view: View<'a>,
    /// Partitions that it takes yet.
    room: usize,
    answer: DescribeTopicPartitionsResponse<'a>,
}

impl<'a> Page<'a> {
    /// Adds a topic from this partition on, and says where to go on if that is too much.
    fn add(&mut self, topic: &'a TopicImage, from: PartitionIndex) {
        let mut partitions = topic.partitions().skip_while(|(index, _)| *index < from).peekable();
        if let (0, Some((index, _))) = (self.room, partitions.peek()) {
            self.answer.next_cursor = Some(cursor(topic, *index));
            return;
        }
        let mut described = Vec::new();
        while let Some((index, state)) = partitions.next_if(|_| self.room > 0) {
            self.room -= 1;
            let shown = self.view.partition(index, state);
            described.push(DescribeTopicPartitionsResponsePartition {
                error_code: shown.error_code,
                partition_index: shown.partition_index,
                leader_id: shown.leader_id,
                leader_epoch: shown.leader_epoch,
                replica_nodes: shown.replica_nodes,
                isr_nodes: shown.isr_nodes,
                // Who is not in sync is not elected.
                eligible_leader_replicas: Some(Vec::new()),
                last_known_elr: Some(Vec::new()),
                offline_replicas: shown.offline_replicas,
            });
        }
        self.answer.next_cursor = partitions.peek().map(|(index, _)| cursor(topic, *index));
        self.answer.topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::None.code(),
            name: Some(Text::Borrowed(topic.name().as_str())),
            topic_id: *topic.id().as_bytes(),
            is_internal: is_reserved(topic.name().as_str()),
            partitions: described,
            topic_authorized_operations: self.view.operations_on(topic.name().as_str()),
        });
    }
}

fn cursor(topic: &TopicImage, index: PartitionIndex) -> Cursor<'_> {
    let topic_name = Text::Borrowed(topic.name().as_str());
    Cursor { topic_name, partition_index: index.get() }
}

fn missing(name: &str) -> DescribeTopicPartitionsResponseTopic<'_> {
    let is_name = TopicName::new(name).is_ok();
    let code =
        if is_name { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException };
    without_partitions(name, code)
}

fn without_partitions(name: &str, code: ErrorCode) -> DescribeTopicPartitionsResponseTopic<'_> {
    DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(Text::Borrowed(name)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use corelog_wire::api::describe_topic_partitions::TopicRequest;

    use super::*;
    use crate::api::scene::{cluster, received, with_topic};

    fn image() -> ClusterImage {
        let image = with_topic(&cluster(&[2]), ("b", 1), (3, 1), &[]);
        let image = with_topic(&image, ("a", 2), (2, 1), &[]);
        with_topic(&image, ("c", 3), (1, 1), &[])
    }

    fn answer(
        names: &[&'static str],
        limit: i32,
        cursor: Option<(&'static str, i32)>,
    ) -> DescribeTopicPartitionsResponse<'static> {
        let topic = |name: &&'static str| TopicRequest { name: Text::Borrowed(name) };
        let cursor = cursor.map(|(name, partition_index)| Cursor {
            topic_name: Text::Borrowed(name),
            partition_index,
        });
        let request = DescribeTopicPartitionsRequest {
            topics: names.iter().map(topic).collect(),
            response_partition_limit: limit,
            cursor,
        };
        let request: DescribeTopicPartitionsRequest<'_> = received(&request, 0);
        received(&respond(&request, (&image(), Access::UNLIMITED), 2000), 0)
    }

    /// A topic and the index of a partition.
    type Place = (String, i32);

    /// All partitions, and where the next page begins.
    fn seen(answer: &DescribeTopicPartitionsResponse<'static>) -> (Vec<Place>, Option<Place>) {
        let of = |topic: &DescribeTopicPartitionsResponseTopic<'static>| {
            let name = topic.name.as_deref().unwrap_or_default().to_owned();
            let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
            indexes.map(|index| (name.clone(), index)).collect::<Vec<_>>()
        };
        let next = answer.next_cursor.as_ref();
        let next = next.map(|next| (next.topic_name.to_string(), next.partition_index));
        (answer.topics.iter().flat_map(of).collect(), next)
    }

    #[test]
    fn pages_of_any_size_have_all_partitions_once() {
        let all: Vec<_> = [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2), ("c", 0)]
            .map(|(name, index)| (name.to_owned(), index))
            .into();
        for limit in 1..8 {
            let (mut found, mut next) = seen(&answer(&[], limit, None));
            while let Some((name, index)) = next {
                let page = seen(&answer(&[], limit, Some((name.leak(), index))));
                assert!(page.0.len() <= limit as usize);
                found.extend(page.0);
                next = page.1;
            }
            assert_eq!(found, all, "{limit} a page");
        }
        assert_eq!(seen(&answer(&[], -5, None)).0.len(), 1, "a page has something");
    }

    #[test]
    fn a_page_is_never_larger_than_the_broker_allows() {
        let request =
            DescribeTopicPartitionsRequest { response_partition_limit: 100, ..Default::default() };
        let image = image();
        let (found, next) = seen(&received(&respond(&request, (&image, Access::UNLIMITED), 2), 0));
        assert_eq!((found.len(), next), (2, Some(("b".to_owned(), 0))));
    }

    #[test]
    fn topics_are_asked_for_by_name_and_answered_in_order() {
        let found = answer(&["c", "no-such", "a", "a", "a b"], 100, None);
        let errors: Vec<_> =
            found.topics.iter().map(|topic| (topic.name.as_deref(), topic.error_code)).collect();
        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        let invalid = ErrorCode::InvalidTopicException.code();
        assert_eq!(
            errors,
            [(Some("a"), 0), (Some("a b"), invalid), (Some("c"), 0), (Some("no-such"), unknown)]
        );
        let partition = &found.topics[0].partitions[0];
        assert_eq!((partition.error_code, &partition.isr_nodes), (0, &partition.replica_nodes));
        assert_eq!(partition.leader_id, partition.replica_nodes[0]);
    }

    #[test]
    fn a_cursor_may_stand_at_a_topic_that_is_gone() {
        let (found, next) = seen(&answer(&[], 100, Some(("aa", 7))));
        assert_eq!((found[0].clone(), found.len(), next), (("b".to_owned(), 0), 4, None));
        let (found, _) = seen(&answer(&[], 100, Some(("b", 3))));
        assert_eq!(found, [("c".to_owned(), 0)]);
    }

    #[test]
    fn a_cursor_before_the_first_partition_is_refused() {
        let found = answer(&["a"], 100, Some(("a", -1)));
        assert_eq!(found.topics[0].error_code, ErrorCode::InvalidRequest.code());
        assert!(found.topics[0].partitions.is_empty());
    }
}
