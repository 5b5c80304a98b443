//! No producer id is given out twice.

use corelog_cluster::decide::producer_ids::{
    ProducerIdBlock, ProducerIdsError, allocate_producer_ids,
};
use corelog_cluster::{ClusterImage, MetadataRecord};
use corelog_model::{ErrorCode, ProducerId};

#[test]
fn blocks_follow_each_other() {
    let mut image = ClusterImage::empty();
    for first in [0, 1000, 2000] {
        let (record, block) = allocate_producer_ids(&image).unwrap();
        assert_eq!(block, ProducerIdBlock { first: ProducerId(first), len: 1000 });
        image.apply(&record).unwrap();
    }
}

#[test]
fn the_last_ids_are_kept_back_rather_than_wrapped() {
    let last = MetadataRecord::ProducerIdsAllocated { next: ProducerId(i64::MAX - 999) };
    let image = ClusterImage::empty().fold(&[last]).unwrap();
    let error = allocate_producer_ids(&image).unwrap_err();
    assert_eq!(error, ProducerIdsError::Exhausted);
    assert_eq!(error.code(), ErrorCode::UnknownServerError);
}
