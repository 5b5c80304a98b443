//! Replies that wait for the log: an answer is given only after everything it rests on is durable.

use std::collections::VecDeque;

use corelog_model::ErrorCode;

use super::GroupError;
use crate::input::{AppendId, RequestId};
use crate::output::{JoinRefusal, Reply, Step};

/// The replies behind records that are being appended.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// In the order of the records.
    waiting: VecDeque<(AppendId, RequestId, Reply)>,
}

impl Replies {
    /// How many replies wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Answers when these records, the newest, are durable; at once if there are none.
    pub(crate) fn hold(
        &mut self,
        newest: Option<AppendId>,
        request: RequestId,
        reply: Reply,
        step: &mut Step<'_>,
    ) {
        match newest {
            Some(append) => self.waiting.push_back((append, request, reply)),
            None => step.reply(request, reply),
        }
    }

    /// Lets go of the replies that waited for these records.
    pub(crate) fn release(&mut self, append: AppendId, step: &mut Step<'_>) {
        while self.waiting.front().is_some_and(|(behind, ..)| *behind <= append)
            && let Some((_, request, reply)) = self.waiting.pop_front()
        {
            step.reply(request, reply);
        }
    }

    /// Refuses all requests that wait.
    pub(crate) fn refuse(&mut self, code: ErrorCode, step: &mut Step<'_>) {
        for (_, request, reply) in self.waiting.drain(..) {
            step.reply(request, refusal(reply, code));
        }
    }
}

/// What is said in place of a reply.
fn refusal(reply: Reply, code: ErrorCode) -> Reply {
    match reply {
        Reply::ConsumerGroupHeartbeat(_) => {
            Reply::ConsumerGroupHeartbeat(Err(GroupError::Unavailable { code }))
        }
        Reply::ShareGroupHeartbeat(_) => {
            Reply::ShareGroupHeartbeat(Err(GroupError::Unavailable { code }))
        }
        Reply::ShareStates(_) => Reply::ShareStates(Err(code)),
        Reply::Join(Ok(joined)) => {
            Reply::Join(Err(JoinRefusal { code, member_id: joined.member_id }))
        }
        Reply::Join(Err(refusal)) => Reply::Join(Err(JoinRefusal { code, ..refusal })),
        Reply::Sync(_) => Reply::Sync(Err(code)),
        Reply::Heartbeat(_) => Reply::Heartbeat(Err(code)),
        Reply::Leave(_) => Reply::Leave(Err(code)),
        Reply::CommitOffsets(_) | Reply::DeleteOffsets(_) | Reply::DeleteGroups(_) => {
            unreachable!("the members of a group do not wait for {reply:?}")
        }
    }
}
