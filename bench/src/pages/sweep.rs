//! The page of a sweep.

use super::resources::resources;
use super::{NANOS, facts, same};
use crate::report::{
    Axis, Chart, Column, Grade, Item, KeyNumber, Limit, Page, Section, Series, Style, Table, Unit,
    Verdict,
};
use crate::statistics::spread;
use crate::sweep::{Judgement, Point, SweepLimit, SweepResult};

/// The page of a sweep: the highest rate that kept the objective, and latency against load.
pub fn sweep_page(result: &SweepResult) -> Page {
    let name = result.workload.name.as_deref().unwrap_or("a workload");
    let objective = String::from(result.objective);
    Page {
        title: format!("{}: {name}, {objective}", result.target.name),
        verdict: verdict(result, &objective),
        facts: std::iter::once(("target".to_owned(), result.target.bootstrap.clone()))
            .chain(facts(result.subject(), &result.workload))
            .collect(),
        sections: vec![curve(result, &objective), points(result), used(result)],
    }
}

fn verdict(result: &SweepResult, objective: &str) -> Verdict {
    let found = &result.sustainable;
    let why = match found.limit {
        SweepLimit::Target => "the next higher rate missed it",
        SweepLimit::Load => "the load could not send more; the target may sustain more",
        SweepLimit::RateMax => "the highest rate allowed",
        SweepLimit::PointsMax => "as close as the number of measurements allows",
        SweepLimit::Disturbed => "others used the machine again and again",
    };
    let (grade, headline, value) = match found.rate_per_second {
        Some(rate) => {
            let rate = Unit::Messages.format(rate);
            let grade = match found.limit {
                SweepLimit::Target | SweepLimit::RateMax => Grade::Good,
                SweepLimit::Load | SweepLimit::PointsMax => Grade::Mixed,
                SweepLimit::Disturbed => Grade::Invalid,
            };
            (grade, format!("{rate} keep {objective}: {why}"), rate)
        }
        None => (Grade::Bad, format!("No rate kept {objective}: {why}"), "none".to_owned()),
    };
    let label = format!("sustainable at {objective}");
    Verdict { grade, answer: None, headline, numbers: vec![KeyNumber { value, label }] }
}

fn curve(result: &SweepResult, objective: &str) -> Section {
    let mut sorted: Vec<&Point> = result.points.iter().collect();
    sorted.sort_by(|one, other| one.offered_per_second.total_cmp(&other.offered_per_second));
    let at = |percentile: f64| {
        let value = |point: &&Point| {
            let found = point.produce_ns.iter().find(|one| (one.0 - percentile).abs() < 1e-9)?;
            Some(found.1.max(1) as f64 * NANOS)
        };
        // A rate that was measured again has the middle of its measurements.
        let of_rate = |points: &[&Point]| {
            let values: Vec<f64> = points.iter().filter_map(value).collect();
            Some((points[0].offered_per_second, spread(&values)?.median))
        };
        let is_same =
            |one: &&Point, other: &&Point| same(one.offered_per_second, other.offered_per_second);
        sorted.chunk_by(is_same).filter_map(of_rate).collect::<Vec<_>>()
    };
    let series = [("p50", at(50.0)), ("p99", at(99.0)), ("p99.9", at(99.9))];
    let series = series.into_iter().filter(|one| !one.1.is_empty());
    let mut chart = Chart::new(
        "Latency against offered load",
        Axis::linear("Offered", Unit::Messages),
        Axis::log("Latency", Unit::Seconds),
        series.map(|(name, points)| Series::new(name, Style::Line, points)).collect(),
    );
    let value = result.objective.bound.as_secs_f64();
    chart.limits.push(Limit { value, label: format!("objective: {objective}") });
    Section {
        title: "Latency against load".to_owned(),
        text: "Each measurement is a run of its own at a constant offered rate, open loop. A rate \
               that missed is measured again, and missed when two of three say so; it is drawn \
               with the middle of its measurements."
            .to_owned(),
        items: vec![Item::Chart(chart)],
    }
}

fn used(result: &SweepResult) -> Section {
    let row = |point: &Point| (Unit::Messages.format(point.offered_per_second), point.resources);
    resources(&result.points.iter().map(row).collect::<Vec<_>>())
}

fn points(result: &SweepResult) -> Section {
    let row = |point: &Point| {
        let judgement = match point.judgement {
            Judgement::Kept => "kept",
            Judgement::Missed => "missed",
            Judgement::LoadAtLimit => "load at its limit",
            Judgement::Disturbed => "disturbed",
        };
        vec![
            Unit::Messages.format(point.offered_per_second),
            Unit::Messages.format(point.acknowledged_per_second),
            Unit::Seconds.format(point.value_ns * NANOS),
            judgement.to_owned(),
            point.findings.join("; "),
        ]
    };
    let number = |name: &str| Column::Number(name.to_owned());
    let text = |name: &str| Column::Text(name.to_owned());
    let columns = vec![
        number("offered"),
        number("acknowledged"),
        number("objective's latency"),
        text("objective"),
        text("findings"),
    ];
    Section {
        title: "Points".to_owned(),
        text: "In the order of their measurement.".to_owned(),
        items: vec![Item::Table(Table {
            title: "Points of the sweep".to_owned(),
            columns,
            rows: result.points.iter().map(row).collect(),
        })],
    }
}
