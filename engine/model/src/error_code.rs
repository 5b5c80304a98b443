//! Kafka's error codes: one table of number, name, meaning, and whether a client may retry.

use std::fmt;

/// Declares the enum and its columns from one table.
macro_rules! error_codes {
    ($(
        $(#[$attribute:meta])*
        $variant:ident = $code:literal, $retry:ident, $name:literal, $message:literal;
    )*) => {
        /// What a response says went wrong. The names are Kafka's.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(
                #[doc = concat!($name, ": ", $message, ".")]
                $(#[$attribute])*
                $variant = $code,
            )*
        }

        impl ErrorCode {
            /// Every code, in ascending order.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$variant),*];

            /// The code with this number, if Kafka defines it.
            pub const fn from_code(code: i16) -> Option<ErrorCode> {
                match code {
                    $($code => Some(ErrorCode::$variant),)*
                    _ => None,
                }
            }

            /// Kafka's name, such as `UNKNOWN_TOPIC_ID`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ErrorCode::$variant => $name,)*
                }
            }

            /// What it means, as the end of a sentence.
            pub const fn message(self) -> &'static str {
                match self {
                    $(ErrorCode::$variant => $message,)*
                }
            }

            /// Whether a client may send the same request again and hope.
            pub const fn is_retriable(self) -> bool {
                match self {
                    $(ErrorCode::$variant => matches!(Retry::$retry, Retry::Retriable),)*
                }
            }
        }
    };
}

enum Retry {
    Retriable,
    Final,
}

