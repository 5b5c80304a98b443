//! How long the broker's syncs took, as a section of the pages of runs and comparisons.

use super::latency_chart;
use crate::fairness::NOT_TOLD;
use crate::report::{Column, Item, Section, Series, Style, Table, Unit};
use crate::syncs::Syncs;

/// The percentiles of the table.
const PERCENTILES: [f64; 4] = [50.0, 99.0, 99.9, 100.0];

/// A line and a row for each of these: a name, the syncs and the seconds they were counted in. A
/// remark instead when none of them is known.
pub(super) fn syncs(rows: &[(String, Option<Syncs>, f64)]) -> Section {
    let title = "Sync latency".to_owned();
    if rows.iter().all(|(_, syncs, _)| syncs.is_none()) {
        let what = "Sync latency: not told. Only corelog's metrics page tells it.";
        return Section { title, text: String::new(), items: vec![Item::Note(what.to_owned())] };
    }
    let line = |(name, syncs, _): &(String, Option<Syncs>, f64)| {
        let points = syncs.as_ref()?.curve();
        (!points.is_empty()).then(|| Series::new(name, Style::Line, points))
    };
    let row = |(name, syncs, seconds): &(String, Option<Syncs>, f64)| {
        let told = |value: Option<f64>| {
            value.map_or_else(|| NOT_TOLD.to_owned(), |value| Unit::Seconds.format(value))
        };
        let known = syncs.as_ref();
        let rate = known.map(|syncs| Unit::Count.format(syncs.count as f64 / seconds));
        let mut row = vec![name.clone(), rate.unwrap_or_else(|| NOT_TOLD.to_owned())];
        row.push(told(known.and_then(Syncs::mean_seconds)));
        row.extend(PERCENTILES.map(|one| told(known.and_then(|syncs| syncs.at(one)))));
        row
    };
    let columns = ["syncs/s", "mean", "p50", "p99", "p99.9", "longest, at most"];
    let columns = columns.map(|name| Column::Number(name.to_owned()));
    Section {
        title,
        text: "As the broker itself counts it, in buckets: between their bounds lie lines. What \
               is acknowledged durably waits for at least one of these."
            .to_owned(),
        items: vec![
            Item::Chart(latency_chart(
                "Sync latency by percentile",
                rows.iter().filter_map(line).collect(),
            )),
            Item::Table(Table {
                title: "Syncs of the broker".to_owned(),
                columns: std::iter::once(Column::Text(String::new())).chain(columns).collect(),
                rows: rows.iter().map(row).collect(),
            }),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_tell_has_a_row_and_no_line() {
        let syncs =
            Syncs { count: 100, sum_seconds: 0.1, buckets: vec![(0.001, 50), (0.002, 100)] };
        let rows = [("kafka".to_owned(), None, 10.0), ("corelog".to_owned(), Some(syncs), 10.0)];
        let section = self::syncs(&rows);
        let [Item::Chart(chart), Item::Table(table)] = section.items.as_slice() else {
            panic!("{section:?}")
        };
        let names: Vec<_> = chart.series.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["corelog"]);
        let untold = [["kafka"].as_slice(), &[NOT_TOLD; 6]].concat();
        let told = ["corelog", "10", "1 ms", "1 ms", "1.98 ms", "2 ms", "2 ms"];
        assert_eq!(table.rows, [untold, told.to_vec()]);
        chart.svg().unwrap();
    }

    #[test]
    fn brokers_that_do_not_tell_are_a_remark() {
        let section = syncs(&[("kafka".to_owned(), None, 10.0)]);
        assert!(matches!(section.items.as_slice(), [Item::Note(_)]), "{section:?}");
    }
}
