//! Whom a request is for, and which topics are asked for.

use std::sync::Arc;

use corelog_model::{NodeId, TopicId};

/// Who shall answer a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whoever can be reached.
    Any,
    /// The controller, or whoever can be reached where the cluster names none.
    Controller,
    /// A certain node.
    Node(NodeId),
    /// The node that coordinates a group.
    Group(Arc<str>),
    /// The node that coordinates a transactional id.
    Transactions(Arc<str>),
}

/// Which topics to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topics<'a> {
    /// Every topic.
    All,
    /// These; none is allowed and asks for the nodes only.
    Named(&'a [&'a str]),
    /// Those with these ids, for servers that know topics by id (KIP-516).
    Ids(&'a [TopicId]),
}
