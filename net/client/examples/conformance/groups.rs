//! Members of groups, with both protocols.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corelog_client::consumer::{ConsumerConfig, OffsetReset};
use corelog_client::group::{Assignor, CommittedOffset, GroupConfig, Protocol};
use corelog_client::producer::Message;
use corelog_client::{
    Consumer, Producer, ProducerConfig, RebalanceListener, Rebalancing, TopicPartition,
};
use corelog_model::Offset;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::records::take;
use crate::{Bench, Outcome, same};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a group may take to settle.
const SETTLE: Duration = Duration::from_secs(20);

fn group(bench: &Bench, name: &str, protocol: Protocol) -> GroupConfig {
    GroupConfig {
        group: format!("conformance-{}-{name}", bench.run),
        protocol,
        session_timeout: Duration::from_secs(6),
        heartbeat_interval: Duration::from_millis(300),
        ..GroupConfig::default()
    }
}

fn config() -> ConsumerConfig {
    ConsumerConfig {
        reset: OffsetReset::Earliest,
        auto_commit: None,
        max_wait: Duration::from_millis(100),
        ..ConsumerConfig::default()
    }
}

async fn fill(bench: &Bench, topic: &str, partitions: i32, count: i32) -> Outcome {
    let producer = Producer::new(&bench.cluster, ProducerConfig::default()).await?;
    for number in 0..count {
        let message = Message::of_value(topic, b"value");
        producer.send(&Message { partition: Some(number % partitions), ..message }).await?;
    }
    producer.flush().await;
    Ok(())
}

pub(crate) async fn one_member_commits_and_goes_on(bench: Bench) -> Outcome {
    for protocol in [Protocol::Classic, Protocol::Consumer] {
        let name = format!("commit-{protocol:?}").to_lowercase();
        let topic = bench.topic(&name, 2).await?;
        fill(&bench, &topic, 2, 20).await?;
        let settings = group(&bench, &name, protocol);
        let mut member = Consumer::in_group(&bench.cluster, config(), settings.clone())?;
        member.subscribe(&[&topic]).await?;
        let read = take(&mut member, 20).await?;
        same("records", &read.len(), &20)?;
        let offsets: BTreeMap<TopicPartition, CommittedOffset> = [(0, 4), (1, 10)]
            .map(|(partition, offset)| {
                let metadata = Some("from a test".to_owned());
                let committed =
                    CommittedOffset { offset: Offset(offset), leader_epoch: None, metadata };
                (TopicPartition::new(&topic, partition), committed)
            })
            .into();
        member.commit_offsets(&offsets).await?;
        let partitions: BTreeSet<TopicPartition> = offsets.keys().cloned().collect();
        let stored = member.committed(&partitions).await?;
        let expected = offsets.iter().map(|(at, offset)| (at.clone(), Some(offset.clone())));
        same("what is stored", &stored, &expected.collect())?;
        member.close().await?;

        let mut member = Consumer::in_group(&bench.cluster, config(), settings.clone())?;
        member.subscribe(&[&topic]).await?;
        same("records behind the commit", &take(&mut member, 6).await?.len(), &6)?;
        member.commit_async()?.await??;
        let described = bench.admin.describe_group(&settings.group).await?;
        same("members", &described.members.len(), &1)?;
        same("its partitions", &described.members[0].assigned, &partitions)?;
        member.close().await?;
        let stored = bench.admin.group_offsets(&settings.group, &partitions).await?;
        let ends: Vec<i64> =
            stored.values().map(|stored| stored.as_ref().map_or(-1, |end| end.offset.0)).collect();
        same("the ends", &ends, &vec![10, 10])?;
        let listed = bench.admin.list_groups().await?;
        let is_listed = listed.iter().any(|listed| listed.group == settings.group);
        same("whether it is listed", &is_listed, &true)?;
        bench.admin.delete_group(&settings.group).await?;
    }
    Ok(())
}

/// A member that runs by itself and tells what it holds.
struct Running {
    task: JoinHandle<Result<(), Failure>>,
    held: Held,
    stop: Arc<tokio::sync::Notify>,
}

type Held = Arc<Mutex<BTreeSet<TopicPartition>>>;

/// Keeps the partitions of a member where others see them.
#[derive(Debug)]
struct Listener {
    held: Held,
    /// What was revoked so far.
    revoked: Arc<Mutex<Vec<TopicPartition>>>,
}

