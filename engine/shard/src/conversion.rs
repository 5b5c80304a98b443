//! Converting what producers send on a core: one batch after the other, in memory that is kept from
//! one to the next and bounded.

use std::cell::RefCell;

use corelog_model::topic_config::TopicCompression;
use corelog_model::validate::RecordsRefusal;
use corelog_model::{BatchView, Codec, Conversion, ConversionRoom, Timestamp, TopicConfig};

// Decompressing a batch is bounded: a bomb costs this much for a moment. By the size that a batch
// may have, and in all.
const DECOMPRESSED_RATIO_MAX: usize = 16;
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;
// What this much or less took is kept for the next one: the allocator would keep it, too, and take
// more beside it.
const KEPT_BYTES_MAX: usize = 17 << 20;

#[derive(Debug, Default)]
struct Memory {
    decompressed: Vec<u8>,
    written: Vec<u8>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// The batch that a topic stores in place of what a producer sent at `now`; none if it is stored as
/// it came. Others get their turn after one that cost much: a megabyte takes a millisecond or a few
/// to decompress, and between some (lz4, snappy) and some hundreds (the highest levels) to compress.
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
    let converted = MEMORY.with_borrow_mut(|memory| {
        let Memory { decompressed, written } = memory;
        let converted =
            conversion.convert(sent, &mut ConversionRoom { decompressed, written, cap_bytes });
        for bytes in [&mut memory.decompressed, &mut memory.written] {
            if bytes.capacity() > KEPT_BYTES_MAX {
                *bytes = Vec::new();
            }
        }
        converted
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
