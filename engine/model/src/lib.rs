//! The nouns every other crate shares: ids, offsets, record batches v2 and their records,
//! compression, Kafka's error codes and the topic configs. Pure: no I/O, no clock, no tasks.

pub mod batch;
pub mod builder;
pub mod compression;
pub mod control;
pub mod conversion;
pub mod error_code;
pub mod ids;
pub mod offset;
pub mod record;
pub mod time;
pub mod topic_config;
pub mod topic_name;
pub mod validate;
pub mod varint;

pub use batch::{
    BatchError, BatchHeader, BatchMut, BatchView, HEADER_LEN, HeaderStamp, LOG_OVERHEAD,
};
pub use builder::BatchBuilder;
pub use compression::{Codec, CodecError};
pub use conversion::{Conversion, ConversionRoom};
pub use error_code::ErrorCode;
pub use ids::{
    BrokerId, LeaderEpoch, NodeId, PartitionId, PartitionIndex, ProducerEpoch, ProducerId,
    Sequence, ShardId, TopicId,
};
pub use offset::Offset;
pub use record::{Record, RecordError, RecordHeader, RecordIter, RecordsError};
pub use time::{Timestamp, TimestampType};
pub use topic_config::{ConfigError, TopicConfig};
pub use topic_name::{TopicName, TopicNameError};
pub use validate::{ProduceLimits, ProduceRefusal, validate_produced};
