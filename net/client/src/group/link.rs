//! The way to the coordinator: one open request, and pauses between attempts.

use std::time::Duration;

use corelog_wire::ApiKey;

use super::{GroupConfig, GroupRequest, Output};

/// What is known of the way to the coordinator.
#[derive(Debug)]
pub(super) struct Link {
    pause: Duration,
    pause_max: Duration,
    open: Option<Open>,
    is_coordinator_known: bool,
    failures: u32,
    not_before: Duration,
    /// State of the generator that spreads pauses.
    random: u64,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    /// What was asked.
    pub(super) api: ApiKey,
    /// When.
    pub(super) sent: Duration,
    /// The generation or epoch of the member then.
    pub(super) epoch: i32,
}

impl Link {
    /// A link without a coordinator. `seed` spreads the pauses of many members.
    pub(super) fn new(config: &GroupConfig, seed: [u8; 16]) -> Self {
        let [low, high] = [0, 8].map(|start| {
            let bytes = seed[start..].first_chunk().copied();
            u64::from_be_bytes(bytes.unwrap_or_default())
        });
        Self {
            pause: config.retry_pause,
            pause_max: config.retry_pause_max,
            open: None,
            is_coordinator_known: false,
            failures: 0,
            not_before: Duration::ZERO,
            random: low ^ high,
        }
    }

    /// Whether no request is open.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_none()
    }

    /// The open request.
    pub(super) fn open(&self) -> Option<Open> {
        self.open
    }

    /// Whether a request may be sent now.
    pub(super) fn is_ready(&self, now: Duration) -> bool {
        self.is_idle() && self.not_before <= now
    }

    /// When a request may be sent, if none is open.
    pub(super) fn ready_at(&self) -> Option<Duration> {
        self.is_idle().then_some(self.not_before)
    }

    /// Sends a request, after a look for the coordinator where that is not known.
    pub(super) fn send(
        &mut self,
        now: Duration,
        epoch: i32,
        request: GroupRequest,
        outputs: &mut Vec<Output>,
    ) {
        assert!(self.is_idle(), "one request is open at a time");
        if !self.is_coordinator_known {
            self.is_coordinator_known = true;
            outputs.push(Output::FindCoordinator);
        }
        self.open = Some(Open { api: request.api(), sent: now, epoch });
        outputs.push(Output::Send(request));
    }

    /// Notes that the open request is over; none when there was none.
    pub(super) fn close(&mut self) -> Option<Open> {
        self.open.take()
    }

    /// Looks for the coordinator before the next request.
    pub(super) fn lose_coordinator(&mut self) {
        self.is_coordinator_known = false;
    }

    /// Ends the pauses.
    pub(super) fn succeed(&mut self) {
        self.failures = 0;
        self.not_before = Duration::ZERO;
    }

    /// Pauses before the next request, the longer the more of them have failed in a row.
    pub(super) fn pause(&mut self, now: Duration) {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let pause = self.pause.saturating_mul(factor).min(self.pause_max);
        self.failures = self.failures.saturating_add(1);
        // A fifth more or less, so that members that fail together do not return together.
        let permille = 800 + self.next_random() % 401;
        self.not_before = now + pause.saturating_mul(permille as u32) / 1000;
    }

    /// Pauses before the next request, unless this is the first failure in a row.
    pub(super) fn pause_again(&mut self, now: Duration) {
        if self.failures == 0 {
            self.failures = 1;
        } else {
            self.pause(now);
        }
    }

    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use corelog_wire::HeartbeatRequest;

    use super::*;

    fn link() -> Link {
        Link::new(&GroupConfig::default(), [7; 16])
    }

    #[test]
    fn pauses_double_up_to_their_bound_and_are_spread_by_a_fifth() {
        let mut link = link();
        for expected_ms in [100, 200, 400, 800, 1000, 1000, 1000] {
            link.pause(Duration::ZERO);
            let pause_ms = link.not_before.as_millis();
            let range = expected_ms * 8 / 10..=expected_ms * 12 / 10;
            assert!(range.contains(&pause_ms), "{pause_ms} for {expected_ms}");
        }
        for _ in 0..100 {
            link.pause(Duration::ZERO);
            assert!(link.not_before <= Duration::from_millis(1200));
        }
        link.succeed();
        assert!(link.is_ready(Duration::ZERO));
    }

    #[test]
    fn the_first_of_some_failures_is_tried_again_at_once() {
        let mut link = link();
        link.pause_again(Duration::ZERO);
        assert!(link.is_ready(Duration::ZERO));
        link.pause_again(Duration::ZERO);
        assert!(!link.is_ready(Duration::ZERO));
    }

    #[test]
    fn the_coordinator_is_looked_for_once_before_the_first_request() {
        let (mut link, mut outputs) = (link(), Vec::new());
        let request = || GroupRequest::Heartbeat(HeartbeatRequest::default());
        for _ in 0..2 {
            link.send(Duration::ZERO, 1, request(), &mut outputs);
            let open = Open { api: ApiKey::Heartbeat, sent: Duration::ZERO, epoch: 1 };
            assert_eq!(link.close(), Some(open));
        }
        let send = Output::Send(request());
        assert_eq!(outputs, [Output::FindCoordinator, send.clone(), send]);
    }
}
