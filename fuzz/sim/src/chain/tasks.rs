//! What programs do in one life: one feeds the source, others copy it to the target in transactions
//! with their offsets, and some come back as zombies.

use std::rc::Rc;
use std::time::Duration;

use corelog_io::sleep;
use corelog_model::Offset;
use corelog_model::control::TransactionOutcome::{Abort, Commit};

use super::client::{Client, Refusal, commit_apart, committed_offset};
use super::model::Fate;
use super::reader::{Committed, read};
use super::scenario::Broken;
use super::world::World;
use crate::broker::{Broker, PARTITIONS, SOURCE, TARGET, pause};

pub(super) const GROUP: &str = "copiers";
/// Longer than a transaction may take, and than it takes to notice.
const TOO_LONG: Duration = Duration::from_secs(5);

/// How long a task works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// So many transactions.
    Rounds(u32),
    /// Until nothing is left to copy.
    All,
}

/// Writes new values, some of which are undone.
pub(super) async fn feed(world: Rc<World>, broker: Rc<Broker>, rounds: u32) {
    let mut client = Client::new(&broker, "feeder", world.chain.version);
    for _ in 0..rounds {
        if world.is_ending() || begin(&world, &mut client).await.is_err() {
            return;
        }
        // One epoch of a producer has several transactions.
        for _ in 0..world.below(4) {
            let attempt = world.model(|model| model.begin(SOURCE));
            let mut result = Ok(());
            for _ in 0..=world.below(3) {
                let count = 1 + world.below(3);
                let values = (0..count).map(|_| world.model(|model| model.value(attempt, None)));
                let values: Vec<String> = values.collect();
                let index = world.below(PARTITIONS as u64) as i32;
                let sent = client.send(SOURCE, index, &values).await;
                world.tell(format!("{values:?} to {SOURCE}-{index} by {client}: {sent:?}"));
                result = result.and(sent);
            }
            if end(&world, &mut client, attempt, TARGET, result).await.is_err() {
                break;
            }
        }
        sleep(Duration::from_millis(world.below(200))).await;
    }
}

async fn begin(world: &World, client: &mut Client) -> Result<(), ()> {
    client.init().await.map_err(|refusal| {
        world.find(format!("a producer cannot begin: {refusal:?}"));
    })
}

/// Ends a transaction somehow. An error means that the producer has to begin anew.
async fn end(
    world: &World,
    client: &mut Client,
    attempt: usize,
    topic: &'static str,
    result: Result<(), Refusal>,
) -> Result<Fate, ()> {
    let chance = if result.is_ok() { world.below(20) } else { 0 };
    let zombie = client.clone();
    let ended = match chance {
        0..3 => {
            world.model(|model| model.set(attempt, Fate::Doomed));
            world.count(|counts| counts.aborted += 1);
            client.end(Abort).await.map(|()| Fate::Doomed).map_err(drop)
        }
        3 => {
            // It takes too long: the coordinator aborts it.
            world.model(|model| model.set(attempt, Fate::Doomed));
            sleep(TOO_LONG).await;
            world.count(|counts| counts.timed_out += 1);
            refuse_zombie(world, client.clone(), topic).await;
            Err(())
        }
        4 => {
            world.model(|model| model.set(attempt, Fate::Doomed));
            begin(world, client).await?;
            world.count(|counts| counts.fenced += 1);
            refuse_zombie(world, zombie.clone(), topic).await;
            Ok(Fate::Doomed)
        }
        _ => {
            world.model(|model| model.set(attempt, Fate::Asked));
            world.count(|counts| counts.asked += 1);
            match client.end(Commit).await {
                Ok(()) => {
                    world.model(|model| model.set(attempt, Fate::Committed));
                    world.count(|counts| counts.committed += 1);
                    Ok(Fate::Committed)
                }
                Err(refusal) => {
                    world.tell(format!("transaction {attempt} is not committed: {refusal:?}"));
                    Err(())
                }
            }
        }
    };
    world.tell(format!("transaction {attempt} of {zombie} ends: {ended:?}"));
    // Who commits has waited for its batches; who aborts may have given some up on the way.
    if world.model(|model| model.is_doomed(attempt)) && world.once_in(2) {
        let late = world.model(|model| {
            let late = model.begin(topic);
            model.set(late, Fate::Doomed);
            model.value(late, None)
        });
        let index = world.below(PARTITIONS as u64) as i32;
        let is_taken = zombie.send_late(topic, index, &late).await.is_ok();
        world.tell(format!("{late} comes late to {topic}-{index} by {zombie}: {is_taken}"));
        // The marker may have yet to come, which undoes it. What matters is what becomes of it.
        world.count(|counts| if is_taken { counts.late_taken += 1 } else { counts.late += 1 });
        // Who gives up a batch cannot use its sequence again, and gets another epoch (KIP-360).
        return Err(());
    }
    ended
}

