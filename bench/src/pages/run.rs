//! The page of one run.

use super::cores::cores;
use super::resources::resources;
use super::syncs::syncs;
use super::{NANOS, curve, facts, latency_chart, same, seconds};
use crate::fairness::Subject;
use crate::report::{
    Axis, Chart, Column, Grade, Item, KeyNumber, Mark, Page, Section, Series, Span, Style, Table,
    Unit, Verdict,
};
use crate::resources::Resources;
use crate::result::{Latencies, Repeat, RunResult};
use crate::series::{Points, Second};
use crate::validity::Weight;

/// A second whose longest latency is so many times the median of all seconds is marked as a stall.
const STALL_FACTOR: u64 = 10;

/// And it is no stall below this.
const STALL_NS_MIN: u64 = 50_000_000;

/// The page of a run. It shows the last repeat second by second and all of them in the table.
pub fn run_page(result: &RunResult) -> Page {
    let name = result.workload.name.as_deref().unwrap_or("a workload");
    let mut sections = vec![latencies(result)];
    if let Some(repeat) = result.repeats.last() {
        sections.push(time(repeat));
        sections.push(cores(repeat));
        sections.push(syncs_of(result));
        sections.push(used(result));
    }
    sections.push(trust(result));
    Page {
        title: format!("{}: {name}", result.target.name),
        verdict: verdict(result),
        facts: facts(Subject::of_run(result), &result.workload),
        sections,
    }
}

fn verdict(result: &RunResult) -> Verdict {
    let rate = result.summary.acknowledged_per_second.map_or(0.0, |spread| spread.median);
    let at = |percentile: f64| {
        let found = result.summary.produce_ns.iter().find(|one| same(one.percentile, percentile));
        found.map(|one| Unit::Seconds.format(one.value_ns.median * NANOS))
    };
    let number = |value: Option<String>, label: &str| {
        value.map(|value| KeyNumber { value, label: label.to_owned() })
    };
    let numbers = [
        number(at(99.0), "p99 until acknowledged"),
        number(at(99.9), "p99.9 until acknowledged"),
        number(Some(Unit::Messages.format(rate)), "acknowledged"),
    ];
    let reasons: Vec<&str> =
        result.verdict.reasons().map(|finding| finding.what.as_str()).collect();
    let (grade, headline) = if reasons.is_empty() {
        let headline =
            format!("{} acknowledged, {}", Unit::Messages.format(rate), result.loop_kind.label());
        (Grade::Good, headline)
    } else {
        (Grade::Invalid, format!("Not valid: {}", reasons.join("; ")))
    };
    Verdict { grade, answer: None, headline, numbers: numbers.into_iter().flatten().collect() }
}

type Pick = fn(&Latencies) -> &crate::latency::LatencyResult;

const KINDS: [(&str, Pick); 5] = [
    ("until acknowledged", |all| &all.produce),
    ("service time", |all| &all.produce_service),
    ("end to end", |all| &all.end_to_end),
    ("fetch, tail", |all| &all.fetch_tail),
    ("fetch, catch-up", |all| &all.fetch_catch_up),
];

