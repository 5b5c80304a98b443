//! The timers of a core: all sleeps in one ordered queue, of which glommio sees only the next.
//!
//! glommio 0.12 adds a timer with each poll of a sleeping future, removes only the last of them
//! before it is due, and looks at all of them whenever it polls the rings
//! (docs/decisions/0005-timers.md). A time limit on a busy connection is polled with each message.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::clock::monotonic;
use crate::Instant;

thread_local! {
    static TIMERS: RefCell<Timers> = const { RefCell::new(Timers::new()) };
}

/// When a timer is due, and a number that tells it from others of that moment.
type Key = (Instant, u64);

/// Who waits for which moment.
#[derive(Debug)]
struct Timers {
    waiting: BTreeMap<Key, Waker>,
    next_number: u64,
    /// Wakes [`drive`], once it has run.
    driver: Option<Waker>,
}

impl Timers {
    const fn new() -> Self {
        Self { waiting: BTreeMap::new(), next_number: 0, driver: None }
    }

    fn insert(&mut self, at: Instant, waker: Waker) -> Key {
        let key = (at, self.next_number);
        self.next_number += 1;
        self.waiting.insert(key, waker);
        key
    }

    fn next(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes whoever is due.
    fn take_due(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now
        {
            due.push(first.remove());
        }
        due
    }
}

/// Resolves at a moment. Only on a thread whose executor runs [`drive`].
#[derive(Debug)]
pub(crate) struct Sleep {
    at: Instant,
    key: Option<Key>,
}

impl Sleep {
    /// Resolves after `duration`.
    pub(crate) fn new(duration: Duration) -> Self {
        Self { at: monotonic() + duration, key: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.at <= monotonic() {
            return Poll::Ready(());
        }
        let at = self.at;
        let driver = TIMERS.with_borrow_mut(|timers| {
            if let Some(waiting) = self.key.and_then(|key| timers.waiting.get_mut(&key)) {
                waiting.clone_from(context.waker());
                return None;
            }
            let is_next = timers.next().is_none_or(|next| at < next);
            self.key = Some(timers.insert(at, context.waker().clone()));
            timers.driver.clone().filter(|_| is_next)
        });
        if let Some(driver) = driver {
            driver.wake();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // A future may be dropped after the thread's own values.
        let _ = TIMERS.try_with(|timers| {
            if let Some(key) = self.key {
                timers.borrow_mut().waiting.remove(&key);
            }
        });
    }
}

/// Wakes whoever is due, for as long as the executor runs.
pub(super) async fn drive() -> Infallible {
    let mut armed: Option<glommio::timer::Timer> = None;
    poll_fn(|context| {
        loop {
            let now = monotonic();
            let (due, next) = TIMERS.with_borrow_mut(|timers| {
                timers.driver = Some(context.waker().clone());
                (timers.take_due(now), timers.next())
            });
            for waker in due {
                waker.wake();
            }
            // A timer is polled once, as each poll adds one; the drop takes away the one before.
            let Some(next) = next else {
                armed = None;
                return Poll::Pending;
            };
            let timer = armed.insert(glommio::timer::Timer::new(next.since(now)));
            if Pin::new(timer).poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{or, yield_now};

    use super::*;
    use crate::ring::executor::run;

    fn waiting() -> usize {
        TIMERS.with_borrow(|timers| timers.waiting.len())
    }

    #[test]
    fn sleeps_end_in_the_order_of_their_moments() {
        let order = run(|| async {
            let ended = std::rc::Rc::new(RefCell::new(Vec::new()));
            let tasks: Vec<_> = [30, 10, 20, 10]
                .into_iter()
                .map(|ms| {
                    let ended = ended.clone();
                    glommio::spawn_local(async move {
                        Sleep::new(Duration::from_millis(ms)).await;
                        ended.borrow_mut().push(ms);
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
            ended.take()
        });
        assert_eq!(order.expect("an executor runs"), [10, 10, 20, 30]);
    }

    #[test]
    fn a_sleep_that_is_polled_often_waits_once_and_leaves_nothing() {
        let counts = run(|| async {
            let mut counts = Vec::new();
            for _ in 0..100 {
                let polls = async {
                    for _ in 0..10 {
                        yield_now().await;
                    }
                };
                let sleep = Sleep::new(Duration::from_secs(600));
                or(polls, async {
                    let mut sleep = std::pin::pin!(sleep);
                    poll_fn(|context| {
                        let poll = sleep.as_mut().poll(context);
                        counts.push(waiting());
                        poll
                    })
                    .await;
                })
                .await;
            }
            (counts.iter().max().copied(), waiting())
        });
        assert_eq!(counts.expect("an executor runs"), (Some(1), 0));
    }

    #[test]
    fn an_earlier_moment_does_not_wait_for_a_later_one() {
        let took = run(|| async {
            let late = glommio::spawn_local(Sleep::new(Duration::from_secs(3600)));
            yield_now().await;
            let begun = monotonic();
            Sleep::new(Duration::from_millis(5)).await;
            let _ = late.cancel().await;
            begun.elapsed()
        });
        assert!(took.expect("an executor runs") >= Duration::from_millis(5));
    }

    #[test]
    fn a_moment_that_is_over_is_over_at_once() {
        let poll = run(|| async {
            let mut sleep = std::pin::pin!(Sleep::new(Duration::ZERO));
            poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context))).await
        });
        assert_eq!(poll.expect("an executor runs"), Poll::Ready(()));
    }
}
