//! The result of a run for people: what was measured, latencies, what speaks against the numbers,
//! what the broker used, and what a fair comparison has to hold equal.

use std::time::Duration;

use corelog_bench::fairness::{NOT_TOLD, of_runs};
use corelog_bench::latency::{Latency, LatencyResult, QUANTILES};
use corelog_bench::resources::Resources;
use corelog_bench::result::{BrokerUse, Latencies, Repeat, RunResult, StallResult};
use corelog_bench::statistics::{Spread, spread};
use corelog_bench::syncs::Syncs;
use corelog_bench::validity::{Verdict, Weight};
use serde::Serialize;

use crate::output::{Report, Table};

/// A run. Scripts see its file format.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct RunReport<'r>(pub(super) &'r RunResult);

impl Report for RunReport<'_> {
    fn tables(&self) -> Vec<Table> {
        let result = self.0;
        let mut tables = vec![summary(result), latencies(result)];
        tables.push(load(result));
        if result.repeats.iter().any(|repeat| repeat.broker.is_some()) {
            tables.push(broker(&result.repeats));
        }
        tables.push(syncs(&result.repeats));
        let stalls = result.repeats.iter().filter_map(|repeat| repeat.stall.as_ref());
        tables.extend(stalls.map(stall));
        tables.push(fairness(result));
        if !result.verdict.findings.is_empty() {
            tables.push(findings(&result.verdict));
        }
        tables
    }
}

fn summary(result: &RunResult) -> Table {
    let summary = &result.summary;
    let name = result.workload.name.as_deref().unwrap_or("custom");
    let about = result.workload.about.as_deref().map(|about| format!(": {about}"));
    let mut rows = vec![
        row("verdict", verdict(&result.verdict)),
        row("loop", result.loop_kind.label()),
        row("target", format!("{} ({})", result.target.name, result.target.bootstrap)),
        row("workload", format!("{name}{}", about.unwrap_or_default())),
    ];
    let first = result.repeats.first();
    if let Some(offered) = first.and_then(|repeat| repeat.offered_per_second) {
        rows.push(row("offered", format!("{offered:.0} messages/s")));
    }
    let of = |spread: Option<Spread>, show: &dyn Fn(f64) -> String| {
        spread.map_or("-".to_owned(), |spread| with_spread(&spread, show))
    };
    let rate = of(summary.acknowledged_per_second, &|rate| format!("{rate:.0} messages/s"));
    rows.push(row("acknowledged", rate));
    let payload = of(summary.payload_bytes_per_second, &|rate| format!("{}/s", bytes(rate)));
    rows.push(row("payload", payload));
    let caught_up =
        |repeat: &Repeat| repeat.totals.caught_up_bytes as f64 / repeat.measured_seconds;
    let caught_up: Vec<f64> = result.repeats.iter().map(caught_up).collect();
    if caught_up.iter().any(|rate| *rate > 0.0) {
        let show = |rate: f64| format!("{}/s", bytes(rate));
        rows.push(row("catch-up reads", of(spread(&caught_up), &show)));
    }
    rows.push(row("delivery", delivery(&result.repeats)));
    Table::new(["result", "value"], rows)
}

fn verdict(verdict: &Verdict) -> String {
    let count = verdict.findings.len();
    match (verdict.is_valid, count) {
        (true, 0) => "valid".to_owned(),
        (true, count) => format!("valid, with {count} remarks below"),
        (false, _) => "NOT VALID, do not use these numbers; see below".to_owned(),
    }
}

fn delivery(repeats: &[Repeat]) -> String {
    let checks: Vec<_> = repeats.iter().filter_map(|repeat| repeat.delivery.as_ref()).collect();
    let Some(first) = checks.first() else { return "not checked: nobody reads".to_owned() };
    let sum = |of: fn(&corelog_bench::ledger::DeliveryCheck) -> u64| {
        checks.iter().map(|check| of(check)).sum::<u64>()
    };
    let (lost, repeated) = (sum(|check| check.lost), sum(|check| check.repeated));
    let messages = sum(|check| check.acknowledged);
    let lost = match &first.inconclusive {
        Some(why) => format!("losses cannot be told ({why})"),
        None if lost == 0 => "nothing lost".to_owned(),
        None => format!("{lost} LOST"),
    };
    let repeated = match repeated {
        0 => "nothing twice".to_owned(),
        count => format!("{count} TWICE"),
    };
    let groups = match first.groups {
        1 => "one group".to_owned(),
        groups => format!("{groups} groups"),
    };
    format!("{lost}, {repeated}: {messages} messages, {groups} of readers")
}

