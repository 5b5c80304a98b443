//! One connection: a task that reads frames and starts requests, and one that sends the answers in
//! the order of the requests. Produce requests are pipelined: the next is appended while the last
//! becomes durable.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use corelog_io::{Instant, Permit, Permits, Signal, now, spawn, timeout};
use futures_lite::future::poll_once;

use crate::dispatch::{Dispatcher, Origin, Started};
use crate::frame::{Frame, FrameLimits, FrameReader, ReadFrameError};
use crate::gate::{Admitted, Gate};
use crate::quota::Account;
use crate::reply::{Reply, send};
use crate::transport::Transport;

const COALESCED_BYTES_MAX: usize = 256 << 10;
const COALESCED_REPLIES_MAX: usize = 64;
/// Answers that are there already, of one connection, and wait until those before are taken; one
/// may be larger. More requests are not read until then.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// A request that was started and whose answer is still to come; `None` closes the connection.
pub(crate) type PendingReply = Pin<Box<dyn Future<Output = Option<Reply>>>>;

/// Bounds of each connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionBounds {
    /// Bytes of one request at most.
    pub frame_bytes_max: usize,
    /// A connection without a request for this long is closed.
    pub idle_max: Duration,
    /// In each time so long a peer must send its bytes of a frame that has begun, or all the rest.
    pub frame_time_max: Duration,
    /// In each time so long a peer must take its bytes of an answer, or it is cut off.
    pub answer_period: Duration,
    /// Within this time a client must have finished its TLS handshake and logged in.
    pub login_time_max: Duration,
    /// Requests of one connection under way at most; more are not read.
    pub requests_max: usize,
}

impl ConnectionBounds {
    fn frame_limits(&self) -> FrameLimits {
        FrameLimits { idle: self.idle_max, frame_time: self.frame_time_max }
    }
}

struct Queue {
    pending: RefCell<VecDeque<(PendingReply, Permit)>>,
    changed: Signal,
    no_more: Cell<bool>,
}

impl Queue {
    fn push(&self, pending: PendingReply, slot: Permit) {
        self.pending.borrow_mut().push_back((pending, slot));
        self.changed.notify();
    }
}

/// Serves a connection until either side ends it. It was `opened` at that time.
pub(crate) async fn serve(
    transport: Transport,
    gate: Gate,
    dispatcher: Rc<Dispatcher>,
    bounds: ConnectionBounds,
    opened: Instant,
) {
    let queue = Rc::new(Queue {
        pending: RefCell::default(),
        changed: Signal::new(),
        no_more: Cell::new(false),
    });
    let writer = spawn(write_replies(transport.clone(), Rc::clone(&queue), bounds.answer_period));
    let login_end = opened + bounds.login_time_max;
    let reading = Reading { transport: &transport, dispatcher: &dispatcher, bounds, login_end };
    reading.run(gate, &queue).await;
    queue.no_more.set(true);
    queue.changed.notify();
    writer.join().await;
}

/// What reads the requests of one connection.
struct Reading<'a> {
    transport: &'a Transport,
    dispatcher: &'a Dispatcher,
    bounds: ConnectionBounds,
    login_end: Instant,
}

