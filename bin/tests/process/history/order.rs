//! Anomalies of order: what a process polls, and what it sends, goes forward in each partition, and
//! leaves out nothing that is there.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::{Action, Anomaly, Offset, Operation, Partition, Phenomenon, Process};

/// How far each process is in each partition: the offset it came to, and in which operation.
type Places = BTreeMap<(Process, Partition), (Offset, usize)>;

/// Looks at the operations one after the other. Those of one process do not overlap.
pub(super) fn look(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    let (mut polled, mut sent) = (Places::new(), Places::new());
    for (index, operation) in facts.history.operations.iter().enumerate() {
        if let Action::Assign(partitions) = &operation.action {
            polled.retain(|(process, _), _| *process != operation.process);
            for (partition, from) in partitions {
                if let Some(from) = from {
                    // The record there comes first.
                    polled.insert((operation.process, *partition), (from - 1, usize::MAX));
                }
            }
        }
        polls(facts, index, operation, &mut polled, found);
        sends(facts, index, operation, &mut sent, found);
    }
}

fn polls(
    facts: &Facts<'_>,
    index: usize,
    operation: &Operation,
    places: &mut Places,
    found: &mut Vec<Anomaly>,
) {
    let process = operation.process;
    for (_, record) in operation.polled() {
        let partition = record.partition;
        let before = places.insert((process, partition), (record.offset, index));
        let Some((before, of)) = before else { continue };
        let (skip, back) = if of == index {
            (Phenomenon::IntPollSkip, Phenomenon::IntNonmonotonicPoll)
        } else {
            (Phenomenon::PollSkip, Phenomenon::NonmonotonicPoll)
        };
        let steps = format!("process {process} came from {before} to {record:?}");
        if record.offset <= before {
            found.push(Anomaly { phenomenon: back, evidence: steps });
        } else if let Some(left_out) = facts.between(partition, before, record.offset) {
            let evidence = format!("{steps} and left out {left_out:?}");
            found.push(Anomaly { phenomenon: skip, evidence });
        }
    }
}

fn sends(
    facts: &Facts<'_>,
    index: usize,
    operation: &Operation,
    places: &mut Places,
    found: &mut Vec<Anomaly>,
) {
    let process = operation.process;
    for (partition, value, offset) in operation.sends() {
        let Some(offset) = offset else { continue };
        let before = places.insert((process, partition), (offset, index));
        let Some((before, of)) = before else { continue };
        let is_same = of == index;
        let steps = format!(
            "process {process} sent {value} to partition {partition}, from {before} to {offset}"
        );
        if offset <= before {
            let phenomenon = if is_same {
                Phenomenon::IntNonmonotonicSend
            } else {
                Phenomenon::NonmonotonicSend
            };
            found.push(Anomaly { phenomenon, evidence: steps });
        } else if let Some(other) = facts.between(partition, before, offset).filter(|_| is_same) {
            let evidence = format!("{steps}, with {other:?} between");
            found.push(Anomaly { phenomenon: Phenomenon::IntSendSkip, evidence });
        }
    }
}
