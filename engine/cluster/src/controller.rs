//! Orders all changes of the metadata. Each request is decided on the image that the requests
//! before it will make (the speculative one), so the log need not be waited for; but nobody sees an
//! image and nobody gets an answer before the records behind it are durable.

use std::collections::VecDeque;
use std::sync::Arc;

use corelog_model::ErrorCode;
use thiserror::Error;

use crate::acl::{AclBinding, AclFilter};
use crate::decide::acls::{CreateAclError, Deleted, create_acls, delete_acls};
use crate::decide::client_quotas::{AlterClientQuotas, AlterQuotaError, alter_client_quotas};
use crate::decide::configs::{AlterConfigError, AlterConfigs, alter_configs};
use crate::decide::create_partitions::{
    CreatePartitions, CreatePartitionsError, GrownTopic, create_partitions,
};
use crate::decide::create_topics::{CreateTopicError, CreateTopics, CreatedTopic, create_topics};
use crate::decide::delegation_tokens::{
    ChangeToken, CreateToken, TokenError, create_token, expire_token, renew_token, sweep_tokens,
};
use crate::decide::delete_topics::{DeleteTopicError, DeletedTopic, TopicSelector, delete_topics};
use crate::decide::producer_ids::{ProducerIdBlock, ProducerIdsError, allocate_producer_ids};
use crate::decide::reassign_partitions::{
    CompleteReassignment, CompleteReassignmentError, ReassignPartitionError, ReassignPartitions,
    complete_reassignment, reassign_partitions,
};
use crate::decide::register_broker::{RegisterBroker, RegisterBrokerError, register_broker};
use crate::decide::scram_credentials::{
    AlterScramCredentials, UserResult, alter_scram_credentials,
};
use crate::decide::{Decision, TopicPolicy};
use crate::delegation_token::DelegationToken;
use crate::group_keys::GroupBounds;
use crate::image::{ClusterImage, MetadataVersion};
use crate::record::MetadataRecord;

/// Names a request until it is answered. The driver chooses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A request to change the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// See [`create_topics`].
    CreateTopics(CreateTopics),
    /// See [`delete_topics`].
    DeleteTopics(Vec<TopicSelector>),
    /// See [`create_partitions`].
    CreatePartitions(CreatePartitions),
    /// See [`register_broker`].
    RegisterBroker(RegisterBroker),
    /// See [`alter_configs`].
    AlterConfigs(AlterConfigs),
    /// See [`allocate_producer_ids`].
    AllocateProducerIds,
    /// See [`alter_scram_credentials`].
    AlterScramCredentials(AlterScramCredentials),
    /// See [`alter_client_quotas`].
    AlterClientQuotas(AlterClientQuotas),
    /// See [`reassign_partitions`].
    ReassignPartitions(ReassignPartitions),
    /// See [`complete_reassignment`].
    CompleteReassignment(CompleteReassignment),
    /// See [`create_acls`].
    CreateAcls(Vec<Option<AclBinding>>),
    /// See [`delete_acls`].
    DeleteAcls(Vec<Option<AclFilter>>),
    /// See [`create_token`].
    CreateToken(CreateToken),
    /// See [`renew_token`].
    RenewToken(ChangeToken),
    /// See [`expire_token`].
    ExpireToken(ChangeToken),
    /// See [`sweep_tokens`].
    SweepTokens {
        /// The wall clock, in milliseconds since 1970.
        now_ms: i64,
    },
}

