//! Results as reports: what a run, a sweep or a comparison found becomes a page whose verdict
//! stands on top and whose evidence follows. Pure; `report` draws it.

mod check;
mod compare;
mod cores;
mod probe;
mod resources;
mod run;
mod size;
mod sweep;
mod syncs;

pub use check::check_page;
pub use compare::compare_page;
pub use probe::probe_page;
pub use run::run_page;
pub use size::size_page;
pub use sweep::sweep_page;

use crate::fairness::{self, Subject};
use crate::latency::LatencyResult;
use crate::report::{Axis, Chart, Series, Style, Unit};
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
fn facts(subject: Subject<'_>, workload: &RawWorkload) -> Vec<(String, String)> {
    let settings = fairness::of_subjects(&[subject]);
    let told = |it: fairness::Setting| (it.name.clone(), it.value(0).to_owned());
    let name = workload.name.iter().map(|name| ("workload".to_owned(), name.clone()));
    let notes = subject.target.notes.iter().map(|note| ("note".to_owned(), note.clone()));
    name.chain(settings.into_iter().map(told)).chain(notes).collect()
}

/// Whether two percentiles or rates are the same one.
fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

fn seconds(nanos: u64) -> String {
    Unit::Seconds.format(nanos as f64 * NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::CompareResult;
    use crate::objective::Metric;
    use crate::report::{Grade, Item, KeyNumber, Settings};
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

    /// What a page says of one setting.
    fn fact<'p>(page: &'p crate::report::Page, name: &str) -> Option<&'p str> {
        page.facts.iter().find(|fact| fact.0 == name).map(|fact| fact.1.as_str())
    }

    #[test]
    fn every_page_of_one_target_says_what_is_fair_and_what_is_not_told() {
        let mut run = run();
        run.fairness.heap = Some("1 GiB".to_owned());
        run.fairness.notes = vec!["a remark".to_owned()];
        run.workload.producer.batch_bytes = Some(1 << 14);
        run.machine = crate::machine::Machine { cpus: 2, ..Default::default() };
        run.repeats[0].generator.load_cpus = vec![1];
        let found =
            Sustainable { rate_per_second: None, missed_per_second: None, limit: SweepLimit::Load };
        let sweep = SweepResult::new(&run, "p99 < 5ms".parse().unwrap(), found, Vec::new());
        for page in [run_page(&run), sweep_page(&sweep)] {
            let of = |name| fact(&page, name);
            assert_eq!((of("heap"), of("version")), (Some("1 GiB"), Some("not told")));
            assert_eq!((of("batch bytes"), of("load CPUs")), (Some("16 KiB"), Some("1")));
            assert_eq!((of("machine"), of("note")), (Some("2 x "), Some("a remark")));
        }
    }

    /// The cells of the rows in which brokers' resources stand.
    fn used(page: &crate::report::Page) -> Vec<Vec<String>> {
        let section = page.sections.iter().find(|one| one.title == "Resources").unwrap();
        match section.items.as_slice() {
            [Item::Table(table)] => table.rows.clone(),
            [Item::Note(_)] => Vec::new(),
            _ => panic!("{section:?}"),
        }
    }

    #[test]
    fn every_page_has_bytes_per_cpu_second_and_write_amplification_where_they_are_known() {
        let mut result = comparison(&[("old", 2), ("new", 8)]);
        assert!(used(&compare_page(&result)).is_empty() && used(&run_page(&run())).is_empty());
        for repeat in &mut result.runs[1].repeats {
            repeat.broker = Some(crate::result::BrokerUse {
                cpu_seconds: 5.0,
                resident_bytes: 2_000_000,
                payload_bytes_per_cpu_second: 3e6,
                write_amplification: Some(1.5),
                context_switches: 70,
                ..Default::default()
            });
        }
        let told = ["50 %", "2 MB", "3 MB", "1.5\u{d7}", "7"];
        let row = |name: &str, cells: [&str; 5]| {
            std::iter::once(name).chain(cells).map(str::to_owned).collect::<Vec<_>>()
        };
        let expected = [row("old", ["not told"; 5]), row("new", told)];
        assert_eq!(used(&compare_page(&result)), expected);
        let one = &result.runs[1];
        assert_eq!(used(&run_page(one))[0], row("repeat 1", told));
        let objective = "p99 < 5ms".parse().unwrap();
        let points = vec![Point::of(100.0, one, &objective)];
        let found =
            Sustainable { rate_per_second: None, missed_per_second: None, limit: SweepLimit::Load };
        let page = sweep_page(&SweepResult::new(one, objective, found, points));
        assert_eq!(used(&page), [row("100 msg/s", told)]);
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
            resources: None,
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
    fn a_rate_that_was_measured_again_is_one_point_of_the_curve() {
        let point = |rate: f64, p99_ns: u64| {
            let mut point = Point::of(rate, &run(), &"p99 < 5ms".parse().unwrap());
            point.produce_ns = vec![(99.0, p99_ns)];
            point
        };
        let points = [(100.0, 2_000_000), (200.0, 90_000_000), (200.0, 3_000_000), (200.0, 4)];
        let points = points.map(|(rate, p99_ns)| point(rate, p99_ns)).to_vec();
        let found =
            Sustainable { rate_per_second: None, missed_per_second: None, limit: SweepLimit::Load };
        let result = SweepResult::new(&run(), "p99 < 5ms".parse().unwrap(), found, points);
        let page = sweep_page(&result);
        let items = page.sections.iter().flat_map(|section| &section.items);
        let drawn = items.filter_map(|item| match item {
            Item::Chart(chart) => chart.series.iter().find(|series| series.name == "p99"),
            _ => None,
        });
        let drawn: Vec<_> = drawn.map(|series| series.points.clone()).collect();
        assert_eq!(drawn, [[(100.0, 0.002), (200.0, 0.003)]]);
    }

    /// A comparison of targets with these latencies in milliseconds.
    fn comparison(targets: &[(&str, u64)]) -> CompareResult {
        let of = |(name, latency_ms): &(&str, u64)| {
            let mut run = result((0..8).map(|_| repeat(*latency_ms, 100.0)).collect());
            run.target.name = (*name).to_owned();
            run
        };
        CompareResult::new(Metric::Produce(99.0), 0.1, targets.iter().map(of).collect())
    }

    #[track_caller]
    fn check_answer(targets: &[(&str, u64)], grade: Grade, answer: &str) {
        let verdict = compare_page(&comparison(targets)).verdict;
        assert_eq!((verdict.grade, verdict.answer.as_deref()), (grade, Some(answer)));
    }

    #[test]
    fn a_comparison_says_who_is_ahead_by_how_much_and_how_surely() {
        let page = compare_page(&comparison(&[("old", 2), ("new", 8)]));
        page.html().unwrap();
        assert_eq!(page.verdict.headline, "p99: old 2 ms, new 8 ms. Lower is better.");
        let KeyNumber { value, label } = &page.verdict.numbers[0];
        assert_eq!(value, "4\u{d7}");
        assert_eq!(
            label,
            "p99 of new against old: significant (p\u{a0}=\u{a0}0.008, 8\u{a0}pairs)"
        );
    }

    #[test]
    fn the_answer_names_whoever_is_ahead() {
        check_answer(&[("a", 2), ("b", 8)], Grade::Clear, "a is faster than b");
        check_answer(&[("a", 8), ("b", 2)], Grade::Clear, "b is faster than a");
        check_answer(&[("a", 8), ("b", 8)], Grade::Mixed, "a and b: no difference shown");
        check_answer(
            &[("a", 4), ("b", 8), ("c", 8), ("d", 1), ("e", 4)],
            Grade::Clear,
            "a is faster than b and c; d is faster than a; a and e: no difference shown",
        );
        let mut few = comparison(&[("a", 2), ("b", 8)]);
        few.runs.iter_mut().for_each(|run| run.repeats.truncate(3));
        let few = CompareResult::new(few.metric, few.threshold, few.runs);
        let verdict = compare_page(&few).verdict;
        assert_eq!(verdict.grade, Grade::Invalid);
        assert_eq!(verdict.answer.as_deref(), Some("a and b: undecided"));
        assert!(verdict.headline.starts_with("3 pairs are valid, 6 are needed."));
    }

    #[test]
    fn what_contradicts_stands_before_what_one_side_does_not_tell() {
        let mut result = comparison(&[("a", 2), ("b", 8)]);
        let config = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        result.runs[0].fairness.configs = vec![
            config("node num.io.threads", "8"),
            config("topic flush.messages", "1"),
            config("topic flush.ms", "1000"),
        ];
        let never = config("topic flush.messages", "9223372036854775807");
        result.runs[1].fairness.configs = vec![never, config("topic flush.ms", "1000")];
        let page = compare_page(&result);
        let items = page.sections.iter().flat_map(|section| &section.items);
        let found = items.filter_map(|item| match item {
            Item::Settings(settings) => Some(settings),
            _ => None,
        });
        let known = |value: &str| Some(value.to_owned());
        let untold = |name: &str| (name.to_owned(), vec![None, None]);
        let expected = Settings {
            title: "Setting".to_owned(),
            columns: vec!["a".to_owned(), "b".to_owned()],
            different: vec![
                ("topic flush.messages".to_owned(), vec![known("1"), known("never")]),
                ("node num.io.threads".to_owned(), vec![known("8"), None]),
                untold("broker"),
                untold("version"),
                untold("replicas"),
                untold("broker CPUs"),
                untold("heap"),
            ],
            equal: vec![config("topic flush.ms", "1000"), config("load CPUs", "any")],
        };
        assert_eq!(found.collect::<Vec<_>>(), [&expected]);
        let differ = ("settings that differ".to_owned(), "2, see below".to_owned());
        assert!(page.facts.contains(&differ), "{:?}", page.facts);
        let html = page.html().unwrap();
        let row = "<tr class=\"unequal\"><th scope=\"row\">topic flush.messages</th>";
        assert!(html.contains(&format!("{row}<td>1</td><td>never</td>")));
        let row = "<tr><th scope=\"row\">node num.io.threads</th>";
        assert!(html.contains(&format!("{row}<td>8</td><td class=\"unknown\">not told</td>")));
        assert!(html.contains("The same for all: <span>topic flush.ms <b>1000</b></span>"));
    }
}
