//! Between two images, exactly the topics that differ are named.

use corelog_cluster::{ClusterImage, ConfigResource, MetadataRecord, TopicChange};

use crate::scene::{cluster, name, node, partition, state, topic_id, topic_records};

/// The changes as text: `+` created, `~` changed, `-` deleted.
fn changes(older: &ClusterImage, newer: &ClusterImage) -> String {
    let mut text = String::new();
    for change in newer.topics_changed_since(older) {
        let (sign, topic) = match change {
            TopicChange::Created(topic) => ('+', topic),
            TopicChange::Changed { before, after } => {
                assert_eq!(before.id(), after.id());
                ('~', after)
            }
            TopicChange::Deleted(topic) => ('-', topic),
        };
        text.push(sign);
        text.push_str(topic.name().as_str());
    }
    text
}

fn with(image: &ClusterImage, numbers: &[u32]) -> ClusterImage {
    numbers.iter().fold(image.clone(), |image, number| {
        image.fold(&topic_records(*number, &format!("t{number}"), &[node(1, 0)])).unwrap()
    })
}

#[test]
fn the_same_image_has_no_changes() {
    let image = with(&cluster(&[1]), &[1, 2]);
    assert_eq!(changes(&image, &image.clone()), "");
    assert_eq!(changes(&ClusterImage::empty(), &ClusterImage::empty()), "");
}

#[test]
fn created_changed_and_deleted_topics_are_named_in_the_order_of_their_ids() {
    let older = with(&cluster(&[2]), &[2, 3, 4, 6]);
    let moved = state(&[node(1, 1)], 1);
    let records = [
        MetadataRecord::TopicDeleted { id: topic_id(2) },
        MetadataRecord::PartitionChanged { partition: partition(3, 0), state: moved },
        MetadataRecord::ConfigSet {
            resource: ConfigResource::Topic(name("t6")),
            key: "k".to_owned(),
            value: Some("v".to_owned()),
        },
    ];
    let newer = with(&older.fold(&records).unwrap(), &[1, 5, 7]);
    assert_eq!(changes(&older, &newer), "+t1-t2~t3+t5~t6+t7");
    assert_eq!(changes(&newer, &older), "-t1+t2~t3-t5~t6-t7");
}

#[test]
fn images_that_share_nothing_are_compared_by_value() {
    let one = with(&cluster(&[1]), &[1, 2]);
    let other = with(&cluster(&[1]), &[2, 1]);
    assert_eq!(changes(&one, &other), "");
}
