//! Processes that write: one value after the other, or several in a transaction with what they
//! read, which is committed, undone, left open, or taken over by a successor.

use std::time::Duration;

use corelog_client::consumer::{From, Partitions};
use corelog_client::producer::Message;
use corelog_client::{ClientError, Cluster, Consumer, Delivery, Producer, ProducerConfig};

use super::reader::{config, polled};
use super::{PARTITIONS, Stage, TOPIC};
use crate::history::{Action, Isolation, Outcome, Process, Step};

/// How often an end of a transaction is asked for again whose answer did not come.
const ATTEMPTS: u32 = 4;

/// Sends a value, and gives the step without its offset, and what becomes of it.
async fn send(stage: &Stage, producer: &Producer) -> (Step, Result<Delivery, ClientError>) {
    let (partition, value) = (fastrand::i32(0..PARTITIONS), stage.recorder.value());
    let text = value.to_string();
    let message = Message::of_value(TOPIC, text.as_bytes());
    let sent = producer.send(&Message { partition: Some(partition), ..message }).await;
    (Step::Send { partition, value, offset: None }, sent)
}

/// Waits for what becomes of values, and takes note of it. Whether all were written.
async fn settle(sent: Vec<(Step, Option<Delivery>)>) -> (Vec<Step>, bool) {
    let (mut steps, mut all) = (Vec::with_capacity(sent.len()), true);
    for (mut step, delivery) in sent {
        if let (Step::Send { offset, .. }, Some(delivery)) = (&mut step, delivery) {
            match delivery.await {
                // A repetition whose first success the broker has forgotten has no offset.
                Ok(delivered) => *offset = Some(delivered.offset.0).filter(|found| *found >= 0),
                Err(_) => all = false,
            }
        }
        steps.push(step);
    }
    (steps, all)
}

/// Sends without transactions; repeats are dropped by the broker.
pub(super) async fn write(stage: Stage, process: Process) {
    let config =
        ProducerConfig { delivery_timeout: Duration::from_secs(20), ..ProducerConfig::default() };
    while !stage.is_over() {
        let cluster = stage.connect().await;
        let Ok(producer) = Producer::new(&cluster, config.clone()).await else { continue };
        let mut is_well = true;
        while is_well && !stage.is_over() {
            let open = stage.recorder.begin(process);
            let mut sent = Vec::new();
            for _ in 0..fastrand::u32(1..4) {
                let (step, result) = send(&stage, &producer).await;
                is_well &= result.is_ok();
                sent.push((step, result.ok()));
            }
            let (steps, all) = settle(sent).await;
            is_well &= all;
            let outcome = if is_well { Outcome::Done } else { Outcome::Unknown };
            stage.recorder.end(open, Action::Steps(steps), outcome);
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..30))).await;
        }
    }
}

/// Writes in transactions.
pub(super) async fn transact(stage: Stage, process: Process) {
    while !stage.is_over() {
        // The next producer undoes what this one left.
        let _ = transact_until_trouble(&stage, process).await;
    }
    // Nothing stays open: who reads to the end need not wait for a transaction to take too long.
    loop {
        let cluster = stage.connect().await;
        if producer(&cluster, process).await.is_ok() {
            return;
        }
    }
}

async fn producer(cluster: &Cluster, process: Process) -> Result<Producer, ClientError> {
    let config = ProducerConfig {
        transactional_id: Some(format!("writer-{process}")),
        delivery_timeout: Duration::from_secs(5),
        ..ProducerConfig::default()
    };
    let producer = Producer::new(cluster, config).await?;
    producer.init_transactions().await?;
    Ok(producer)
}

