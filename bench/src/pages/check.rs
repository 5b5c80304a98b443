//! The page of a check: how far off predictions are, and the predicted curves with what was
//! measured on them.

use crate::plan::compare::{CheckResult, Compared, Level, Outcome, P99_GOAL, RATE_GOAL};
use crate::report::{
    Axis, Chart, Column, Grade, Item, KeyNumber, Page, Section, Series, Style, Table, Unit, Verdict,
};

/// The page of a check.
pub fn check_page(result: &CheckResult) -> Page {
    let size = Unit::Bytes.format(result.message_bytes);
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let clients = &result.clients;
    let mut facts = vec![
        fact("Profile", result.profile.clone()),
        fact("Target", result.target.clone()),
        fact("Message", size.clone()),
        fact("Producers", format!("{:.0}", clients.producers)),
        fact("Linger", Unit::Seconds.format(clients.linger_s)),
        fact("Batch", Unit::Bytes.format(clients.batch_bytes)),
        fact("Groups of consumers", format!("{:.0}", result.fan_out)),
    ];
    facts.extend(result.notes.iter().map(|note| fact("Note", note.clone())));
    Page {
        title: format!("Predicted and measured: messages of {size}"),
        verdict: verdict(result),
        facts,
        sections: vec![latency(result), levels(result), findings(result)],
    }
}

fn verdict(result: &CheckResult) -> Verdict {
    let valid = result.levels.iter().filter(|level| level.outcome != Outcome::NotValid);
    let held = result.levels.iter().filter(|level| level.outcome == Outcome::Held).count();
    let (valid, all) = (valid.count(), result.levels.len());
    let rate = &result.highest.rate;
    let grade = match result.outcome() {
        Outcome::Held => Grade::Good,
        Outcome::Missed if held > 0 => Grade::Mixed,
        Outcome::Missed => Grade::Bad,
        Outcome::NotValid if valid > 0 => Grade::Mixed,
        Outcome::NotValid => Grade::Invalid,
    };
    let goal = P99_GOAL * 100.0;
    let invalid = match all - valid {
        0 => String::new(),
        count => format!("; {count} could not be measured"),
    };
    let headline = format!(
        "p99 was predicted within {goal:.0} % at {held} of {all} loads{invalid}. The highest rate \
         was predicted {} and {}.",
        off(rate),
        match result.highest.outcome {
            Outcome::Held => "is close enough",
            Outcome::Missed => "misses its goal",
            Outcome::NotValid => "could not be measured",
        }
    );
    let mut numbers = vec![KeyNumber { value: off(rate), label: "highest rate".to_owned() }];
    numbers.extend(result.levels.iter().map(|level| KeyNumber {
        value: off(&level.p99_s),
        label: format!("p99 at {:.0} % load, {}", level.part * 100.0, word(level.outcome)),
    }));
    Verdict { grade, answer: None, headline, numbers }
}

/// By how much the prediction is too high or too low.
fn off(compared: &Compared) -> String {
    let percent = compared.error * 100.0;
    match percent {
        percent if percent.abs() < 0.5 => "exact".to_owned(),
        percent if percent > 0.0 => format!("{percent:.0} % too high"),
        percent => format!("{:.0} % too low", -percent),
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "held",
        Outcome::Missed => "missed",
        Outcome::NotValid => "not valid",
    }
}

fn latency(result: &CheckResult) -> Section {
    let predicted = |of: &dyn Fn(&(f64, f64, f64)) -> f64| {
        result.curve.iter().map(|point| (point.0, of(point).max(1e-9))).collect::<Vec<_>>()
    };
    let measured = |of: &dyn Fn(&Level) -> f64| {
        let points = result.levels.iter().map(|level| (level.rate.measured, of(level)));
        points.filter(|point| point.0 > 0.0 && point.1 > 0.0).collect::<Vec<_>>()
    };
    let series = vec![
        Series::new("p50 predicted", Style::Line, predicted(&|point| point.1)),
        Series::new("p50 measured", Style::Dots, measured(&|level| level.p50_s.measured)),
        Series::new("p99 predicted", Style::Line, predicted(&|point| point.2)),
        Series::new("p99 measured", Style::Dots, measured(&|level| level.p99_s.measured)),
    ];
    let chart = Chart::new(
        "Latency against load, predicted and measured",
        Axis::linear("Rate", Unit::Messages),
        Axis::log("Produce latency", Unit::Seconds),
        series.into_iter().filter(|series| !series.points.is_empty()).collect(),
    );
    let busy: Vec<_> = result.levels.iter().filter_map(|level| Some((level, level.cpu?))).collect();
    let mut items = vec![Item::Chart(chart)];
    if !busy.is_empty() {
        let of = |of: &dyn Fn(&Compared) -> f64| {
            let point = |(level, cpu): &(&Level, Compared)| (level.rate.measured, of(cpu) * 100.0);
            busy.iter().map(point).collect::<Vec<_>>()
        };
        items.push(Item::Chart(Chart::new(
            "CPU of the core against load",
            Axis::linear("Rate", Unit::Messages),
            Axis::linear("CPU", Unit::Percent),
            vec![
                Series::new("predicted", Style::Line, of(&|cpu| cpu.predicted)),
                Series::new("measured", Style::Dots, of(&|cpu| cpu.measured)),
            ],
        )));
    }
    Section {
        title: "Latency and load".to_owned(),
        text: "Lines are the model, from the profile alone. Dots are runs of a broker: open loop, \
               each latency counts from the moment a message was due; the middle of the repeats."
            .to_owned(),
        items,
    }
}

