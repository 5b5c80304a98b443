//! A run: life after life, and one in which everything is copied and compared.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use corelog_coordinator::transactions::{TransactionFilter, TransactionState};
use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{Task, sleep, spawn, timeout};
use corelog_model::Offset;

use super::client::Client;
use super::model::Seen;
use super::reader::read;
use super::scenario::{Broken, Chain};
use super::tasks::{Work, copy, feed, watch};
use super::world::World;
use crate::broker::{Broker, PARTITIONS, SOURCE, Start, TARGET, pause};
use crate::counts::ChainCounts;
use crate::scenario::Ending;

/// Longer than anything takes, in the time of the machine.
const PATIENCE: Duration = Duration::from_secs(3_600);
const STEPS_MAX: u64 = 6_000_000;

/// What a run found.
#[derive(Debug, Clone)]
pub struct ChainOutcome {
    /// The seed it came from.
    pub seed: u64,
    /// Claims that did not hold; none is what we want.
    pub findings: Vec<String>,
    /// What happened, for people.
    pub story: Vec<String>,
    /// How often.
    pub counts: ChainCounts,
    /// Any difference between two runs shows here.
    pub trace_hash: u64,
}

/// Plays a chain from its first life to the last look. A panic is a finding like any other.
pub fn play(chain: &Chain) -> ChainOutcome {
    let lies_about_sync = chain.broken == Broken::Disk;
    let faults = DiskFaults { tearing: chain.tearing, lies_about_sync, ..DiskFaults::default() };
    let machine = Machine::new(chain.seed, faults);
    machine.limit_steps(STEPS_MAX);
    let world = World::new(chain.clone());
    let lives = chain.lives.iter().copied().map(Some).chain([None]);
    let played = catch_unwind(AssertUnwindSafe(|| {
        for (number, ending) in lives.enumerate() {
            world.tell(format!("life {number}: {ending:?}"));
            live(&machine, &world, ending);
            if !world.is_well() {
                return;
            }
        }
    }));
    if let Err(panic) = played {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.find(format!("a panic: {}", text.unwrap_or_default()));
    }
    ChainOutcome {
        seed: chain.seed,
        findings: world.findings.take(),
        story: world.story.take(),
        counts: world.counts.take(),
        trace_hash: machine.trace_hash(),
    }
}

/// Plays one life; without an ending it is the last one.
fn live(machine: &Machine, world: &Rc<World>, ending: Option<Ending>) {
    match ending {
        Some(Ending::PowerCut(steps)) => machine.crash_after(steps),
        Some(Ending::Kill(steps)) => machine.kill_after(steps),
        Some(Ending::Close | Ending::Drop) | None => {}
    }
    world.set_ending(false);
    let session = session(Rc::clone(world), ending);
    let end = machine.run(async move { Box::pin(timeout(PATIENCE, session)).await });
    world.tell(format!("{end:?} after {} steps", machine.steps()));
    world.model(super::model::Model::crash);
    match end {
        End::Finished(Ok(Ok(()))) => {}
        End::Finished(Ok(Err(error))) => world.find(error),
        End::Finished(Err(_)) => world.find("a life does not end".to_owned()),
        End::Crashed | End::Killed => world.count(|counts| counts.crashes += 1),
        End::Stuck => world.find("everything waits and nothing will happen".to_owned()),
        End::TooLong => world.find("the run goes in circles".to_owned()),
    }
}

async fn session(world: Rc<World>, ending: Option<Ending>) -> Result<(), String> {
    let verifies_transactions = world.chain.broken != Broken::Unverified;
    let broker = Broker::start(Start { seed: world.chain.seed, verifies_transactions }).await?;
    count_resumed(&world, &broker).await;
    let watchers =
        [SOURCE, TARGET].map(|topic| spawn(watch(Rc::clone(&world), Rc::clone(&broker), topic)));
    let tasks = if ending.is_some() {
        work(&world, &broker)
    } else {
        // Nothing of the feeder stays open.
        let mut feeder = Client::new(&broker, "feeder", world.chain.version);
        let begun = feeder.init().await;
        begun.map_err(|refusal| format!("the feeder cannot begin: {refusal:?}"))?;
        let copy = |index| spawn(copy(Rc::clone(&world), Rc::clone(&broker), index, Work::All));
        (0..PARTITIONS).map(copy).collect()
    };
    for task in tasks {
        task.join().await;
    }
    if ending.is_none() && world.is_well() {
        look(&world, &broker).await?;
    }
    world.set_ending(true);
    for watcher in watchers {
        watcher.join().await;
    }
    if ending != Some(Ending::Drop) {
        broker.stop().await?;
    }
    Ok(())
}

fn work(world: &Rc<World>, broker: &Rc<Broker>) -> Vec<Task<()>> {
    let shared = || (Rc::clone(world), Rc::clone(broker));
    let (feeding, feeder) = shared();
    let rounds = 1 + world.below(6) as u32;
    let mut tasks = vec![spawn(feed(feeding, feeder, rounds))];
    for index in 0..PARTITIONS {
        let (copying, copier) = shared();
        let rounds = Work::Rounds(1 + world.below(30) as u32);
        tasks.push(spawn(copy(copying, copier, index, rounds)));
    }
    tasks
}

/// Counts what was decided in an earlier life and is gone on with in this one.
async fn count_resumed(world: &World, broker: &Broker) {
    let states = vec![TransactionState::PrepareCommit, TransactionState::PrepareAbort];
    let filter = TransactionFilter { states, ..TransactionFilter::default() };
    for shard in broker.shards() {
        for coordinator in shard.transaction_coordinators() {
            while !world.is_ending() {
                if let Ok(found) = coordinator.list(&filter) {
                    world.count(|counts| counts.resumed += found.len() as u64);
                    break;
                }
                sleep(Duration::from_micros(10)).await;
            }
        }
    }
}

/// Compares everything, when all is copied and nobody writes.
async fn look(world: &World, broker: &Broker) -> Result<(), String> {
    let mut seen = [Seen::new(), Seen::new()];
    for (topic, seen) in [SOURCE, TARGET].into_iter().zip(&mut seen) {
        for index in 0..PARTITIONS {
            until_stable(broker, topic, index).await?;
            let (mut offset, (_, partition)) = (Offset::ZERO, broker.partition(topic, index));
            while offset < partition.high_watermark() {
                let (records, next) =
                    read(broker, (topic, index), offset, world.chain.broken).await?;
                for record in records {
                    let judged = world.model(|model| model.judge(topic, &record.value));
                    let (origin, by) = judged.map_err(|why| {
                        format!("{record:?} of the {topic} is read as committed, but {why}")
                    })?;
                    seen.entry(origin).or_default().push(by);
                }
                if next == offset {
                    return Err(format!("{topic}-{index} cannot be read at {offset}"));
                }
                offset = next;
            }
        }
    }
    let [source, target] = seen;
    world.count(|counts| counts.copied += target.len() as u64);
    world.model(|model| model.compare(&source, &target)).map_or(Ok(()), Err)
}

/// Waits until no transaction is open in a partition.
async fn until_stable(broker: &Broker, topic: &str, index: i32) -> Result<(), String> {
    let (_, partition) = broker.partition(topic, index);
    for _ in 0..10_000 {
        if partition.last_stable_offset() == partition.high_watermark() {
            return Ok(());
        }
        pause().await;
    }
    let (stable, end) = (partition.last_stable_offset(), partition.high_watermark());
    Err(format!("a transaction stays open in {topic}-{index}: {stable} of {end} is stable"))
}
