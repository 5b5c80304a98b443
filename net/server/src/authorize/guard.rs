//! Who may do what on one core, and what is said of those that may not: each counts, and the log
//! has as many as it can bear.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use corelog_cluster::{Authorizer, MetadataVersion, Subject};
use corelog_io::now;
use corelog_shard::Shard;

use super::table::Right;
use crate::log_bound::{LogBound, head};

/// Names of topics.
pub(super) type VisibleTopics = Arc<BTreeSet<Arc<str>>>;

/// Clients whose visible topics are kept.
const CLIENTS_MAX: usize = 16;

/// The authorizer of a core with its log.
pub(crate) struct Guard {
    authorizer: Authorizer,
    shard: Shard,
    log: RefCell<LogBound>,
    visible: RefCell<Kept>,
}

/// What clients could see in one version of the metadata.
#[derive(Default)]
struct Kept {
    version: MetadataVersion,
    of: BTreeMap<(String, String, IpAddr), VisibleTopics>,
}

impl Guard {
    pub(crate) fn new(authorizer: Authorizer, shard: Shard) -> Self {
        Self { authorizer, shard, log: RefCell::default(), visible: RefCell::default() }
    }

    pub(super) fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// The `names` that a client may see in this version of the metadata. They are kept: members of
    /// groups ask with each heartbeat.
    pub(super) fn visible(
        &self,
        who: Subject<'_>,
        version: MetadataVersion,
        names: impl FnOnce() -> BTreeSet<Arc<str>>,
    ) -> VisibleTopics {
        let mut kept = self.visible.borrow_mut();
        if kept.version != version {
            *kept = Kept { version, of: BTreeMap::new() };
        }
        let client = (who.kind.to_owned(), who.name.to_owned(), who.host);
        if !kept.of.contains_key(&client) && kept.of.len() == CLIENTS_MAX {
            kept.of.pop_first();
        }
        Arc::clone(kept.of.entry(client).or_insert_with(|| Arc::new(names())))
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
