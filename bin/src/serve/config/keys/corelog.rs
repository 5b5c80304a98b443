//! The keys that only we have. Their sizes and times may carry a unit: `64MiB`, `5s`.

use super::Unit::{Bytes, Count, Microseconds, Milliseconds};
use super::{Key, Kind};

const MIB: i64 = 1 << 20;
const GIB: i64 = 1 << 30;

pub(super) static KEYS: &[Key] = &[
    Key::broker(
        "corelog.cores",
        Kind::Text,
        "all",
        "CPUs to run on, one shard each: all, a number, or a list such as 0,2-3 (one CPU: 2-2).",
    ),
    Key::broker(
        "corelog.poll.us",
        Kind::Integer { min: 0, max: 1_000_000, unit: Microseconds },
        "0",
        "How long an idle core looks for work before it sleeps. 0: idle costs no CPU.",
    ),
    Key::broker(
        "corelog.journal.sync",
        Kind::Choice(&["write", "ring", "thread", "auto"]),
        "write",
        "How the journal becomes durable: small frames with their write (O_DSYNC) and large ones \
         as by ring; by fdatasync through the core's ring; or by fdatasync on a helper thread. \
         auto: the fastest, measured at start.",
    ),
    Key::broker(
        "corelog.journal.file.bytes",
        Kind::Integer { min: MIB, max: 16 * GIB, unit: Bytes },
        "64MiB",
        "Size of one journal file, a multiple of 4096.",
    ),
    Key::broker(
        "corelog.journal.files.max",
        Kind::Integer { min: 2, max: 1024, unit: Count },
        "8",
        "Journal files of one core; when all are full, writes wait for the segments.",
    ),
    Key::broker(
        "corelog.tail.memory.bytes",
        Kind::Integer { min: MIB, max: 1024 * GIB, unit: Bytes },
        "128MiB",
        "Memory of one core for the newest records of its partitions.",
    ),
    Key::broker(
        "corelog.inflight.bytes",
        Kind::Integer { min: MIB, max: 1024 * GIB, unit: Bytes },
        "128MiB",
        "Memory of one core for requests in work; beyond it sockets are not read.",
    ),
    Key::broker(
        "corelog.answer.bytes",
        Kind::Integer { min: MIB, max: 1024 * GIB, unit: Bytes },
        "64MiB",
        "Memory of one core for records that were read from disk and are being sent; fetches that \
         find little of it left read less.",
    ),
    Key::broker(
        "corelog.disk.reserve.bytes",
        Kind::Integer { min: 0, max: i64::MAX, unit: Bytes },
        "1GiB",
        "Free space below which writes are refused, so that deleting and reading still work.",
    ),
    Key::broker(
        "corelog.frame.read.timeout.ms",
        Kind::Integer { min: 1, max: 3_600_000, unit: Milliseconds },
        "30s",
        "In each time so long a client must send 32 KiB a second of a request that has begun, or \
         the rest of it, or its connection is closed.",
    ),
    Key::broker(
        "corelog.answer.write.timeout.ms",
        Kind::Integer { min: 1, max: 3_600_000, unit: Milliseconds },
        "30s",
        "In each time so long a client must take 32 KiB a second of an answer, or its connection \
         is closed.",
    ),
    Key::broker(
        "corelog.metrics.listen",
        Kind::Text,
        "127.0.0.1:9644",
        "Address of the HTTP port for metrics and health. Empty: none.",
    ),
];