async fn transact_until_trouble(stage: &Stage, process: Process) -> Result<(), ClientError> {
    let cluster = stage.connect().await;
    let mut consumer = Consumer::new(&cluster, config(Isolation::Committed))?;
    consumer.assign(TOPIC, Partitions::All, From::Beginning).await?;
    let open = stage.recorder.begin(process);
    let from = (0..PARTITIONS).map(|partition| (partition, Some(0)));
    stage.recorder.end(open, Action::Assign(from.collect()), Outcome::Done);
    let mut producer = producer(&cluster, process).await?;
    while !stage.is_over() {
        producer.begin().await?;
        let open = stage.recorder.begin(process);
        let mut sent = Vec::new();
        let mut trouble = fill(stage, &producer, &mut consumer, &mut sent).await.err();
        let ending = if trouble.is_some() { Ending::Abort } else { Ending::by_chance() };
        let outcome = match ending {
            Ending::Commit => commit(&producer, &mut trouble).await,
            Ending::Abort => abort(&producer, &mut trouble).await,
            Ending::Leave => {
                trouble = Some(ClientError::Transaction("left open"));
                Outcome::Failed
            }
            Ending::Yield => {
                yield_to_successor(&cluster, process, &mut producer, &mut trouble).await
            }
        };
        let (steps, _) = settle(sent).await;
        stage.recorder.end(open, Action::Transaction(steps), outcome);
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..20))).await;
    }
    Ok(())
}

/// Sends and polls.
async fn fill(
    stage: &Stage,
    producer: &Producer,
    consumer: &mut Consumer,
    sent: &mut Vec<(Step, Option<Delivery>)>,
) -> Result<(), ClientError> {
    for _ in 0..fastrand::u32(1..6) {
        if fastrand::u8(..3) == 0 {
            let result = consumer.poll(Duration::from_millis(10)).await;
            let records = polled(result.as_deref().unwrap_or_default());
            sent.push((Step::Poll { isolation: Isolation::Committed, records }, None));
            result?;
        } else {
            let (step, result) = send(stage, producer).await;
            let (delivery, error) = match result {
                Ok(delivery) => (Some(delivery), None),
                Err(error) => (None, Some(error)),
            };
            sent.push((step, delivery));
            error.map_or(Ok(()), Err)?;
        }
    }
    Ok(())
}

/// How a transaction is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Commit,
    Abort,
    /// Not at all.
    Leave,
    /// Another producer takes over before it is committed.
    Yield,
}

impl Ending {
    fn by_chance() -> Self {
        match fastrand::u8(..24) {
            0 => Self::Leave,
            1 => Self::Yield,
            2..6 => Self::Abort,
            _ => Self::Commit,
        }
    }
}

/// Commits, and says whether it is committed.
async fn commit(producer: &Producer, trouble: &mut Option<ClientError>) -> Outcome {
    for _ in 0..ATTEMPTS {
        match producer.commit().await {
            Ok(()) => return Outcome::Done,
            // It was not asked for, or was refused; if it was before, nobody knows.
            Err(ClientError::MustAbort { .. }) => {
                let was_asked = trouble.is_some();
                let aborted = abort(producer, trouble).await;
                return if was_asked { Outcome::Unknown } else { aborted };
            }
            Err(error @ ClientError::ProducerEnded { .. }) => {
                *trouble = Some(error);
                return Outcome::Unknown;
            }
            Err(error) => *trouble = Some(error),
        }
    }
    Outcome::Unknown
}

/// Undoes what nobody asked to commit.
async fn abort(producer: &Producer, trouble: &mut Option<ClientError>) -> Outcome {
    if let Err(error) = producer.abort().await {
        *trouble = Some(error);
    }
    Outcome::Failed
}

/// Lets a successor begin, and commits all the same: that must not count.
async fn yield_to_successor(
    cluster: &Cluster,
    process: Process,
    producer: &mut Producer,
    trouble: &mut Option<ClientError>,
) -> Outcome {
    match self::producer(cluster, process).await {
        Ok(successor) => {
            let committed = std::mem::replace(producer, successor).commit().await;
            // If it is taken for done, its values will be missing.
            if committed.is_ok() { Outcome::Done } else { Outcome::Failed }
        }
        Err(error) => {
            *trouble = Some(error);
            Outcome::Failed
        }
    }
}
