//! CRC-32C over what is checked on the way: a small batch, a journal frame, a segment read.
#![allow(missing_docs, reason = "a benchmark has no documentation")]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

#[divan::bench(args = [512, 4 << 10, 64 << 10, 1 << 20])]
fn crc32c(bencher: Bencher<'_, '_>, bytes: usize) {
    let data = vec![0x5a; bytes];
    bencher.counter(BytesCount::new(bytes)).bench(|| crc32c::crc32c(black_box(&data)));
}
