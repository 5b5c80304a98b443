//! What to try after an error of the client: one table from errors to exit codes and advice.

use corelog_client::ClientError;
use corelog_model::ErrorCode;

use crate::failure::{Exit, Failure};

/// The failure of a command that met this error while doing `what`.
pub fn failure(what: impl Into<String>, error: &ClientError) -> Failure {
    Failure::new(exit_of(error), what, error, advice_on(error))
}

fn exit_of(error: &ClientError) -> Exit {
    match error {
        ClientError::Address { .. } | ClientError::Setting(_) => Exit::Usage,
        error if error.is_unreachable() => Exit::Unreachable,
        ClientError::Batch { .. } | ClientError::Records { .. } | ClientError::Record { .. } => {
            Exit::Damaged
        }
        _ => Exit::Failed,
    }
}

/// What to try, as an instruction.
pub fn advice_on(error: &ClientError) -> &'static str {
    match error {
        ClientError::Address { .. } => "write --bootstrap HOST:PORT, several separated by commas",
        ClientError::Unreachable { tried } if !error.is_unreachable() => {
            tried.last().map_or("look into the logs of the servers", advice_on)
        }
        ClientError::Connect { .. } | ClientError::Unreachable { .. } => {
            "check that a server runs there (corelog serve), and --bootstrap or CORELOG_BOOTSTRAP"
        }
        ClientError::Broken { .. } | ClientError::Closed { .. } => {
            "look into the log of that server, then try again"
        }
        ClientError::TimedOut { .. } => {
            "look at the load and the log of that server, then try again"
        }
        ClientError::Frame { .. }
        | ClientError::Correlation { .. }
        | ClientError::Response { .. }
        | ClientError::Surplus { .. }
        | ClientError::Missing { .. } => {
            "check that a Kafka listener is there, and what it wants (TLS: --tls-ca)"
        }
        ClientError::Request { .. } => "shorten the names or values on the command line",
        ClientError::Version { .. } => "use a newer server",
        ClientError::Refused { code, .. } => advice_on_code(*code),
        ClientError::NoTopic(_) => {
            "corelog topic list shows what there is, corelog topic create makes one"
        }
        ClientError::NoLeader(_) => "corelog cluster status shows which nodes are there",
        ClientError::NoPartition { .. } => "corelog topic describe shows the partitions",
        ClientError::NoNode(_) => "corelog cluster status shows which nodes are there",
        ClientError::GaveUp { last: why, .. }
        | ClientError::MustAbort { why }
        | ClientError::ProducerEnded { why } => advice_on(why),
        ClientError::RecordTooLarge { .. } => "raise --batch-bytes, or send smaller records",
        ClientError::NoRoom { .. } | ClientError::TooManyCommits => {
            "look at the load and the log of the servers"
        }
        ClientError::DeliveriesNotTaken(_)
        | ClientError::Setting(_)
        | ClientError::Transaction(_)
        | ClientError::Abandoned
        | ClientError::NotAssigned(_) => "report this",
        ClientError::NoOffset(_) => "say where to begin with --from",
        ClientError::Batch { .. } | ClientError::Records { .. } | ClientError::Record { .. } => {
            "run corelog log verify on the partition's folder, and read on with --from OFFSET"
        }
    }
}

fn advice_on_code(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::TopicAlreadyExists => "choose another name, or delete the topic first",
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => {
            "corelog topic list shows what there is, corelog topic create makes one"
        }
        ErrorCode::InvalidTopicException => {
            "use letters, digits, '.', '_' and '-', at most 249 of them"
        }
        ErrorCode::InvalidPartitions => "ask for more partitions than there are, and at least 1",
        ErrorCode::InvalidReplicationFactor => {
            "ask for at most as many replicas as corelog cluster status shows brokers"
        }
        ErrorCode::InvalidConfig => {
            "corelog topic describe shows names and values of an existing topic"
        }
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
            "lower --batch-bytes, or raise max.message.bytes of the topic"
        }
        ErrorCode::InvalidTimestamp => "check the clock of this machine and of the server",
        ErrorCode::OffsetOutOfRange => "begin with --from beginning, or at an offset that is there",
        ErrorCode::KafkaStorageError => "look into the log of the server: its disk has failed it",
        ErrorCode::NotEnoughReplicas | ErrorCode::NotEnoughReplicasAfterAppend => {
            "corelog cluster status shows which nodes are there; min.insync.replicas asks for more"
        }
        ErrorCode::TopicAuthorizationFailed
        | ErrorCode::ClusterAuthorizationFailed
        | ErrorCode::DelegationTokenAuthorizationFailed
        | ErrorCode::DelegationTokenOwnerMismatch
        | ErrorCode::SaslAuthenticationFailed => "ask the operator of the cluster for access",
        ErrorCode::UnsupportedCompressionType => "choose another --compression",
        ErrorCode::PolicyViolation => "ask the operator of the cluster for its rules",
        ErrorCode::InvalidReplicaAssignment => {
            "name one node of the same broker, as corelog cluster status shows them"
        }
        ErrorCode::NoReassignmentInProgress => {
            "corelog topic reassignments shows the partitions that move"
        }
        ErrorCode::BrokerIdNotRegistered => "corelog cluster status shows which nodes are there",
        ErrorCode::GroupIdNotFound => "corelog group list shows what there is",
        // Who commits for a group from outside is told that it is no member.
        ErrorCode::NonEmptyGroup | ErrorCode::UnknownMemberId => {
            "stop the members of the group first; corelog group describe shows who they are"
        }
        ErrorCode::TransactionalIdNotFound => "corelog transaction list shows what there is",
        ErrorCode::InvalidRegularExpression => "write a regular expression of RE2 as --pattern",
        // What an abort from outside may meet.
        ErrorCode::TransactionCoordinatorFenced | ErrorCode::InvalidProducerEpoch => {
            "the transaction was ended meanwhile; corelog transaction describe-producers shows it"
        }
        ErrorCode::InvalidGroupId => "give the group a name",
        ErrorCode::DelegationTokenAuthDisabled => "set delegation.token.secret.key on every server",
        ErrorCode::DelegationTokenRequestNotAllowed => {
            "log in with a password or a certificate of your own: --command-config"
        }
        ErrorCode::DelegationTokenNotFound | ErrorCode::DelegationTokenExpired => {
            "corelog token list shows what there is, corelog token create makes one"
        }
        ErrorCode::TopicDeletionDisabled => "set delete.topic.enable=true on the server",
        code if code.is_retriable() => "try again in a moment",
        _ => "look into the log of the server",
    }
}

#[cfg(test)]
mod tests {
    use corelog_client::Endpoint;

    use super::*;

    #[test]
    fn what_was_met_last_decides_after_giving_up() {
        let connect =
            ClientError::Connect { address: Endpoint::new("a", 1), why: "refused".to_owned() };
        let gave_up = ClientError::GaveUp { after_ms: 7, last: Box::new(connect.clone()) };
        let failure = failure("cannot list topics", &gave_up);
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert_eq!(
            failure.to_string(),
            format!(
                "cannot list topics: gave up after 7 ms: cannot connect to a:1: refused: {}",
                advice_on(&connect)
            )
        );
    }

    #[test]
    fn damaged_data_has_its_exit_code() {
        let error = ClientError::Batch {
            at: corelog_client::TopicPartition::new("t", 0),
            offset: corelog_model::Offset(5),
            source: corelog_model::BatchError::Crc { stored: 1, computed: 2 },
        };
        assert_eq!(failure("cannot read", &error).exit(), Exit::Damaged);
    }
}
