//! The order of commits: that in which their places were taken, whichever of them is polled first.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many commits may wait.
const WAITING_MAX: usize = 1000;

/// The places that are taken.
#[derive(Debug, Default)]
pub(super) struct Turns {
    places: Mutex<Places>,
    /// Wakes those that wait: a place was given back.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Places {
    taken: BTreeSet<u64>,
    next: u64,
}

/// A place. Dropped, it is given back, whether its turn has come or not.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    number: u64,
}

impl Turns {
    /// Takes the last place; none when too many are taken.
    pub(super) fn take(self: &Arc<Self>) -> Option<Turn> {
        let mut places = self.places();
        if WAITING_MAX <= places.taken.len() {
            return None;
        }
        let number = places.next;
        places.next += 1;
        places.taken.insert(number);
        drop(places);
        Some(Turn { turns: Arc::clone(self), number })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Nothing under this lock panics.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Waits until every place before this one is given back.
    pub(super) async fn come(&self) {
        loop {
            let mut changed = pin!(self.turns.changed.notified());
            changed.as_mut().enable();
            if self.turns.places().taken.first() == Some(&self.number) {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.places().taken.remove(&self.number);
        self.turns.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Whether the turn of a place has come.
    fn has_come(turn: &Turn) -> bool {
        let poll = pin!(turn.come()).poll(&mut Context::from_waker(Waker::noop()));
        poll == Poll::Ready(())
    }

    #[test]
    fn places_come_in_the_order_they_were_taken() {
        let turns = Arc::<Turns>::default();
        let [first, second, third] = [(); 3].map(|()| turns.take().unwrap());
        assert_eq!([&third, &second, &first].map(has_come), [false, false, true]);
        drop(first);
        assert_eq!([&third, &second].map(has_come), [false, true]);
        drop(second);
        assert!(has_come(&third));
    }

    #[test]
    fn a_place_that_is_given_back_early_lets_nobody_pass_those_before_it() {
        let turns = Arc::<Turns>::default();
        let [first, second, third] = [(); 3].map(|()| turns.take().unwrap());
        drop(second);
        assert!(!has_come(&third));
        drop(first);
        assert!(has_come(&third));
    }

    #[test]
    fn places_are_bounded() {
        let turns = Arc::<Turns>::default();
        let mut taken: Vec<Turn> = std::iter::from_fn(|| turns.take()).collect();
        assert_eq!(taken.len(), WAITING_MAX);
        taken.pop();
        assert!(turns.take().is_some());
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let turns = Arc::<Turns>::default();
        let [first, second] = [(); 2].map(|()| turns.take().unwrap());
        let waiting = tokio::spawn(async move { second.come().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap();
    }
}
