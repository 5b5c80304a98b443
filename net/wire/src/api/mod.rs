//! The table of APIs, and one module per API with its messages.

pub mod api_versions;
pub mod create_partitions;
pub mod create_topics;
pub mod current_leader;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod fetch;
pub mod find_coordinator;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod list_offsets;
pub mod metadata;
pub mod offset_for_leader_epoch;
pub mod produce;

/// One row of the table of APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiInfo {
    /// The API.
    pub key: ApiKey,
    /// Kafka's name of it.
    pub name: &'static str,
    /// The lowest version this crate reads and writes.
    pub min: i16,
    /// The highest version this crate reads and writes.
    pub max: i16,
    /// The lowest version ApiVersions announces.
    pub advertised_min: i16,
    /// The highest version ApiVersions announces.
    pub advertised_max: i16,
    /// The first version with compact lengths and tagged fields (KIP-482).
    pub flexible_from: i16,
}

impl ApiInfo {
    /// Whether this crate reads and writes `version`.
    #[inline]
    pub const fn decodes(&self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// Whether a server answers `version`: it is both announced and read.
    pub const fn serves(&self, version: i16) -> bool {
        self.decodes(version) && self.advertised_min <= version && version <= self.advertised_max
    }

    /// Whether `version` has compact lengths and tagged fields.
    #[inline]
    pub const fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }
}

macro_rules! apis {
    ($(
        $(#[$meta:meta])*
        $key:ident = $code:literal, $min:literal..=$max:literal,
            advertised $advertised_min:literal..=$advertised_max:literal,
            flexible $flexible:literal;
    )*) => {
        /// The APIs this crate has messages for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey { $(
            $(#[$meta])*
            $key = $code,
        )* }

        impl ApiKey {
            /// The API with this number on the wire.
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $( $code => Some(Self::$key), )*
                    _ => None,
                }
            }

            /// The row of this API.
            #[inline]
            pub const fn info(self) -> &'static ApiInfo {
                match self { $(
                    Self::$key => &ApiInfo {
                        key: Self::$key,
                        name: stringify!($key),
                        min: $min,
                        max: $max,
                        advertised_min: $advertised_min,
                        advertised_max: $advertised_max,
                        flexible_from: $flexible,
                    },
                )* }
            }
        }

        /// The table of APIs and versions, ordered by key.
        pub const APIS: &[ApiInfo] = &[$( *ApiKey::$key.info(), )*];
    };
}

apis! {
    /// Append record batches. Version 0 is announced, not read: older librdkafka turns compression
    /// off where the announced range does not start at 0 (KAFKA-18659).
    Produce = 0, 3..=13, advertised 0..=13, flexible 9;
    /// Read record batches.
    Fetch = 1, 4..=18, advertised 4..=18, flexible 12;
    /// The offset at a timestamp, or at an end of the log. Version 11 is newer than the protocol
    /// level served.
    ListOffsets = 2, 1..=11, advertised 1..=10, flexible 6;
    /// Brokers, topics, partitions, leaders.
    Metadata = 3, 0..=13, advertised 0..=13, flexible 9;
    /// Which node coordinates a group or a transaction. Version 0 is announced because older
    /// librdkafka keys lz4 on it.
    FindCoordinator = 10, 0..=6, advertised 0..=6, flexible 3;
    /// Which APIs and versions are served.
    ApiVersions = 18, 0..=4, advertised 0..=4, flexible 3;
    /// Create topics.
    CreateTopics = 19, 0..=7, advertised 0..=7, flexible 5;
    /// Delete topics.
    DeleteTopics = 20, 0..=6, advertised 0..=6, flexible 4;
    /// Move the log start offset of partitions forward.
    DeleteRecords = 21, 0..=2, advertised 0..=2, flexible 2;
    /// A producer id and epoch. Version 6 is not stable in Kafka.
    InitProducerId = 22, 0..=6, advertised 0..=5, flexible 2;
    /// Where a leader epoch ends.
    OffsetForLeaderEpoch = 23, 2..=4, advertised 2..=4, flexible 4;
    /// The configs of topics and brokers.
    DescribeConfigs = 32, 0..=4, advertised 0..=4, flexible 4;
    /// Give topics more partitions.
    CreatePartitions = 37, 0..=3, advertised 0..=3, flexible 2;
    /// Change single configs of topics and brokers.
    IncrementalAlterConfigs = 44, 0..=1, advertised 0..=1, flexible 1;
    /// The nodes of the cluster.
    DescribeCluster = 60, 0..=2, advertised 0..=2, flexible 0;
}

impl ApiKey {
    /// The number of this API on the wire.
    #[inline]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Kafka's name of this API.
    pub const fn name(self) -> &'static str {
        self.info().name
    }
}

/// The table of APIs as Markdown; `docs/protocol.md` holds a copy, and a test compares them.
pub fn protocol_table() -> String {
    let mut table =
        String::from("| key | API | served | announced | flexible from |\n|--|--|--|--|--|\n");
    for api in APIS {
        let served_min = api.min.max(api.advertised_min);
        let served_max = api.max.min(api.advertised_max);
        let row = format!(
            "| {} | {} | {served_min}-{served_max} | {}-{} | {} |\n",
            api.key.code(),
            api.name,
            api.advertised_min,
            api.advertised_max,
            api.flexible_from,
        );
        table.push_str(&row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_ordered_and_consistent() {
        for pair in APIS.windows(2) {
            assert!(pair[0].key.code() < pair[1].key.code(), "{} is out of order", pair[1].name);
        }
        for api in APIS {
            assert_eq!(ApiKey::from_code(api.key.code()), Some(api.key));
            assert_eq!(api.key.info(), api);
            assert!(api.min <= api.max && api.advertised_min <= api.advertised_max);
            assert!(api.serves(api.min.max(api.advertised_min)), "{} serves nothing", api.name);
        }
        assert_eq!(ApiKey::from_code(4), None);
    }
}
