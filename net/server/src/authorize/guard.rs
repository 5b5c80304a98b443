//! Who may do what on one core, and what is said of those that may not: each counts, and the log
//! has as many as it can bear.

use std::cell::RefCell;

use corelog_cluster::{Authorizer, Subject};
use corelog_io::now;
use corelog_shard::Shard;

use super::table::Right;
use crate::log_bound::{LogBound, head};

/// The authorizer of a core with its log.
pub(crate) struct Guard {
    authorizer: Authorizer,
    shard: Shard,
    log: RefCell<LogBound>,
}

impl Guard {
    pub(crate) fn new(authorizer: Authorizer, shard: Shard) -> Self {
        Self { authorizer, shard, log: RefCell::default() }
    }

    pub(super) fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// Counts and logs that `who` lacks this right.
    pub(super) fn denied(&self, who: Subject<'_>, right: &Right, name: &str) {
        self.shard.metrics().denied();
        let Subject { kind, name: user, host } = who;
        let (operation, resource, api) = (right.operation, right.resource, right.api.name());
        let event = (kind, user, api, operation.code(), resource.code());
        let Some(left_out) = self.log.borrow_mut().admit(event, now()) else { return };
        tracing::info!(
            principal = %format_args!("{kind}:{user}"),
            %host, %operation, %resource, name = head(name), api, left_out, "denied"
        );
    }
}
