//! Puts together what several processes measured at the same time: a load that is too large for
//! one process, or for one machine. Pure.

use std::collections::BTreeMap;

use crate::latency::{Latency, LatencyResult};
use crate::ledger::DeliveryCheck;
use crate::result::{
    BrokerUse, GeneratorUse, Latencies, MachineUse, Repeat, ResultError, RunResult, Summary, Totals,
};
use crate::series::{Points, Second};
use crate::validity::Verdict;

/// One result for several processes that ran the same workload at the same time. Repeat `n` of
/// the outcome is repeat `n` of all of them. It is valid when each of them is.
pub fn merge(results: &[RunResult]) -> Result<RunResult, ResultError> {
    let first = results.first().ok_or(ResultError::Empty)?;
    let is_alike = |one: &RunResult| {
        let mut workload = one.workload.clone();
        // Processes share a load by rate and are told apart by seed.
        workload.load.rate = first.workload.load.rate;
        workload.load.seed = first.workload.load.seed;
        workload == first.workload && one.repeats.len() == first.repeats.len()
    };
    if !results.iter().all(is_alike) {
        return Err(ResultError::Workloads);
    }
    let repeats: Vec<Repeat> = (0..first.repeats.len())
        .map(|number| {
            merge_repeats(&results.iter().map(|one| &one.repeats[number]).collect::<Vec<_>>())
        })
        .collect();
    Ok(RunResult {
        started_ms: results.iter().map(|one| one.started_ms).min().unwrap_or_default(),
        verdict: Verdict::over(repeats.iter().map(|repeat| &repeat.verdict)),
        summary: Summary::of(&repeats),
        repeats,
        ..first.clone()
    })
}

fn merge_repeats(repeats: &[&Repeat]) -> Repeat {
    let totals = merge_totals(repeats);
    let offered: Vec<f64> = repeats.iter().filter_map(|one| one.offered_per_second).collect();
    Repeat {
        offered_per_second: (offered.len() == repeats.len()).then(|| offered.iter().sum()),
        measured_seconds: largest(repeats.iter().map(|one| one.measured_seconds)),
        latencies: merge_latencies(repeats),
        series: merge_series(repeats),
        generator: merge_generators(repeats),
        machine: merge_machines(repeats),
        broker: merge_brokers(repeats, totals.payload_bytes),
        // CPUs of several machines have the same numbers, so those of the first one are kept.
        cpus: repeats.iter().find_map(|one| one.cpus.clone()),
        syncs: repeats.iter().find_map(|one| one.syncs.clone()),
        delivery: merge_deliveries(repeats),
        stall: repeats.iter().find_map(|one| one.stall.clone()),
        verdict: Verdict::over(repeats.iter().map(|one| &one.verdict)),
        totals,
    }
}

fn merge_totals(repeats: &[&Repeat]) -> Totals {
    let mut sum = Totals::default();
    for one in repeats.iter().map(|repeat| &repeat.totals) {
        sum.sent += one.sent;
        sum.acknowledged += one.acknowledged;
        sum.failed += one.failed;
        sum.unanswered += one.unanswered;
        sum.payload_bytes += one.payload_bytes;
        sum.received += one.received;
        sum.caught_up_bytes += one.caught_up_bytes;
        sum.acknowledged_per_second += one.acknowledged_per_second;
        sum.payload_bytes_per_second += one.payload_bytes_per_second;
        sum.first_error = sum.first_error.or_else(|| one.first_error.clone());
    }
    sum
}

fn merge_latencies(repeats: &[&Repeat]) -> Latencies {
    let merge = |of: fn(&Latencies) -> &LatencyResult| {
        let mut merged = Latency::of_result(&LatencyResult::default());
        for repeat in repeats {
            merged.merge(&Latency::of_result(of(&repeat.latencies)));
        }
        merged.result()
    };
    Latencies {
        produce: merge(|all| &all.produce),
        produce_service: merge(|all| &all.produce_service),
        end_to_end: merge(|all| &all.end_to_end),
        fetch_tail: merge(|all| &all.fetch_tail),
        fetch_catch_up: merge(|all| &all.fetch_catch_up),
        lag: merge(|all| &all.lag),
    }
}

/// Counts add up. Of the percentiles of a second only the points are left, so the worst counts.
fn merge_series(repeats: &[&Repeat]) -> Vec<Second> {
    let mut seconds: BTreeMap<u64, Second> = BTreeMap::new();
    for second in repeats.iter().flat_map(|repeat| &repeat.series) {
        let merged = seconds
            .entry(second.second)
            .or_insert_with(|| Second { second: second.second, ..Second::default() });
        merged.counts.add(&second.counts);
        merged.produce = worse(&merged.produce, &second.produce);
        merged.end_to_end = worse(&merged.end_to_end, &second.end_to_end);
    }
    seconds.into_values().collect()
}

