//! One question to a cluster and its typed answer: what is asked, of whom, and how the reply reads.
//! Pure. The drivers [`crate::Cluster`] and [`crate::blocking::Cluster`] carry it and try anew.

use std::fmt;
use std::sync::Arc;

use corelog_model::{NodeId, ProducerEpoch, ProducerId};
use corelog_wire::{
    ApiKey, FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest,
    InitProducerIdResponse, Request,
};

use crate::metadata::Node;
use crate::producer::Identity;
use crate::target::Target;
use crate::{ClientConfig, ClientError, Endpoint, Reply};

/// Whether an operation may happen twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It only asks, or doing it again changes nothing: it is tried anew after whatever passes.
    Harmless,
    /// It is not tried anew when it may have been done without our knowing.
    Unsafe,
}

/// A question with an answer.
pub trait Operation {
    /// The message that asks.
    type Request: Request<'static>;
    /// What the reply says.
    type Answer;

    /// Whether it may happen twice.
    const REPEAT: Repeat;

    /// Who answers.
    fn target(&self) -> Target;

    /// The message.
    fn request(&self, config: &ClientConfig) -> Self::Request;

    /// Reads the reply. An error that may pass is tried anew.
    fn read(&self, reply: &Reply) -> Result<Self::Answer, ClientError>;
}

/// How long a server may take for a change, in milliseconds: less than the client waits for its
/// answer.
pub(crate) fn server_timeout_ms(config: &ClientConfig) -> i32 {
    i32::try_from((config.request_timeout / 2).as_millis()).unwrap_or(i32::MAX)
}

/// Asks for the id of an idempotent producer (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InitProducerId;

impl Operation for InitProducerId {
    type Request = InitProducerIdRequest<'static>;
    type Answer = Identity;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..InitProducerIdRequest::default()
        }
    }

    fn read(&self, reply: &Reply) -> Result<Identity, ClientError> {
        let response: InitProducerIdResponse = reply.decode()?;
        ClientError::refused(ApiKey::InitProducerId, "this producer", response.error_code, None)?;
        if response.producer_id < 0 || response.producer_epoch < 0 {
            return Err(reply.lacks("the producer's id"));
        }
        Ok(Identity {
            id: ProducerId(response.producer_id),
            epoch: ProducerEpoch(response.producer_epoch),
        })
    }
}

/// What has a coordinator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coordinated {
    /// A group, by its name.
    Group(Arc<str>),
    /// The transactions of a producer, by their transactional id.
    Transactions(Arc<str>),
}

impl Coordinated {
    fn key(&self) -> &Arc<str> {
        let (Self::Group(key) | Self::Transactions(key)) = self;
        key
    }

    /// The type of the key in FindCoordinator.
    fn key_type(&self) -> i8 {
        match self {
            Self::Group(_) => 0,
            Self::Transactions(_) => 1,
        }
    }
}

impl fmt::Display for Coordinated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(key) => write!(formatter, "group {key}"),
            Self::Transactions(key) => write!(formatter, "transactional id {key}"),
        }
    }
}

/// Asks who coordinates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FindCoordinator {
    /// What.
    pub(crate) of: Coordinated,
}

impl Operation for FindCoordinator {
    type Request = FindCoordinatorRequest<'static>;
    type Answer = Node;
    const REPEAT: Repeat = Repeat::Harmless;

    fn target(&self) -> Target {
        Target::Any
    }

    fn request(&self, _: &ClientConfig) -> Self::Request {
        // Versions up to 3 have one key, later ones a list (KIP-699); each writes its own.
        FindCoordinatorRequest {
            key: self.of.key().as_ref().to_owned().into(),
            key_type: self.of.key_type(),
            coordinator_keys: vec![self.of.key().as_ref().to_owned().into()],
        }
    }

    fn read(&self, reply: &Reply) -> Result<Node, ClientError> {
        let response: FindCoordinatorResponse<'_> = reply.decode()?;
        let about = || self.of.to_string();
        let api = ApiKey::FindCoordinator;
        let (code, message, node_id, host, port) = if reply.version() < 4 {
            let message = response.error_message.as_deref();
            (response.error_code, message, response.node_id, &response.host, response.port)
        } else {
            let found = response.coordinators.iter().find(|found| *found.key == **self.of.key());
            let found = found.ok_or_else(|| reply.lacks(about()))?;
            let message = found.error_message.as_deref();
            (found.error_code, message, found.node_id, &found.host, found.port)
        };
        ClientError::refused(api, about(), code, message)?;
        let port = u16::try_from(port).map_err(|_| reply.lacks(about()))?;
        Ok(Node { id: NodeId(node_id), endpoint: Endpoint::new(host, port), rack: None })
    }
}
