//! Clusters, requests and the wire to begin a test with.

use corelog_cluster::decide::TopicPolicy;
use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic};
use corelog_cluster::decide::register_broker::{RegisterBroker, register_broker};
use corelog_cluster::decide::{self, Mode};
use corelog_cluster::{
    Change, ClusterImage, Controller, ControllerConfig, Input, LISTENER_DEFAULT, Outcome, Output,
    ShardEndpoint, Ticket,
};
use corelog_model::{BrokerId, ShardId, TopicId};
use corelog_wire::{Message, Reader, Writer};

use super::change::Ending;

/// The `number`th random topic id, never a reserved one.
pub(crate) fn topic_id(number: u8) -> TopicId {
    TopicId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, number])
}

/// Ids as the driver draws them: the 101st, the 102nd and so on.
pub(crate) fn topic_ids() -> impl FnMut() -> TopicId {
    let mut next = 100;
    move || {
        next += 1;
        topic_id(next)
    }
}

/// A broker with so many cores, on ports from 9092.
pub(crate) fn registration(broker: i32, shards: u16, rack: Option<&str>) -> RegisterBroker {
    let endpoint = |shard| ShardEndpoint {
        shard: ShardId(shard),
        listener: LISTENER_DEFAULT.to_owned(),
        host: format!("b{broker}.example"),
        port: 9092 + shard,
    };
    RegisterBroker {
        broker: BrokerId(broker),
        rack: rack.map(str::to_owned),
        shards: (0..shards).map(endpoint).collect(),
        new_cluster_id: "the-cluster".to_owned(),
    }
}

/// Brokers 1, 2 and so on with so many cores each, and no topics.
pub(crate) fn cluster(shards: &[u16]) -> ClusterImage {
    let brokers = (1..).zip(shards);
    brokers.fold(ClusterImage::empty(), |image, (broker, shards)| {
        let records = register_broker(&image, &registration(broker, *shards, None)).unwrap();
        image.fold(&records).unwrap()
    })
}

/// The image with a topic of so many partitions and these configs, on as many brokers as it says.
pub(crate) fn with_topic(
    image: &ClusterImage,
    (name, number): (&str, u8),
    (partitions, replication_factor): (i32, i16),
    configs: &[(&str, &str)],
) -> ClusterImage {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())));
    let topic = NewTopic {
        name: name.to_owned(),
        id: topic_id(number),
        partitions,
        replication_factor,
        assignments: Vec::new(),
        configs: configs.collect(),
    };
    let request = CreateTopics { mode: Mode::Apply, topics: vec![topic] };
    let decision = decide::create_topics::create_topics(image, &TopicPolicy::default(), &request);
    decision.results.into_iter().for_each(|result| drop(result.unwrap()));
    image.fold(&decision.records).unwrap()
}

/// How the controller of a cluster ends a change, and the image after it.
pub(crate) fn decided(image: &ClusterImage, change: Change) -> (Ending, ClusterImage) {
    let mut controller = Controller::new(ControllerConfig::default(), image.clone());
    let mut outputs = controller.step(Input::Request { ticket: Ticket(1), change });
    if let Some(Output::Append { through, .. }) = outputs.first() {
        let through = *through;
        outputs = controller.step(Input::Appended { through });
    }
    let outcome: Outcome = outputs
        .into_iter()
        .find_map(|output| match output {
            Output::Reply { outcome, .. } => Some(outcome),
            Output::Append { .. } | Output::Publish(_) => None,
        })
        .unwrap();
    (Ending::Decided(outcome), ClusterImage::clone(controller.image()))
}

/// The versions of an API that the server answers.
pub(crate) fn served<'a, M: Message<'a>>() -> impl Iterator<Item = i16> {
    (M::API.min..=M::API.max).filter(|version| M::API.serves(*version))
}

/// A message as the other side reads it: what the version lacks is at its default. Fails if the
/// message does not fit the version, or says something else when it is written again.
#[track_caller]
pub(crate) fn received<'a, M: Message<'static>>(message: &impl Message<'a>, version: i16) -> M {
    fn written<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
        let mut writer = Writer::new();
        message.encode(&mut writer, version);
        writer.finish().unwrap().head
    }
    let bytes: &'static [u8] = written(message, version).leak();
    let mut reader = Reader::new(bytes);
    let read = M::decode(&mut reader, version).unwrap();
    assert_eq!(reader.remaining(), 0, "the other side reads all of it");
    assert_eq!(written(&read, version), bytes, "and could have written it");
    read
}
