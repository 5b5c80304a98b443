//! Messages between cores: bounded channels whose wakers work from any thread, so that a metadata
//! change, a request to the controller or a stop order reaches a shard without a lock on its data
//! path.

pub use flume::{Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError};

/// A channel that holds at most `bound` messages; sending waits while it is full.
pub fn channel<T>(bound: usize) -> (Sender<T>, Receiver<T>) {
    assert!(bound > 0, "a channel of nothing never delivers");
    flume::bounded(bound)
}

/// A channel for one answer.
pub fn answer<T>() -> (Sender<T>, Receiver<T>) {
    flume::bounded(1)
}
