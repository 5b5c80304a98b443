//! Record batches as the leader meets them: the header, the checks of a produce, the records, and
//! building one. A batch has 100 records of 150 bytes; the codecs make it about half as large.
#![allow(missing_docs, reason = "a benchmark has no documentation")]

use corelog_model::validate::{KeyRule, Origin, RecordRules, TimestampWindow, check_records};
use corelog_model::{
    BatchBuilder, BatchView, Codec, Offset, ProduceLimits, Timestamp, validate_produced,
};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

const RECORDS: usize = 100;
const RECORD_BYTES: usize = 150;
const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn main() {
    divan::main();
}

/// Half of each value is the same in all records, half is letters by chance.
fn values() -> Vec<Vec<u8>> {
    let mut chance = fastrand::Rng::with_seed(1);
    let value = |_| {
        let mut value = vec![b'a'; RECORD_BYTES / 2];
        value.extend((value.len()..RECORD_BYTES).map(|_| chance.alphanumeric() as u8));
        value
    };
    (0..RECORDS).map(value).collect()
}

fn build(builder: &mut BatchBuilder, values: &[Vec<u8>]) -> Vec<u8> {
    for value in values {
        builder.append(NOW, Some(b"key"), Some(value), &[]);
    }
    builder.build(Offset::ZERO)
}

fn batch(codec: Codec) -> Vec<u8> {
    build(&mut BatchBuilder::new(codec, None), &values())
}

fn limits() -> ProduceLimits {
    ProduceLimits {
        message_bytes_max: 1 << 20,
        segment_bytes: 1 << 30,
        newest_codec: Codec::Zstd,
        origin: Origin::Client,
    }
}

#[divan::bench]
fn parse_header(bencher: Bencher<'_, '_>) {
    let batch = batch(Codec::None);
    bencher.bench(|| BatchView::parse(black_box(&batch)).expect("a batch").0.next_offset());
}

/// Header, sizes and checksum: what every produced batch goes through.
#[divan::bench(args = Codec::ALL)]
fn validate(bencher: Bencher<'_, '_>, codec: Codec) {
    let (batch, limits) = (batch(codec), limits());
    bencher
        .counter(BytesCount::new(batch.len()))
        .bench(|| validate_produced(black_box(&batch), &limits).expect("accepted").len());
}

/// Each record too, decompressed if need be: compacted topics and those that stamp times.
#[divan::bench(args = Codec::ALL)]
fn check_each_record(bencher: Bencher<'_, '_>, codec: Codec) {
    let batch = batch(codec);
    let view = BatchView::parse(&batch).expect("a batch").0;
    let rules = RecordRules { keys: KeyRule::Required, timestamps: TimestampWindow::Any };
    let mut scratch = Vec::new();
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        check_records(black_box(&view), &rules, &mut scratch, 1 << 20).expect("accepted")
    });
}

#[divan::bench(args = Codec::ALL)]
fn build_one(bencher: Bencher<'_, '_>, codec: Codec) {
    let values = values();
    let mut builder = BatchBuilder::new(codec, None);
    bencher
        .counter(ItemsCount::new(RECORDS))
        .bench_local(|| build(&mut builder, black_box(&values)));
}
