//! Results as reports: what a run, a sweep or a comparison found becomes a page whose verdict
//! stands on top and whose evidence follows. Pure; `report` draws it.

mod check;
mod compare;
mod probe;
mod run;
mod size;
mod sweep;

pub use check::check_page;
pub use compare::compare_page;
pub use probe::probe_page;
pub use run::run_page;
pub use size::size_page;
pub use sweep::sweep_page;

use crate::latency::LatencyResult;
use crate::report::{Axis, Chart, Series, Style, Unit};
use crate::result::Fairness;
use crate::workload::RawWorkload;

const NANOS: f64 = 1e-9;

/// Where a latency curve is drawn, as percentiles.
const CURVE: [f64; 16] = [
    0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999,
    100.0,
];

/// The curve of a latency as far as enough values lie beyond each percentile; the longest at 100.
fn curve(name: &str, found: &LatencyResult) -> Option<Series> {
    if found.count == 0 {
        return None;
    }
    let latency = crate::latency::Latency::of_result(found);
    let is_supported = |percentile: f64| {
        percentile >= 100.0 || found.count as f64 * (1.0 - percentile / 100.0) >= 1.0
    };
    let at = |percentile: f64| {
        let value = if percentile >= 100.0 {
            found.max_ns as f64
        } else {
            latency.quantile(percentile / 100.0).as_nanos() as f64
        };
        // A logarithmic axis has no zero.
        (percentile, value.max(1.0) * NANOS)
    };
    let points = CURVE.into_iter().filter(|one| is_supported(*one)).map(at).collect();
    Some(Series::new(name, Style::Line, points))
}

fn latency_chart(title: &str, series: Vec<Series>) -> Chart {
    Chart::new(title, Axis::percentiles(), Axis::log("Latency", Unit::Seconds), series)
}

/// What a reader needs to judge whether a comparison is fair.
fn facts(fairness: &Fairness, workload: &RawWorkload) -> Vec<(String, String)> {
    let unknown = || "unknown".to_owned();
    let version = fairness.version.clone().unwrap_or_else(unknown);
    let mut facts = vec![
        ("Broker".to_owned(), format!("{} {version}", fairness.software)),
        ("Protocol".to_owned(), fairness.protocol.clone()),
        ("Acks".to_owned(), fairness.acks.clone()),
        ("Replicas".to_owned(), fairness.replicas.map_or_else(unknown, |count| count.to_string())),
        ("Broker's CPUs".to_owned(), fairness.broker_cpus.clone().unwrap_or_else(unknown)),
    ];
    facts.extend(fairness.configs.iter().cloned());
    facts.extend(fairness.notes.iter().map(|note| ("Note".to_owned(), note.clone())));
    if let Some(name) = &workload.name {
        facts.insert(0, ("Workload".to_owned(), name.clone()));
    }
    facts
}

fn seconds(nanos: u64) -> String {
    Unit::Seconds.format(nanos as f64 * NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::CompareResult;
    use crate::objective::Metric;
    use crate::report::{Grade, Item};
    use crate::result::RunResult;
    use crate::result::tests::{repeat, result};
    use crate::series::{Points, Second};
    use crate::sweep::{Judgement, Point, Sustainable, SweepLimit, SweepResult};
    use crate::validity::{Finding, Rule, Verdict, Weight};

    fn second(second: u64, max_ns: u64) -> Second {
        let produce = Points { p50_ns: 1_000_000, p99_ns: 2_000_000, p999_ns: max_ns, max_ns };
        Second { second, produce, ..Second::default() }
    }

    fn run() -> RunResult {
        let mut one = repeat(3, 100.0);
        one.series = (0..10).map(|number| second(number, 3_000_000)).collect();
        one.series[4].produce.max_ns = 900_000_000;
        one.series[5].produce.max_ns = 400_000_000;
        result(vec![repeat(4, 90.0), one])
    }

    #[test]
    fn a_run_is_drawn_with_its_stall_marked_once() {
        let page = run_page(&run());
        page.html().unwrap();
        assert_eq!(page.verdict.grade, Grade::Good);
        let items = page.sections.iter().flat_map(|section| &section.items);
        let marks: Vec<_> = items
            .filter_map(|item| match item {
                Item::Chart(chart) => Some(&chart.marks),
                _ => None,
            })
            .flatten()
            .map(|mark| mark.label.as_str())
            .collect();
        assert_eq!(marks, ["stall, 900 ms"]);
    }

    #[test]
    fn a_run_without_a_single_message_is_drawn_too() {
        let mut empty = repeat(3, 0.0);
        empty.latencies = crate::result::Latencies::default();
        run_page(&result(vec![empty])).html().unwrap();
    }

    #[test]
    fn a_run_that_is_not_valid_says_why_in_the_first_line() {
        let mut run = run();
        let what = "the schedule was lost".to_owned();
        let finding = Finding { rule: Rule::BehindSchedule, weight: Weight::Invalid, what };
        run.verdict = Verdict { is_valid: false, findings: vec![finding] };
        let page = run_page(&run);
        assert_eq!(page.verdict.grade, Grade::Invalid);
        assert_eq!(page.verdict.headline, "Not valid: the schedule was lost");
    }

    #[test]
    fn a_sweep_is_drawn_and_its_rate_stands_on_top() {
        let point = |rate: f64, judgement| Point {
            offered_per_second: rate,
            acknowledged_per_second: rate,
            payload_bytes_per_second: rate * 1e3,
            value_ns: 2e6,
            produce_ns: vec![(50.0, 1_000_000), (99.0, 2_000_000), (99.9, 4_000_000)],
            end_to_end_ns: Vec::new(),
            judgement,
            findings: Vec::new(),
        };
        let found = Sustainable {
            rate_per_second: Some(2000.0),
            missed_per_second: Some(4000.0),
            limit: SweepLimit::Target,
        };
        let points = vec![point(2000.0, Judgement::Kept), point(4000.0, Judgement::Missed)];
        let objective = "p99.9 < 5ms".parse().unwrap();
        let page = sweep_page(&SweepResult::new(&run(), objective, found, points));
        page.html().unwrap();
        assert_eq!(page.verdict.numbers[0].value, "2 k msg/s");
    }

    #[test]
    fn a_comparison_is_drawn_and_says_who_is_worse() {
        let of = |name: &str, latency_ms: u64| {
            let mut run = result((0..8).map(|_| repeat(latency_ms, 100.0)).collect());
            run.target.name = name.to_owned();
            run
        };
        let runs = vec![of("old", 2), of("new", 8)];
        let page = compare_page(&CompareResult::new(Metric::Produce(99.0), 0.1, runs));
        page.html().unwrap();
        assert_eq!(page.verdict.grade, Grade::Bad);
        assert!(page.verdict.headline.contains("of new is 4\u{d7} that of old: worse"));
    }
}
