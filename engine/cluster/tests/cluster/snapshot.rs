//! A snapshot makes the image it was made of.

use corelog_cluster::snapshot::{restore, snapshot};
use corelog_cluster::{ClusterImage, ConfigResource, MetadataRecord, MetadataVersion};
use corelog_model::{BrokerId, ProducerId};

use crate::scene::{cluster, name, sized_topic, start, with_topics};

fn survives(image: &ClusterImage) {
    let records = snapshot(image);
    assert_eq!(restore(image.version(), &records), Ok(image.clone()));
}

#[test]
fn an_empty_image_has_an_empty_snapshot() {
    assert_eq!(snapshot(&ClusterImage::empty()), []);
    assert_eq!(restore(MetadataVersion(0), &[]), Ok(ClusterImage::empty()));
}

#[test]
fn a_snapshot_restores_all_parts_of_an_image() {
    let image = cluster(&[2, 3]);
    let image = with_topics(&image, vec![sized_topic("a.b", 5, 2), sized_topic("c", 1, 1)]);
    let set = |resource| MetadataRecord::ConfigSet {
        resource,
        key: "retention.ms".to_owned(),
        value: Some("1000".to_owned()),
    };
    let records = [
        set(ConfigResource::Topic(name("a.b"))),
        set(ConfigResource::Broker(BrokerId(2))),
        set(ConfigResource::BrokerDefault),
        set(ConfigResource::Group("g".to_owned())),
        MetadataRecord::ProducerIdsAllocated { next: ProducerId(2000) },
    ];
    let image = image.fold(&records).unwrap();
    survives(&image);
    survives(&start(&image, 2, 1));
}

#[test]
fn a_snapshot_leaves_out_what_is_gone() {
    let before = cluster(&[1]);
    let during = with_topics(&before, vec![sized_topic("a", 3, 1)]);
    let id = during.topic_id("a").unwrap();
    let after = during.fold(&[MetadataRecord::TopicDeleted { id }]).unwrap();
    assert_eq!(snapshot(&after), snapshot(&before));
    assert_eq!(after.version(), MetadataVersion(before.version().0 + 5));
    survives(&after);
}

#[test]
fn records_that_do_not_fit_restore_nothing() {
    let mut records = snapshot(&with_topics(&cluster(&[1]), vec![sized_topic("a", 1, 1)]));
    let last = records.last().unwrap().clone();
    records.push(last);
    assert!(restore(MetadataVersion(9), &records).is_err());
}