fn latencies(result: &RunResult) -> Table {
    type Pick = fn(&Latencies) -> &LatencyResult;
    let kinds: [(&str, Pick); 6] = [
        ("produce", |all| &all.produce),
        ("produce, from the actual send", |all| &all.produce_service),
        ("end to end", |all| &all.end_to_end),
        ("fetch, tail", |all| &all.fetch_tail),
        ("fetch, catch-up", |all| &all.fetch_catch_up),
        ("lag of the load itself", |all| &all.lag),
    ];
    let merged = kinds.iter().map(|(kind, pick)| (*kind, result.merged(pick)));
    let rows = merged.filter(|(_, latency)| latency.count() > 0).map(|(kind, latency)| {
        let mut row = vec![kind.to_owned()];
        let result = latency.result();
        row.extend(result.percentiles.iter().map(|one| {
            let value = duration(Duration::from_nanos(one.value_ns));
            // The luck of a few is shown as such.
            if one.is_supported { value } else { format!("({value})") }
        }));
        row.push(duration(latency.max()));
        row
    });
    Table::new(
        ["latency", "p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "max"],
        rows.collect(),
    )
}

fn load(result: &RunResult) -> Table {
    let header =
        ["repeat", "verdict", "p50", "p99", "p99.9", "lag max", "own CPU", "steal", "other"];
    let row = |(number, repeat): (u32, &Repeat)| {
        let produce = Latency::of_result(&repeat.latencies.produce);
        let machine = &repeat.machine;
        vec![
            number.to_string(),
            if repeat.verdict.is_valid { "valid" } else { "NOT VALID" }.to_owned(),
            duration(produce.quantile(QUANTILES[0])),
            duration(produce.quantile(QUANTILES[2])),
            duration(produce.quantile(QUANTILES[3])),
            duration(Duration::from_nanos(repeat.latencies.lag.max_ns)),
            format!("{:.2} s", repeat.generator.cpu_seconds),
            percent(machine.steal),
            percent(machine.other),
        ]
    };
    Table::new(header, (1..).zip(&result.repeats).map(row).collect())
}

fn broker(repeats: &[Repeat]) -> Table {
    let of = |of: &dyn Fn(&BrokerUse) -> Option<f64>, show: &dyn Fn(f64) -> String| {
        let values = repeats.iter().filter_map(|repeat| of(repeat.broker.as_ref()?));
        spread(&values.collect::<Vec<_>>())
            .map_or("unknown".to_owned(), |spread| with_spread(&spread, show))
    };
    let whole = |value: f64| format!("{value:.0}");
    let rows = vec![
        row("CPU time", of(&|it| Some(it.cpu_seconds), &|value| format!("{value:.2} s"))),
        row("payload per CPU second", of(&|it| Some(it.payload_bytes_per_cpu_second), &bytes)),
        row("resident memory", of(&|it| Some(it.resident_bytes as f64), &bytes)),
        row("context switches", of(&|it| Some(it.context_switches as f64), &whole)),
        row("written to disk", of(&|it| it.disk_written_bytes.map(|it| it as f64), &bytes)),
        row("write amplification", of(&|it| it.write_amplification, &|it| format!("{it:.2}"))),
    ];
    Table::new(["broker process", "value"], rows)
}

fn syncs(repeats: &[Repeat]) -> Table {
    let all = Syncs::together(repeats.iter().filter_map(|repeat| repeat.syncs.as_ref()));
    let told = |value: Option<f64>| {
        value.map_or(NOT_TOLD.to_owned(), |value| duration(Duration::from_secs_f64(value)))
    };
    let of = |of: &dyn Fn(&Syncs) -> Option<f64>| told(all.as_ref().and_then(of));
    let count = all.as_ref().map_or(NOT_TOLD.to_owned(), |syncs| syncs.count.to_string());
    let rows = vec![
        row("syncs", count),
        row("mean", of(&Syncs::mean_seconds)),
        row("p50", of(&|syncs| syncs.at(50.0))),
        row("p99", of(&|syncs| syncs.at(99.0))),
        row("p99.9", of(&|syncs| syncs.at(99.9))),
    ];
    Table::new(["sync latency of the broker", "value"], rows)
}

fn stall(stall: &StallResult) -> Table {
    let at = |nanoseconds| duration(Duration::from_nanos(nanoseconds));
    let shown = if stall.is_shown { "yes" } else { "NO" };
    let percentile = format!("p{:.2} must be at least", stall.percentile);
    let rows = vec![
        row("broker stopped for", format!("{:.2} s", stall.seconds)),
        row(&percentile, at(stall.expected_ns)),
        row("and is", at(stall.found_ns)),
        row("longest", at(stall.max_ns)),
        row("a closed loop would say", at(stall.closed_loop_ns)),
        row("the stall is in the numbers", shown),
    ];
    Table::new(["stall on purpose", "value"], rows)
}

fn fairness(result: &RunResult) -> Table {
    let settings = of_runs(std::slice::from_ref(result));
    let mut rows: Vec<_> = settings.iter().map(|it| row(&it.name, it.value(0))).collect();
    rows.extend(result.fairness.notes.iter().map(|note| row("note", note)));
    Table::new(["for a fair comparison", "value"], rows)
}

fn findings(verdict: &Verdict) -> Table {
    let row = |finding: &corelog_bench::validity::Finding| {
        let weight = match finding.weight {
            Weight::Invalid => "NOT VALID",
            Weight::Remark => "remark",
        };
        vec![weight.to_owned(), finding.what.clone()]
    };
    Table::new(["finding", "what"], verdict.findings.iter().map(row).collect())
}

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

/// The middle, and the ends where there are several.
pub(crate) fn with_spread(spread: &Spread, show: &dyn Fn(f64) -> String) -> String {
    let middle = show(spread.median);
    match spread.count {
        1 => middle,
        count => format!(
            "{middle} ({} to {}, {count} repeats, variation {})",
            show(spread.min),
            show(spread.max),
            percent(spread.variation)
        ),
    }
}

/// A duration with three digits.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        seconds if seconds >= 1.0 => digits(seconds, "s"),
        seconds if seconds >= 1e-3 => digits(seconds * 1e3, "ms"),
        seconds => format!("{:.0} us", seconds * 1e6),
    }
}