error_codes! {
    UnknownServerError = -1, Final, "UNKNOWN_SERVER_ERROR",
        "the server met an error it did not expect";
    #[default]
    None = 0, Final, "NONE", "no error";
    OffsetOutOfRange = 1, Final, "OFFSET_OUT_OF_RANGE",
        "the offset is outside the range the server holds";
    CorruptMessage = 2, Retriable, "CORRUPT_MESSAGE",
        "the batch fails its checksum or is otherwise corrupt";
    UnknownTopicOrPartition = 3, Retriable, "UNKNOWN_TOPIC_OR_PARTITION",
        "this server does not host the partition";
    InvalidFetchSize = 4, Final, "INVALID_FETCH_SIZE", "the fetch size is invalid";
    LeaderNotAvailable = 5, Retriable, "LEADER_NOT_AVAILABLE",
        "the partition has no leader at present";
    NotLeaderOrFollower = 6, Retriable, "NOT_LEADER_OR_FOLLOWER",
        "this server does not lead or follow the partition";
    RequestTimedOut = 7, Retriable, "REQUEST_TIMED_OUT", "the request timed out";
    BrokerNotAvailable = 8, Final, "BROKER_NOT_AVAILABLE", "the broker is not available";
    ReplicaNotAvailable = 9, Retriable, "REPLICA_NOT_AVAILABLE", "the replica is not available";
    MessageTooLarge = 10, Final, "MESSAGE_TOO_LARGE", "the batch is larger than the server accepts";
    StaleControllerEpoch = 11, Final, "STALE_CONTROLLER_EPOCH",
        "the controller moved to another broker";
    OffsetMetadataTooLarge = 12, Final, "OFFSET_METADATA_TOO_LARGE",
        "the metadata of the committed offset is too large";
    NetworkException = 13, Retriable, "NETWORK_EXCEPTION",
        "the server disconnected before it answered";
    CoordinatorLoadInProgress = 14, Retriable, "COORDINATOR_LOAD_IN_PROGRESS",
        "the coordinator is loading its state";
    CoordinatorNotAvailable = 15, Retriable, "COORDINATOR_NOT_AVAILABLE",
        "the coordinator is not available";
    NotCoordinator = 16, Retriable, "NOT_COORDINATOR", "this server is not the coordinator";
    InvalidTopicException = 17, Final, "INVALID_TOPIC_EXCEPTION",
        "the topic is not valid for this operation";
    RecordListTooLarge = 18, Final, "RECORD_LIST_TOO_LARGE",
        "the records are larger than a segment of the server";
    NotEnoughReplicas = 19, Retriable, "NOT_ENOUGH_REPLICAS",
        "fewer replicas are in sync than required";
    NotEnoughReplicasAfterAppend = 20, Retriable, "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        "the records were written, but to fewer replicas than required";
    InvalidRequiredAcks = 21, Final, "INVALID_REQUIRED_ACKS",
        "the required acks are none of -1, 0 and 1";
    IllegalGeneration = 22, Final, "ILLEGAL_GENERATION",
        "the group generation is not the current one";
    InconsistentGroupProtocol = 23, Final, "INCONSISTENT_GROUP_PROTOCOL",
        "the member shares no protocol with the group";
    InvalidGroupId = 24, Final, "INVALID_GROUP_ID", "the group id is invalid";
    UnknownMemberId = 25, Final, "UNKNOWN_MEMBER_ID", "the coordinator does not know this member";
    InvalidSessionTimeout = 26, Final, "INVALID_SESSION_TIMEOUT",
        "the session timeout is outside the configured range";
    RebalanceInProgress = 27, Final, "REBALANCE_IN_PROGRESS",
        "the group is rebalancing, so the member rejoins";
    InvalidCommitOffsetSize = 28, Final, "INVALID_COMMIT_OFFSET_SIZE",
        "the offset data to commit is too large";
    TopicAuthorizationFailed = 29, Final, "TOPIC_AUTHORIZATION_FAILED",
        "not authorized to access the topic";
    GroupAuthorizationFailed = 30, Final, "GROUP_AUTHORIZATION_FAILED",
        "not authorized to access the group";
    ClusterAuthorizationFailed = 31, Final, "CLUSTER_AUTHORIZATION_FAILED",
        "not authorized for this cluster operation";
    InvalidTimestamp = 32, Final, "INVALID_TIMESTAMP",
        "the timestamp is outside the accepted range";
    UnsupportedSaslMechanism = 33, Final, "UNSUPPORTED_SASL_MECHANISM",
        "the server does not support this SASL mechanism";
    IllegalSaslState = 34, Final, "ILLEGAL_SASL_STATE",
        "the request is not valid in this SASL state";
    UnsupportedVersion = 35, Final, "UNSUPPORTED_VERSION",
        "this version of the API is not supported";
    TopicAlreadyExists = 36, Final, "TOPIC_ALREADY_EXISTS", "a topic with this name exists";
    InvalidPartitions = 37, Final, "INVALID_PARTITIONS", "the number of partitions is invalid";
    InvalidReplicationFactor = 38, Final, "INVALID_REPLICATION_FACTOR",
        "the replication factor is below 1 or above the number of brokers";
    InvalidReplicaAssignment = 39, Final, "INVALID_REPLICA_ASSIGNMENT",
        "the replica assignment is invalid";
    InvalidConfig = 40, Final, "INVALID_CONFIG", "the configuration is invalid";
    NotController = 41, Retriable, "NOT_CONTROLLER", "this server is not the controller";
    InvalidRequest = 42, Final, "INVALID_REQUEST", "the request is malformed or inconsistent";
    UnsupportedForMessageFormat = 43, Final, "UNSUPPORTED_FOR_MESSAGE_FORMAT",
        "the message format does not support this request";
    PolicyViolation = 44, Final, "POLICY_VIOLATION", "the request violates a policy of the server";
    OutOfOrderSequenceNumber = 45, Final, "OUT_OF_ORDER_SEQUENCE_NUMBER",
        "the sequence number is not the next one";
    DuplicateSequenceNumber = 46, Final, "DUPLICATE_SEQUENCE_NUMBER",
        "the sequence number was seen before";
    InvalidProducerEpoch = 47, Final, "INVALID_PRODUCER_EPOCH", "the producer epoch is old";
    InvalidTxnState = 48, Final, "INVALID_TXN_STATE",
        "the transaction is in a state that forbids this";
    InvalidProducerIdMapping = 49, Final, "INVALID_PRODUCER_ID_MAPPING",
        "the producer id does not belong to the transactional id";
    InvalidTransactionTimeout = 50, Final, "INVALID_TRANSACTION_TIMEOUT",
        "the transaction timeout is above the server's maximum";
    ConcurrentTransactions = 51, Retriable, "CONCURRENT_TRANSACTIONS",
        "another operation on the transaction is in progress";
    TransactionCoordinatorFenced = 52, Final, "TRANSACTION_COORDINATOR_FENCED",
        "a newer coordinator has taken over the transaction";
    TransactionalIdAuthorizationFailed = 53, Final, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        "not authorized to use the transactional id";
    SecurityDisabled = 54, Final, "SECURITY_DISABLED", "security features are disabled";
    OperationNotAttempted = 55, Final, "OPERATION_NOT_ATTEMPTED",
        "not attempted because another part of the request failed";
    KafkaStorageError = 56, Retriable, "KAFKA_STORAGE_ERROR",
        "the log could not be accessed on disk";
    LogDirNotFound = 57, Final, "LOG_DIR_NOT_FOUND",
        "the log directory is not in the server's configuration";
    SaslAuthenticationFailed = 58, Final, "SASL_AUTHENTICATION_FAILED",
        "SASL authentication failed";
    UnknownProducerId = 59, Final, "UNKNOWN_PRODUCER_ID",
        "the server holds no state of this producer";
    ReassignmentInProgress = 60, Final, "REASSIGNMENT_IN_PROGRESS",
        "a reassignment of the partition is in progress";
    DelegationTokenAuthDisabled = 61, Final, "DELEGATION_TOKEN_AUTH_DISABLED",
        "delegation tokens are disabled";
    DelegationTokenNotFound = 62, Final, "DELEGATION_TOKEN_NOT_FOUND",
        "the delegation token does not exist";
    DelegationTokenOwnerMismatch = 63, Final, "DELEGATION_TOKEN_OWNER_MISMATCH",
        "the principal does not own the delegation token";
    DelegationTokenRequestNotAllowed = 64, Final, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
        "delegation token requests are not allowed on this connection";
    DelegationTokenAuthorizationFailed = 65, Final, "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
        "not authorized for this delegation token";
    DelegationTokenExpired = 66, Final, "DELEGATION_TOKEN_EXPIRED",
        "the delegation token has expired";
    InvalidPrincipalType = 67, Final, "INVALID_PRINCIPAL_TYPE",
        "the principal type is not supported";
    NonEmptyGroup = 68, Final, "NON_EMPTY_GROUP", "the group has members";
    GroupIdNotFound = 69, Final, "GROUP_ID_NOT_FOUND", "the group does not exist";
    FetchSessionIdNotFound = 70, Retriable, "FETCH_SESSION_ID_NOT_FOUND",
        "the fetch session does not exist";
    InvalidFetchSessionEpoch = 71, Retriable, "INVALID_FETCH_SESSION_EPOCH",
        "the fetch session epoch is not the expected one";
    ListenerNotFound = 72, Retriable, "LISTENER_NOT_FOUND",
        "the leader has no listener that matches the request's";
    TopicDeletionDisabled = 73, Final, "TOPIC_DELETION_DISABLED", "topic deletion is disabled";
    FencedLeaderEpoch = 74, Retriable, "FENCED_LEADER_EPOCH",
        "the leader epoch in the request is older than the server's";
    UnknownLeaderEpoch = 75, Retriable, "UNKNOWN_LEADER_EPOCH",
        "the leader epoch in the request is newer than the server's";
    UnsupportedCompressionType = 76, Final, "UNSUPPORTED_COMPRESSION_TYPE",
        "the compression type is not supported for this request";
    StaleBrokerEpoch = 77, Final, "STALE_BROKER_EPOCH", "the broker epoch has changed";
    OffsetNotAvailable = 78, Retriable, "OFFSET_NOT_AVAILABLE",
        "the leader's high watermark has not caught up yet";
    MemberIdRequired = 79, Final, "MEMBER_ID_REQUIRED",
        "the member joins again with the id it was given";
    PreferredLeaderNotAvailable = 80, Retriable, "PREFERRED_LEADER_NOT_AVAILABLE",
        "the preferred leader is not available";
    GroupMaxSizeReached = 81, Final, "GROUP_MAX_SIZE_REACHED", "the group is full";
    FencedInstanceId = 82, Final, "FENCED_INSTANCE_ID",
        "another member took over this static instance id";
    EligibleLeadersNotAvailable = 83, Retriable, "ELIGIBLE_LEADERS_NOT_AVAILABLE",
        "no eligible leader is available";
    ElectionNotNeeded = 84, Retriable, "ELECTION_NOT_NEEDED",
        "the partition already has this leader";
    NoReassignmentInProgress = 85, Final, "NO_REASSIGNMENT_IN_PROGRESS",
        "no reassignment is in progress";
    GroupSubscribedToTopic = 86, Final, "GROUP_SUBSCRIBED_TO_TOPIC",
        "the group still subscribes to the topic";
    InvalidRecord = 87, Final, "INVALID_RECORD", "a record failed the broker's checks";
    UnstableOffsetCommit = 88, Retriable, "UNSTABLE_OFFSET_COMMIT",
        "offsets are pending in a transaction";
    ThrottlingQuotaExceeded = 89, Retriable, "THROTTLING_QUOTA_EXCEEDED", "the quota is exceeded";
    ProducerFenced = 90, Final, "PRODUCER_FENCED",
        "a newer producer with this transactional id has taken over";
    ResourceNotFound = 91, Final, "RESOURCE_NOT_FOUND", "the resource does not exist";
    DuplicateResource = 92, Final, "DUPLICATE_RESOURCE", "the resource exists already";
    UnacceptableCredential = 93, Final, "UNACCEPTABLE_CREDENTIAL",
        "the credential does not meet the requirements";
    InconsistentVoterSet = 94, Final, "INCONSISTENT_VOTER_SET", "the sets of voters differ";
    InvalidUpdateVersion = 95, Final, "INVALID_UPDATE_VERSION",
        "the feature version of the update is invalid";
    FeatureUpdateFailed = 96, Final, "FEATURE_UPDATE_FAILED",
        "finalized features could not be updated";
    PrincipalDeserializationFailure = 97, Final, "PRINCIPAL_DESERIALIZATION_FAILURE",
        "the forwarded principal could not be read";
    SnapshotNotFound = 98, Final, "SNAPSHOT_NOT_FOUND", "the snapshot does not exist";
    PositionOutOfRange = 99, Final, "POSITION_OUT_OF_RANGE", "the position is outside the snapshot";
    UnknownTopicId = 100, Retriable, "UNKNOWN_TOPIC_ID", "this server knows no topic with this id";
    DuplicateBrokerRegistration = 101, Final, "DUPLICATE_BROKER_REGISTRATION",
        "another live broker has this id";
    BrokerIdNotRegistered = 102, Final, "BROKER_ID_NOT_REGISTERED",
        "no broker with this id is registered";
    InconsistentTopicId = 103, Retriable, "INCONSISTENT_TOPIC_ID",
        "the topic id in the log differs from the request's";
    InconsistentClusterId = 104, Final, "INCONSISTENT_CLUSTER_ID", "the cluster id differs";
    TransactionalIdNotFound = 105, Final, "TRANSACTIONAL_ID_NOT_FOUND",
        "the transactional id does not exist";
    FetchSessionTopicIdError = 106, Retriable, "FETCH_SESSION_TOPIC_ID_ERROR",
        "the fetch session mixes topic ids and names";
    IneligibleReplica = 107, Final, "INELIGIBLE_REPLICA",
        "the new in-sync set has a replica that is not eligible";
    NewLeaderElected = 108, Final, "NEW_LEADER_ELECTED",
        "the change of the in-sync set moved the leadership";
    OffsetMovedToTieredStorage = 109, Final, "OFFSET_MOVED_TO_TIERED_STORAGE",
        "the offset is in tiered storage only";
    FencedMemberEpoch = 110, Final, "FENCED_MEMBER_EPOCH",
        "the coordinator has fenced the member epoch";
    UnreleasedInstanceId = 111, Final, "UNRELEASED_INSTANCE_ID",
        "another member still uses this instance id";
    UnsupportedAssignor = 112, Final, "UNSUPPORTED_ASSIGNOR", "the assignor is not supported";
    StaleMemberEpoch = 113, Final, "STALE_MEMBER_EPOCH", "the member epoch is old";
    MismatchedEndpointType = 114, Final, "MISMATCHED_ENDPOINT_TYPE",
        "the request went to an endpoint of the wrong type";
    UnsupportedEndpointType = 115, Final, "UNSUPPORTED_ENDPOINT_TYPE",
        "this endpoint type is not supported";
    UnknownControllerId = 116, Final, "UNKNOWN_CONTROLLER_ID", "the controller id is not known";
    UnknownSubscriptionId = 117, Final, "UNKNOWN_SUBSCRIPTION_ID",
        "the telemetry subscription id is not the client's current one";
    TelemetryTooLarge = 118, Final, "TELEMETRY_TOO_LARGE",
        "the telemetry is larger than the server accepts";
    InvalidRegistration = 119, Final, "INVALID_REGISTRATION",
        "the controller has judged the registration invalid";
    TransactionAbortable = 120, Final, "TRANSACTION_ABORTABLE",
        "the transaction failed and can be aborted";
    InvalidRecordState = 121, Final, "INVALID_RECORD_STATE",
        "the acknowledged record is not in the right state";
    ShareSessionNotFound = 122, Retriable, "SHARE_SESSION_NOT_FOUND",
        "the share session does not exist";
    InvalidShareSessionEpoch = 123, Retriable, "INVALID_SHARE_SESSION_EPOCH",
        "the share session epoch is not the expected one";
    FencedStateEpoch = 124, Final, "FENCED_STATE_EPOCH",
        "the state epoch of the share group does not match";
    InvalidVoterKey = 125, Final, "INVALID_VOTER_KEY", "the voter key does not match the replica's";
    DuplicateVoter = 126, Final, "DUPLICATE_VOTER", "the voter is already in the set";
    VoterNotFound = 127, Final, "VOTER_NOT_FOUND", "the voter is not in the set";
    InvalidRegularExpression = 128, Final, "INVALID_REGULAR_EXPRESSION",
        "the regular expression is invalid";
    RebootstrapRequired = 129, Final, "REBOOTSTRAP_REQUIRED",
        "the client's metadata is stale, so it bootstraps again";
    StreamsInvalidTopology = 130, Final, "STREAMS_INVALID_TOPOLOGY", "the topology is invalid";
    StreamsInvalidTopologyEpoch = 131, Final, "STREAMS_INVALID_TOPOLOGY_EPOCH",
        "the topology epoch is invalid";
    StreamsTopologyFenced = 132, Final, "STREAMS_TOPOLOGY_FENCED", "the topology epoch is outdated";
    ShareSessionLimitReached = 133, Retriable, "SHARE_SESSION_LIMIT_REACHED",
        "the server holds as many share sessions as it may";
    GroupDeletionFailed = 134, Final, "GROUP_DELETION_FAILED", "the group could not be deleted";
    StreamsTopologyDescriptionUpdateFailed = 135, Final,
        "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED",
        "the topology description could not be stored";
    ControllerIdNotRegistered = 136, Final, "CONTROLLER_ID_NOT_REGISTERED",
        "no controller with this id is registered";
}