fn worse(one: &Points, other: &Points) -> Points {
    Points {
        p50_ns: one.p50_ns.max(other.p50_ns),
        p99_ns: one.p99_ns.max(other.p99_ns),
        p999_ns: one.p999_ns.max(other.p999_ns),
        max_ns: one.max_ns.max(other.max_ns),
    }
}

fn merge_generators(repeats: &[&Repeat]) -> GeneratorUse {
    let mut merged = GeneratorUse::default();
    for one in repeats.iter().map(|repeat| &repeat.generator) {
        merged.lag_end_ns = merged.lag_end_ns.max(one.lag_end_ns);
        merged.unsent += one.unsent;
        merged.no_room_seconds += one.no_room_seconds;
        merged.cpu_seconds += one.cpu_seconds;
        merged.load_threads.extend(&one.load_threads);
        merged.reader_threads.extend(&one.reader_threads);
        merged.load_cpus.extend(&one.load_cpus);
        merged.timer_slack_ns = merged.timer_slack_ns.max(one.timer_slack_ns);
    }
    merged
}

/// The worst of the machines.
fn merge_machines(repeats: &[&Repeat]) -> MachineUse {
    let of = |of: fn(&MachineUse) -> f64| largest(repeats.iter().map(|one| of(&one.machine)));
    let low = repeats.iter().filter_map(|one| one.machine.frequency_mhz_min);
    let high = repeats.iter().filter_map(|one| one.machine.frequency_mhz_max);
    MachineUse {
        busy: of(|one| one.busy),
        steal: of(|one| one.steal),
        other: of(|one| one.other),
        load_average: of(|one| one.load_average),
        frequency_mhz_min: low.reduce(f64::min),
        frequency_mhz_max: high.reduce(f64::max),
    }
}

/// All processes saw the same broker, so one look at it is enough, but for all of the payload.
fn merge_brokers(repeats: &[&Repeat], payload_bytes: u64) -> Option<BrokerUse> {
    let one = repeats.iter().find_map(|repeat| repeat.broker.clone())?;
    let payload = payload_bytes as f64;
    let written = one.disk_written_bytes.filter(|_| payload_bytes > 0);
    Some(BrokerUse {
        payload_bytes_per_cpu_second: payload / one.cpu_seconds.max(0.01),
        write_amplification: written.map(|bytes| bytes as f64 / payload),
        ..one
    })
}

fn merge_deliveries(repeats: &[&Repeat]) -> Option<DeliveryCheck> {
    let checks: Vec<&DeliveryCheck> =
        repeats.iter().filter_map(|repeat| repeat.delivery.as_ref()).collect();
    let sum = |of: fn(&DeliveryCheck) -> u64| checks.iter().map(|one| of(one)).sum();
    let first = checks.first()?;
    Some(DeliveryCheck {
        groups: first.groups,
        acknowledged: sum(|one| one.acknowledged),
        lost: sum(|one| one.lost),
        repeated: sum(|one| one.repeated),
        inconclusive: checks.iter().find_map(|one| one.inconclusive.clone()),
    })
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::result::tests::{repeat, result};

    #[test]
    fn processes_add_up_and_their_histograms_become_one() {
        let (mut one, two) = (repeat(2, 100.0), repeat(6, 300.0));
        one.broker = Some(BrokerUse {
            cpu_seconds: 2.0,
            disk_written_bytes: Some(400),
            ..BrokerUse::default()
        });
        one.totals.payload_bytes = 100;
        let merged = merge(&[result(vec![one]), result(vec![two])]).unwrap();
        let [repeat] = merged.repeats.as_slice() else { panic!("{merged:?}") };
        assert_eq!(repeat.offered_per_second, Some(400.0));
        assert_eq!(repeat.totals.acknowledged_per_second, 400.0);
        assert_eq!(repeat.latencies.produce.count, 200_000);
        assert!(merged.merged(|all| &all.produce).quantile(0.6) > Duration::from_millis(5));
        let broker = repeat.broker.as_ref().unwrap();
        assert_eq!(broker.write_amplification, Some(4.0));
    }

    #[test]
    fn one_that_is_not_valid_spoils_all() {
        let mut bad = repeat(2, 1.0);
        bad.verdict.is_valid = false;
        let merged = merge(&[result(vec![repeat(2, 1.0)]), result(vec![bad])]).unwrap();
        assert!(!merged.verdict.is_valid && !merged.repeats[0].verdict.is_valid);
    }

    #[test]
    fn different_workloads_do_not_add_up() {
        let mut other = result(vec![repeat(2, 1.0)]);
        other.workload.load.rate = Some(7.0);
        let one = result(vec![repeat(2, 1.0)]);
        assert!(merge(&[one.clone(), other.clone()]).is_ok());
        other.workload.message.size = Some("7".to_owned());
        assert!(matches!(merge(&[one, other]), Err(ResultError::Workloads)));
        assert!(matches!(merge(&[]), Err(ResultError::Empty)));
    }
}
