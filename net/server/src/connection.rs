//! One connection: a task that reads frames and starts requests, and one that sends the answers in
//! the order of the requests. Produce requests are pipelined: the next is appended while the last
//! becomes durable.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use corelog_io::{Permit, Permits, Signal, spawn};
use futures_lite::future::poll_once;

use crate::dispatch::{Dispatcher, Started};
use crate::frame::{FrameLimits, FrameReader, ReadFrameError};
use crate::reply::{Reply, send};
use crate::socket::Socket;

const COALESCED_BYTES_MAX: usize = 256 << 10;
const COALESCED_REPLIES_MAX: usize = 64;

/// A request that was started and whose answer is still to come; `None` closes the connection.
pub(crate) type PendingReply = Pin<Box<dyn Future<Output = Option<Reply>>>>;

/// Bounds of each connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionBounds {
    /// Bytes of one request at most.
    pub frame_bytes_max: usize,
    /// A connection without a request for this long is closed.
    pub idle_max: Duration,
    /// A started frame must end within this time.
    pub frame_time_max: Duration,
    /// A peer that takes no bytes of an answer for this long is cut off.
    pub stall_max: Duration,
    /// Requests of one connection under way at most; more are not read.
    pub requests_max: usize,
}

impl ConnectionBounds {
    fn frame_limits(&self) -> FrameLimits {
        FrameLimits {
            frame_bytes_max: self.frame_bytes_max,
            idle: self.idle_max,
            frame_time: self.frame_time_max,
        }
    }
}

struct Queue {
    pending: RefCell<VecDeque<(PendingReply, Permit)>>,
    changed: Signal,
    no_more: Cell<bool>,
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(socket: Socket, dispatcher: Rc<Dispatcher>, bounds: ConnectionBounds) {
    let queue = Rc::new(Queue {
        pending: RefCell::default(),
        changed: Signal::new(),
        no_more: Cell::new(false),
    });
    let writer = spawn(write_replies(socket.clone(), Rc::clone(&queue), bounds.stall_max));
    read_requests(&socket, &dispatcher, &queue, bounds).await;
    queue.no_more.set(true);
    queue.changed.notify();
    writer.join().await;
}

async fn read_requests(
    socket: &Socket,
    dispatcher: &Rc<Dispatcher>,
    queue: &Rc<Queue>,
    bounds: ConnectionBounds,
) {
    let budget = dispatcher.shard().inflight().clone();
    let mut frames = FrameReader::new(socket.clone(), bounds.frame_limits(), budget);
    let slots = Permits::new(bounds.requests_max);
    loop {
        let slot = slots.take(1).await;
        let frame = match frames.next().await {
            Ok(frame) => frame,
            Err(ReadFrameError::Closed) => return,
            Err(error) => {
                tracing::debug!(peer = %socket.peer(), %error, "a connection ends");
                return;
            }
        };
        if queue.no_more.get() {
            return;
        }
        let started = dispatcher.start(&frame, socket.peer().ip()).await;
        frames.recycle(frame.into_memory());
        match started {
            Started::Reply(pending) => {
                queue.pending.borrow_mut().push_back((pending, slot));
                queue.changed.notify();
            }
            Started::NoReply => {}
            Started::Close(why) => {
                tracing::debug!(peer = %socket.peer(), why, "a connection is closed");
                return;
            }
        }
    }
}

async fn write_replies(socket: Socket, queue: Rc<Queue>, stall_max: Duration) {
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
        if let Err(error) = send(&socket, &replies, stall_max).await {
            tracing::debug!(peer = %socket.peer(), %error, "an answer cannot be sent");
            break;
        }
        if !keeps_open {
            break;
        }
    }
    // The reader may be waiting for bytes that nobody will answer.
    queue.no_more.set(true);
    queue.pending.borrow_mut().clear();
    socket.shut_down();
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