fn levels(result: &CheckResult) -> Section {
    let pair = |compared: &Compared, unit: Unit| {
        [unit.format(compared.predicted), unit.format(compared.measured)]
    };
    let row = |level: &Level| {
        let mut row = vec![format!("{:.0} %", level.part * 100.0)];
        row.extend(pair(&level.rate, Unit::Messages));
        row.extend(pair(&level.p50_s, Unit::Seconds));
        row.extend(pair(&level.p99_s, Unit::Seconds));
        let (low, high) = (level.p99_s.measured_min, level.p99_s.measured_max);
        row.push(format!("{} to {}", Unit::Seconds.format(low), Unit::Seconds.format(high)));
        row.push(off(&level.p99_s));
        row.push(word(level.outcome).to_owned());
        row
    };
    let number = |name: &str| Column::Number(name.to_owned());
    let columns = vec![
        number("load"),
        number("rate, predicted"),
        number("measured"),
        number("p50, predicted"),
        number("measured"),
        number("p99, predicted"),
        number("measured"),
        number("p99 of the repeats"),
        number("p99 off by"),
        Column::Text("outcome".to_owned()),
    ];
    let parts = |level: &Level| {
        let parts = &level.prediction.parts;
        let all = [
            parts.batch_s,
            parts.unloaded_s,
            parts.frame_wait_s,
            parts.commit_s,
            parts.cpu_s,
            parts.excess_s,
        ];
        let mut row = vec![format!("{:.0} %", level.part * 100.0)];
        row.extend(all.map(|part| Unit::Seconds.format(part)));
        row.push(Unit::Seconds.format(all.iter().sum()));
        row
    };
    let columns_of_parts = vec![
        number("load"),
        number("filling a batch"),
        number("unloaded"),
        number("waiting for a commit"),
        number("a longer commit"),
        number("CPU"),
        number("stalls that come with load"),
        number("together"),
    ];
    let (rate, p99) = (RATE_GOAL * 100.0, P99_GOAL * 100.0);
    Section {
        title: "Loads".to_owned(),
        text: format!("Goals: rates within {rate:.0} %, p99 within {p99:.0} %."),
        items: vec![
            Item::Table(Table {
                title: "Predicted and measured".to_owned(),
                columns,
                rows: result.levels.iter().map(row).collect(),
            }),
            Item::Table(Table {
                title: "What the mean latency consists of, by the model".to_owned(),
                columns: columns_of_parts,
                rows: result.levels.iter().map(parts).collect(),
            }),
        ],
    }
}

fn findings(result: &CheckResult) -> Section {
    let mut items = Vec::new();
    for level in &result.levels {
        let at = format!("At {:.0} %: ", level.part * 100.0);
        items.extend(level.findings.iter().map(|what| Item::Note(format!("{at}{what}"))));
    }
    let highest = result.highest.findings.iter();
    items.extend(highest.map(|what| Item::Note(format!("At the highest rate: {what}"))));
    let text = if items.is_empty() { "Nothing speaks against the runs." } else { "" };
    Section { title: "Findings".to_owned(), text: text.to_owned(), items }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::compare::tests::check;
    use crate::plan::model::LatencyParts;

    #[test]
    fn a_check_is_drawn_with_its_errors_on_top() {
        let page = check_page(&check());
        page.html().unwrap();
        assert_eq!(page.verdict.grade, Grade::Mixed);
        assert!(page.verdict.headline.contains("at 1 of 2 loads"), "{}", page.verdict.headline);
    }

    #[test]
    fn the_parts_of_a_latency_add_up_to_its_mean() {
        let mut result = check();
        result.levels.truncate(1);
        result.levels[0].prediction.parts = LatencyParts {
            batch_s: 1e-3,
            unloaded_s: 2e-3,
            frame_wait_s: 3e-3,
            commit_s: 4e-3,
            cpu_s: 5e-3,
            excess_s: 6e-3,
        };
        let section = levels(&result);
        let [_, Item::Table(table)] = section.items.as_slice() else { panic!("{section:?}") };
        let row = ["25 %", "1 ms", "2 ms", "3 ms", "4 ms", "5 ms", "6 ms", "21 ms"];
        assert_eq!(table.rows, [row]);
        assert_eq!(table.columns.len(), row.len());
    }

    #[test]
    fn a_check_in_which_nothing_could_be_measured_says_so() {
        let mut result = check();
        result.levels.iter_mut().for_each(|level| level.outcome = Outcome::NotValid);
        let page = check_page(&result);
        page.html().unwrap();
        assert_eq!(page.verdict.grade, Grade::Invalid);
    }
}