fn latencies(result: &RunResult) -> Section {
    let merged: Vec<_> =
        KINDS.iter().map(|(name, pick)| (*name, result.merged(pick).result())).collect();
    let series = merged.iter().filter_map(|(name, found)| curve(name, found)).collect();
    let header = ["p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "longest"];
    let columns = std::iter::once(Column::Text("Latency".to_owned()))
        .chain(header.iter().map(|name| Column::Number((*name).to_owned())));
    let row = |(name, found): &(&str, crate::latency::LatencyResult)| {
        let at = |percentile: f64| {
            let known = found.percentiles.iter().find(|one| same(one.percentile, percentile));
            match known {
                Some(one) if one.is_supported => seconds(one.value_ns),
                Some(_) | None => "too few".to_owned(),
            }
        };
        let cells = [50.0, 90.0, 99.0, 99.9, 99.99, 99.999].map(at);
        let name = std::iter::once((*name).to_owned());
        name.chain(cells).chain([seconds(found.max_ns)]).collect()
    };
    let rows = merged.iter().filter(|one| one.1.count > 0).map(row).collect();
    Section {
        title: "Latency".to_owned(),
        text: "Measured from the moment a message was meant to be sent, so waiting for a slow \
               broker counts. Service time, from the moment it was really sent, is what most \
               tools show."
            .to_owned(),
        items: vec![
            Item::Chart(latency_chart("Latency by percentile", series)),
            Item::Table(Table {
                title: "Latency, all repeats together".to_owned(),
                columns: columns.collect(),
                rows,
            }),
        ],
    }
}

fn time(repeat: &Repeat) -> Section {
    let of = |pick: fn(&Points) -> u64, kind: fn(&Second) -> &Points| {
        let at = |second: &Second| (second.second as f64, pick(kind(second)).max(1) as f64 * NANOS);
        let is_known = |second: &&Second| kind(second).max_ns > 0;
        repeat.series.iter().filter(is_known).map(at).collect::<Vec<_>>()
    };
    let lines = [
        ("p50", of(|points| points.p50_ns, |second| &second.produce)),
        ("p99", of(|points| points.p99_ns, |second| &second.produce)),
        ("longest", of(|points| points.max_ns, |second| &second.produce)),
        ("end to end p99", of(|points| points.p99_ns, |second| &second.end_to_end)),
    ];
    let series = |lines: &[(&str, Vec<(f64, f64)>)]| {
        let drawn = lines.iter().filter(|line| !line.1.is_empty());
        drawn.map(|(name, points)| Series::new(name, Style::Line, points.clone())).collect()
    };
    let elapsed = || Axis::linear("Time", Unit::Elapsed);
    let mut latency = Chart::new(
        "Latency second by second, last repeat",
        elapsed(),
        Axis::log("Latency", Unit::Seconds),
        series(&lines),
    );
    latency.marks = stalls(repeat);
    let count = |pick: fn(&Second) -> u64| {
        repeat.series.iter().map(|one| (one.second as f64, pick(one) as f64)).collect::<Vec<_>>()
    };
    let rates = [
        ("sent", count(|second| second.counts.sent)),
        ("acknowledged", count(|second| second.counts.acknowledged)),
    ];
    let rate = Chart::new(
        "Messages second by second, last repeat",
        elapsed(),
        Axis::linear("Rate", Unit::Messages),
        series(&rates),
    );
    Section {
        title: "Time".to_owned(),
        text: "Each second is that in which messages were meant to be sent. The warm-up is shown \
               and not counted."
            .to_owned(),
        items: vec![Item::Chart(latency), Item::Chart(rate)],
    }
}

/// Seconds in which something stood still, neighbours together.
fn stalls(repeat: &Repeat) -> Vec<Mark> {
    let mut medians: Vec<u64> = repeat.series.iter().map(|one| one.produce.max_ns).collect();
    medians.sort_unstable();
    let median = medians.get(medians.len() / 2).copied().unwrap_or(0);
    let bound = (median * STALL_FACTOR).max(STALL_NS_MIN);
    let mut marks: Vec<(f64, f64, u64)> = Vec::new();
    for second in repeat.series.iter().filter(|one| one.produce.max_ns >= bound) {
        let (from, longest) = (second.second as f64, second.produce.max_ns);
        match marks.last_mut() {
            Some(last) if (last.1 - from).abs() < 0.5 => {
                *last = (last.0, from + 1.0, last.2.max(longest));
            }
            _ => marks.push((from, from + 1.0, longest)),
        }
    }
    let mark = |(from, to, longest): (f64, f64, u64)| Mark {
        span: Span::Range(from, to),
        label: format!("stall, {}", seconds(longest)),
    };
    marks.into_iter().map(mark).collect()
}

fn syncs_of(result: &RunResult) -> Section {
    let row = |(number, repeat): (usize, &Repeat)| {
        (format!("repeat {}", number + 1), repeat.syncs.clone(), repeat.measured_seconds)
    };
    syncs(&result.repeats.iter().enumerate().map(row).collect::<Vec<_>>())
}

fn used(result: &RunResult) -> Section {
    let row = |(number, repeat): (usize, &Repeat)| {
        (format!("repeat {}", number + 1), Resources::of([repeat]))
    };
    resources(&result.repeats.iter().enumerate().map(row).collect::<Vec<_>>())
}

fn trust(result: &RunResult) -> Section {
    let finding = |finding: &crate::validity::Finding| {
        let weight = match finding.weight {
            Weight::Invalid => "Not valid",
            Weight::Remark => "Remark",
        };
        Item::Note(format!("{weight}: {}", finding.what))
    };
    let last = result.repeats.last();
    let lag = last.map_or_else(String::new, |repeat| {
        let lag = &repeat.latencies.lag;
        format!(
            "The load itself sent at most {} late. {} repeats, {:.0} s each.",
            seconds(lag.max_ns),
            result.repeats.len(),
            repeat.measured_seconds
        )
    });
    Section {
        title: "Can these numbers be trusted?".to_owned(),
        text: lag,
        items: result.verdict.findings.iter().map(finding).collect(),
    }
}
