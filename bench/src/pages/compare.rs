//! The page of a comparison: who is ahead, by how much and how surely; then the ratios, what is
//! not equal on both sides, and the latencies.

use super::{NANOS, curve, latency_chart};
use crate::compare::{CompareResult, Comparison, Decision, P_VALUE_MAX, PAIRS_MIN};
use crate::fairness::{self, Setting};
use crate::objective::{Better, Metric};
use crate::report::{
    Bar, Bars, Column, Grade, Item, KeyNumber, Limit, Page, Section, Settings, Table, Unit, Verdict,
};
use crate::result::RunResult;
use crate::statistics::median;

/// The page of a comparison: the ratios against the first target, pair by pair.
pub fn compare_page(result: &CompareResult) -> Page {
    let names: Vec<&str> = result.runs.iter().map(|run| run.target.name.as_str()).collect();
    let settings = settings(result);
    Page {
        title: format!("{}: {}", names.join(" against "), result.metric),
        verdict: verdict(result),
        facts: facts(result, settings.different.len()),
        sections: vec![ratios(result), differences(result, settings), latencies(result)],
    }
}

/// A value of the metric for people.
fn shown(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Produce(_) | Metric::EndToEnd(_) => Unit::Seconds.format(value * NANOS),
        Metric::Rate | Metric::Received => Unit::Messages.format(value),
        Metric::CatchUp | Metric::BytesPerCpuSecond => Unit::Bytes.format(value),
    }
}

fn verdict(result: &CompareResult) -> Verdict {
    let number = |one: &Comparison| {
        let value = Unit::Ratio.format(one.ratio?);
        let (metric, how_sure) = (result.metric, certainty(one, result.threshold));
        let label = format!("{metric} of {} against {}: {how_sure}", one.other, one.base);
        Some(KeyNumber { value, label })
    };
    // The large numbers begin with those that say something.
    let mut by_weight: Vec<&Comparison> = result.comparisons.iter().collect();
    by_weight.sort_by_key(|one| !matches!(one.decision, Decision::Worse | Decision::Better));
    Verdict {
        grade: grade(result),
        answer: Some(answer(result)),
        headline: headline(result),
        numbers: by_weight.into_iter().filter_map(number).collect(),
    }
}

/// Whoever is ahead, a shown difference is an answer; who wants what is the reader's.
fn grade(result: &CompareResult) -> Grade {
    if result.is_any(Decision::Undecided) {
        Grade::Invalid
    } else if result.is_any(Decision::Worse) || result.is_any(Decision::Better) {
        Grade::Clear
    } else {
        Grade::Mixed
    }
}

/// Who is ahead of whom, in a few words.
fn answer(result: &CompareResult) -> String {
    let base = result.runs.first().map_or("the first", |run| run.target.name.as_str());
    let ahead = match result.metric {
        Metric::Produce(_)
        | Metric::EndToEnd(_)
        | Metric::Rate
        | Metric::Received
        | Metric::CatchUp => "faster than",
        Metric::BytesPerCpuSecond => "more efficient than",
    };
    let of = |decision| {
        let are = result.comparisons.iter().filter(move |one| one.decision == decision);
        are.map(|one| one.other.as_str()).collect::<Vec<_>>()
    };
    let mut clauses = Vec::new();
    let (worse, better) = (of(Decision::Worse), of(Decision::Better));
    if !worse.is_empty() {
        clauses.push(format!("{base} is {ahead} {}", worse.join(" and ")));
    }
    if !better.is_empty() {
        let verb = if better.len() == 1 { "is" } else { "are" };
        clauses.push(format!("{} {verb} {ahead} {base}", better.join(" and ")));
    }
    let (alike, undecided) = (of(Decision::Alike), of(Decision::Undecided));
    if !alike.is_empty() {
        clauses.push(format!("{base} and {}: no difference shown", alike.join(", ")));
    }
    if !undecided.is_empty() {
        clauses.push(format!("{base} and {}: undecided", undecided.join(", ")));
    }
    clauses.join("; ")
}

/// The numbers of all targets in one sentence.
fn headline(result: &CompareResult) -> String {
    let metric = result.metric;
    let middle = |run: &RunResult| {
        let value = middle(metric, run).map_or("unknown".to_owned(), |it| shown(metric, it));
        format!("{} {value}", run.target.name)
    };
    let numbers: Vec<String> = result.runs.iter().map(middle).collect();
    let better = match metric.better() {
        Better::Lower => "Lower",
        Better::Higher => "Higher",
    };
    let numbers = numbers.join(", ");
    let valid = result.comparisons.iter().map(|one| one.ratios.len()).min().unwrap_or_default();
    if result.is_any(Decision::Undecided) {
        let why = format!("{valid} pairs are valid, {PAIRS_MIN} are needed");
        return format!("{why}. Of little worth, {metric}: {numbers}. {better} is better.");
    }
    format!("{metric}: {numbers}. {better} is better.")
}

