//! Transactions: what is committed counts, what is aborted does not, and nobody writes twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use corelog_client::blocking::{Cluster, Consumer, Producer};
use corelog_client::consumer::{From, IsolationLevel, OffsetReset, Partitions, Until};
use corelog_client::group::offsets::{NAMED_TOPICS_MAX, Stability, fetch};
use corelog_client::group::{CommittedOffset, GroupConfig, MemberIdentity, Protocol};
use corelog_client::offsets::Moment;
use corelog_client::producer::Message;
use corelog_client::producer::transaction::GroupOffsets;
use corelog_client::{
    ClientConfig, ClientError, ConsumerConfig, Endpoint, Metadata, ProducerConfig, Target,
    TopicPartition,
};
use corelog_model::{ErrorCode, Offset};
use corelog_wire::ApiKey;

use crate::{Bench, Outcome, same};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long the ends of transactions may take to reach the partitions.
const SETTLE: Duration = Duration::from_secs(30);

/// The blocking client, for one check.
struct Desk {
    bootstrap: Vec<Endpoint>,
    run: String,
}

impl Desk {
    fn cluster(&self) -> Result<Cluster, ClientError> {
        Cluster::connect(&self.bootstrap, ClientConfig::default())
    }

    /// A producer with an id of its own for this run.
    fn producer(&self, name: &str) -> Result<Producer, ClientError> {
        let config = ProducerConfig {
            transactional_id: Some(format!("conformance-{}-{name}", self.run)),
            delivery_timeout: Duration::from_secs(30),
            ..ProducerConfig::default()
        };
        let mut producer = Producer::new(self.cluster()?, config)?;
        producer.init_transactions()?;
        Ok(producer)
    }

