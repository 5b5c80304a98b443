//! Converting what producers send on a core: one batch after the other, in memory that is kept from
//! one to the next and bounded.

use std::cell::RefCell;

use corelog_io::Scratch;
use corelog_model::topic_config::TopicCompression;
use corelog_model::validate::RecordsRefusal;
use corelog_model::{BatchView, Codec, Conversion, ConversionRoom, Timestamp, TopicConfig};

// Decompressing a batch is bounded: a bomb costs this much for a moment. By the size that a batch
// may have, and in all.
const DECOMPRESSED_RATIO_MAX: usize = 16;
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;
// As much of the memory for it is kept for the next one: a batch of usual size, four times
// compressed.
const KEPT_BYTES: usize = 4 << 20;

struct Memory {
    decompressed: Scratch,
    written: Scratch,
}

thread_local! {
    static MEMORY: RefCell<Memory> = const {
        RefCell::new(Memory {
            decompressed: Scratch::new(KEPT_BYTES),
            written: Scratch::new(KEPT_BYTES),
        })
    };
}

/// The batch that a topic stores in place of what a producer sent at `now`; none if it is stored as
/// it came. Others get their turn after one that cost much: to compress takes longest, at the
/// highest levels of gzip and zstd most of all.
pub(crate) async fn convert(
    config: &TopicConfig,
    sent: &BatchView<'_>,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, RecordsRefusal> {
    let conversion = Conversion::of(config, now);
    if !conversion.reads_records(sent) {
        return Ok(None);
    }
    let cap_bytes = cap_bytes(config).max(sent.len());
    let converted = MEMORY.with_borrow_mut(|Memory { decompressed, written }| {
        decompressed.lend(|decompressed| {
            written.lend(|written| {
                let room = &mut ConversionRoom { decompressed, written, cap_bytes };
                conversion.convert(sent, room)
            })
        })
    });
    let was_cheap = sent.codec() == Some(Codec::None) && matches!(converted, Ok(None));
    if !was_cheap {
        corelog_io::yield_now().await;
    }
    converted
}

/// How much a batch may have when decompressed. What is stored that way must fit the topic.
fn cap_bytes(config: &TopicConfig) -> usize {
    let bytes_max = config.max_message_bytes as usize;
    match config.compression {
        TopicCompression::Codec(Codec::None, _) => bytes_max,
        TopicCompression::Codec(..) | TopicCompression::Producer => {
            (DECOMPRESSED_RATIO_MAX * bytes_max).min(DECOMPRESSED_BYTES_MAX)
        }
    }
}