/// Bytes with three digits.
pub(crate) fn bytes(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    digits(value, units[unit])
}

fn digits(value: f64, unit: &str) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0} {unit}"),
        value if value >= 10.0 => format!("{value:.1} {unit}"),
        value => format!("{value:.2} {unit}"),
    }
}

pub(crate) fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

/// Payload for each second of the broker's CPU time.
pub(super) fn per_cpu_second(used: Option<&Resources>) -> String {
    used.map_or(NOT_TOLD.to_owned(), |used| bytes(used.payload_bytes_per_cpu_second))
}

/// Bytes written to disk for each byte of payload.
pub(super) fn written_per_byte(used: Option<&Resources>) -> String {
    let amplification = used.and_then(|used| used.write_amplification);
    amplification.map_or(NOT_TOLD.to_owned(), |part| format!("{part:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let shown = [7_u64, 1500, 25_000, 900_000, 2_500_000].map(Duration::from_micros);
        let shown = shown.map(duration);
        assert_eq!(shown, ["7 us", "1.50 ms", "25.0 ms", "900 ms", "2.50 s"]);
        assert_eq!([512.0, 2048.0, 1e8].map(bytes), ["512 B", "2.00 KiB", "95.4 MiB"]);
    }

    #[test]
    fn one_repeat_has_no_spread() {
        let show = |value: f64| format!("{value:.0}");
        assert_eq!(with_spread(&spread(&[5.0]).unwrap(), &show), "5");
        let three = with_spread(&spread(&[4.0, 5.0, 6.0]).unwrap(), &show);
        assert_eq!(three, "5 (4 to 6, 3 repeats, variation 20.0 %)");
    }
}