/// One that is fenced can commit nothing, whatever it tries.
async fn refuse_zombie(world: &World, mut zombie: Client, topic: &'static str) {
    let doomed = world.model(|model| {
        let doomed = model.begin(topic);
        model.set(doomed, Fate::Doomed);
        model.value(doomed, None)
    });
    let index = world.below(PARTITIONS as u64) as i32;
    let is_taken = zombie.send(topic, index, &[doomed]).await.is_ok();
    if is_taken {
        world.find("a fenced producer wrote".to_owned());
    }
    if zombie.end(Commit).await.is_ok() {
        world.find("a fenced producer committed".to_owned());
    }
    world.count(|counts| counts.zombies += 1);
}

/// Copies a partition of the source, from what its group has committed.
pub(super) async fn copy(world: Rc<World>, broker: Rc<Broker>, index: i32, work: Work) {
    let mut client = Client::new(&broker, &format!("copier-{index}"), world.chain.version);
    let mut left = match work {
        Work::Rounds(rounds) => rounds,
        Work::All => 10_000,
    };
    while left > 0 && !world.is_ending() {
        // What was left open is settled, so that nothing committed is missing below.
        if begin(&world, &mut client).await.is_err() {
            return;
        }
        let mut offset = match committed_offset(&broker, GROUP, index).await {
            Ok(offset) => offset,
            Err(refusal) => return world.find(format!("offsets cannot be read: {refusal:?}")),
        };
        while left > 0 && !world.is_ending() {
            left -= 1;
            match read(&broker, (SOURCE, index), offset, Broken::Nothing).await {
                Ok((records, next)) if records.is_empty() => {
                    let (_, source) = broker.partition(SOURCE, index);
                    let is_all = next >= source.high_watermark();
                    if work == Work::All && is_all {
                        return;
                    }
                    offset = next;
                    pause().await;
                }
                Ok((records, next)) => {
                    let copied = copy_some(&world, &mut client, index, &records, next).await;
                    let Ok(next) = copied else { break };
                    offset = next.unwrap_or(offset);
                }
                Err(error) => return world.find(format!("the source cannot be read: {error}")),
            }
        }
    }
    if work == Work::All && !world.is_ending() {
        world.find(format!("copying partition {index} does not end"));
    }
}

/// Copies some records in one transaction with the offset behind them. Says where to go on, or
/// nothing if it was undone.
async fn copy_some(
    world: &World,
    client: &mut Client,
    index: i32,
    records: &[Committed],
    behind: Offset,
) -> Result<Option<Offset>, ()> {
    let count = 1 + world.below(6) as usize;
    let next = records.get(count).map_or(behind, |record| record.offset);
    let attempt = world.model(|model| model.begin(TARGET));
    let mut values = Vec::new();
    for record in records.iter().take(count) {
        let judged = world.model(|model| model.judge(SOURCE, &record.value));
        let (origin, _) = judged.map_err(|why| {
            world.find(format!("{record:?} of the source is read as committed, but {why}"));
        })?;
        values.push(world.model(|model| model.value(attempt, Some(origin))));
    }
    let mut result = Ok(());
    for part in values.chunks(1 + world.below(3) as usize) {
        let to = world.below(PARTITIONS as u64) as i32;
        let sent = client.send(TARGET, to, part).await;
        world.tell(format!("{part:?} to {TARGET}-{to} by {client}: {sent:?}"));
        result = result.and(sent);
    }
    let is_apart = world.chain.broken == Broken::OffsetsApart;
    if result.is_ok() && !is_apart {
        result = client.send_offset(GROUP, index, next).await;
    }
    let broker = client.broker();
    let fate = end(world, client, attempt, TARGET, result).await?;
    if fate == Fate::Committed && is_apart {
        drop(commit_apart(&broker, GROUP, index, next).await);
    }
    Ok((fate == Fate::Committed).then_some(next))
}

/// Reads a topic while others write: nothing shows that is not committed, and nothing twice.
pub(super) async fn watch(world: Rc<World>, broker: Rc<Broker>, topic: &'static str) {
    let mut offsets = [Offset::ZERO; PARTITIONS as usize];
    let mut seen = std::collections::BTreeSet::new();
    while !world.is_ending() {
        for (index, offset) in (0..).zip(&mut offsets) {
            match read(&broker, (topic, index), *offset, world.chain.broken).await {
                Ok((records, next)) => {
                    *offset = next;
                    for record in records {
                        if !watch_one(&world, topic, &record, &mut seen) {
                            return;
                        }
                    }
                }
                Err(error) => return world.find(error),
            }
        }
        sleep(Duration::from_millis(1 + world.below(100))).await;
    }
}

fn watch_one(
    world: &World,
    topic: &str,
    record: &Committed,
    seen: &mut std::collections::BTreeSet<u64>,
) -> bool {
    world.count(|counts| counts.watched += 1);
    match world.model(|model| model.judge(topic, &record.value)) {
        Ok((origin, _)) if seen.insert(origin) => return true,
        Ok((origin, _)) => world.find(format!("{origin} is in the {topic} twice: {record:?}")),
        Err(why) => {
            world.find(format!("{record:?} of the {topic} is read as committed, but {why}"));
        }
    }
    false
}
