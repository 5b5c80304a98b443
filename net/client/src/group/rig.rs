//! What the tests of groups share: replies and metadata without a cluster, and times in seconds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corelog_wire::api::metadata::{MetadataResponsePartition, MetadataResponseTopic};
use corelog_wire::{MetadataResponse, Request, encode_response};

use super::{GroupRequest, Output};
use crate::metadata::Scope;
use crate::{ClientError, Endpoint, Metadata, Reply, Session, TopicPartition};

/// A reply to a request of this kind, as a session delivers it.
pub(crate) fn reply<'q, R: Request<'q> + Default>(
    version: i16,
    response: &R::Response<'_>,
) -> Reply {
    let mut session = Session::new(coordinator(), "test", 1 << 24);
    session.request(version, &R::default()).unwrap();
    let frame = encode_response(0, version, response).unwrap().head;
    let mut bytes = frame.as_slice();
    while !bytes.is_empty() {
        let room = session.room();
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        session.advance(count);
        bytes = &bytes[count..];
    }
    session.reply().unwrap().unwrap()
}

pub(super) fn coordinator() -> Endpoint {
    Endpoint::new("coordinator", 9092)
}

/// What a connection that broke leaves behind.
pub(super) fn broken() -> ClientError {
    ClientError::Closed { address: coordinator(), doing: "testing".to_owned() }
}

/// The id that the metadata below gives to a topic.
pub(super) fn topic_id(name: &str) -> [u8; 16] {
    let mut id = [7; 16];
    for (byte, letter) in id.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    id
}

/// Topics and how many partitions each has.
pub(super) fn metadata(topics: &[(&str, i32)]) -> Metadata {
    let topic = |(name, count): &(&str, i32)| MetadataResponseTopic {
        name: Some((*name).to_owned().into()),
        topic_id: topic_id(name),
        partitions: (0..*count)
            .map(|partition_index| MetadataResponsePartition {
                partition_index,
                leader_id: 1,
                ..MetadataResponsePartition::default()
            })
            .collect(),
        ..MetadataResponseTopic::default()
    };
    let topics = topics.iter().map(topic).collect();
    let mut metadata = Metadata::default();
    let response = MetadataResponse { topics, ..MetadataResponse::default() };
    metadata.apply(&response, Scope::Everything);
    metadata
}

pub(super) fn topics(names: &[&str]) -> BTreeSet<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

/// Partitions of one topic.
pub(super) fn set(topic: &str, numbers: &[i32]) -> BTreeSet<TopicPartition> {
    numbers.iter().map(|number| TopicPartition::new(topic, *number)).collect()
}

pub(super) const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The only request among some outputs.
#[track_caller]
pub(super) fn sent(outputs: &[Output]) -> GroupRequest {
    let requests: Vec<&GroupRequest> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Send(request) => Some(request),
            _ => None,
        })
        .collect();
    let [request] = requests.as_slice() else { panic!("no single request in {outputs:?}") };
    (*request).clone()
}
