//! Time: a monotonic instant for durations, the wall clock for record timestamps, and sleeping.
//! Virtual in the simulator.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Nanoseconds on a monotonic clock whose zero means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// An instant from its nanoseconds; for backends and tests.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to this instant; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Time from this instant until now.
    pub fn elapsed(self) -> Duration {
        now().since(self)
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// The monotonic clock.
pub fn now() -> Instant {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        return machine.now();
    }
    crate::ring::clock::monotonic()
}

/// Milliseconds since 1970 on the wall clock, as Kafka's record timestamps count.
pub fn wall_clock_ms() -> i64 {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        return machine.wall_clock_ms();
    }
    crate::ring::clock::wall_clock_ms()
}

/// How busy the core of the caller was since its executor started; nothing in the simulator.
pub fn core_load() -> crate::CoreLoad {
    #[cfg(feature = "sim")]
    if crate::sim::current().is_some() {
        return crate::CoreLoad::default();
    }
    crate::ring::load::core_load()
}

/// Resolves after `duration`.
pub async fn sleep(duration: Duration) {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        return machine.sleep(duration).await;
    }
    crate::ring::timers::Sleep::new(duration).await;
}

/// The time limit of [`timeout`] passed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time limit passed")]
pub struct Elapsed;

pin_project_lite::pin_project! {
    /// A future and its limit, side by side: an async function would hold the future several times.
    struct Timeout<F, S> {
        #[pin]
        future: F,
        #[pin]
        limit: S,
    }
}

impl<F: Future, S: Future<Output = ()>> Future for Timeout<F, S> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(context) {
            return Poll::Ready(Ok(output));
        }
        this.limit.poll(context).map(|()| Err(Elapsed))
    }
}

/// Drives `future` for at most `duration`; then it is dropped with the future that this returns.
pub fn timeout<T>(
    duration: Duration,
    future: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Elapsed>> {
    Timeout { future, limit: sleep(duration) }
}
