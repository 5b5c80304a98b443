//! What the client of one request may do. Handlers ask by a line of the [`table`] and the name of a
//! resource, so what is asked is what the documentation says. Without an authorizer everything is
//! allowed, and a question costs one branch.

mod guard;
pub mod table;

use std::sync::Arc;

use corelog_cluster::acl::CLUSTER_NAME;
use corelog_cluster::{AclIndex, AclOperation, Authorizer, ClusterImage, ResourceType, Subject};
use corelog_model::ErrorCode;

use crate::dispatch::Origin;
pub(crate) use guard::Guard;
use guard::VisibleTopics;
use table::Right;

/// The rights of whoever sent a request, as one image has them.
#[derive(Clone, Copy)]
pub struct Access<'a>(Option<Rules<'a>>);

#[derive(Clone, Copy)]
struct Rules<'a> {
    authorizer: &'a Authorizer,
    /// Who is told of denials; nobody in tests of answers.
    guard: Option<&'a Guard>,
    acls: &'a AclIndex,
    topics: &'a ClusterImage,
    who: Subject<'a>,
}

impl<'a> Access<'a> {
    /// That of everybody where nobody is asked.
    pub const UNLIMITED: Access<'static> = Access(None);

    /// That of `origin`.
    pub(crate) fn of(
        origin: &'a Origin,
        guard: Option<&'a Guard>,
        image: &'a ClusterImage,
    ) -> Access<'a> {
        Access(guard.map(|guard| {
            let principal = &origin.principal;
            let (kind, name) = (principal.kind(), principal.name());
            // An address of version 4 that came in by a socket of version 6 is one of version 4.
            let who = Subject { kind, name, host: origin.peer.to_canonical() };
            let authorizer = guard.authorizer();
            let acls = image.acls();
            Rules { authorizer, guard: Some(guard), acls, topics: image, who }
        }))
    }

    /// Those of a subject, to begin a test with.
    #[cfg(test)]
    pub(crate) fn test(
        authorizer: &'a Authorizer,
        image: &'a ClusterImage,
        who: Subject<'a>,
    ) -> Access<'a> {
        let acls = image.acls();
        Access(Some(Rules { authorizer, guard: None, acls, topics: image, who }))
    }

    /// Whether anything is limited.
    pub fn is_limited(self) -> bool {
        self.0.is_some()
    }

    /// Whether the client has this right on the resource of this name. That it has not is counted
    /// and logged.
    pub fn may(self, right: &Right, name: &str) -> bool {
        let Some(rules) = self.0 else { return true };
        rules.allow(right, name) || {
            if let Some(guard) = rules.guard {
                guard.denied(rules.who, right, name);
            }
            false
        }
    }

    /// As [`Access::may`], of what is left out where it is not allowed: nobody asked for it by
    /// name, so nothing is logged.
    pub fn may_see(self, right: &Right, name: &str) -> bool {
        self.0.is_none_or(|rules| rules.allow(right, name))
    }

    /// Whether the client has this right on the cluster.
    pub fn may_on_cluster(self, right: &Right) -> bool {
        self.may(right, CLUSTER_NAME)
    }

    /// As [`Access::may_on_cluster`], where another right does as well: nothing is logged.
    pub fn may_quietly_on_cluster(self, right: &Right) -> bool {
        self.may_see(right, CLUSTER_NAME)
    }

    /// The topics on which the client has this right; none: all, as nothing is limited.
    pub(crate) fn visible(self, right: &Right) -> Option<VisibleTopics> {
        let rules = self.0?;
        let names = || {
            let names = rules.topics.topics().map(|topic| topic.name().as_str());
            names.filter(|name| rules.allow(right, name)).map(Arc::from).collect()
        };
        let Some(guard) = rules.guard else { return Some(Arc::new(names())) };
        Some(guard.visible(rules.who, rules.topics.version(), names))
    }

    /// Whether the client may have this right on any resource of its type (KIP-679).
    pub fn may_on_any(self, right: &Right) -> bool {
        let Some(Rules { authorizer, acls, who, .. }) = self.0 else { return true };
        authorizer.allows_on_any(acls, who, right.operation, right.resource)
    }

    /// The error of a right that is missing, if it is.
    pub(crate) fn check(self, right: &Right, name: &str) -> Result<(), ErrorCode> {
        if self.may(right, name) { Ok(()) } else { Err(right.refusal()) }
    }

    /// The error of a right on the cluster that is missing, if it is.
    pub(crate) fn check_on_cluster(self, right: &Right) -> Result<(), ErrorCode> {
        self.check(right, CLUSTER_NAME)
    }

    /// Those of the operations with these bits that the client may do (KIP-430).
    pub(crate) fn operations(self, of: i32, resource: ResourceType, name: &str) -> i32 {
        let Some(Rules { authorizer, acls, who, .. }) = self.0 else { return of };
        let allowed = |operation: AclOperation| {
            let bit = 1 << operation.code();
            let is_allowed =
                of & bit != 0 && authorizer.allows(acls, who, operation, (resource, name));
            if is_allowed { bit } else { 0 }
        };
        AclOperation::ALL.iter().copied().map(allowed).sum()
    }
}

impl Rules<'_> {
    fn allow(&self, right: &Right, name: &str) -> bool {
        self.authorizer.allows(self.acls, self.who, right.operation, (right.resource, name))
    }
}

#[cfg(test)]
mod tests;