/// The middle of the valid rounds; of all when none is valid.
fn middle(metric: Metric, run: &RunResult) -> Option<f64> {
    let is_any_valid = run.repeats.iter().any(|one| one.verdict.is_valid);
    let counted = run.repeats.iter().filter(|one| one.verdict.is_valid || !is_any_valid);
    let values: Vec<f64> = counted.filter_map(|one| metric.of(one)).collect();
    Some(median(&values)).filter(|middle| middle.is_finite())
}

/// Whether a ratio is more than chance, and why. Spaces that do not break hold numbers together.
fn certainty(one: &Comparison, threshold: f64) -> String {
    let p = p_value(one);
    let pairs = one.ratios.len();
    match one.decision {
        Decision::Worse | Decision::Better => format!("significant ({p}, {pairs}\u{a0}pairs)"),
        Decision::Alike if one.significance.p_value < P_VALUE_MAX => {
            let part = Unit::Percent.format(threshold * 100.0);
            format!("within the threshold of {part} ({p}, {pairs}\u{a0}pairs)")
        }
        Decision::Alike => format!("not significant ({p}, {pairs}\u{a0}pairs)"),
        Decision::Undecided => format!("undecided, {pairs} valid pairs of at least {PAIRS_MIN}"),
    }
}

fn p_value(one: &Comparison) -> String {
    match one.significance.p_value {
        p if p < 0.001 => "p\u{a0}<\u{a0}0.001".to_owned(),
        p => format!("p\u{a0}=\u{a0}{p:.3}"),
    }
}

/// What was done to all targets alike.
fn facts(result: &CompareResult, different: usize) -> Vec<(String, String)> {
    let Some(first) = result.runs.first() else { return Vec::new() };
    let (workload, load) = (&first.workload, &first.workload.load);
    let seconds = load.seconds.map(|it| Unit::Elapsed.format(it));
    let warm_up = load.warm_up_seconds.map(|it| Unit::Elapsed.format(it));
    let rate = first.repeats.first().and_then(|repeat| repeat.offered_per_second);
    let threshold = Unit::Percent.format(result.threshold * 100.0);
    let facts = [
        ("workload", workload.name.clone()),
        ("shape", load.shape.clone()),
        ("offered", rate.map(|it| Unit::Messages.format(it))),
        ("message bytes", workload.message.size.clone()),
        ("partitions", workload.topic.partitions.map(|it| it.to_string())),
        ("rounds, targets in turn", Some(first.repeats.len().to_string())),
        ("measured in each", seconds),
        ("warm-up before it", warm_up),
        ("a difference counts from", Some(format!("{threshold}, p < {P_VALUE_MAX}"))),
        ("settings that differ", Some(format!("{different}, see below"))),
    ];
    let known = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.collect()
}

fn text(name: &str) -> Column {
    Column::Text(name.to_owned())
}

fn number(name: &str) -> Column {
    Column::Number(name.to_owned())
}

fn ratios(result: &CompareResult) -> Section {
    let metric = result.metric;
    let bar = |one: &Comparison| {
        let (low, high) = ends(one)?;
        let spread = (one.ratios.len() > 1).then_some((low, high));
        Some(Bar::new(&one.other, one.ratio?, spread))
    };
    let bars: Vec<_> = result.comparisons.iter().filter_map(bar).collect();
    let mut items = vec![Item::Table(summary(result)), Item::Table(rounds(result))];
    if !bars.is_empty() {
        let base = result.runs.first().map_or("the first", |run| run.target.name.as_str());
        let better = match metric.better() {
            Better::Lower => "lower",
            Better::Higher => "higher",
        };
        let picture = Bars {
            title: format!("{metric} against {base}, {better} is better"),
            label: "Ratio".to_owned(),
            unit: Unit::Ratio,
            bars,
            limits: vec![Limit { value: 1.0, label: format!("equal to {base}") }],
        };
        items.insert(0, Item::Bars(picture));
    }
    for run in &result.runs {
        let reasons = run.verdict.reasons();
        items.extend(reasons.map(|it| Item::Note(format!("{}: {}", run.target.name, it.what))));
    }
    Section { title: "Ratios".to_owned(), text: format!("Test: {}.", result.test), items }
}

