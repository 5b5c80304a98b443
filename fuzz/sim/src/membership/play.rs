//! A run: life after life, and a last look at what is committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use corelog_io::sim::{DiskFaults, End, Machine, Tearing};
use corelog_io::{spawn, timeout};
use corelog_model::{ErrorCode, Offset};

use super::offsets::{Committer, commit, committed, partitions};
use super::world::World;
use super::{Dialect, Membership, Misrule, classic_member, member};
use crate::broker::{Broker, Start, pause};
use crate::counts::MembershipCounts;
use crate::scenario::Ending;

/// Longer than anything takes, in the time of the machine.
const PATIENCE: Duration = Duration::from_secs(7_200);
const STEPS_MAX: u64 = 3_000_000;
const ROUNDS: u64 = 60;

/// What a run found.
#[derive(Debug, Clone)]
pub struct MembershipOutcome {
    /// Claims that did not hold; none is what we want.
    pub findings: Vec<String>,
    /// What happened, for people.
    pub story: Vec<String>,
    /// How often.
    pub counts: MembershipCounts,
    /// Any difference between two runs shows here.
    pub trace_hash: u64,
}

/// Plays a run from its first life to the last look. A panic is a finding like any other.
pub fn play(run: &Membership) -> MembershipOutcome {
    let lies_about_sync = run.broken == Misrule::Disk;
    let tearing = if run.seed.is_multiple_of(3) { Tearing::Block } else { Tearing::Sector };
    let machine =
        Machine::new(run.seed, DiskFaults { tearing, lies_about_sync, ..Default::default() });
    machine.limit_steps(STEPS_MAX);
    let world = World::new(run.clone());
    let lives = run.lives.iter().copied().map(Some).chain([None]);
    let played = catch_unwind(AssertUnwindSafe(|| {
        for (number, ending) in lives.enumerate() {
            world.tell(format!("life {number}: {ending:?}"));
            live(&machine, &world, ending);
            if !world.findings.borrow().is_empty() {
                return;
            }
        }
    }));
    if let Err(panic) = played {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.find(format!("a panic: {}", text.unwrap_or_default()));
    }
    MembershipOutcome {
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
    world.begin_life();
    let session = session(Rc::clone(world), ending);
    let end = machine.run(async move { Box::pin(timeout(PATIENCE, session)).await });
    world.tell(format!("{end:?} after {} steps", machine.steps()));
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
    let start = Start { seed: world.run.seed, verifies_transactions: true };
    let broker = Broker::start(start).await?;
    look(&world, &broker).await?;
    if ending.is_some() {
        let part = |number| {
            let rounds = 1 + world.below(ROUNDS);
            let (world, broker) = (Rc::clone(&world), Rc::clone(&broker));
            match world.run.dialect {
                Dialect::Consumer => spawn(member::take_part(world, broker, number, rounds)),
                Dialect::Classic => spawn(classic_member::take_part(world, broker, number, rounds)),
            }
        };
        let members: Vec<_> = (0..world.run.members).map(part).collect();
        for member in members {
            member.join().await;
        }
    }
    broker.stop().await
}

/// What was acknowledged is committed. There is an offset for every partition then, without which
/// an empty group would be forgotten, and its generations would begin anew.
async fn look(world: &World, broker: &Broker) -> Result<(), String> {
    for id in partitions(broker) {
        let offset = loop {
            match committed(broker, id) {
                Ok(offset) => break offset,
                Err(ErrorCode::CoordinatorLoadInProgress) => pause().await,
                Err(code) => return Err(format!("offsets cannot be read: {code}")),
            }
        };
        world.check(id, offset);
        if offset.is_none() && world.findings.borrow().is_empty() {
            let result = commit(world, broker, &Committer::nobody(), id, Offset::ZERO).await;
            result.map_err(|code| format!("an empty group takes no offset: {code}"))?;
        }
    }
    Ok(())
}
