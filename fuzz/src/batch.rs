//! Record batches as a producer sends them and as a segment holds them.

use corelog_model::batch::MAGIC;
use corelog_model::control::TransactionMarker;
use corelog_model::validate::{
    InnerOffsets, KeyRule, Origin, RecordRules, TimestampWindow, check_records,
};
use corelog_model::{
    BatchBuilder, BatchView, Codec, HEADER_LEN, LOG_OVERHEAD, Offset, ProduceLimits, Record,
    RecordHeader, Timestamp, validate_produced,
};

const RECORDS_BYTES_MAX: usize = 256 << 10;
const CRC_FROM: usize = 21;

/// The first byte says whether length, magic and checksum are made right, which lets damage reach
/// what lies behind them.
pub fn batch(input: &[u8]) {
    let Some((&mode, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if mode & 1 == 1 && bytes.len() >= HEADER_LEN {
        make_right(&mut bytes);
    }
    walk(&bytes);
    produce(&bytes);
}

fn make_right(batch: &mut [u8]) {
    batch[16] = MAGIC as u8;
    let length = batch.len() as u32 - LOG_OVERHEAD as u32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// As recovery, the tools and consumers read: batch after batch.
fn walk(mut bytes: &[u8]) {
    let mut scratch = Vec::new();
    while let Ok((view, rest)) = BatchView::parse(bytes) {
        assert_eq!(view.len() + rest.len(), bytes.len(), "a batch and the rest are all there is");
        let _ = (view.verify_crc(), view.last_sequence(), view.next_offset());
        let _ = TransactionMarker::of_batch(&view);
        if let Ok(records) = view.records(&mut scratch, RECORDS_BYTES_MAX) {
            let readable = records.take_while(Result::is_ok).count();
            assert!(readable <= view.record_count() as usize, "no more records than it says");
        }
        bytes = rest;
    }
}

/// What a record says, apart from how its lengths were written.
#[derive(Debug, PartialEq)]
struct Content<'a> {
    offset_delta: i32,
    timestamp: Timestamp,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<RecordHeader<'a>>,
}

impl<'a> From<&Record<'a>> for Content<'a> {
    fn from(record: &Record<'a>) -> Self {
        let &Record { offset_delta, timestamp, key, value, headers, offset: _ } = record;
        Self { offset_delta, timestamp, key, value, headers: headers.iter().collect() }
    }
}

fn contents<'a>(records: &[Record<'a>]) -> Vec<Content<'a>> {
    records.iter().map(Content::from).collect()
}

/// As a leader takes it. What is accepted in full can be built again and says the same.
fn produce(bytes: &[u8]) {
    let limits = ProduceLimits {
        message_bytes_max: 1 << 20,
        segment_bytes: 1 << 20,
        newest_codec: Codec::Zstd,
        origin: Origin::Client,
    };
    let Ok(view) = validate_produced(bytes, &limits) else { return };
    let rules = RecordRules { keys: KeyRule::Optional, timestamps: TimestampWindow::Any };
    let mut scratch = Vec::new();
    let Ok(summary) = check_records(&view, &rules, &mut scratch, RECORDS_BYTES_MAX) else { return };
    if summary.offsets == InnerOffsets::Wrong {
        return;
    }
    let records = view.records(&mut scratch, RECORDS_BYTES_MAX).expect("they were read before");
    let records: Vec<Record<'_>> =
        records.map(|record| record.expect("they were checked before")).collect();
    assert_eq!(records.len(), view.record_count() as usize, "as many records as it says");
    let mut builder =
        BatchBuilder::in_place_of(view.header(), None).expect("the codec was checked");
    for record in &records {
        let headers = record.headers.iter();
        builder.append_at(record.offset_delta, record.timestamp, record.key, record.value, headers);
    }
    let built = builder.build(Offset::ZERO);
    let (again, rest) = BatchView::parse(&built).expect("what we build we read");
    assert!(rest.is_empty(), "one batch is built");
    assert_eq!(again.verify_crc(), Ok(()));
    let mut scratch = Vec::new();
    let found = again.records(&mut scratch, RECORDS_BYTES_MAX).expect("its records are readable");
    let found: Vec<Record<'_>> =
        found.map(|record| record.expect("each of them is readable")).collect();
    assert_eq!(contents(&found), contents(&records), "the records are the same");
}

pub(crate) mod seeds {
    use corelog_model::control::TransactionOutcome;
    use corelog_model::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence};

    use super::{BatchBuilder, Codec, Offset, RecordHeader, Timestamp, TransactionMarker};

    pub(crate) fn some_batch(codec: Codec, records: i64, producer: ProducerId) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec, None);
        builder.set_producer(producer, ProducerEpoch(1), Sequence(40));
        let headers = [
            RecordHeader { key: b"a", value: Some(b"1") },
            RecordHeader { key: b"a", value: None },
        ];
        for number in 0..records {
            let value = format!("value {number} ").repeat(number as usize % 7);
            let key = (number % 5 != 4).then_some(&b"key"[..]);
            let value = (number % 4 != 3).then_some(value.as_bytes());
            let headers = &headers[..number as usize % 3];
            builder.append(Timestamp(1_700_000_000_000 + number), key, value, headers);
        }
        builder.build(Offset::ZERO)
    }

    pub(crate) fn batch() -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for codec in Codec::ALL {
            for records in [1, 3, 40] {
                let batch = some_batch(codec, records, ProducerId(7));
                seeds.push([&[1], &*batch].concat());
                seeds.push([&[0], &*batch, &*batch].concat());
            }
        }
        for outcome in [TransactionOutcome::Commit, TransactionOutcome::Abort] {
            let marker = TransactionMarker { outcome, coordinator_epoch: 3 };
            let producer = (ProducerId(7), ProducerEpoch(1));
            let batch = marker.build(producer, Timestamp(1), Offset::ZERO, LeaderEpoch(2));
            seeds.push([&[1], &*batch].concat());
        }
        seeds
    }
}
