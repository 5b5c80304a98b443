//! Share groups on a core of the simulated machine: what was accepted is never delivered again and
//! what was not is, through a crash at any step.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::configs::{AlterConfig, AlterConfigs, AlterResource, ConfigOperation};
use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic};
use corelog_cluster::{Change, ConfigResource, Outcome};
use corelog_coordinator::consumer_group::MemberId;
use corelog_coordinator::records::SharePartitionKey;
use corelog_coordinator::share_partition::{
    AcknowledgeType, AcknowledgementBatch, AcquireMode, Acquired,
};
use corelog_coordinator::share_states::{StateAnswer, StateCall, StateReply};
use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{sleep, spawn};
use corelog_model::builder::BatchBuilder;
use corelog_model::{
    Codec, ErrorCode, LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp, TopicId,
};

use super::*;
use crate::coordinator::place::SHARE_TOPIC;
use crate::metadata_log::tests::{creation, start};
use crate::shard::Shard;

use AcknowledgeType::{Accept, Release, Renew};

const PARTITION: PartitionId = PartitionId::new(TopicId::from_bytes([1; 16]), PartitionIndex(0));

struct Scene {
    shard: Shard,
    group: Arc<str>,
}

impl Scene {
    /// A core with a topic, and a group that reads it from its first record on.
    async fn new() -> Scene {
        let shard = start(16 << 20).await.unwrap();
        if shard.image().topic_by_name("t1").is_none() {
            shard.control().change(creation(1)).await.unwrap();
        }
        if shard.image().topic_by_name(SHARE_TOPIC).is_none() {
            let topic = NewTopic {
                name: SHARE_TOPIC.to_owned(),
                id: TopicId::from_bytes([2; 16]),
                partitions: 2,
                replication_factor: 1,
                assignments: Vec::new(),
                configs: vec![("cleanup.policy".to_owned(), Some("compact".to_owned()))],
            };
            let create = CreateTopics { mode: Mode::Apply, topics: vec![topic] };
            shard.control().change(Change::CreateTopics(create)).await.unwrap();
        }
        let scene = Scene { shard, group: Arc::from("g") };
        let call = StateCall::Initialize { state_epoch: 0, start: Offset(0) };
        scene.state(call).await.unwrap();
        scene
    }

    fn key(&self) -> SharePartitionKey {
        SharePartitionKey { group: Arc::clone(&self.group), partition: PARTITION }
    }

    async fn state(&self, call: StateCall) -> StateReply {
        self.shard.share_state(&self.key(), call).await
    }

    /// Appends a batch of three records.
    async fn produce(&self) {
        let partition = self.shard.partition(PARTITION.topic, PARTITION.index).unwrap();
        let mut builder = BatchBuilder::new(Codec::None, None);
        for _ in 0..3 {
            builder.append(Timestamp(corelog_io::wall_clock_ms()), None, Some(b"value"), &[]);
        }
        let bytes = builder.build(Offset::ZERO);
        let produced = self.shard.produce(&partition, &bytes, Codec::Zstd).await.unwrap();
        produced.durable().await.unwrap();
    }

    /// First offset, last offset and delivery count of what a member gets.
    async fn fetch(&self, member: &str, wait: Duration) -> Vec<(i64, i64, i16)> {
        let bounds = ShareFetchBounds {
            records_max: 4,
            mode: AcquireMode::BatchOptimized,
            bytes_max: 1 << 20,
            wait_max: wait,
        };
        let member = MemberId::from(member);
        let (mut fetched, _) =
            self.shard.share_fetch((&self.group, &member), &[PARTITION], bounds).await;
        let Some(one) = fetched.pop() else { return Vec::new() };
        let (pieces, acquired) = one.result.unwrap();
        assert!(!pieces.is_empty() && pieces.header(0).unwrap().base_offset() <= acquired[0].first);
        let told = |one: &Acquired| (one.first.0, one.last.0, one.delivery_count);
        acquired.iter().map(told).collect()
    }

    /// Sets a config of the group.
    async fn set(&self, key: &str, value: &str) {
        let alteration = AlterConfig {
            key: key.to_owned(),
            operation: ConfigOperation::Set,
            value: Some(value.to_owned()),
        };
        let resource = AlterResource {
            resource: ConfigResource::Group(self.group.to_string()),
            alterations: vec![alteration],
            replaces_all: false,
        };
        let request = AlterConfigs { mode: Mode::Apply, resources: vec![resource] };
        let outcome = self.shard.control().change(Change::AlterConfigs(request)).await.unwrap();
        assert_eq!(outcome, Outcome::AlterConfigs(vec![Ok(())]));
    }

