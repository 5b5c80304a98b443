//! Groups are deleted with all their offsets, by request or when nothing is left of them.

use std::collections::BTreeSet;

use corelog_model::ErrorCode;

use super::Groups;
use super::pending::Pending;
use crate::input::{DeleteGroups, Now};
use crate::output::{GroupResult, Output, Reply};

impl Groups {
    /// Deletes groups without members. Until the tombstones are durable, the groups are dead.
    pub(super) fn delete_groups(&mut self, now: Now, delete: DeleteGroups) -> Vec<Output> {
        let mut results = Vec::with_capacity(delete.groups.len());
        let mut deleted = BTreeSet::new();
        for group in delete.groups {
            let result = if deleted.contains(&group) { Ok(()) } else { self.check_delete(&group) };
            if result.is_ok() {
                deleted.insert(group.clone());
            }
            results.push(GroupResult { group, result });
        }
        let request = (delete.request, results);
        self.bury(now, deleted.into_iter().collect(), Some(request))
    }

    fn check_delete(&self, id: &str) -> Result<(), ErrorCode> {
        let group = self.by_id.get(id).ok_or(ErrorCode::GroupIdNotFound)?;
        match group {
            group if group.is_dead() => Err(ErrorCode::GroupIdNotFound),
            group if group.is_empty() => Ok(()),
            _ => Err(ErrorCode::NonEmptyGroup),
        }
    }

    /// Deletes empty groups. What is being committed for them is deleted too, as it comes first in
    /// the log.
    pub(super) fn bury(
        &mut self,
        now: Now,
        ids: Vec<String>,
        request: Option<(crate::input::RequestId, Vec<GroupResult>)>,
    ) -> Vec<Output> {
        let mut records = Vec::new();
        let mut buried = Vec::new();
        for id in ids {
            let group = self.by_id.get_mut(&id).expect("the caller has looked for the group");
            let tombstones = group.tombstones(&id);
            if tombstones.is_empty() {
                self.forget(&id);
                continue;
            }
            group.bury();
            group.in_flight += 1;
            records.extend(tombstones);
            self.settle(&id);
            buried.push(id);
        }
        let mut step = self.begin(now);
        if records.is_empty() {
            if let Some((request, results)) = request {
                step.reply(request, Reply::DeleteGroups(results));
            }
            return step.outputs;
        }
        let append = step.append(records);
        let outputs = step.outputs;
        self.pending.insert(append, Pending::DeleteGroups { groups: buried, request });
        outputs
    }

    /// Nothing is left of a group.
    pub(super) fn forget(&mut self, id: &str) {
        let Some(group) = self.by_id.remove(id) else { return };
        if let Some(at) = group.wakeup {
            self.wakeups.remove(&(at, id.to_owned()));
        }
    }
}