fn ends(one: &Comparison) -> Option<(f64, f64)> {
    let low = one.ratios.iter().copied().min_by(f64::total_cmp)?;
    let high = one.ratios.iter().copied().max_by(f64::total_cmp)?;
    Some((low, high))
}

fn summary(result: &CompareResult) -> Table {
    let ratio = |value: f64| Unit::Ratio.format(value);
    let row = |one: &Comparison| {
        let range = ends(one).map(|(low, high)| format!("{} to {}", ratio(low), ratio(high)));
        let decision = match one.decision {
            Decision::Better => "better",
            Decision::Worse => "worse",
            Decision::Alike => "not shown to differ",
            Decision::Undecided => "undecided: too few valid pairs",
        };
        vec![
            format!("{} / {}", one.other, one.base),
            one.ratio.map_or("unknown".to_owned(), ratio),
            range.unwrap_or_else(|| "unknown".to_owned()),
            one.ratios.len().to_string(),
            one.invalid_pairs.to_string(),
            format!("{:.4}", one.significance.p_value),
            decision.to_owned(),
        ]
    };
    let columns = vec![
        text("Targets"),
        number("Middle ratio"),
        number("Range"),
        number("Pairs"),
        number("Left out"),
        number("p"),
        text("What it comes to"),
    ];
    let rows = result.comparisons.iter().map(row).collect();
    Table { title: format!("{}, ratios of pairs", result.metric), columns, rows }
}

/// Every measurement, one line for each round.
fn rounds(result: &CompareResult) -> Table {
    let metric = result.metric;
    let value = |run: &RunResult, round: usize| {
        let repeat = run.repeats.get(round)?;
        Some((metric.of(repeat)?, repeat.verdict.is_valid))
    };
    let (base, others) = result.runs.split_first().expect("a comparison has targets");
    let row = |round: usize| {
        let cell = |run: &RunResult| match value(run, round) {
            Some((value, true)) => shown(metric, value),
            Some((value, false)) => format!("not valid: {}", shown(metric, value)),
            None => "unknown".to_owned(),
        };
        let ratio = |other: &RunResult| match (value(base, round), value(other, round)) {
            (Some((one, true)), Some((two, true))) if one > 0.0 => Unit::Ratio.format(two / one),
            _ => "left out".to_owned(),
        };
        let number = std::iter::once((round + 1).to_string());
        number.chain(result.runs.iter().map(cell)).chain(others.iter().map(ratio)).collect()
    };
    let of_run = |run: &RunResult| number(&run.target.name);
    let of_pair =
        |other: &RunResult| number(&format!("{} / {}", other.target.name, base.target.name));
    let columns = std::iter::once(number("Round"))
        .chain(result.runs.iter().map(of_run))
        .chain(others.iter().map(of_pair));
    Table {
        title: format!("{metric}, round by round"),
        columns: columns.collect(),
        rows: (0..base.repeats.len()).map(row).collect(),
    }
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

/// Settings that are known to differ come before those that a target does not tell.
fn settings(result: &CompareResult) -> Settings {
    let (mut different, mut equal): (Vec<Setting>, Vec<_>) = (Vec::new(), Vec::new());
    for setting in fairness::of_runs(&result.runs) {
        match setting.equal() {
            Some(value) => equal.push((setting.name.clone(), value.to_owned())),
            None => different.push(setting),
        }
    }
    different.sort_by_key(|setting| !setting.is_contradicted());
    Settings {
        title: "Setting".to_owned(),
        columns: result.runs.iter().map(|run| run.target.name.clone()).collect(),
        different: different.into_iter().map(|it| (it.name, it.values)).collect(),
        equal,
    }
}

fn differences(result: &CompareResult, settings: Settings) -> Section {
    let is_equal = settings.different.is_empty();
    let mut items = vec![Item::Settings(settings)];
    for run in &result.runs {
        let notes = run.fairness.notes.iter();
        items.extend(notes.map(|note| Item::Note(format!("{}: {note}", run.target.name))));
    }
    let text = if is_equal {
        "Nothing, as far as the targets tell."
    } else {
        "As far as the targets tell. Who acknowledges before data is on disk does less work: look \
         at the flush settings, and at the remarks below them, before the ratio."
    };
    let title = "What is not equal on both sides".to_owned();
    Section { title, text: text.to_owned(), items }
}