    async fn say(
        &self,
        member: &str,
        (first, last): (i64, i64),
        kind: AcknowledgeType,
    ) -> Result<(), ErrorCode> {
        let (first, last, types) = (Offset(first), Offset(last), vec![kind]);
        let batch = AcknowledgementBatch { first, last, types };
        let member = MemberId::from(member);
        let settling = self.shard.share_settle((&self.group, &member), PARTITION, &[batch]);
        settling?.stored().await
    }
}

const SOON: Duration = Duration::from_secs(60);

fn play(story: impl Future<Output = ()> + 'static) {
    assert_eq!(Machine::new(1, DiskFaults::default()).run(story), End::Finished(()));
}

#[test]
fn a_group_goes_by_its_own_configs_at_once() {
    play(async {
        let scene = Scene::new().await;
        scene.produce().await;
        assert_eq!(scene.fetch("a", SOON).await, [(0, 2, 1)]);
        scene.say("a", (0, 0), Renew).await.unwrap();
        scene.set("share.renew.acknowledge.enable", "false").await;
        scene.set("share.delivery.count.limit", "2").await;
        scene.set("share.record.lock.duration.ms", "15000").await;
        let refused = Err(ErrorCode::InvalidRecordState);
        assert_eq!(scene.say("a", (0, 0), Renew).await, refused);
        assert_eq!(scene.shard.share_lock_duration("g"), Duration::from_secs(15));
        assert_eq!(scene.shard.share_lock_duration("h"), Duration::from_secs(30));
        scene.say("a", (0, 2), Release).await.unwrap();
        assert_eq!(scene.fetch("b", SOON).await, [(0, 2, 2)]);
        sleep(Duration::from_secs(16)).await;
        // They were delivered as often as the group lets them be.
        let offset = scene.shard.share_offset(&scene.group, PARTITION).await.unwrap();
        assert_eq!((offset.start, offset.lag), (Offset(3), Some(0)));
    });
}

#[test]
fn a_group_begins_where_its_configs_say() {
    play(async {
        let mut scene = Scene::new().await;
        scene.produce().await;
        sleep(Duration::from_secs(100)).await;
        scene.produce().await;
        for (reset, acquired) in [
            ("earliest", &[(0, 5, 1)][..]),
            ("by_duration:PT50S", &[(3, 5, 1)]),
            ("by_duration:PT1S", &[]),
            ("latest", &[]),
        ] {
            scene.group = Arc::from(reset);
            let call = StateCall::Initialize { state_epoch: 0, start: Offset::NONE };
            scene.state(call).await.unwrap();
            scene.set("share.auto.offset.reset", reset).await;
            sleep(Duration::from_secs(2)).await;
            assert_eq!(scene.fetch("a", Duration::from_secs(1)).await, acquired, "{reset}");
        }
    });
}

#[test]
fn what_is_released_is_given_to_another_member() {
    play(async {
        let scene = Rc::new(Scene::new().await);
        scene.produce().await;
        assert_eq!(scene.fetch("a", SOON).await, [(0, 2, 1)]);
        assert_eq!(scene.fetch("b", Duration::ZERO).await, []);
        let other = Rc::clone(&scene);
        let waiting = spawn(async move { other.fetch("b", SOON).await });
        sleep(Duration::from_secs(1)).await;
        scene.say("a", (1, 1), Release).await.unwrap();
        assert_eq!(waiting.join().await, [(1, 1, 2)]);
        assert_eq!(scene.say("a", (1, 1), Accept).await, Err(ErrorCode::InvalidRecordState));
        scene.say("a", (0, 0), Accept).await.unwrap();
        let offset = scene.shard.share_offset(&scene.group, PARTITION).await.unwrap();
        assert_eq!((offset.start, offset.lag), (Offset(1), Some(2)));
    });
}

#[test]
fn a_member_that_waits_gets_what_is_produced_and_what_others_lose() {
    play(async {
        let scene = Rc::new(Scene::new().await);
        let other = Rc::clone(&scene);
        let waiting = spawn(async move { other.fetch("a", SOON).await });
        sleep(Duration::from_secs(1)).await;
        scene.produce().await;
        assert_eq!(waiting.join().await, [(0, 2, 1)]);
        // The lock of the first member ends.
        assert_eq!(scene.fetch("b", SOON).await, [(0, 2, 2)]);
        let member = MemberId::from("b");
        scene.shard.share_release((&scene.group, &member), [PARTITION]);
        assert_eq!(scene.fetch("c", SOON).await, [(0, 2, 2)], "it was not delivered to b");
    });
}

