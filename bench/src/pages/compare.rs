//! The page of a comparison.

use super::{curve, facts, latency_chart};
use crate::compare::{CompareResult, Comparison, Decision};
use crate::report::{
    Bar, Bars, Column, Grade, Item, KeyNumber, Limit, Page, Section, Table, Unit, Verdict,
};

/// The page of a comparison: the ratios against the first target, pair by pair.
pub fn compare_page(result: &CompareResult) -> Page {
    let names: Vec<&str> = result.runs.iter().map(|run| run.target.name.as_str()).collect();
    let metric = String::from(result.metric);
    let mut all = Vec::new();
    for run in &result.runs {
        let of_run = facts(&run.fairness, &run.workload);
        let of_target = |(name, value)| (format!("{}: {name}", run.target.name), value);
        all.extend(of_run.into_iter().map(of_target));
    }
    Page {
        title: format!("{}: {metric}", names.join(" against ")),
        verdict: verdict(result, &metric),
        facts: all,
        sections: vec![ratios(result, &metric), latencies(result), differences(result)],
    }
}

fn sentence(one: &Comparison, metric: &str) -> String {
    let ratio = one.ratio.map_or_else(|| "unknown".to_owned(), |ratio| Unit::Ratio.format(ratio));
    let decision = match one.decision {
        Decision::Better => "better",
        Decision::Worse => "worse",
        Decision::Alike => "not shown to differ",
        Decision::Undecided => "undecided: too few valid pairs",
    };
    let Comparison { base, other, .. } = one;
    format!("{metric} of {other} is {ratio} that of {base}: {decision}")
}

fn verdict(result: &CompareResult, metric: &str) -> Verdict {
    let is_any = |decision| result.comparisons.iter().any(|one| one.decision == decision);
    let grade = if is_any(Decision::Undecided) {
        Grade::Invalid
    } else if is_any(Decision::Worse) {
        Grade::Bad
    } else if is_any(Decision::Better) {
        Grade::Good
    } else {
        Grade::Mixed
    };
    let sentences: Vec<_> = result.comparisons.iter().map(|one| sentence(one, metric)).collect();
    let number = |one: &Comparison| {
        let value = Unit::Ratio.format(one.ratio?);
        Some(KeyNumber { value, label: format!("{}, {metric} against {}", one.other, one.base) })
    };
    Verdict {
        grade,
        headline: sentences.join("; "),
        numbers: result.comparisons.iter().filter_map(number).collect(),
    }
}

fn ratios(result: &CompareResult, metric: &str) -> Section {
    let bar = |one: &Comparison| {
        let low = one.ratios.iter().copied().min_by(f64::total_cmp)?;
        let high = one.ratios.iter().copied().max_by(f64::total_cmp)?;
        let spread = (one.ratios.len() > 1).then_some((low, high));
        Some(Bar::new(&one.other, one.ratio?, spread))
    };
    let bars: Vec<_> = result.comparisons.iter().filter_map(bar).collect();
    let row = |one: &Comparison| {
        vec![
            one.other.clone(),
            one.ratio.map_or_else(|| "unknown".to_owned(), |ratio| Unit::Ratio.format(ratio)),
            one.ratios.len().to_string(),
            one.invalid_pairs.to_string(),
            format!("{:.3}", one.significance.p_value),
            sentence(one, metric),
        ]
    };
    let text = |name: &str| Column::Text(name.to_owned());
    let number = |name: &str| Column::Number(name.to_owned());
    let columns = vec![
        text("target"),
        number("ratio"),
        number("pairs"),
        number("pairs left out"),
        number("p"),
        text("what it comes to"),
    ];
    let rows = result.comparisons.iter().map(row).collect();
    let title = "Ratios pair by pair".to_owned();
    let mut items = vec![Item::Table(Table { title, columns, rows })];
    if !bars.is_empty() {
        let base = result.runs.first().map_or("the first", |run| run.target.name.as_str());
        let picture = Bars {
            title: format!("{metric} against {base}"),
            label: "Ratio".to_owned(),
            unit: Unit::Ratio,
            bars,
            limits: vec![Limit { value: 1.0, label: "equal".to_owned() }],
        };
        items.insert(0, Item::Bars(picture));
    }
    Section { title: "Ratios".to_owned(), text: format!("Test: {}.", result.test), items }
}

fn latencies(result: &CompareResult) -> Section {
    let series = result
        .runs
        .iter()
        .filter_map(|run| curve(&run.target.name, &run.merged(|all| &all.produce).result()));
    let chart = latency_chart("Latency until acknowledged by percentile", series.collect());
    Section {
        title: "Latency".to_owned(),
        text: "All rounds together, from the intended moment.".to_owned(),
        items: vec![Item::Chart(chart)],
    }
}

fn differences(result: &CompareResult) -> Section {
    let all = result.comparisons.iter().flat_map(|one| &one.differences);
    Section {
        title: "What is not equal on both sides".to_owned(),
        text: String::new(),
        items: all.map(|what| Item::Note(what.clone())).collect(),
    }
}