/// What became of a request, in the order of its items where it has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Of [`Change::CreateTopics`].
    CreateTopics(Vec<Result<CreatedTopic, CreateTopicError>>),
    /// Of [`Change::DeleteTopics`].
    DeleteTopics(Vec<Result<DeletedTopic, DeleteTopicError>>),
    /// Of [`Change::CreatePartitions`].
    CreatePartitions(Vec<Result<GrownTopic, CreatePartitionsError>>),
    /// Of [`Change::RegisterBroker`].
    RegisterBroker(Result<(), RegisterBrokerError>),
    /// Of [`Change::AlterConfigs`].
    AlterConfigs(Vec<Result<(), AlterConfigError>>),
    /// Of [`Change::AllocateProducerIds`].
    AllocateProducerIds(Result<ProducerIdBlock, ProducerIdsError>),
    /// Of [`Change::AlterScramCredentials`].
    AlterScramCredentials(Vec<UserResult>),
    /// Of [`Change::AlterClientQuotas`].
    AlterClientQuotas(Vec<Result<(), AlterQuotaError>>),
    /// Of [`Change::ReassignPartitions`].
    ReassignPartitions(Vec<Result<(), ReassignPartitionError>>),
    /// Of [`Change::CompleteReassignment`].
    CompleteReassignment(Result<(), CompleteReassignmentError>),
    /// Of [`Change::CreateAcls`].
    CreateAcls(Vec<Result<(), CreateAclError>>),
    /// Of [`Change::DeleteAcls`]: what each filter removed.
    DeleteAcls(Vec<Deleted>),
    /// Of [`Change::CreateToken`]: the token.
    CreateToken(Result<DelegationToken, TokenError>),
    /// Of [`Change::RenewToken`] and [`Change::ExpireToken`]: when the token ends.
    ChangeToken(Result<i64, TokenError>),
    /// Of [`Change::SweepTokens`]: how many tokens had expired.
    SweepTokens(usize),
    /// Of any change: the request as a whole was not carried out.
    Refused(ControllerError),
}

/// Why a request as a whole was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ControllerError {
    /// `REQUEST_TIMED_OUT`, which every client retries.
    #[error("{max} changes of the metadata are waiting to become durable; try again")]
    Busy {
        /// The bound.
        max: usize,
    },
    /// `POLICY_VIOLATION`, as Kafka answers a request that makes too many records at once.
    #[error(
        "the change makes {bytes} bytes of metadata, {max} at most; \
         split it into several requests"
    )]
    TooLarge {
        /// What it makes.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// `KAFKA_STORAGE_ERROR`. Whether the change will be seen after a restart is unknown.
    #[error("the metadata log failed; the metadata cannot be changed until the broker restarts")]
    LogFailed,
}

impl ControllerError {
    /// The error code in the Kafka protocol.
    pub fn code(&self) -> ErrorCode {
        match self {
            ControllerError::Busy { .. } => ErrorCode::RequestTimedOut,
            ControllerError::TooLarge { .. } => ErrorCode::PolicyViolation,
            ControllerError::LogFailed => ErrorCode::KafkaStorageError,
        }
    }
}

/// What happens to the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Somebody wants a change.
    Request {
        /// Comes back with the reply.
        ticket: Ticket,
        /// What is wanted.
        change: Change,
    },
    /// The metadata log is durable up to there: all records below this version.
    Appended {
        /// Never less than before, never more than what was to be appended.
        through: MetadataVersion,
    },
    /// The metadata log cannot be written any more.
    AppendFailed,
}

/// What the driver shall do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Append these records to the metadata log, after those of earlier outputs, all or none.
    Append {
        /// Not empty.
        records: Vec<MetadataRecord>,
        /// The version the log then has: what [`Input::Appended`] says when they are durable.
        through: MetadataVersion,
    },
    /// Let everybody see this image.
    Publish(Arc<ClusterImage>),
    /// Answer a request. What it changed is in the image that was published last.
    Reply {
        /// That of the request.
        ticket: Ticket,
        /// The answer.
        outcome: Outcome,
    },
}

