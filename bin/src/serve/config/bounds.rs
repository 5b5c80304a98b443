//! What single groups may have otherwise than the broker: each setting of theirs has a least and a
//! most value, and that of the broker is within them too.

use std::ops::RangeInclusive;

use corelog_cluster::group_keys::GroupBounds;

use super::problem::Problem;
use super::settings::Settings;
use super::unfit;

/// The bounds. A setting of the broker that is outside of its own is a problem.
pub(super) fn group_bounds(settings: &Settings, problems: &mut Vec<Problem>) -> GroupBounds {
    let mut range = |kind, key| bounds_of(kind, key, settings, problems);
    GroupBounds {
        heartbeat_interval_ms: range("consumer", "heartbeat.interval.ms"),
        session_timeout_ms: range("consumer", "session.timeout.ms"),
        share_heartbeat_interval_ms: range("share", "heartbeat.interval.ms"),
        share_session_timeout_ms: range("share", "session.timeout.ms"),
        share_lock_duration_ms: range("share", "record.lock.duration.ms"),
        share_deliveries: range("share", "delivery.count.limit"),
        share_locks: range("share", "partition.max.record.locks"),
    }
}

fn bounds_of(
    kind: &str,
    key: &str,
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> RangeInclusive<i64> {
    let name = |bound| format!("group.{kind}.{bound}{key}");
    let (least, most) = (name("min."), name("max."));
    let range = settings.integer(&least)..=settings.integer(&most);
    if !range.contains(&settings.integer(&name(""))) {
        let why = format!(
            "is not within {} and {}",
            settings.setting(&least).place(),
            settings.setting(&most).place()
        );
        problems.push(unfit(settings, &name(""), why, "change it, or its bounds"));
    }
    range
}
