//! Waiting on one core: `Signal` wakes everybody who waits, `Permits` hands out a bounded amount.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
struct SignalState {
    round: Cell<u64>,
    next_waiter: Cell<u64>,
    /// In the order of their ids. The memory is kept from one round to the next.
    waiters: RefCell<Vec<(u64, Waker)>>,
}

/// Wakes every task of this core that waits. Nothing is stored for tasks that come later.
///
/// The pattern is: take `waiting()`, re-check the condition, then await what was taken. A
/// notification between the two is not lost.
#[derive(Debug, Clone, Default)]
pub struct Signal {
    state: Rc<SignalState>,
}

impl Signal {
    /// A signal nobody waits for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes all that wait now.
    pub fn notify(&self) {
        self.state.round.set(self.state.round.get() + 1);
        let mut waiters = self.state.waiters.take();
        for (_, waker) in waiters.drain(..) {
            waker.wake();
        }
        let mut new = self.state.waiters.borrow_mut();
        if new.is_empty() {
            *new = waiters;
        }
    }

    /// A future that is ready after the next `notify`, counted from this call.
    pub fn waiting(&self) -> Waiting {
        let id = self.state.next_waiter.get();
        self.state.next_waiter.set(id + 1);
        Waiting { state: Rc::clone(&self.state), round: self.state.round.get(), id }
    }

    /// Tasks that wait now.
    pub fn waiter_count(&self) -> usize {
        self.state.waiters.borrow().len()
    }
}

/// See [`Signal::waiting`]. Dropping it stops waiting.
#[derive(Debug)]
pub struct Waiting {
    state: Rc<SignalState>,
    round: u64,
    id: u64,
}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.state.round.get() != self.round {
            return Poll::Ready(());
        }
        let waiters = &mut *self.state.waiters.borrow_mut();
        match waiters.binary_search_by_key(&self.id, |waiter| waiter.0) {
            Ok(place) => waiters[place].1.clone_from(cx.waker()),
            Err(place) => waiters.insert(place, (self.id, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let waiters = &mut *self.state.waiters.borrow_mut();
        if let Ok(place) = waiters.binary_search_by_key(&self.id, |waiter| waiter.0) {
            waiters.remove(place);
        }
    }
}

#[derive(Debug)]
struct PermitState {
    total: usize,
    free: Cell<usize>,
    queue: RefCell<VecDeque<(u64, usize)>>,
    next_id: Cell<u64>,
    changed: Signal,
}

/// A bounded amount (bytes, slots) handed out in the order of asking.
#[derive(Debug, Clone)]
pub struct Permits {
    state: Rc<PermitState>,
}

impl Permits {
    /// `total` units, all free.
    pub fn new(total: usize) -> Self {
        assert!(total > 0, "a budget of nothing never frees anything");
        Self {
            state: Rc::new(PermitState {
                total,
                free: Cell::new(total),
                queue: RefCell::default(),
                next_id: Cell::new(0),
                changed: Signal::new(),
            }),
        }
    }

    /// Waits for `amount` units; more than the total counts as the total, so one oversized taker
    /// goes alone. Cancel-safe: a dropped waiter leaves the queue.
    pub async fn take(&self, amount: usize) -> Permit {
        let amount = amount.min(self.state.total);
        let id = self.state.next_id.get();
        self.state.next_id.set(id + 1);
        self.state.queue.borrow_mut().push_back((id, amount));
        let place = Place { state: Rc::clone(&self.state), id };
        loop {
            let waiting = self.state.changed.waiting();
            if self.is_turn(id, amount) {
                self.state.free.set(self.state.free.get() - amount);
                drop(place);
                return Permit { state: Rc::clone(&self.state), amount };
            }
            waiting.await;
        }
    }

    /// Takes `amount` units if they are free and nobody waits.
    pub fn try_take(&self, amount: usize) -> Option<Permit> {
        let amount = amount.min(self.state.total);
        if !self.state.queue.borrow().is_empty() || self.state.free.get() < amount {
            return None;
        }
        self.state.free.set(self.state.free.get() - amount);
        Some(Permit { state: Rc::clone(&self.state), amount })
    }

    /// Units that are free now.
    pub fn free(&self) -> usize {
        self.state.free.get()
    }

    /// Units there are in all.
    pub fn total(&self) -> usize {
        self.state.total
    }

    fn is_turn(&self, id: u64, amount: usize) -> bool {
        let queue = self.state.queue.borrow();
        queue.front().is_some_and(|front| front.0 == id) && self.state.free.get() >= amount
    }
}

struct Place {
    state: Rc<PermitState>,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.state.queue.borrow_mut().retain(|entry| entry.0 != self.id);
        self.state.changed.notify();
    }
}

/// Units taken from [`Permits`]; they return when this is dropped.
#[derive(Debug)]
pub struct Permit {
    state: Rc<PermitState>,
    amount: usize,
}

impl Permit {
    /// Units held.
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Gives back all but `amount` units now.
    pub fn shrink_to(&mut self, amount: usize) {
        if amount < self.amount {
            self.state.free.set(self.state.free.get() + self.amount - amount);
            self.amount = amount;
            self.state.changed.notify();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.state.free.set(self.state.free.get() + self.amount);
        self.state.changed.notify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    #[test]
    fn a_notification_between_taking_and_awaiting_is_not_lost() {
        let signal = Signal::new();
        let waiting = signal.waiting();
        signal.notify();
        block_on(waiting);
        assert_eq!(signal.waiter_count(), 0);
    }

    #[test]
    fn a_dropped_waiter_leaves_no_trace() {
        let signal = Signal::new();
        let mut waiting = Box::pin(signal.waiting());
        assert!(block_on(poll_once(&mut waiting)).is_none());
        assert_eq!(signal.waiter_count(), 1);
        drop(waiting);
        assert_eq!(signal.waiter_count(), 0);
    }

    #[test]
    fn permits_go_out_in_order_and_a_large_taker_is_not_starved() {
        let permits = Permits::new(10);
        let first = block_on(permits.take(6));
        let mut large = Box::pin(permits.take(100));
        assert!(block_on(poll_once(&mut large)).is_none());
        assert!(permits.try_take(1).is_none(), "nobody overtakes the one that waits");
        drop(first);
        let large = block_on(large);
        assert_eq!((large.amount(), permits.free()), (10, 0));
        drop(large);
        assert_eq!(permits.free(), 10);
    }

    #[test]
    fn a_cancelled_taker_lets_the_next_one_through() {
        let permits = Permits::new(4);
        let held = block_on(permits.take(3));
        let mut large = Box::pin(permits.take(4));
        assert!(block_on(poll_once(&mut large)).is_none());
        let mut small = Box::pin(permits.take(1));
        assert!(block_on(poll_once(&mut small)).is_none());
        drop(large);
        assert_eq!(block_on(small).amount(), 1);
        drop(held);
    }
}
