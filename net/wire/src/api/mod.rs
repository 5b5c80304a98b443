//! The table of APIs, and one module per API with its messages.

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod alter_client_quotas;
pub mod alter_configs;
pub mod alter_partition_reassignments;
pub mod alter_replica_log_dirs;
pub mod alter_share_group_offsets;
pub mod alter_user_scram_credentials;
pub mod api_versions;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod create_acls;
pub mod create_delegation_token;
pub mod create_partitions;
pub mod create_topics;
pub mod current_leader;
pub mod delete_acls;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_share_group_offsets;
pub mod delete_share_group_state;
pub mod delete_topics;
pub mod describe_acls;
pub mod describe_client_quotas;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_delegation_token;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_quorum;
pub mod describe_share_group_offsets;
pub mod describe_topic_partitions;
pub mod describe_transactions;
pub mod describe_user_scram_credentials;
pub mod elect_leaders;
pub mod end_txn;
pub mod expire_delegation_token;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod initialize_share_group_state;
pub mod join_group;
pub mod leave_group;
pub mod list_config_resources;
pub mod list_groups;
pub mod list_offsets;
pub mod list_partition_reassignments;
pub mod list_transactions;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod read_share_group_state;
pub mod read_share_group_state_summary;
pub mod renew_delegation_token;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod share_acknowledge;
pub mod share_fetch;
pub mod share_group_describe;
pub mod share_group_heartbeat;
pub mod sync_group;
pub mod txn_offset_commit;
pub mod update_features;
pub mod write_share_group_state;
pub mod write_txn_markers;

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
    /// The versions ApiVersions announces: none of an API that has messages, but no server yet.
    pub advertised: Option<VersionRange>,
    /// The first version with compact lengths and tagged fields (KIP-482), [`NEVER_FLEXIBLE`] where
    /// there is none.
    pub flexible_from: i16,
}

/// The first flexible version of an API without one.
pub const NEVER_FLEXIBLE: i16 = i16::MAX;

/// Versions of an API, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// The lowest.
    pub min: i16,
    /// The highest.
    pub max: i16,
}

