//! Nothing is seen or answered before it is durable.

use std::sync::Arc;

use corelog_cluster::controller::ControllerError;
use corelog_cluster::decide::Mode;
use corelog_cluster::decide::create_topics::{CreateTopicError, CreateTopics, CreatedTopic};
use corelog_cluster::decide::delete_topics::TopicSelector;
use corelog_cluster::decide::producer_ids::ProducerIdBlock;
use corelog_cluster::{
    Change, ClusterImage, Controller, ControllerConfig, Input, MetadataRecord, MetadataVersion,
    Outcome, Output, Ticket,
};
use corelog_model::{ErrorCode, ProducerId};

use crate::scene::{cluster, name, new_topic, registration, sized_topic};

/// A controller of one broker with one shard. Its log has two records.
fn controller() -> Controller {
    Controller::new(ControllerConfig::default(), cluster(&[1]))
}

fn create(mode: Mode, text: &str) -> Change {
    Change::CreateTopics(CreateTopics { mode, topics: vec![sized_topic(text, 1, 1)] })
}

fn request(ticket: u64, change: Change) -> Input {
    Input::Request { ticket: Ticket(ticket), change }
}

fn appended(through: u64) -> Input {
    Input::Appended { through: MetadataVersion(through) }
}

/// What the driver sees, as text: `append 2` (records), `publish 4` (version), `reply 1`.
fn outline(outputs: &[Output]) -> Vec<String> {
    let line = |output: &Output| match output {
        Output::Append { records, through } => format!("append {} to {through}", records.len()),
        Output::Publish(image) => format!("publish {}", image.version()),
        Output::Reply { ticket, outcome } => match outcome {
            Outcome::Refused(error) => format!("refuse {}: {:?}", ticket.0, error.code()),
            _ => format!("reply {}", ticket.0),
        },
    };
    outputs.iter().map(line).collect()
}

fn created(text: &str) -> Outcome {
    let id = new_topic(text).id;
    let topic = CreatedTopic { id, name: name(text), partitions: 1, replication_factor: 1 };
    Outcome::CreateTopics(vec![Ok(topic)])
}