#[test]
fn offsets_that_are_set_anew_fence_what_was_known() {
    play(async {
        let scene = Scene::new().await;
        scene.produce().await;
        assert_eq!(scene.fetch("a", SOON).await, [(0, 2, 1)]);
        let call = StateCall::Initialize { state_epoch: 1, start: Offset(1) };
        scene.state(call).await.unwrap();
        let refused = scene.say("a", (0, 2), Accept).await;
        assert_eq!(refused, Err(ErrorCode::UnknownTopicOrPartition));
        assert_eq!(scene.fetch("a", SOON).await, [(1, 2, 1)]);
        // A newer leader has read the state.
        scene.state(StateCall::Read { leader_epoch: LeaderEpoch(9) }).await.unwrap();
        let refused = scene.say("a", (1, 2), Accept).await;
        assert_eq!(refused, Err(ErrorCode::NotLeaderOrFollower));
    });
}

/// What must hold, over crashes.
#[derive(Default)]
struct Model {
    produced: i64,
    accepted: BTreeSet<i64>,
}

/// One life: produces what is missing, and reads until everything was accepted.
async fn live(model: Rc<RefCell<Model>>) {
    let scene = Scene::new().await;
    while model.borrow().produced < 12 {
        scene.produce().await;
        model.borrow_mut().produced += 3;
    }
    let end = scene.shard.partition(PARTITION.topic, PARTITION.index).unwrap().log.durable_end();
    let mut is_first = true;
    while model.borrow().accepted.len() < usize::try_from(end.0).unwrap() {
        for (first, last, _) in scene.fetch("a", SOON).await {
            for offset in first..=last {
                let is_done = model.borrow().accepted.contains(&offset);
                assert!(!is_done, "{offset} was accepted and is delivered again");
                if std::mem::take(&mut is_first) {
                    scene.say("a", (offset, offset), Release).await.unwrap();
                    continue;
                }
                scene.say("a", (offset, offset), Accept).await.unwrap();
                model.borrow_mut().accepted.insert(offset);
            }
        }
    }
    let state = scene.state(StateCall::Summarize).await;
    assert!(matches!(state, Ok(StateAnswer::State(state)) if state.start == end));
}

fn check_every_step(stop: impl Fn(&Machine, u64)) {
    let mut ends = 0;
    for step in 0.. {
        let machine = Machine::new(step + 1, DiskFaults::default());
        let model = Rc::new(RefCell::new(Model::default()));
        stop(&machine, step);
        let end = machine.run(live(Rc::clone(&model)));
        if matches!(end, End::Finished(())) {
            break;
        }
        ends += 1;
        assert_eq!(machine.run(survive(model)), End::Finished(()));
    }
    assert!(ends > 100, "the life has many steps: {ends}");
}

/// A life after a crash: nothing that was accepted comes again, and all else was accepted or comes.
async fn survive(model: Rc<RefCell<Model>>) {
    let scene = Scene::new().await;
    let partition = scene.shard.partition(PARTITION.topic, PARTITION.index).unwrap();
    let end = partition.log.durable_end();
    let state = scene.state(StateCall::Read { leader_epoch: partition.leader_epoch }).await;
    let Ok(StateAnswer::State(before)) = state else { panic!("{state:?}") };
    let done = |offset: i64| {
        let is_in = |batch: &corelog_coordinator::share_states::StateBatch| {
            batch.first.0 <= offset && offset <= batch.last.0 && batch.state.is_final()
        };
        offset < before.start.0 || before.batches.iter().any(is_in)
    };
    let stored: BTreeSet<i64> = (0..end.0).filter(|offset| done(*offset)).collect();
    assert!(model.borrow().accepted.is_subset(&stored), "what was accepted is stored");
    let mut seen = stored.clone();
    while seen.len() < usize::try_from(end.0).unwrap() {
        for (first, last, _) in scene.fetch("b", SOON).await {
            for offset in first..=last {
                assert!(seen.insert(offset), "{offset} is delivered though it is done with");
            }
            scene.say("b", (first, last), Accept).await.unwrap();
        }
    }
}

#[test]
fn a_power_cut_at_any_step_loses_no_record_and_brings_none_back() {
    check_every_step(Machine::crash_after);
}

#[test]
fn a_kill_at_any_step_loses_no_record_and_brings_none_back() {
    check_every_step(Machine::kill_after);
}
