//! Records without a key, on their way through partitioner and sender.

use super::*;

const BATCH_BYTES: usize = 1000;
const PARTITIONS: usize = 4;

/// A producer without sockets: what is sent is answered at once.
struct Spreading {
    bench: Bench,
    partitioner: Partitioner,
    /// The number of records in each batch, in the order they went out, for each partition.
    batches: BTreeMap<i32, Vec<i32>>,
}

impl Spreading {
    fn new(linger_ms: u64) -> Self {
        let config = ProducerConfig {
            batch_bytes: BATCH_BYTES,
            batch_records_max: 1000,
            linger: Duration::from_millis(linger_ms),
            ..config()
        };
        let bench = Bench::new(&[1; PARTITIONS], config);
        Self { bench, partitioner: Partitioner::new(BATCH_BYTES, 3), batches: BTreeMap::new() }
    }

    /// Takes a record without a key and says where it went.
    fn push(&mut self) -> (i32, Pushed) {
        let message = Message { timestamp: Some(Timestamp(1)), ..message() };
        let topic = self.bench.metadata.topic("t").unwrap();
        let (sender, record) = (&mut self.bench.sender, message.record());
        let fits_batch = |at: &TopicPartition| sender.fits_batch(at, &record);
        let at = self.partitioner.choose("t", topic, message.choice(), fits_batch).unwrap();
        let pushed = sender.push(self.bench.now, &at, &record).unwrap();
        self.partitioner.count("t", &pushed);
        (at.partition, pushed)
    }

    fn send(&mut self) {
        let mut sent = self.bench.tick();
        while let Some((request, (_, batches))) = sent.pop() {
            let mut answers = Vec::new();
            for (partition, _, records) in batches {
                self.batches.entry(partition).or_default().push(records);
                answers.push((at(partition), Answer::Appended(Offset(0))));
            }
            sent.extend(self.bench.sent(Input::Answered { request, answers }));
        }
        self.bench.sender.take_deliveries();
    }
}

fn message() -> Message<'static> {
    Message::of_value("t", &[7; 80])
}

/// How many of these records are a batch: another would not fit for sure.
const FULL: i32 = 10;
/// How many of them make up the bytes of a batch when each has a batch of its own.
const APART: usize = 7;

#[test]
fn a_trickle_that_never_fills_a_batch_reaches_every_partition() {
    for linger_ms in [0, 10] {
        let mut spreading = Spreading::new(linger_ms);
        for _ in 0..60 * APART {
            spreading.push();
            spreading.bench.after(20);
            spreading.send();
        }
        let counts: Vec<usize> = spreading.batches.values().map(Vec::len).collect();
        assert_eq!(counts.len(), PARTITIONS, "{counts:?}");
        assert!(counts.iter().all(|count| count % APART == 0), "{counts:?}");
    }
}

#[test]
fn a_burst_fills_its_batches_and_reaches_every_partition() {
    let mut spreading = Spreading::new(1000);
    for _ in 0..1000 {
        spreading.push();
        spreading.send();
    }
    assert_eq!(spreading.batches.len(), PARTITIONS);
    let batches: Vec<i32> = spreading.batches.into_values().flatten().collect();
    assert!(batches.iter().all(|records| *records == FULL), "{batches:?}");
}

#[test]
fn a_batch_without_room_goes_out_when_its_partition_is_left() {
    let mut spreading = Spreading::new(1000);
    let (first, _) = spreading.push();
    let filled = loop {
        let (partition, pushed) = spreading.push();
        if partition != first {
            break pushed.has_filled_batch;
        }
    };
    assert!(filled, "the step that sends it would come late");
    spreading.send();
    assert_eq!(spreading.batches, [(first, vec![FULL, FULL])].into());
}