impl VersionRange {
    /// Whether `version` is one of them.
    #[inline]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

impl ApiInfo {
    /// Whether this crate reads and writes `version`.
    #[inline]
    pub const fn decodes(&self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The versions a server answers: those that are both announced and read.
    pub const fn served(&self) -> Option<VersionRange> {
        let Some(VersionRange { min, max }) = self.advertised else { return None };
        let min = if min < self.min { self.min } else { min };
        let max = if max > self.max { self.max } else { max };
        Some(VersionRange { min, max })
    }

    /// Whether a server answers `version`.
    pub const fn serves(&self, version: i16) -> bool {
        match self.served() {
            Some(served) => served.contains(version),
            None => false,
        }
    }

    /// Whether `version` has compact lengths and tagged fields.
    #[inline]
    pub const fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }
}

macro_rules! apis {
    (@range) => { None };
    (@range $min:literal $max:literal) => { Some(VersionRange { min: $min, max: $max }) };
    (@flexible) => { NEVER_FLEXIBLE };
    (@flexible $flexible:literal) => { $flexible };

    ($(
        $(#[$meta:meta])*
        $key:ident = $code:literal, $min:literal..=$max:literal,
            advertised $($advertised_min:literal..=$advertised_max:literal)? $(none)?,
            flexible $($flexible:literal)? $(none)?;
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
                        advertised: apis!(@range $($advertised_min $advertised_max)?),
                        flexible_from: apis!(@flexible $($flexible)?),
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
    /// Store how far a group has read. Version 10 is not stable in Kafka.
    OffsetCommit = 8, 2..=10, advertised 2..=9, flexible 8;
    /// How far groups have read. Version 10 is not stable in Kafka.
    OffsetFetch = 9, 1..=10, advertised 1..=9, flexible 6;
    /// Which node coordinates a group or a transaction. Version 0 is announced because older
    /// librdkafka keys lz4 on it.
    FindCoordinator = 10, 0..=6, advertised 0..=6, flexible 3;
    /// Become a member of a classic group.
    JoinGroup = 11, 0..=9, advertised 0..=9, flexible 6;
    /// Stay a member of a classic group.
    Heartbeat = 12, 0..=4, advertised 0..=4, flexible 4;
    /// Members leave a classic group.
    LeaveGroup = 13, 0..=5, advertised 0..=5, flexible 4;
    /// Hand in and get the assignment of a classic group.
    SyncGroup = 14, 0..=5, advertised 0..=5, flexible 4;
    /// State and members of classic groups.
    DescribeGroups = 15, 0..=6, advertised 0..=6, flexible 5;
    /// The groups that a broker coordinates.
    ListGroups = 16, 0..=5, advertised 0..=5, flexible 3;
    /// Choose a SASL mechanism.
    SaslHandshake = 17, 0..=1, advertised 0..=1, flexible none;
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
    /// The partitions that a transaction will write to.
    AddPartitionsToTxn = 24, 0..=5, advertised 0..=5, flexible 3;
    /// A transaction will commit offsets of a group.
    AddOffsetsToTxn = 25, 0..=4, advertised 0..=4, flexible 3;
    /// Commit or abort a transaction.
    EndTxn = 26, 0..=5, advertised 0..=5, flexible 3;
    /// End a transaction in partitions. Version 2 (KIP-1228) is newer than Kafka 4.1.
    WriteTxnMarkers = 27, 1..=2, advertised 1..=2, flexible 1;
    /// Store how far a group has read, once a transaction commits. Version 6 is newer than the
    /// protocol level read.
    TxnOffsetCommit = 28, 0..=5, advertised 0..=5, flexible 3;
    /// The ACLs that match a filter.
    DescribeAcls = 29, 1..=3, advertised 1..=3, flexible 2;
    /// Give and deny rights.
    CreateAcls = 30, 1..=3, advertised 1..=3, flexible 2;
    /// Delete the ACLs that match filters.
    DeleteAcls = 31, 1..=3, advertised 1..=3, flexible 2;
    /// The configs of topics and brokers.
    DescribeConfigs = 32, 0..=4, advertised 0..=4, flexible 4;
    /// Replace all configs of topics and brokers.
    AlterConfigs = 33, 0..=2, advertised 0..=2, flexible 2;
    /// Move replicas between log directories.
    AlterReplicaLogDirs = 34, 1..=2, advertised 1..=2, flexible 2;
    /// What log directories hold. Version 5 is newer than the protocol level read.
    DescribeLogDirs = 35, 1..=4, advertised 1..=4, flexible 2;
    /// One step of SASL.
    SaslAuthenticate = 36, 0..=2, advertised 0..=2, flexible 2;
    /// Give topics more partitions.
    CreatePartitions = 37, 0..=3, advertised 0..=3, flexible 2;
    /// A token with which somebody may log in as a user (KIP-48).
    CreateDelegationToken = 38, 1..=3, advertised 1..=3, flexible 2;
    /// Let a delegation token count for longer.
    RenewDelegationToken = 39, 1..=2, advertised 1..=2, flexible 2;
    /// Let a delegation token end sooner.
    ExpireDelegationToken = 40, 1..=2, advertised 1..=2, flexible 2;
    /// The delegation tokens that a client may see.
    DescribeDelegationToken = 41, 1..=3, advertised 1..=3, flexible 2;
    /// Delete groups without members. Version 3 is newer than the protocol level read.
    DeleteGroups = 42, 0..=2, advertised 0..=2, flexible 2;
    /// Elect leaders of partitions anew.
    ElectLeaders = 43, 0..=2, advertised 0..=2, flexible 2;
    /// Change single configs of topics and brokers.
    IncrementalAlterConfigs = 44, 0..=1, advertised 0..=1, flexible 1;
    /// Move partitions to other nodes.
    AlterPartitionReassignments = 45, 0..=1, advertised 0..=1, flexible 0;
    /// The partitions that move to other nodes.
    ListPartitionReassignments = 46, 0..=0, advertised 0..=0, flexible 0;
    /// Forget how far a group has read.
    OffsetDelete = 47, 0..=0, advertised 0..=0, flexible none;
    /// The quotas of users and clients.
    DescribeClientQuotas = 48, 0..=1, advertised 0..=1, flexible 1;
    /// Change the quotas of users and clients.
    AlterClientQuotas = 49, 0..=1, advertised 0..=1, flexible 1;
    /// Which users can log in with SCRAM.
    DescribeUserScramCredentials = 50, 0..=0, advertised 0..=0, flexible 0;
    /// Set and delete the SCRAM passwords of users.
    AlterUserScramCredentials = 51, 0..=0, advertised 0..=0, flexible 0;
    /// Who keeps the metadata, and how far each of them is.
    DescribeQuorum = 55, 0..=2, advertised 0..=2, flexible 0;
    /// The levels that features run at.
    UpdateFeatures = 57, 0..=2, advertised 0..=2, flexible 0;
    /// The nodes of the cluster.
    DescribeCluster = 60, 0..=2, advertised 0..=2, flexible 0;
    /// What partitions know of their producers.
    DescribeProducers = 61, 0..=0, advertised 0..=0, flexible 0;
    /// The state of transactions.
    DescribeTransactions = 65, 0..=0, advertised 0..=0, flexible 0;
    /// The transactions that a broker coordinates.
    ListTransactions = 66, 0..=2, advertised 0..=2, flexible 0;
    /// Join, stay in and leave a group whose coordinator assigns (KIP-848).
    ConsumerGroupHeartbeat = 68, 0..=1, advertised 0..=1, flexible 0;
    /// State and members of groups whose coordinator assigns.
    ConsumerGroupDescribe = 69, 0..=1, advertised 0..=1, flexible 0;
    /// What has configs.
    ListConfigResources = 74, 0..=1, advertised 0..=1, flexible 0;
    /// The partitions of topics, page by page.
    DescribeTopicPartitions = 75, 0..=0, advertised 0..=0, flexible 0;
    /// Join, stay in and leave a share group (KIP-932).
    ShareGroupHeartbeat = 76, 1..=1, advertised 1..=1, flexible 0;
    /// State and members of share groups.
    ShareGroupDescribe = 77, 1..=1, advertised 1..=1, flexible 0;
    /// Acquire records as a member of a share group.
    ShareFetch = 78, 1..=2, advertised 1..=2, flexible 0;
    /// Say what became of acquired records.
    ShareAcknowledge = 79, 1..=2, advertised 1..=2, flexible 0;
    /// Begin to keep the state of share-partitions, or set it anew. As brokers ask each other.
    InitializeShareGroupState = 83, 0..=0, advertised 0..=0, flexible 0;
    /// The state of share-partitions, for who leads them.
    ReadShareGroupState = 84, 0..=0, advertised 0..=0, flexible 0;
    /// Store the state of share-partitions.
    WriteShareGroupState = 85, 0..=1, advertised 0..=1, flexible 0;
    /// Forget the state of share-partitions.
    DeleteShareGroupState = 86, 0..=0, advertised 0..=0, flexible 0;
    /// How far share-partitions are, for who describes a group.
    ReadShareGroupStateSummary = 87, 0..=1, advertised 0..=1, flexible 0;
    /// How far share groups are.
    DescribeShareGroupOffsets = 90, 0..=1, advertised 0..=1, flexible 0;
    /// Set from where a share group reads.
    AlterShareGroupOffsets = 91, 0..=0, advertised 0..=0, flexible 0;
    /// Forget how far a share group is.
    DeleteShareGroupOffsets = 92, 0..=0, advertised 0..=0, flexible 0;
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

/// The table of announced APIs as Markdown; `docs/protocol.md` holds a copy, and a test compares
/// them.
pub fn protocol_table() -> String {
    let mut table =
        String::from("| key | API | served | announced | flexible from |\n|--|--|--|--|--|\n");
    for api in APIS {
        let (Some(served), Some(announced)) = (api.served(), api.advertised) else { continue };
        let flexible = match api.flexible_from {
            NEVER_FLEXIBLE => "none".to_owned(),
            version => version.to_string(),
        };
        let row = format!(
            "| {} | {} | {}-{} | {}-{} | {flexible} |\n",
            api.key.code(),
            api.name,
            served.min,
            served.max,
            announced.min,
            announced.max,
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
            assert!(api.min <= api.max, "{} has no version", api.name);
            if let Some(served) = api.served() {
                assert!(served.min <= served.max, "{} is announced, but not read", api.name);
            }
        }
        assert_eq!(ApiKey::from_code(4), None);
    }

    #[test]
    fn what_is_not_announced_is_not_served_and_has_no_row() {
        for api in APIS {
            let served =
                |version| api.served().is_some_and(|it| (it.min..=it.max).contains(&version));
            assert!((api.min..=api.max).all(|version| api.decodes(version)));
            assert!((i16::MIN..=i16::MAX).all(|version| api.serves(version) == served(version)));
            let has_row = protocol_table().contains(&format!("| {} |", api.name));
            assert_eq!(has_row, api.served().is_some(), "{}", api.name);
        }
    }
}
