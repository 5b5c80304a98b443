//! One member of KIP-848: heartbeats, and commits for what it owns.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::consumer_group::{
    ConsumerGroupHeartbeat, GroupError, HeartbeatReply, JOINS, LEAVES, MemberId, Partitions,
};
use corelog_coordinator::{Input, Reply, RequestId};
use corelog_io::sleep;
use corelog_model::{ErrorCode, Offset};

use super::Misrule;
use super::offsets::{Committer, GROUP, commit, committed};
use super::world::{Known, World};
use crate::broker::{Broker, SOURCE, TARGET, pause};

/// Longer than a session.
const STALL: Duration = Duration::from_secs(60);
const REBALANCE: Duration = Duration::from_secs(20);
/// What a member that keeps what it gave up does so for.
const KEEPS: Duration = Duration::from_secs(2);

fn beat(known: &Known, epoch: i32) -> ConsumerGroupHeartbeat {
    let names: BTreeSet<Arc<str>> = [SOURCE, TARGET].map(Arc::from).into();
    let joins = epoch == JOINS;
    ConsumerGroupHeartbeat {
        request: RequestId(0),
        group: GROUP.to_owned(),
        member: MemberId::from(known.id.as_str()),
        epoch,
        instance_id: None,
        rack_id: None,
        rebalance_timeout: joins.then_some(REBALANCE),
        topic_names: joins.then_some(names),
        topic_regex: None,
        visible_topics: None,
        server_assignor: None,
        owned: Some(known.owned.clone()),
        client_id: "client".into(),
        client_host: "host".into(),
    }
}

async fn ask(broker: &Broker, beat: ConsumerGroupHeartbeat) -> Result<HeartbeatReply, GroupError> {
    let (_, coordinator) = broker.group(GROUP);
    let input = |request| Input::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat { request, ..beat });
    match coordinator.ask(input).await {
        Some(Reply::ConsumerGroupHeartbeat(result)) => result,
        _ => Err(GroupError::Unavailable { code: ErrorCode::CoordinatorNotAvailable }),
    }
}

/// Who it is when it commits.
fn committer(id: &str, epoch: i32) -> Committer {
    Committer { id: id.to_owned(), instance_id: None, generation: epoch }
}

/// A member does its part for so many rounds.
pub(super) async fn take_part(world: Rc<World>, broker: Rc<Broker>, number: u64, rounds: u64) {
    let mut known = world.members.borrow().get(&number).cloned().unwrap_or_default();
    for _ in 0..rounds {
        if world.is_ending.get() {
            return;
        }
        round(&world, &broker, number, &mut known).await;
        world.members.borrow_mut().insert(number, known.clone());
        sleep(Duration::from_millis(world.below(4_000))).await;
    }
    // It ends without a word: nobody hears from it again, and it does nothing any more.
    drop_out(&world, number, &mut known);
}

/// It owns nothing any more, and is not in the group.
fn drop_out(world: &World, number: u64, known: &mut Known) {
    *known = Known::default();
    world.own(number, &known.owned);
    world.members.borrow_mut().insert(number, known.clone());
}

async fn round(world: &World, broker: &Broker, number: u64, known: &mut Known) {
    match (known.epoch, world.below(30)) {
        (Some(_), 0) => {
            // It gives everything up before it says so.
            let leaver = Known { owned: Partitions::new(), ..known.clone() };
            drop_out(world, number, known);
            world.count(|counts| counts.left += 1);
            drop(ask(broker, beat(&leaver, LEAVES)).await);
        }
        (Some(epoch), 1) => stall(world, broker, number, known, epoch).await,
        (Some(epoch), _) => {
            speak(world, broker, number, known, epoch).await;
            work(world, broker, known).await;
        }
        (None, _) => {
            known.id = world.new_id(number);
            speak(world, broker, number, known, JOINS).await;
        }
    }
}

/// It is silent for longer than its session. A client notices that and owns nothing any more; a
/// commit that it had on its way comes late.
async fn stall(world: &World, broker: &Broker, number: u64, known: &mut Known, epoch: i32) {
    let (id, owned) = (known.id.clone(), known.owned.clone());
    drop_out(world, number, known);
    world.count(|counts| counts.stalled += 1);
    sleep(STALL).await;
    for partition in owned {
        let late = commit(world, broker, &committer(&id, epoch), partition, Offset::ZERO).await;
        world.count(|counts| counts.late += 1);
        if late.is_ok() && world.owner(partition).is_some_and(|owner| owner != number) {
            world.find(format!("{id} is out, and committed for {partition}"));
        }
    }
    // And one last heartbeat of that time.
    let stale = Known { id, epoch: Some(epoch), owned: Partitions::new() };
    let told = ask(broker, beat(&stale, epoch)).await;
    if matches!(told, Err(GroupError::UnknownMember { .. } | GroupError::FencedEpoch { .. })) {
        world.count(|counts| counts.fenced += 1);
    }
}

async fn speak(world: &World, broker: &Broker, number: u64, known: &mut Known, epoch: i32) {
    match ask(broker, beat(known, epoch)).await {
        Ok(reply) => {
            world.tell(format!(
                "{} ({number}) in {epoch} with {:?} is told {} {:?}",
                known.id, known.owned, reply.epoch, reply.assignment
            ));
            if epoch == JOINS {
                world.count(|counts| counts.joined += 1);
            }
            known.epoch = Some(reply.epoch);
            let Some(assignment) = reply.assignment else { return };
            world.count(|counts| counts.assigned += 1);
            if world.run.broken == Misrule::Keeping && !known.owned.is_subset(&assignment) {
                // It says what it should, and does otherwise.
                let said = Known { owned: assignment.clone(), ..known.clone() };
                drop(ask(broker, beat(&said, reply.epoch)).await);
                sleep(KEEPS).await;
            }
            known.owned = assignment;
            world.own(number, &known.owned);
            // It is not the member that crashes.
            world.members.borrow_mut().insert(number, known.clone());
        }
        Err(GroupError::UnknownMember { .. } | GroupError::FencedEpoch { .. }) => {
            world.count(|counts| counts.fenced += 1);
            drop_out(world, number, known);
        }
        // It asks again later; what it was told before holds.
        Err(_) => {
            if epoch == JOINS {
                *known = Known::default();
            }
            pause().await;
        }
    }
}

/// Goes on with what is committed, and commits a little more.
async fn work(world: &World, broker: &Broker, known: &Known) {
    let Some(epoch) = known.epoch else { return };
    for partition in &known.owned {
        let Ok(offset) = committed(broker, *partition) else { continue };
        world.check(*partition, offset);
        let next = Offset(offset.map_or(1, |offset| offset.0 + 1 + world.below(5) as i64));
        let by = committer(&known.id, epoch);
        if commit(world, broker, &by, *partition, next).await.is_ok() {
            world.count(|counts| counts.commits += 1);
        }
    }
}
