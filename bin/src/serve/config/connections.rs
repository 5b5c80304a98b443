//! How many connections there may be, and how fast they may come, out of Kafka's keys.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::problem::Problem;
use super::settings::Settings;
use super::unfit;

/// How many addresses may have bounds of their own.
const OVERRIDES_MAX: usize = 10_000;

/// Open connections from single addresses, as `10.0.0.1:50,::1:20`. Kafka also takes host names; a
/// name may come to mean another address, so here it is an address.
pub(super) fn per_address_overrides(
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> BTreeMap<IpAddr, u32> {
    const KEY: &str = "max.connections.per.ip.overrides";
    let mut overrides = BTreeMap::new();
    let entries = settings.list(KEY);
    if entries.len() > OVERRIDES_MAX {
        let why = format!("has {} addresses, more than {OVERRIDES_MAX}", entries.len());
        problems.push(unfit(settings, KEY, why, "keep the most important ones"));
    }
    for entry in entries.iter().take(OVERRIDES_MAX) {
        let parsed = entry.rsplit_once(':').and_then(|(address, count)| {
            let count = count.trim().parse().ok().filter(|count| i32::try_from(*count).is_ok())?;
            Some((address.trim().parse::<IpAddr>().ok()?.to_canonical(), count))
        });
        if let Some((address, count)) = parsed {
            overrides.insert(address, count);
        } else {
            let why = format!("has {entry}, which is no address and number");
            problems.push(unfit(settings, KEY, why, "write ADDRESS:NUMBER, as 10.0.0.1:50"));
        }
    }
    overrides
}

/// Connections that may be opened in a second; `None`: as many as come, which Kafka writes as the
/// largest number there is.
pub(super) fn creation_rate_max(settings: &Settings) -> Option<u32> {
    let rate = settings.small("max.connection.creation.rate");
    (rate < i32::MAX as u32).then_some(rate)
}
