//! What brokers used, as a section: the same table on the page of a run, a sweep and a comparison.

use crate::fairness::NOT_TOLD;
use crate::report::{Column, Item, Section, Table, Unit};
use crate::resources::Resources;

/// A row for each of these; a remark instead when none of them is known.
pub(super) fn resources(rows: &[(String, Option<Resources>)]) -> Section {
    let title = "Resources".to_owned();
    if rows.iter().all(|(_, used)| used.is_none()) {
        let what = "What the broker used is not known: it was not named by --broker-pid.";
        return Section { title, text: String::new(), items: vec![Item::Note(what.to_owned())] };
    }
    let columns = ["CPU", "memory", "bytes per CPU second", "written per byte", "switches/s"];
    let columns = columns.map(|name| Column::Number(name.to_owned()));
    let row = |(name, used): &(String, Option<Resources>)| {
        let cells = used.as_ref().map_or_else(|| [NOT_TOLD; 5].map(str::to_owned), cells);
        std::iter::once(name.clone()).chain(cells).collect()
    };
    Section {
        title,
        text: "The broker's process alone, while it was measured. Bytes are those of \
               acknowledged keys and values: how many for each second of CPU time, and how many \
               went to the disk for each of them."
            .to_owned(),
        items: vec![Item::Table(Table {
            title: "What the broker used".to_owned(),
            columns: std::iter::once(Column::Text(String::new())).chain(columns).collect(),
            rows: rows.iter().map(row).collect(),
        })],
    }
}

fn cells(used: &Resources) -> [String; 5] {
    let amplification = used.write_amplification;
    [
        Unit::Percent.format(used.cpus * 100.0),
        Unit::Bytes.format(used.resident_bytes),
        Unit::Bytes.format(used.payload_bytes_per_cpu_second),
        amplification.map_or_else(|| NOT_TOLD.to_owned(), |one| Unit::Ratio.format(one)),
        Unit::Count.format(used.context_switches_per_second),
    ]
}