impl RebalanceListener for Listener {
    fn assigned<'a>(
        &'a mut self,
        _: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        self.held.lock().unwrap().extend(partitions.iter().cloned());
        Box::pin(async { Ok(()) })
    }

    fn revoked<'a>(
        &'a mut self,
        consumer: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        Box::pin(async move {
            consumer.commit().await?;
            self.held.lock().unwrap().retain(|at| !partitions.contains(at));
            self.revoked.lock().unwrap().extend(partitions.iter().cloned());
            Ok(())
        })
    }

    fn lost<'a>(
        &'a mut self,
        _: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        self.held.lock().unwrap().retain(|at| !partitions.contains(at));
        Box::pin(async { Ok(()) })
    }
}

fn start(
    bench: &Bench,
    settings: GroupConfig,
    topic: &str,
    revoked: &Arc<Mutex<Vec<TopicPartition>>>,
) -> Running {
    let (held, stop): (Held, Arc<tokio::sync::Notify>) = Default::default();
    let (bench, topic) = (bench.clone(), topic.to_owned());
    let listener = Listener { held: Arc::clone(&held), revoked: Arc::clone(revoked) };
    let stopped = Arc::clone(&stop);
    let task = tokio::spawn(async move {
        let mut member = Consumer::in_group(&bench.cluster, config(), settings)?;
        member.on_rebalance(listener)?;
        member.subscribe(&[&topic]).await?;
        loop {
            tokio::select! {
                polled = member.poll(Duration::from_millis(200)) => drop(polled?),
                () = stopped.notified() => break,
            }
        }
        member.close().await?;
        Ok(())
    });
    Running { task, held, stop }
}

