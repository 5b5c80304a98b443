//! Anomalies of single records: what was read without being written, and written without being
//! read.

use super::facts::Facts;
use super::{Anomaly, Isolation, Outcome, Phenomenon};

/// Looks at every value and every offset.
pub(super) fn look(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    offsets(facts, found);
    reads(facts, found);
    writes(facts, found);
}

fn offsets(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    for ((partition, offset), values) in facts.at.iter().filter(|(_, values)| values.len() > 1) {
        found.push(Anomaly {
            phenomenon: Phenomenon::InconsistentOffsets,
            evidence: format!("partition {partition} has {values:?} at offset {offset}"),
        });
    }
    for (value, places) in facts.places.iter().filter(|(_, places)| places.len() > 1) {
        found.push(Anomaly {
            phenomenon: Phenomenon::Duplicate,
            evidence: format!("value {value} is at {places:?}"),
        });
    }
}

fn reads(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    for (reader, operation) in facts.history.operations.iter().enumerate() {
        for (isolation, polled) in operation.polled() {
            let told = |phenomenon, what: &str| Anomaly {
                phenomenon,
                evidence: format!("process {} read {polled:?}, {what}", operation.process),
            };
            let Some(written) = facts.writers.get(&polled.value) else {
                found.push(told(Phenomenon::UnsentRead, "which nobody sent"));
                continue;
            };
            let writer = facts.writer(written);
            // Who reads everything may see a transaction that is aborted later.
            let counts = isolation == Isolation::Committed || !writer.is_transaction();
            if writer.outcome == Outcome::Failed && counts {
                let what = format!("whose writer, process {}, failed", writer.process);
                found.push(told(Phenomenon::AbortedRead, &what));
            }
            let is_own = written.operation == reader && operation.is_transaction();
            if is_own && isolation == Isolation::Committed {
                let what = "its own and not yet committed";
                found.push(told(Phenomenon::PrecommittedRead, what));
            }
        }
    }
}

fn writes(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    for (value, written) in &facts.writers {
        if !facts.is_certain(*value) || facts.seen.contains(value) {
            continue;
        }
        let partition = written.partition;
        let end = facts.ends.get(&partition).copied();
        let is_passed = written.offset.zip(end).is_some_and(|(offset, end)| offset <= end);
        let writer = facts.writer(written);
        found.push(Anomaly {
            phenomenon: if is_passed { Phenomenon::LostWrite } else { Phenomenon::Unseen },
            evidence: format!(
                "process {} wrote {value} to partition {partition} at {:?}; it is read up to \
                {end:?}",
                writer.process, written.offset
            ),
        });
    }
}