/// Bounds and presets of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerConfig {
    /// How many requests may wait for the log; more are refused as busy.
    pub requests_pending_max: usize,
    /// Bytes of the records of one change: what the log appends at once. See
    /// [`MetadataRecord::appended_bytes`].
    pub change_bytes_max: usize,
    /// What topics may be.
    pub topics: TopicPolicy,
    /// What groups may have.
    pub groups: GroupBounds,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        ControllerConfig {
            requests_pending_max: 1000,
            change_bytes_max: 16 << 20,
            topics: TopicPolicy::default(),
            groups: GroupBounds::default(),
        }
    }
}

/// The only one that changes the metadata.
#[derive(Debug)]
pub struct Controller {
    config: ControllerConfig,
    /// What everybody sees: everything in it is durable.
    published: Arc<ClusterImage>,
    /// What it becomes when all pending records are durable.
    speculative: ClusterImage,
    pending: VecDeque<Pending>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Working,
    LogFailed,
}

/// A decided request that waits for the log.
#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    outcome: Outcome,
    /// The image after the request. It may be answered when the log is durable up to its version.
    image: ClusterImage,
}

impl Controller {
    /// A controller of the metadata whose durable log makes `image`.
    pub fn new(config: ControllerConfig, image: ClusterImage) -> Controller {
        Controller {
            config,
            published: Arc::new(image.clone()),
            speculative: image,
            pending: VecDeque::new(),
            state: State::Working,
        }
    }

    /// The image that everybody sees: durable, and as fresh as [`Output::Publish`] made it.
    pub fn image(&self) -> &Arc<ClusterImage> {
        &self.published
    }

    /// Takes one input and says what to do about it.
    pub fn step(&mut self, input: Input) -> Vec<Output> {
        match input {
            Input::Request { ticket, change } => self.request(ticket, &change),
            Input::Appended { through } => self.appended(through),
            Input::AppendFailed => self.append_failed(),
        }
    }

    fn request(&mut self, ticket: Ticket, change: &Change) -> Vec<Output> {
        let refuse = |error| vec![Output::Reply { ticket, outcome: Outcome::Refused(error) }];
        if self.state == State::LogFailed {
            return refuse(ControllerError::LogFailed);
        }
        let max = self.config.requests_pending_max;
        if self.pending.len() >= max {
            return refuse(ControllerError::Busy { max });
        }
        let (records, outcome) = decide(&self.speculative, &self.config, change);
        let bytes = records.iter().map(MetadataRecord::appended_bytes).sum();
        let max = self.config.change_bytes_max;
        if bytes > max {
            return refuse(ControllerError::TooLarge { bytes, max });
        }
        let mut outputs = Vec::new();
        if !records.is_empty() {
            self.speculative =
                self.speculative.fold(&records).expect("decisions make records that fit");
            outputs.push(Output::Append { records, through: self.speculative.version() });
        }
        // Even a refusal may rest on records that are not durable, so it waits for them too.
        if self.speculative.version() == self.published.version() {
            outputs.push(Output::Reply { ticket, outcome });
        } else {
            let image = self.speculative.clone();
            self.pending.push_back(Pending { ticket, outcome, image });
        }
        outputs
    }

    fn appended(&mut self, through: MetadataVersion) -> Vec<Output> {
        let (from, to) = (self.published.version(), self.speculative.version());
        assert!(
            from <= through && through <= to,
            "the log is durable where it was written: {from} <= {through} <= {to}"
        );
        let is_durable = |pending: &Pending| pending.image.version() <= through;
        let count = self.pending.partition_point(is_durable);
        let mut outputs = Vec::with_capacity(count + 1);
        if let Some(last) = count.checked_sub(1).and_then(|index| self.pending.get(index))
            && last.image.version() > from
        {
            self.published = Arc::new(last.image.clone());
            outputs.push(Output::Publish(Arc::clone(&self.published)));
        }
        outputs.extend(
            self.pending
                .drain(..count)
                .map(|pending| Output::Reply { ticket: pending.ticket, outcome: pending.outcome }),
        );
        outputs
    }

