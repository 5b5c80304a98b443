//! Replies that wait for the log: an answer is given only after everything it rests on is durable.

use std::collections::VecDeque;

use super::{GroupError, HeartbeatReply};
use crate::input::{AppendId, RequestId};
use crate::output::{Reply, Step};

/// The replies behind records that are being appended.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// In the order of the records.
    waiting: VecDeque<(AppendId, RequestId, Reply)>,
}

impl Replies {
    /// How many replies wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Answers when these records, the newest, are durable; at once if there are none.
    pub(super) fn hold(
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
    pub(super) fn release(&mut self, append: AppendId, step: &mut Step<'_>) {
        while self.waiting.front().is_some_and(|(behind, ..)| *behind <= append)
            && let Some((_, request, reply)) = self.waiting.pop_front()
        {
            step.reply(request, reply);
        }
    }

    /// Refuses all requests that wait.
    pub(super) fn refuse(&mut self, refusal: &GroupError, step: &mut Step<'_>) {
        for (_, request, _) in self.waiting.drain(..) {
            let result: Result<HeartbeatReply, GroupError> = Err(refusal.clone());
            step.reply(request, Reply::ConsumerGroupHeartbeat(result));
        }
    }
}
