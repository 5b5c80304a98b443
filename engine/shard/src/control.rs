//! The way to the controller and the controller's driver: any core asks, the first core decides,
//! makes it durable, lets every core take over the new image, and only then answers.

use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::ClusterImage;
use corelog_cluster::controller::{Change, Controller, Input, Outcome, Output, Ticket};
use corelog_io::mesh::{Receiver, Sender, answer};
use corelog_io::{now, timeout, wall_clock_ms};

use crate::metadata_log::MetadataLog;
use crate::shard::{Outbox, ShardCommand};

// A core that does not take an image over in this time is stuck; the others must not be.
const TAKE_OVER_MAX: Duration = Duration::from_secs(10);

/// One change that somebody wants.
#[derive(Debug)]
pub struct ControlRequest {
    change: Change,
    answer: Sender<Outcome>,
}

/// The controller is gone: the broker is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the controller is stopping")]
pub struct ControlUnavailable;

/// A handle for asking the controller, on any core.
#[derive(Debug, Clone)]
pub struct Control {
    requests: Sender<ControlRequest>,
}

impl Control {
    /// A handle and the end that the controller listens to. Asking waits while `bound` requests are
    /// queued.
    pub fn new(bound: usize) -> (Self, Receiver<ControlRequest>) {
        let (requests, receiver) = corelog_io::mesh::channel(bound);
        (Self { requests }, receiver)
    }

    /// Asks for a change. When this resolves the change is durable and every core knows it, or it
    /// was refused.
    pub async fn change(&self, change: Change) -> Result<Outcome, ControlUnavailable> {
        let (answer, outcome) = answer();
        let request = ControlRequest { change, answer };
        self.requests.send_async(request).await.map_err(|_| ControlUnavailable)?;
        outcome.recv_async().await.map_err(|_| ControlUnavailable)
    }
}

/// Performs what the controller decides. Owns the metadata log.
pub(crate) struct Driver {
    pub(crate) controller: Controller,
    pub(crate) log: MetadataLog,
    pub(crate) shards: Vec<Outbox>,
    pub(crate) next_ticket: u64,
    /// Time between two looks for delegation tokens that have expired.
    pub(crate) sweep_pause: Duration,
}

impl Driver {
    /// Serves requests until every handle is gone.
    pub(crate) async fn run(mut self, requests: Receiver<ControlRequest>) {
        let mut swept = now();
        loop {
            let pause = self.sweep_pause.saturating_sub(swept.elapsed());
            if pause.is_zero() {
                self.sweep().await;
                swept = now();
                continue;
            }
            match timeout(pause, requests.recv_async()).await {
                Ok(Ok(ControlRequest { change, answer })) => {
                    if let Some(outcome) = self.change(change, Audience::EveryShard).await {
                        // Whoever asked may have gone away with its connection.
                        drop(answer.try_send(outcome));
                    }
                }
                Ok(Err(_)) => return,
                Err(_) => continue,
            }
            // Nobody waits for it but the next change.
            self.log.snapshot_if_due(self.controller.image()).await;
        }
    }

    /// Removes delegation tokens that have expired.
    async fn sweep(&mut self) {
        let change = Change::SweepTokens { now_ms: wall_clock_ms() };
        match self.change(change, Audience::EveryShard).await {
            Some(Outcome::SweepTokens(count)) if count > 0 => {
                tracing::info!(count, "delegation tokens have expired");
            }
            _ => {}
        }
    }

    /// Makes one change and returns its outcome. With `Nobody` the image is not sent to the cores:
    /// they start later.
    pub(crate) async fn change(&mut self, change: Change, audience: Audience) -> Option<Outcome> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let mut outputs = self.controller.step(Input::Request { ticket, change });
        let mut answer = None;
        while !outputs.is_empty() {
            let mut next = Vec::new();
            for output in outputs {
                match output {
                    Output::Append { records, through } => {
                        let input = match self.log.append(&records).await {
                            Ok(()) => Input::Appended { through },
                            Err(error) => {
                                tracing::error!(%error, "the metadata cannot be changed any more");
                                Input::AppendFailed
                            }
                        };
                        next.extend(self.controller.step(input));
                    }
                    Output::Publish(image) => {
                        if audience == Audience::EveryShard {
                            self.publish(&image).await;
                        }
                    }
                    Output::Reply { ticket: replied, outcome } => {
                        assert!(replied == ticket, "changes are made one at a time");
                        answer = Some(outcome);
                    }
                }
            }
            outputs = next;
        }
        answer
    }

    async fn publish(&self, image: &Arc<ClusterImage>) {
        let mut taken = Vec::with_capacity(self.shards.len());
        for shard in &self.shards {
            let (done, receiver) = answer();
            let command = ShardCommand::Image { image: Arc::clone(image), done };
            if shard.send_async(command).await.is_ok() {
                taken.push(receiver);
            }
        }
        for receiver in taken {
            if timeout(TAKE_OVER_MAX, receiver.recv_async()).await.is_err() {
                tracing::error!("a core has not taken over the metadata within ten seconds");
            }
        }
    }
}

/// Who is told about a new image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    EveryShard,
    Nobody,
}
