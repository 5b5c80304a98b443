//! The system's clocks. The only place that reads them.

use std::sync::OnceLock;

use crate::time::Instant;

#[expect(clippy::disallowed_methods, reason = "this is the one file that reads the clocks")]
pub(crate) fn monotonic() -> Instant {
    static ZERO: OnceLock<std::time::Instant> = OnceLock::new();
    let zero = *ZERO.get_or_init(std::time::Instant::now);
    Instant::from_nanos(u64::try_from(zero.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "this is the one file that reads the clocks")]
pub(crate) fn wall_clock_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}