    /// Waits until no transaction is open in the partitions.
    fn settle(&self, topic: &str, partitions: i32) -> Outcome {
        let mut cluster = self.cluster()?;
        cluster.require_topics(&[topic])?;
        let at = (0..partitions).map(|number| TopicPartition::new(topic, number));
        let wanted: BTreeMap<_, _> = at.map(|at| (at, Moment::End)).collect();
        let began = Instant::now();
        loop {
            let stable = cluster.list_offsets_as(&wanted, IsolationLevel::ReadCommitted)?;
            let ends = cluster.list_offsets_as(&wanted, IsolationLevel::ReadUncommitted)?;
            if stable == ends {
                return Ok(());
            }
            if SETTLE < began.elapsed() {
                return Err(format!("{stable:?} is stable of {ends:?}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The values that a reader sees now, sorted.
    fn values(&self, topic: &str, isolation: IsolationLevel) -> Result<Vec<String>, Failure> {
        let config = ConsumerConfig { isolation, ..ConsumerConfig::default() };
        let mut consumer = Consumer::new(self.cluster()?, config)?;
        consumer.assign(topic, Partitions::All, From::Beginning, Until::End)?;
        let mut values = Vec::new();
        let began = Instant::now();
        while !consumer.is_done() {
            consumer.poll(Duration::from_secs(1), |record| {
                let value = record.value.unwrap_or_default();
                values.push(String::from_utf8_lossy(value).into_owned());
                ControlFlow::Continue(())
            })?;
            if SETTLE < began.elapsed() {
                return Err(format!("only {values:?} was read").into());
            }
        }
        values.sort();
        Ok(values)
    }

    fn committed(&self, topic: &str) -> Result<Vec<String>, Failure> {
        self.values(topic, IsolationLevel::ReadCommitted)
    }

    fn written(&self, topic: &str) -> Result<Vec<String>, Failure> {
        self.values(topic, IsolationLevel::ReadUncommitted)
    }
}

/// Runs a check with the blocking client.
async fn at_desk(bench: &Bench, check: impl FnOnce(&Desk) -> Outcome + Send + 'static) -> Outcome {
    let nodes = bench.admin.describe_cluster().await?.nodes;
    let bootstrap = nodes.into_iter().map(|node| node.endpoint).collect();
    let desk = Desk { bootstrap, run: bench.run.clone() };
    tokio::task::spawn_blocking(move || check(&desk)).await?
}

fn send(producer: &mut Producer, topic: &str, partition: i32, value: &str) -> Outcome {
    let message = Message::of_value(topic, value.as_bytes());
    producer.send(&Message { partition: Some(partition), ..message })?;
    Ok(())
}

/// Writes a record for each value, over the partitions, and waits until they are in the log.
fn write(producer: &mut Producer, topic: &str, partitions: i32, values: &[&str]) -> Outcome {
    for (value, number) in values.iter().zip(0..) {
        send(producer, topic, number % partitions, value)?;
    }
    let failed = producer.flush()?.into_iter().find_map(|delivery| delivery.outcome.err());
    failed.map_or(Ok(()), |error| Err(error.into()))
}

pub(crate) async fn what_is_committed_counts_and_what_is_aborted_does_not(bench: Bench) -> Outcome {
    let topic = bench.topic("txn-outcomes", 2).await?;
    at_desk(&bench, move |desk| {
        let mut producer = desk.producer("outcomes")?;
        producer.begin()?;
        write(&mut producer, &topic, 2, &["a0", "a1", "a2"])?;
        same("while it is open", &desk.committed(&topic)?, &vec![])?;
        same("all the same", &desk.written(&topic)?.len(), &3)?;
        producer.commit()?;
        producer.begin()?;
        write(&mut producer, &topic, 2, &["b0", "b1", "b2"])?;
        producer.abort()?;
        producer.begin()?;
        // Committing sends what waits.
        send(&mut producer, &topic, 0, "c0")?;
        producer.commit()?;
        // Aborting gives it up.
        producer.begin()?;
        send(&mut producer, &topic, 1, "d0")?;
        producer.abort()?;
        desk.settle(&topic, 2)?;
        same(
            "committed",
            &desk.committed(&topic)?,
            &["a0", "a1", "a2", "c0"].map(str::to_owned).into(),
        )?;
        let mut written = desk.written(&topic)?;
        written.retain(|value| value != "d0");
        let all = ["a0", "a1", "a2", "b0", "b1", "b2", "c0"].map(str::to_owned);
        same("written", &written, &all.into())
    })
    .await
}

pub(crate) async fn transactions_without_records_end(bench: Bench) -> Outcome {
    let topic = bench.topic("txn-empty", 1).await?;
    at_desk(&bench, move |desk| {
        let mut producer = desk.producer("empty")?;
        for _ in 0..2 {
            producer.begin()?;
            producer.commit()?;
            producer.begin()?;
            producer.abort()?;
        }
        producer.begin()?;
        write(&mut producer, &topic, 1, &["after"])?;
        producer.commit()?;
        desk.settle(&topic, 1)?;
        same("committed", &desk.committed(&topic)?, &vec!["after".to_owned()])
    })
    .await
}

pub(crate) async fn a_second_producer_fences_the_first(bench: Bench) -> Outcome {
    let topic = bench.topic("txn-fence", 1).await?;
    at_desk(&bench, move |desk| {
        let mut first = desk.producer("fence")?;
        first.begin()?;
        write(&mut first, &topic, 1, &["first"])?;
        let mut second = desk.producer("fence")?;
        // What the first one left open is aborted by now.
        desk.settle(&topic, 1)?;
        let error = first.commit().err().ok_or("the fenced producer has committed")?;
        let is_fenced = matches!(error, ClientError::ProducerEnded { .. })
            && matches!(
                error.code(),
                Some(ErrorCode::ProducerFenced | ErrorCode::InvalidProducerEpoch)
            );
        same(&format!("whether {error} is a fence"), &is_fenced, &true)?;
        same("whether it begins", &first.begin().is_ok(), &false)?;
        second.begin()?;
        write(&mut second, &topic, 1, &["second"])?;
        second.commit()?;
        desk.settle(&topic, 1)?;
        same("committed", &desk.committed(&topic)?, &vec!["second".to_owned()])
    })
    .await
}

pub(crate) async fn a_fenced_producer_cannot_write(bench: Bench) -> Outcome {
    let topic = bench.topic("txn-late", 1).await?;
    at_desk(&bench, move |desk| {
        let mut first = desk.producer("late")?;
        first.begin()?;
        write(&mut first, &topic, 1, &["first"])?;
        let _second = desk.producer("late")?;
        desk.settle(&topic, 1)?;
        let late = write(&mut first, &topic, 1, &["late"]);
        same("whether it writes", &late.is_ok(), &false)?;
        same("whether it commits", &first.commit().is_ok(), &false)?;
        let end = first.abort();
        let is_ended = matches!(end, Err(ClientError::ProducerEnded { .. }));
        same(&format!("whether {end:?} is its end"), &is_ended, &true)?;
        same("committed", &desk.committed(&topic)?, &vec![])
    })
    .await
}

fn offsets(topic: &str, partition: i32, offset: i64) -> BTreeMap<TopicPartition, CommittedOffset> {
    let offset = CommittedOffset { offset: Offset(offset), leader_epoch: None, metadata: None };
    BTreeMap::from([(TopicPartition::new(topic, partition), offset)])
}

/// What a group has committed of a partition, or the code that is given instead.
fn stored(
    desk: &Desk,
    group: &str,
    at: &TopicPartition,
    stability: Stability,
) -> Result<Result<Option<i64>, ErrorCode>, Failure> {
    let metadata = Metadata::default();
    let outside = MemberIdentity::outside(group);
    let wanted = BTreeSet::from([at.clone()]);
    let mut results = desk.cluster()?.with_retries(|cluster| {
        cluster.call_with(Target::Group(group.into()), |connection| {
            let version = connection.version_within(ApiKey::OffsetFetch, NAMED_TOPICS_MAX)?;
            let (request, asked) = fetch(&outside, &wanted, stability, version, &metadata)?;
            asked.fetched(&connection.call_in(version, &request)?)
        })
    })?;
    let result = results.remove(at).ok_or("the partition is missing")?;
    Ok(result.map(|committed| committed.map(|committed| committed.offset.0)))
}

pub(crate) async fn offsets_count_once_they_are_committed(bench: Bench) -> Outcome {
    let topic = bench.topic("txn-offsets", 2).await?;
    let group = format!("conformance-{}-txn-offsets", bench.run);
    at_desk(&bench, move |desk| {
        let zero = TopicPartition::new(&topic, 0);
        let now = |stability| stored(desk, &group, &zero, stability);
        let arrives = |at: &TopicPartition, offset| -> Outcome {
            let began = Instant::now();
            while stored(desk, &group, at, Stability::Stable)? != Ok(Some(offset)) {
                if SETTLE < began.elapsed() {
                    return Err(format!("{at} did not get to {offset}").into());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        };
        let mut producer = desk.producer("offsets")?;
        let send = |producer: &mut Producer, partition, offset| {
            let member = MemberIdentity::outside(&group);
            let offsets = offsets(&topic, partition, offset);
            producer.send_offsets(GroupOffsets { member, offsets })
        };
        producer.begin()?;
        send(&mut producer, 0, 5)?;
        same("while it is open", &now(Stability::Any)?, &Ok(None))?;
        let unstable = Err(ErrorCode::UnstableOffsetCommit);
        same("for a reader that waits", &now(Stability::Stable)?, &unstable)?;
        producer.commit()?;
        arrives(&zero, 5)?;
        producer.begin()?;
        send(&mut producer, 0, 9)?;
        producer.abort()?;
        // A transaction begins after the one before it has ended everywhere.
        producer.begin()?;
        send(&mut producer, 1, 1)?;
        producer.commit()?;
        arrives(&TopicPartition::new(&topic, 1), 1)?;
        same("after an abort", &now(Stability::Stable)?, &Ok(Some(5)))
    })
    .await
}

pub(crate) async fn offsets_of_a_lost_member_abort(bench: Bench) -> Outcome {
    let topic = bench.topic("txn-member", 1).await?;
    let group = format!("conformance-{}-txn-member", bench.run);
    at_desk(&bench, move |desk| {
        let mut producer = desk.producer("member")?;
        let member = MemberIdentity {
            member_id: "nobody".to_owned(),
            epoch: 7,
            ..MemberIdentity::outside(&group)
        };
        producer.begin()?;
        write(&mut producer, &topic, 1, &["lost"])?;
        let lost = GroupOffsets { member, offsets: offsets(&topic, 0, 1) };
        let error = producer.send_offsets(lost).err().ok_or("offsets of nobody are taken")?;
        let is_abortable = matches!(error, ClientError::MustAbort { .. })
            && matches!(
                error.code(),
                Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration)
            );
        same(&format!("whether {error} asks for an abort"), &is_abortable, &true)?;
        let committed = producer.commit();
        let is_refused = matches!(committed, Err(ClientError::MustAbort { .. }));
        same(&format!("whether {committed:?} refuses"), &is_refused, &true)?;
        producer.abort()?;
        producer.begin()?;
        write(&mut producer, &topic, 1, &["kept"])?;
        producer.commit()?;
        desk.settle(&topic, 1)?;
        same("committed", &desk.committed(&topic)?, &vec!["kept".to_owned()])
    })
    .await
}

pub(crate) async fn many_transactions_follow_each_other(bench: Bench) -> Outcome {
    const COUNT: usize = 100;
    let topic = bench.topic("txn-many", 4).await?;
    at_desk(&bench, move |desk| {
        let mut producer = desk.producer("many")?;
        let mut committed = Vec::new();
        for number in 0..COUNT {
            let values: Vec<String> = (0..8).map(|part| format!("{number:03}-{part}")).collect();
            let sent: Vec<&str> = values.iter().map(String::as_str).collect();
            producer.begin()?;
            write(&mut producer, &topic, 4, &sent)?;
            if number % 3 == 2 {
                producer.abort()?;
            } else {
                producer.commit()?;
                committed.extend(values);
            }
        }
        desk.settle(&topic, 4)?;
        same("written", &desk.written(&topic)?.len(), &(8 * COUNT))?;
        same("committed", &desk.committed(&topic)?, &committed)
    })
    .await
}

pub(crate) async fn a_transaction_spans_nodes(bench: Bench) -> Outcome {
    const PARTITIONS: i32 = 16;
    let topic = bench.topic("txn-nodes", PARTITIONS).await?;
    let nodes = bench.admin.describe_cluster().await?.nodes.len();
    let described = bench.admin.describe_topic(&topic).await?;
    let leaders: BTreeSet<_> =
        described.partitions.values().filter_map(|partition| partition.leader).collect();
    same("whether many nodes lead", &(leaders.len() > 1), &(nodes > 1))?;
    at_desk(&bench, move |desk| {
        let mut producer = desk.producer("nodes")?;
        let values: Vec<String> = (0..PARTITIONS).map(|number| format!("{number:02}")).collect();
        let sent: Vec<&str> = values.iter().map(String::as_str).collect();
        producer.begin()?;
        write(&mut producer, &topic, PARTITIONS, &sent)?;
        producer.abort()?;
        desk.settle(&topic, PARTITIONS)?;
        same("after an abort", &desk.committed(&topic)?, &vec![])?;
        producer.begin()?;
        write(&mut producer, &topic, PARTITIONS, &sent)?;
        producer.commit()?;
        desk.settle(&topic, PARTITIONS)?;
        same("after a commit", &desk.committed(&topic)?, &values)
    })
    .await
}

/// An async producer with an id of its own for this run.
async fn producer(bench: &Bench, name: &str) -> Result<corelog_client::Producer, Failure> {
    let config = ProducerConfig {
        transactional_id: Some(format!("conformance-{}-{name}", bench.run)),
        delivery_timeout: Duration::from_secs(30),
        ..ProducerConfig::default()
    };
    let producer = corelog_client::Producer::new(&bench.cluster, config).await?;
    producer.init_transactions().await?;
    Ok(producer)
}

pub(crate) async fn clones_write_in_one_transaction(bench: Bench) -> Outcome {
    const COUNT: usize = 30;
    let topic = bench.topic("txn-clones", 4).await?;
    let producer = producer(&bench, "clones").await?;
    let mut committed = Vec::new();
    for number in 0..COUNT {
        producer.begin().await?;
        let tasks: Vec<_> = (0..4)
            .map(|task| {
                let (producer, topic) = (producer.clone(), topic.clone());
                tokio::spawn(async move {
                    for part in 0..5 {
                        let value = format!("{number:03}-{task}-{part}");
                        producer.send(&Message::of_value(&topic, value.as_bytes())).await?;
                    }
                    Ok::<_, ClientError>(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        // Aborted with everything, something and nothing of it in the log.
        if number % 6 == 5 {
            producer.flush().await;
        }
        if number % 3 == 2 {
            producer.abort().await?;
            continue;
        }
        producer.commit().await?;
        let parts = (0..4).flat_map(|task| (0..5).map(move |part| (task, part)));
        committed.extend(parts.map(|(task, part)| format!("{number:03}-{task}-{part}")));
    }
    at_desk(&bench, move |desk| {
        desk.settle(&topic, 4)?;
        same("committed", &desk.committed(&topic)?, &committed)
    })
    .await
}

pub(crate) async fn async_producers_fence_and_send_offsets(bench: Bench) -> Outcome {
    let topic = bench.topic("txn-async", 1).await?;
    let group = format!("conformance-{}-txn-async", bench.run);
    let first = producer(&bench, "async").await?;
    first.begin().await?;
    first.send(&Message::of_value(&topic, b"first")).await?.await?;
    let second = producer(&bench, "async").await?;
    let fenced = first.commit().await;
    let is_fenced = matches!(fenced, Err(ClientError::ProducerEnded { .. }));
    same(&format!("whether {fenced:?} is a fence"), &is_fenced, &true)?;
    second.begin().await?;
    let delivery = second.send(&Message::of_value(&topic, b"second")).await?;
    let member = MemberIdentity::outside(&group);
    second.send_offsets(GroupOffsets { member, offsets: offsets(&topic, 0, 4) }).await?;
    second.commit().await?;
    same("the result is there", &delivery.await.is_ok(), &true)?;
    let at = TopicPartition::new(&topic, 0);
    let stored = bench.admin.group_offsets(&group, &BTreeSet::from([at.clone()])).await?;
    let offset = stored[&at].as_ref().map(|stored| stored.offset);
    same("the offset", &offset, &Some(Offset(4)))?;
    let refused = second.send(&Message::of_value(&topic, b"third")).await;
    let is_refused = matches!(refused, Err(ClientError::Transaction(_)));
    same("whether a record outside is refused", &is_refused, &true)?;
    at_desk(&bench, move |desk| {
        desk.settle(&topic, 1)?;
        same("committed", &desk.committed(&topic)?, &vec!["second".to_owned()])
    })
    .await
}

pub(crate) async fn a_member_copies_each_record_once(bench: Bench) -> Outcome {
    const COUNT: usize = 40;
    let source = bench.topic("txn-source", 2).await?;
    let target = bench.topic("txn-target", 2).await?;
    let filler = corelog_client::Producer::new(&bench.cluster, ProducerConfig::default()).await?;
    let numbers: Vec<String> = (0..COUNT).map(|number| format!("{number:03}")).collect();
    for (number, partition) in numbers.iter().zip([0, 1].into_iter().cycle()) {
        let message = Message::of_value(&source, number.as_bytes());
        filler.send(&Message { partition: Some(partition), ..message }).await?.await?;
    }
    for (protocol, name) in [(Protocol::Classic, "classic"), (Protocol::Consumer, "consumer")] {
        let producer = producer(&bench, &format!("copy-{name}")).await?;
        let settings = GroupConfig {
            group: format!("conformance-{}-txn-copy-{name}", bench.run),
            protocol,
            ..GroupConfig::default()
        };
        // The first member gives up what it has done; the second begins where it began.
        for is_committed in [false, true] {
            let config = ConsumerConfig {
                reset: OffsetReset::Earliest,
                auto_commit: None,
                ..ConsumerConfig::default()
            };
            let mut member =
                corelog_client::Consumer::in_group(&bench.cluster, config, settings.clone())?;
            member.subscribe(&[&source]).await?;
            producer.begin().await?;
            let records = crate::records::take(&mut member, COUNT).await?;
            same("records", &records.len(), &COUNT)?;
            for record in records {
                let value = record.value.as_deref().unwrap_or_default();
                producer.send(&Message::of_value(&target, value)).await?;
            }
            producer.send_offsets(member.group_offsets()?).await?;
            if is_committed {
                producer.commit().await?;
            } else {
                producer.flush().await;
                producer.abort().await?;
            }
            member.close().await?;
        }
        let partitions = [0, 1].map(|number| TopicPartition::new(&source, number)).into();
        let stored = bench.admin.group_offsets(&settings.group, &partitions).await?;
        let ends: Vec<i64> =
            stored.values().map(|stored| stored.as_ref().map_or(-1, |end| end.offset.0)).collect();
        same("the ends", &ends, &vec![20, 20])?;
    }
    at_desk(&bench, move |desk| {
        desk.settle(&target, 2)?;
        let twice = numbers.iter().flat_map(|number| [number.clone(), number.clone()]).collect();
        same("a copy for each group", &desk.committed(&target)?, &twice)
    })
    .await
}