impl ErrorCode {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// True for [`ErrorCode::None`].
    pub const fn is_none(self) -> bool {
        matches!(self, ErrorCode::None)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name(), self.code(), self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_minus_one_to_136_without_a_gap() {
        let codes: Vec<i16> = ErrorCode::ALL.iter().map(|error| error.code()).collect();
        assert_eq!(codes, (-1..=136).collect::<Vec<i16>>());
        for error in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(error.code()), Some(*error));
        }
        assert_eq!(ErrorCode::from_code(-2), None);
        assert_eq!(ErrorCode::from_code(137), None);
    }

    #[test]
    fn an_error_reads_as_name_number_and_meaning() {
        let text = ErrorCode::UnknownTopicId.to_string();
        assert_eq!(text, "UNKNOWN_TOPIC_ID (100): this server knows no topic with this id");
    }

    #[test]
    fn names_and_retries_agree_with_the_oracle() {
        let mut others = Vec::new();
        for error in ErrorCode::ALL {
            let theirs = kafka_protocol::ResponseError::try_from_code(error.code());
            let Some(theirs) = theirs.filter(|theirs| !format!("{theirs:?}").contains('(')) else {
                continue;
            };
            assert_eq!(format!("{theirs:?}"), format!("{error:?}"), "{}", error.code());
            if theirs.is_retriable() != error.is_retriable() {
                others.push(error.code());
            }
        }
        // Kafka made these retriable later than the oracle's list.
        assert_eq!(others, [51]);
    }
}
