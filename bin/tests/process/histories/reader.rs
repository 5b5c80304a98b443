//! Processes that read: partitions that they choose themselves, or that a group gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corelog_client::consumer::{From, IsolationLevel, OffsetReset, Partitions};
use corelog_client::group::{GroupConfig, Protocol};
use corelog_client::{
    ClientError, Consumer, ConsumerConfig, RebalanceListener, Rebalancing, Record, TopicPartition,
};
use corelog_model::Offset;

use super::{PARTITIONS, Stage, TOPIC};
use crate::history::{Action, Isolation, Outcome, Partition, Polled, Process, Step};

const POLL: Duration = Duration::from_millis(40);

/// A consumer that finds a restarted broker fast.
pub(super) fn config(isolation: Isolation) -> ConsumerConfig {
    ConsumerConfig {
        isolation: match isolation {
            Isolation::Committed => IsolationLevel::ReadCommitted,
            Isolation::Uncommitted => IsolationLevel::ReadUncommitted,
        },
        max_wait: Duration::from_millis(30),
        retry_pause: Duration::from_millis(20),
        trouble_timeout: Duration::from_secs(60),
        reset: OffsetReset::Earliest,
        auto_commit: Some(Duration::from_millis(200)),
        ..ConsumerConfig::default()
    }
}

/// What a poll gave, as a history has it.
pub(super) fn polled(records: &[Record]) -> Vec<Polled> {
    let records = records.iter().map(|record| {
        let value = std::str::from_utf8(record.value.as_deref().unwrap_or_default());
        let value = value.ok().and_then(|text| text.parse().ok());
        Polled {
            partition: record.at.partition,
            offset: record.offset.0,
            // What nobody can have written is found, as nobody has.
            value: value.unwrap_or_default(),
        }
    });
    records.collect()
}

/// Where a process goes on in each partition.
type Positions = BTreeMap<Partition, i64>;

fn advance(positions: &mut Positions, records: &[Polled]) {
    positions.extend(records.iter().map(|record| (record.partition, record.offset + 1)));
}

/// Chooses partitions now and then, each from where it was or from an earlier offset.
pub(super) async fn read_by_hand(stage: Stage, process: Process, isolation: Isolation) {
    let mut positions: Positions = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
    while !stage.is_over() {
        // What goes wrong is not read; the next consumer goes on.
        let _ = read_chosen(&stage, process, isolation, &mut positions).await;
    }
}

async fn read_chosen(
    stage: &Stage,
    process: Process,
    isolation: Isolation,
    positions: &mut Positions,
) -> Result<(), ClientError> {
    let cluster = stage.connect().await;
    let mut consumer = Consumer::new(&cluster, config(isolation))?;
    while !stage.is_over() {
        let chosen = (0..PARTITIONS).filter(|_| fastrand::bool());
        let chosen = chosen.map(|partition| {
            let known = positions.get(&partition).copied().unwrap_or_default();
            let from = if fastrand::u8(..3) == 0 { fastrand::i64(0..=known) } else { known };
            (partition, from)
        });
        let chosen: Positions = chosen.collect();
        let assigned: Vec<_> = consumer.assigned().into_iter().collect();
        let open = stage.recorder.begin(process);
        let outcome = assign(&mut consumer, &assigned, &chosen).await;
        let from = chosen.iter().map(|(partition, from)| (*partition, Some(*from)));
        stage.recorder.end(open, Action::Assign(from.collect()), Outcome::Done);
        outcome?;
        for _ in 0..fastrand::u32(1..60) {
            let open = stage.recorder.begin(process);
            let result = consumer.poll(POLL).await;
            let records = polled(result.as_deref().unwrap_or_default());
            advance(positions, &records);
            let step = Step::Poll { isolation, records };
            stage.recorder.end(open, Action::Steps(vec![step]), Outcome::Done);
            result?;
        }
    }
    Ok(())
}