impl Reading<'_> {
    async fn run(&self, mut gate: Gate, queue: &Queue) {
        let budget = self.dispatcher.shard().inflight().clone();
        let limits = self.bounds.frame_limits();
        let mut frames = FrameReader::new(self.transport.clone(), limits, budget);
        let slots = Permits::new(self.bounds.requests_max);
        let waiting = Permits::new(WAITING_BYTES_MAX);
        let peer = self.transport.peer();
        let account = Rc::new(Account::default());
        loop {
            let slot = slots.take(1).await;
            if !self.is_unmuted_in_time(&account).await {
                return;
            }
            let frame = match self.next(&mut frames, &gate).await {
                Ok(frame) => frame,
                Err(ReadFrameError::Closed) => return,
                Err(error) => {
                    tracing::debug!(%peer, %error, "a connection ends");
                    return;
                }
            };
            // The client may have been throttled while the next request was awaited already. One
            // that holds budget is served: to keep it would throttle others.
            let may_wait = !frame.holds_budget();
            if (may_wait && !self.is_unmuted_in_time(&account).await) || queue.no_more.get() {
                return;
            }
            let started = match gate.look(frame.bytes()) {
                Admitted::Answered(started) => started,
                Admitted::Pass => {
                    let principal = Rc::clone(gate.principal());
                    let account = Rc::clone(&account);
                    let (peer, proof) = (peer.ip(), gate.proof());
                    let origin = Origin { peer, principal, proof, account };
                    self.dispatcher.start(&frame, &origin).await
                }
            };
            frames.recycle(frame.into_memory());
            let is_last = matches!(started, Started::LastReply(_));
            match started {
                Started::Ready(reply) => {
                    let part = waiting.take(reply.wire_len()).await;
                    let reply = Some(reply.waiting(part));
                    queue.push(Box::pin(std::future::ready(reply)), slot);
                }
                Started::Reply(pending) | Started::LastReply(pending) => {
                    queue.push(pending, slot);
                }
                Started::NoReply => {}
                Started::Close(why) => {
                    tracing::debug!(%peer, why, "a connection is closed");
                    return;
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Waits while the client is throttled. False if that takes longer than a connection may idle:
    /// it is not read, so nobody would notice that its client is gone.
    async fn is_unmuted_in_time(&self, account: &Account) -> bool {
        let unmuted = timeout(self.bounds.idle_max, account.unmuted()).await;
        if unmuted.is_err() {
            let peer = self.transport.peer();
            tracing::debug!(%peer, "a throttled connection has idled for too long");
        }
        unmuted.is_ok()
    }

    /// The next frame. A client that has not logged in has less room and less time.
    async fn next(&self, frames: &mut FrameReader, gate: &Gate) -> Result<Frame, ReadFrameError> {
        let Some(bytes_max) = gate.frame_bytes_max() else {
            return frames.next(self.bounds.frame_bytes_max).await;
        };
        let bytes_max = bytes_max.min(self.bounds.frame_bytes_max);
        let next = timeout(self.login_end.since(now()), frames.next(bytes_max)).await;
        next.map_err(|_| ReadFrameError::Login(self.bounds.login_time_max))?
    }
}

async fn write_replies(transport: Transport, queue: Rc<Queue>, answer_period: Duration) {
    loop {
        let waiting = queue.changed.waiting();
        let next = queue.pending.borrow_mut().pop_front();
        let Some((pending, slot)) = next else {
            if queue.no_more.get() {
                break;
            }
            waiting.await;
            continue;
        };
        let Some(reply) = pending.await else { break };
        drop(slot);
        let mut replies = vec![reply];
        let keeps_open = collect_ready(&queue, &mut replies).await;
        if let Err(error) = send(&transport, &replies, answer_period).await {
            tracing::debug!(peer = %transport.peer(), %error, "an answer cannot be sent");
            break;
        }
        if !keeps_open {
            break;
        }
    }
    // The reader may be waiting for bytes that nobody will answer.
    queue.no_more.set(true);
    queue.pending.borrow_mut().clear();
    transport.shut_down();
}

/// Adds answers that are ready already, so that one call sends them all. False if the connection is
/// to be closed.
async fn collect_ready(queue: &Queue, replies: &mut Vec<Reply>) -> bool {
    let mut bytes: usize = replies.iter().map(Reply::wire_len).sum();
    while bytes < COALESCED_BYTES_MAX && replies.len() < COALESCED_REPLIES_MAX {
        let Some((mut pending, slot)) = queue.pending.borrow_mut().pop_front() else { break };
        match poll_once(pending.as_mut()).await {
            Some(Some(reply)) => {
                bytes += reply.wire_len();
                replies.push(reply);
            }
            Some(None) => return false,
            None => {
                queue.pending.borrow_mut().push_front((pending, slot));
                break;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, D, E, F>(_: impl FnOnce(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_takes_little_memory() {
        // The largest arm of a request counts, whether there is a request or not.
        let bytes = size_of_future(serve);
        assert!(bytes <= 4 << 10, "{bytes} bytes for each connection");
    }
}