#[test]
fn a_change_is_appended_then_published_then_answered() {
    let mut controller = controller();
    let before = Arc::clone(controller.image());
    let outputs = controller.step(request(7, create(Mode::Apply, "t")));
    let [Output::Append { records, through }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(*through, MetadataVersion(4));
    assert_eq!(*controller.image(), before, "nobody sees what is not durable");

    let after = Arc::new(before.fold(records).unwrap());
    let reply = Output::Reply { ticket: Ticket(7), outcome: created("t") };
    assert_eq!(controller.step(appended(4)), [Output::Publish(Arc::clone(&after)), reply]);
    assert_eq!(*controller.image(), after);
}

#[test]
fn a_broker_starts_on_an_empty_log() {
    let mut controller = Controller::new(ControllerConfig::default(), ClusterImage::empty());
    let outputs = controller.step(request(1, Change::RegisterBroker(registration(1, 3))));
    assert_eq!(outline(&outputs), ["append 2 to 2"]);
    assert_eq!(outline(&controller.step(appended(2))), ["publish 2", "reply 1"]);
    assert_eq!(controller.image().nodes().count(), 3);
}

#[test]
fn requests_are_decided_on_what_is_pending_and_answered_when_it_is_durable() {
    let mut controller = controller();
    assert_eq!(outline(&controller.step(request(1, create(Mode::Apply, "t")))), ["append 2 to 4"]);
    // Both rest on a topic that is not durable: one adds to it, one is refused because of it.
    assert!(controller.step(request(2, create(Mode::Apply, "t"))).is_empty());
    let delete = Change::DeleteTopics(vec![TopicSelector::Name("t".to_owned())]);
    assert_eq!(outline(&controller.step(request(3, delete))), ["append 1 to 5"]);

    let outputs = controller.step(appended(4));
    assert_eq!(outline(&outputs), ["publish 4", "reply 1", "reply 2"]);
    let exists = CreateTopicError::Exists { name: name("t") };
    let outcome = Outcome::CreateTopics(vec![Err(exists)]);
    assert_eq!(outputs[2], Output::Reply { ticket: Ticket(2), outcome });
    assert_eq!(outline(&controller.step(appended(5))), ["publish 5", "reply 3"]);
    assert_eq!(controller.image().topic_count(), 0);
}

#[test]
fn one_report_of_the_log_may_complete_many_changes() {
    let mut controller = controller();
    for (ticket, text) in [(1, "a"), (2, "b"), (3, "c")] {
        controller.step(request(ticket, create(Mode::Apply, text)));
    }
    let outputs = controller.step(appended(6));
    assert_eq!(outline(&outputs), ["publish 6", "reply 1", "reply 2"]);
    // Half a change is no change.
    assert_eq!(controller.step(appended(7)), []);
    assert_eq!(outline(&controller.step(appended(8))), ["publish 8", "reply 3"]);
    assert_eq!(controller.step(appended(8)), []);
}

#[test]
fn what_changes_nothing_is_answered_at_once_if_nothing_is_pending() {
    let mut controller = controller();
    let outputs = controller.step(request(1, create(Mode::ValidateOnly, "t")));
    assert_eq!(outputs, [Output::Reply { ticket: Ticket(1), outcome: created("t") }]);
    let again = Change::RegisterBroker(registration(1, 1));
    let outcome = Outcome::RegisterBroker(Ok(()));
    assert_eq!(controller.step(request(2, again)), [Output::Reply { ticket: Ticket(2), outcome }]);
}

#[test]
fn producer_ids_of_pending_blocks_are_not_given_out_again() {
    let mut controller = controller();
    controller.step(request(1, Change::AllocateProducerIds));
    controller.step(request(2, Change::AllocateProducerIds));
    let block = |ticket, first| Output::Reply {
        ticket: Ticket(ticket),
        outcome: Outcome::AllocateProducerIds(Ok(ProducerIdBlock {
            first: ProducerId(first),
            len: 1000,
        })),
    };
    let outputs = controller.step(appended(4));
    assert_eq!(outputs[1..], [block(1, 0), block(2, 1000)]);
}

#[test]
fn after_a_failure_of_the_log_everything_is_refused() {
    let mut controller = controller();
    let before = Arc::clone(controller.image());
    controller.step(request(1, create(Mode::Apply, "a")));
    controller.step(request(2, create(Mode::Apply, "a")));
    let code = ErrorCode::KafkaStorageError;
    let refused = [format!("refuse 1: {code:?}"), format!("refuse 2: {code:?}")];
    assert_eq!(outline(&controller.step(Input::AppendFailed)), refused);
    let outcome = Outcome::Refused(ControllerError::LogFailed);
    let later = controller.step(request(3, create(Mode::ValidateOnly, "b")));
    assert_eq!(later, [Output::Reply { ticket: Ticket(3), outcome }]);
    // A report that was on its way answers nobody and shows nothing.
    assert_eq!(controller.step(appended(4)), []);
    assert_eq!(controller.step(Input::AppendFailed), []);
    assert_eq!(*controller.image(), before);
}

#[test]
fn too_many_pending_requests_are_refused_until_the_log_catches_up() {
    let config = ControllerConfig { requests_pending_max: 2, ..ControllerConfig::default() };
    let mut controller = Controller::new(config, cluster(&[1]));
    controller.step(request(1, create(Mode::Apply, "a")));
    controller.step(request(2, create(Mode::Apply, "a")));
    let outputs = controller.step(request(3, create(Mode::Apply, "b")));
    let outcome = Outcome::Refused(ControllerError::Busy { max: 2 });
    assert_eq!(outputs, [Output::Reply { ticket: Ticket(3), outcome }]);
    assert_eq!(outline(&controller.step(appended(4))), ["publish 4", "reply 1", "reply 2"]);
    assert_eq!(outline(&controller.step(request(4, create(Mode::Apply, "b")))), ["append 2 to 6"]);
}

#[test]
fn a_change_larger_than_the_log_takes_is_refused_and_the_next_one_is_not() {
    let bytes = |change: Change| -> usize {
        let outputs = controller().step(request(1, change));
        let [Output::Append { records, .. }] = &outputs[..] else { panic!("{outputs:?}") };
        records.iter().map(MetadataRecord::appended_bytes).sum()
    };
    let wide = |text: &str| {
        let topics = vec![sized_topic(text, 40, 1)];
        Change::CreateTopics(CreateTopics { mode: Mode::Apply, topics })
    };
    let max = bytes(wide("a")) - 1;
    let config = ControllerConfig { change_bytes_max: max, ..ControllerConfig::default() };
    let mut controller = Controller::new(config, cluster(&[1]));
    let outcome = Outcome::Refused(ControllerError::TooLarge { bytes: max + 1, max });
    let outputs = controller.step(request(1, wide("a")));
    assert_eq!(outputs, [Output::Reply { ticket: Ticket(1), outcome }]);
    let outputs = controller.step(request(2, create(Mode::Apply, "a")));
    assert_eq!(outline(&outputs), ["append 2 to 4"]);
}

#[test]
#[should_panic(expected = "the log is durable where it was written")]
fn the_log_is_not_durable_beyond_what_was_appended() {
    controller().step(appended(3));
}

#[test]
fn the_records_of_all_outputs_make_the_published_image() {
    let mut controller = Controller::new(ControllerConfig::default(), ClusterImage::empty());
    let changes = [
        Change::RegisterBroker(registration(1, 4)),
        create(Mode::Apply, "a"),
        create(Mode::ValidateOnly, "b"),
        Change::AllocateProducerIds,
        create(Mode::Apply, "c"),
        Change::RegisterBroker(registration(1, 2)),
    ];
    let mut log: Vec<MetadataRecord> = Vec::new();
    for (change, ticket) in changes.into_iter().zip(0..) {
        for output in controller.step(request(ticket, change)) {
            if let Output::Append { records, through } = output {
                log.extend(records);
                assert_eq!(through, MetadataVersion(log.len() as u64));
            }
        }
    }
    controller.step(appended(log.len() as u64));
    assert_eq!(ClusterImage::empty().fold(&log).as_ref(), Ok(&**controller.image()));
}