async fn assign(
    consumer: &mut Consumer,
    before: &[TopicPartition],
    chosen: &Positions,
) -> Result<(), ClientError> {
    consumer.unassign(before)?;
    for (partition, from) in chosen {
        let from = From::Offset(Offset(*from));
        consumer.assign(TOPIC, Partitions::These(&[*partition]), from).await?;
    }
    Ok(())
}

/// Takes note of what the group gives and takes.
#[derive(Debug, Clone, Default)]
struct Holdings {
    state: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    partitions: BTreeSet<Partition>,
    /// Those that were given since the last look.
    given: BTreeSet<Partition>,
    is_changed: bool,
}

impl Holdings {
    fn change(&self, given: bool, partitions: &BTreeSet<TopicPartition>) {
        let mut held = self.state.lock().expect("nobody panics with it");
        held.is_changed = true;
        for at in partitions {
            if given {
                held.partitions.insert(at.partition);
                held.given.insert(at.partition);
            } else {
                held.partitions.remove(&at.partition);
                held.given.remove(&at.partition);
            }
        }
    }

    /// What is held and from where, if that has changed since the last look. What was given begins
    /// where the group is.
    fn news(&self, positions: &Positions) -> Option<BTreeMap<Partition, Option<i64>>> {
        let mut held = self.state.lock().expect("nobody panics with it");
        if !std::mem::take(&mut held.is_changed) {
            return None;
        }
        let given = std::mem::take(&mut held.given);
        let from = |partition: &Partition| {
            let kept = positions.get(partition).copied();
            (*partition, kept.filter(|_| !given.contains(partition)))
        };
        Some(held.partitions.iter().map(from).collect())
    }
}

impl RebalanceListener for Holdings {
    fn assigned<'a>(
        &'a mut self,
        _: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        self.change(true, partitions);
        Box::pin(async { Ok(()) })
    }

    fn revoked<'a>(
        &'a mut self,
        _: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        self.change(false, partitions);
        Box::pin(async { Ok(()) })
    }

    fn lost<'a>(
        &'a mut self,
        _: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        self.change(false, partitions);
        Box::pin(async { Ok(()) })
    }
}

/// Reads what its group gives it; leaves now and then and comes back.
pub(super) async fn read_in_group(stage: Stage, process: Process, protocol: Protocol) {
    while !stage.is_over() {
        let _ = read_given(&stage, process, protocol).await;
    }
}

async fn read_given(
    stage: &Stage,
    process: Process,
    protocol: Protocol,
) -> Result<(), ClientError> {
    let cluster = stage.connect().await;
    let settings = GroupConfig {
        group: format!("{protocol:?}").to_lowercase(),
        protocol,
        session_timeout: Duration::from_secs(6),
        heartbeat_interval: Duration::from_millis(200),
        ..GroupConfig::default()
    };
    let mut consumer = Consumer::in_group(&cluster, config(Isolation::Committed), settings)?;
    let holdings = Holdings::default();
    consumer.on_rebalance(holdings.clone())?;
    consumer.subscribe(&[TOPIC]).await?;
    let mut positions = Positions::new();
    for _ in 0..fastrand::u32(50..400) {
        if stage.is_over() {
            break;
        }
        let mut open = stage.recorder.begin(process);
        let result = consumer.poll(POLL).await;
        // Partitions come and go before records are given.
        if let Some(held) = holdings.news(&positions) {
            positions.retain(|partition, _| held.contains_key(partition));
            stage.recorder.end(open, Action::Assign(held), Outcome::Done);
            open = stage.recorder.begin(process);
        }
        let records = polled(result.as_deref().unwrap_or_default());
        advance(&mut positions, &records);
        let step = Step::Poll { isolation: Isolation::Committed, records };
        stage.recorder.end(open, Action::Steps(vec![step]), Outcome::Done);
        result?;
    }
    consumer.close().await
}
