//! The whole look at a history.

use super::facts::Facts;
use super::{Anomaly, History, cycles, order, records};

/// Everything that is wrong with a history, also what is allowed.
pub(crate) fn check(history: &History) -> Vec<Anomaly> {
    let facts = Facts::of(history);
    let mut found = Vec::new();
    records::look(&facts, &mut found);
    order::look(&facts, &mut found);
    cycles::look(&facts, &mut found);
    found.sort();
    found.dedup();
    found
}

/// What is wrong with a history and not allowed.
pub(crate) fn forbidden(history: &History) -> Vec<Anomaly> {
    let found = check(history);
    found.into_iter().filter(|anomaly| !anomaly.phenomenon.is_allowed()).collect()
}
