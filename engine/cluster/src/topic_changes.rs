//! What became of the topics between two images, so that a shard follows the metadata at the cost
//! of what changed and not of what exists.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::image::{ClusterImage, TopicImage};

/// What became of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicChange<'a> {
    /// It exists only in the newer image.
    Created(&'a Arc<TopicImage>),
    /// It exists in both, and its partitions or configs differ.
    Changed {
        /// As it was.
        before: &'a Arc<TopicImage>,
        /// As it is.
        after: &'a Arc<TopicImage>,
    },
    /// It exists only in the older image.
    Deleted(&'a Arc<TopicImage>),
}

impl ClusterImage {
    /// What became of the topics since `older`, in the order of their ids. Costs one comparison of
    /// pointers for each topic if one image was folded from the other.
    pub fn topics_changed_since<'a>(&'a self, older: &'a ClusterImage) -> Vec<TopicChange<'a>> {
        let mut changes = Vec::new();
        if Arc::ptr_eq(&self.topics, &older.topics) {
            return changes;
        }
        let (mut older_topics, mut newer_topics) = (older.topics.values(), self.topics.values());
        let (mut old, mut new) = (older_topics.next(), newer_topics.next());
        loop {
            let side = match (old, new) {
                (None, None) => return changes,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.id().cmp(&new.id()),
            };
            // The smaller id is missing on the other side.
            let before = if side.is_le() { old } else { None };
            let after = if side.is_ge() { new } else { None };
            changes.extend(change(before, after));
            if before.is_some() {
                old = older_topics.next();
            }
            if after.is_some() {
                new = newer_topics.next();
            }
        }
    }
}

/// What became of the topic that was `before` and is `after`.
fn change<'a>(
    before: Option<&'a Arc<TopicImage>>,
    after: Option<&'a Arc<TopicImage>>,
) -> Option<TopicChange<'a>> {
    match (before, after) {
        (Some(before), Some(after)) if Arc::ptr_eq(before, after) || before == after => None,
        (Some(before), Some(after)) => Some(TopicChange::Changed { before, after }),
        (Some(before), None) => Some(TopicChange::Deleted(before)),
        (None, Some(after)) => Some(TopicChange::Created(after)),
        (None, None) => None,
    }
}
