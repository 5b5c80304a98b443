//! Replies that wait for the log: an answer is given only after everything it rests on was
//! appended.

use std::collections::VecDeque;

use super::{Answer, BatchId, GroupError, Output, RequestId};

/// Batches that are being appended, and the replies behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct Replies {
    /// The last batch that was handed out.
    newest: BatchId,
    /// The last batch that was appended.
    appended: BatchId,
    /// In the order of the batches.
    waiting: VecDeque<(BatchId, Output)>,
}

impl Replies {
    /// How many replies wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Names the next batch.
    pub(super) fn next_batch(&mut self) -> BatchId {
        self.newest = BatchId(self.newest.0 + 1);
        self.newest
    }

    /// Holds a reply until all batches so far are appended. Comes back if they are.
    pub(super) fn hold(
        &mut self,
        request: RequestId,
        reply: Result<Answer, GroupError>,
    ) -> Option<Output> {
        let output = Output::Reply { request, reply };
        if self.appended == self.newest {
            return Some(output);
        }
        self.waiting.push_back((self.newest, output));
        None
    }

    /// Lets go of the replies that waited for this batch and those before it.
    pub(super) fn appended(&mut self, batch: BatchId) -> Vec<Output> {
        assert!(
            self.appended < batch && batch <= self.newest,
            "batches are appended once and in order: {:?} < {batch:?} <= {:?}",
            self.appended,
            self.newest
        );
        self.appended = batch;
        let count = self.waiting.partition_point(|(behind, _)| *behind <= batch);
        self.waiting.drain(..count).map(|(_, output)| output).collect()
    }

    /// Refuses all requests that wait.
    pub(super) fn fail(&mut self) -> Vec<Output> {
        self.appended = self.newest;
        let refuse = |output| match output {
            Output::Reply { request, .. } => {
                Output::Reply { request, reply: Err(GroupError::LogFailed) }
            }
            other => other,
        };
        self.waiting.drain(..).map(|(_, output)| refuse(output)).collect()
    }
}
