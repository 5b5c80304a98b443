//! The line of those who wait for room in the open frame: first come, first served, so that a large
//! entry gets its turn behind small ones. Only the first is woken when there may be room.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::Waker;

/// Who waits, by number, in the order of arrival.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: RefCell<VecDeque<(u64, Waker)>>,
    next_number: Cell<u64>,
}

impl Line {
    /// Nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// There may be room: the first one looks again.
    pub(super) fn wake_first(&self) {
        let first = self.waiting.borrow().front().map(|waiting| waiting.1.clone());
        if let Some(waker) = first {
            waker.wake();
        }
    }

    /// Nobody will get room any more: everybody looks again.
    pub(super) fn wake_all(&self) {
        let wakers: Vec<Waker> =
            self.waiting.borrow().iter().map(|waiting| waiting.1.clone()).collect();
        for waker in wakers {
            waker.wake();
        }
    }
}

/// Somebody who wants room. It joins the line when it has to wait, and leaves it when dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    line: &'a Line,
    number: Option<u64>,
}

impl<'a> Place<'a> {
    /// One who has not waited yet.
    pub(super) fn new(line: &'a Line) -> Self {
        Self { line, number: None }
    }

    /// Nobody else comes first.
    pub(super) fn is_first(&self) -> bool {
        let first = self.line.waiting.borrow().front().map(|waiting| waiting.0);
        first.is_none() || first == self.number
    }

    /// Waits to be woken; joins the end of the line the first time.
    pub(super) fn wait(&mut self, waker: &Waker) {
        let mut waiting = self.line.waiting.borrow_mut();
        let Some(number) = self.number else {
            let number = self.line.next_number.get();
            self.line.next_number.set(number + 1);
            waiting.push_back((number, waker.clone()));
            self.number = Some(number);
            return;
        };
        let index = waiting.binary_search_by_key(&number, |waiting| waiting.0);
        let index = index.expect("one with a number is in the line");
        waiting[index].1.clone_from(waker);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let index = {
            let mut waiting = self.line.waiting.borrow_mut();
            let index = waiting.binary_search_by_key(&number, |waiting| waiting.0);
            let index = index.expect("one with a number is in the line");
            waiting.remove(index);
            index
        };
        if index == 0 {
            self.line.wake_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_comes_later_is_not_first_before_all_others_have_left() {
        let line = Line::default();
        let (mut first, mut second) = (Place::new(&line), Place::new(&line));
        assert!(first.is_first() && second.is_first(), "nobody waits yet");
        first.wait(Waker::noop());
        second.wait(Waker::noop());
        let third = Place::new(&line);
        let places = [&first, &second, &third];
        assert_eq!(places.map(Place::is_first), [true, false, false]);
        assert!(!line.is_empty());
        drop(first);
        assert_eq!([&second, &third].map(Place::is_first), [true, false]);
        second.wait(Waker::noop());
        drop(second);
        assert!(third.is_first() && line.is_empty());
    }

    #[test]
    fn one_who_leaves_from_the_middle_holds_up_nobody() {
        let line = Line::default();
        let mut places = [Place::new(&line), Place::new(&line), Place::new(&line)];
        for place in &mut places {
            place.wait(Waker::noop());
        }
        let [first, second, third] = places;
        drop(second);
        assert_eq!([&first, &third].map(Place::is_first), [true, false]);
        drop(first);
        assert!(third.is_first());
    }
}
