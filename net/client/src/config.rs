//! What every user of the client sets: names, times and bounds.

use std::time::Duration;

use crate::security::ClientSecurity;

/// Settings of the connections and of how long operations try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// What the client calls itself in requests.
    pub client_id: String,
    /// How long one connection may take to open.
    pub connect_timeout: Duration,
    /// How long one request may take, from sending to the end of its response.
    pub request_timeout: Duration,
    /// How long an operation is tried anew.
    pub operation_timeout: Duration,
    /// How long a topic may be unknown before it counts as missing: a topic that was just created
    /// takes a moment to reach every node.
    pub topic_timeout: Duration,
    /// Async only: how old the metadata of the topics of a group may become.
    pub metadata_age_max: Duration,
    /// The first pause between two attempts; each further one is twice as long.
    pub retry_pause: Duration,
    /// The longest pause between two attempts.
    pub retry_pause_max: Duration,
    /// The largest frame that is accepted, in bytes.
    pub frame_bytes_max: usize,
    /// Whether asking for an unknown topic may create it, where the server allows that.
    pub allow_auto_topic_creation: bool,
    /// How connections encrypt and log in.
    pub security: ClientSecurity,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            client_id: "corelog-client".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(60),
            topic_timeout: Duration::from_secs(5),
            metadata_age_max: Duration::from_secs(300),
            retry_pause: Duration::from_millis(50),
            retry_pause_max: Duration::from_secs(1),
            frame_bytes_max: 128 * 1024 * 1024,
            allow_auto_topic_creation: false,
            security: ClientSecurity::default(),
        }
    }
}

/// The pauses between attempts: each twice as long as the one before, up to a bound, until the
/// time is over. Pure: the caller brings the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    pause: Duration,
    pause_max: Duration,
    timeout: Duration,
}

impl Backoff {
    /// Pauses as `config` says, for attempts during `timeout`.
    pub fn new(config: &ClientConfig, timeout: Duration) -> Self {
        Self { pause: config.retry_pause, pause_max: config.retry_pause_max, timeout }
    }

    /// How long to wait before the next attempt; none when the time is over. The last pause is cut
    /// so that an attempt is made at the very end.
    pub fn next(&mut self, elapsed: Duration) -> Option<Duration> {
        let left = self.timeout.checked_sub(elapsed).filter(|left| !left.is_zero())?;
        let pause = self.pause.min(self.pause_max);
        self.pause = (pause * 2).min(self.pause_max);
        Some(pause.min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_end_with_the_time() {
        let config = ClientConfig {
            retry_pause: Duration::from_millis(100),
            retry_pause_max: Duration::from_millis(350),
            ..ClientConfig::default()
        };
        let mut backoff = Backoff::new(&config, Duration::from_secs(1));
        let pauses: Vec<Option<u128>> = [0, 100, 300, 650, 990, 1000]
            .map(|elapsed| backoff.next(Duration::from_millis(elapsed)))
            .map(|pause| pause.map(|pause| pause.as_millis()))
            .to_vec();
        assert_eq!(pauses, [Some(100), Some(200), Some(350), Some(350), Some(10), None]);
    }
}