    fn append_failed(&mut self) -> Vec<Output> {
        self.state = State::LogFailed;
        let replies = self.pending.drain(..).map(|pending| Output::Reply {
            ticket: pending.ticket,
            outcome: Outcome::Refused(ControllerError::LogFailed),
        });
        replies.collect()
    }
}

fn decide(
    image: &ClusterImage,
    config: &ControllerConfig,
    change: &Change,
) -> (Vec<MetadataRecord>, Outcome) {
    match change {
        Change::CreateTopics(request) => {
            let Decision { records, results } = create_topics(image, &config.topics, request);
            (records, Outcome::CreateTopics(results))
        }
        Change::DeleteTopics(topics) => {
            let Decision { records, results } = delete_topics(image, topics);
            (records, Outcome::DeleteTopics(results))
        }
        Change::CreatePartitions(request) => {
            let Decision { records, results } = create_partitions(image, &config.topics, request);
            (records, Outcome::CreatePartitions(results))
        }
        Change::RegisterBroker(request) => match register_broker(image, request) {
            Ok(records) => (records, Outcome::RegisterBroker(Ok(()))),
            Err(error) => (Vec::new(), Outcome::RegisterBroker(Err(error))),
        },
        Change::AlterConfigs(request) => {
            let Decision { records, results } = alter_configs(image, &config.groups, request);
            (records, Outcome::AlterConfigs(results))
        }
        Change::AllocateProducerIds => match allocate_producer_ids(image) {
            Ok((record, block)) => (vec![record], Outcome::AllocateProducerIds(Ok(block))),
            Err(error) => (Vec::new(), Outcome::AllocateProducerIds(Err(error))),
        },
        Change::AlterScramCredentials(request) => {
            let (records, results) = alter_scram_credentials(image, request);
            (records, Outcome::AlterScramCredentials(results))
        }
        Change::AlterClientQuotas(request) => {
            let Decision { records, results } = alter_client_quotas(image, request);
            (records, Outcome::AlterClientQuotas(results))
        }
        Change::ReassignPartitions(request) => {
            let Decision { records, results } = reassign_partitions(image, request);
            (records, Outcome::ReassignPartitions(results))
        }
        Change::CompleteReassignment(request) => match complete_reassignment(image, *request) {
            Ok(record) => (vec![record], Outcome::CompleteReassignment(Ok(()))),
            Err(error) => (Vec::new(), Outcome::CompleteReassignment(Err(error))),
        },
        Change::CreateAcls(wanted) => {
            let (records, results) = create_acls(image, wanted);
            (records, Outcome::CreateAcls(results))
        }
        Change::DeleteAcls(filters) => {
            let (records, results) = delete_acls(image, filters);
            (records, Outcome::DeleteAcls(results))
        }
        Change::CreateToken(request) => match create_token(image, request) {
            Ok(token) => {
                let record = MetadataRecord::DelegationTokenSet { token: token.clone() };
                (vec![record], Outcome::CreateToken(Ok(token)))
            }
            Err(error) => (Vec::new(), Outcome::CreateToken(Err(error))),
        },
        Change::RenewToken(request) => match renew_token(image, request) {
            Ok(token) => {
                let expires_ms = token.expires_ms;
                let record = MetadataRecord::DelegationTokenSet { token };
                (vec![record], Outcome::ChangeToken(Ok(expires_ms)))
            }
            Err(error) => (Vec::new(), Outcome::ChangeToken(Err(error))),
        },
        Change::ExpireToken(request) => match expire_token(image, request) {
            Ok((record, expires_ms)) => (vec![record], Outcome::ChangeToken(Ok(expires_ms))),
            Err(error) => (Vec::new(), Outcome::ChangeToken(Err(error))),
        },
        Change::SweepTokens { now_ms } => {
            let records = sweep_tokens(image, *now_ms);
            let count = records.len();
            (records, Outcome::SweepTokens(count))
        }
    }
}