/// Waits until the members hold everything, each its share, and nothing twice.
async fn settle(members: &[&Running], count: usize) -> Outcome {
    let deadline = Instant::now() + SETTLE;
    loop {
        let held: Vec<BTreeSet<TopicPartition>> =
            members.iter().map(|member| member.held.lock().unwrap().clone()).collect();
        let sum: usize = held.iter().map(BTreeSet::len).sum();
        let all: BTreeSet<&TopicPartition> = held.iter().flatten().collect();
        let share = count / members.len()..=count.div_ceil(members.len());
        let is_fair = held.iter().all(|held| share.contains(&held.len()));
        if sum == count && all.len() == count && is_fair {
            return Ok(());
        }
        if let Some(ended) = members.iter().find(|member| member.task.is_finished()) {
            return Err(format!("a member ended: {:?}", ended.held).into());
        }
        if deadline < Instant::now() {
            return Err(format!("the group does not settle: {held:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn stop(member: Running) -> Outcome {
    member.stop.notify_one();
    member.task.await?
}

/// Members come and go; gives what was revoked when the third came.
async fn share(
    bench: &Bench,
    name: &str,
    settings: GroupConfig,
) -> Result<Vec<TopicPartition>, Failure> {
    let topic = bench.topic(name, 6).await?;
    let revoked = Arc::default();
    let one = start(bench, settings.clone(), &topic, &revoked);
    settle(&[&one], 6).await?;
    let two = start(bench, settings.clone(), &topic, &revoked);
    settle(&[&one, &two], 6).await?;
    revoked.lock().unwrap().clear();
    let three = start(bench, settings.clone(), &topic, &revoked);
    settle(&[&one, &two, &three], 6).await?;
    let moved = revoked.lock().unwrap().clone();
    stop(one).await?;
    settle(&[&two, &three], 6).await?;
    bench.admin.add_partitions(&topic, 8).await?;
    // One that is dropped without a word leaves all the same.
    three.task.abort();
    settle(&[&two], 8).await?;
    stop(two).await?;
    Ok(moved)
}

pub(crate) async fn eager_members_share(bench: Bench) -> Outcome {
    for (assignor, name) in [
        (Assignor::Range, "range"),
        (Assignor::RoundRobin, "round-robin"),
        (Assignor::Sticky, "sticky"),
    ] {
        let settings = group(&bench, name, Protocol::Classic);
        let moved = share(&bench, name, GroupConfig { assignors: vec![assignor], ..settings });
        // All is given up, whoever gets it back.
        same("revoked", &moved.await?.len(), &6)?;
    }
    Ok(())
}

pub(crate) async fn cooperative_members_share(bench: Bench) -> Outcome {
    let settings = group(&bench, "cooperative", Protocol::Classic);
    let assignors = vec![Assignor::CooperativeSticky];
    let moved = share(&bench, "cooperative", GroupConfig { assignors, ..settings }).await?;
    same("revoked", &moved.len(), &2)
}

pub(crate) async fn the_coordinator_shares(bench: Bench) -> Outcome {
    let settings = group(&bench, "consumer", Protocol::Consumer);
    let server_assignor = Some("uniform".to_owned());
    let moved = share(&bench, "consumer", GroupConfig { server_assignor, ..settings }).await?;
    same("revoked", &moved.len(), &2)
}

pub(crate) async fn a_static_member_keeps_its_partitions(bench: Bench) -> Outcome {
    for protocol in [Protocol::Classic, Protocol::Consumer] {
        let name = format!("static-{protocol:?}").to_lowercase();
        let topic = bench.topic(&name, 4).await?;
        let revoked = Arc::default();
        let settings = |instance: &str| GroupConfig {
            instance_id: Some(instance.to_owned()),
            ..group(&bench, &name, protocol)
        };
        let one = start(&bench, settings("one"), &topic, &revoked);
        let two = start(&bench, settings("two"), &topic, &revoked);
        settle(&[&one, &two], 4).await?;
        let held = two.held.lock().unwrap().clone();
        revoked.lock().unwrap().clear();
        stop(two).await?;
        let two = start(&bench, settings("two"), &topic, &revoked);
        settle(&[&one, &two], 4).await?;
        same("what it holds again", &*two.held.lock().unwrap(), &held)?;
        let of_the_other: Vec<TopicPartition> = revoked.lock().unwrap().clone();
        same("moved", &of_the_other.iter().any(|at| !held.contains(at)), &false)?;
        stop(one).await?;
        stop(two).await?;
    }
    Ok(())
}

pub(crate) async fn a_pattern_finds_new_topics(bench: Bench) -> Outcome {
    let first = bench.topic("pattern-a", 1).await?;
    fill(&bench, &first, 1, 1).await?;
    let settings = group(&bench, "pattern", Protocol::Consumer);
    let mut member = Consumer::in_group(&bench.cluster, config(), settings)?;
    member.subscribe_pattern(&format!("conformance-{}-pattern-.*", bench.run)).await?;
    same("the topic", &*take(&mut member, 1).await?[0].at.topic, first.as_str())?;
    let second = bench.topic("pattern-b", 1).await?;
    fill(&bench, &second, 1, 1).await?;
    same("the new topic", &*take(&mut member, 1).await?[0].at.topic, second.as_str())?;
    member.close().await?;
    Ok(())
}

pub(crate) async fn a_stalled_member_loses_its_partitions(bench: Bench) -> Outcome {
    for protocol in [Protocol::Classic, Protocol::Consumer] {
        let name = format!("stalled-{protocol:?}").to_lowercase();
        let topic = bench.topic(&name, 2).await?;
        let rebalance_timeout = Duration::from_secs(2);
        let settings = GroupConfig { rebalance_timeout, ..group(&bench, &name, protocol) };
        let mut stalled = Consumer::in_group(&bench.cluster, config(), settings.clone())?;
        stalled.subscribe(&[&topic]).await?;
        let deadline = Instant::now() + SETTLE;
        while stalled.assigned().len() < 2 && Instant::now() < deadline {
            stalled.poll(Duration::from_millis(100)).await?;
        }
        // Nobody polls it any more, and the other one gets everything.
        let revoked = Arc::default();
        let other = start(&bench, settings, &topic, &revoked);
        settle(&[&other], 2).await?;
        // With the next polls it comes back and gets its share.
        let deadline = Instant::now() + SETTLE;
        let mut held = 0;
        while (stalled.assigned().len(), held) != (1, 1) && Instant::now() < deadline {
            stalled.poll(Duration::from_millis(100)).await?;
            held = other.held.lock().unwrap().len();
        }
        same("the shares", &(stalled.assigned().len(), held), &(1, 1))?;
        stalled.close().await?;
        stop(other).await?;
    }
    Ok(())
}

pub(crate) async fn offsets_of_a_group_are_set_from_outside(bench: Bench) -> Outcome {
    let topic = bench.topic("outside", 1).await?;
    fill(&bench, &topic, 1, 10).await?;
    let settings = group(&bench, "outside", Protocol::Classic);
    let at = TopicPartition::new(&topic, 0);
    let offset = CommittedOffset { offset: Offset(7), leader_epoch: None, metadata: None };
    let offsets = BTreeMap::from([(at, offset)]);
    bench.admin.set_group_offsets(&settings.group, &offsets).await?;
    let mut member = Consumer::in_group(&bench.cluster, config(), settings.clone())?;
    member.subscribe(&[&topic]).await?;
    same("the first", &take(&mut member, 3).await?[0].offset, &Offset(7))?;
    let refused = bench.admin.set_group_offsets(&settings.group, &offsets).await;
    same("while it has members", &refused.is_err(), &true)?;
    member.close().await.map_err(Into::into)
}
