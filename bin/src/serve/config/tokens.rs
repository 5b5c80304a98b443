//! Delegation tokens, out of Kafka's keys: the key that they are made with and how long they count.

use corelog_cluster::decide::delegation_tokens::TokenTimes;
use corelog_security::Secret;

use super::settings::Settings;

/// How delegation tokens are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRules {
    /// The key; `None`: there are no tokens.
    pub key: Option<Secret>,
    /// How long they count.
    pub times: TokenTimes,
    /// How often those that have expired are removed, in milliseconds.
    pub check_ms: u64,
}

pub(super) fn token_rules(settings: &Settings) -> TokenRules {
    let key = settings.secret("delegation.token.secret.key");
    let time = |name| settings.integer(name);
    TokenRules {
        key: Some(key).filter(|key| !key.is_empty()),
        times: TokenTimes {
            lifetime_ms_max: time("delegation.token.max.lifetime.ms"),
            expiry_ms: time("delegation.token.expiry.time.ms"),
        },
        check_ms: settings.unsigned("delegation.token.expiry.check.interval.ms"),
    }
}
