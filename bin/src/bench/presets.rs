//! `corelog bench presets`: the workloads that come with the program.

use corelog_bench::workload::presets;
use serde::Serialize;

use crate::output::{Report, Table};

#[derive(Debug, Serialize)]
pub(super) struct PresetList {
    presets: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct Shown {
    name: &'static str,
    about: String,
}

impl Default for PresetList {
    fn default() -> Self {
        let shown = presets().map(|preset| Shown {
            name: preset.name,
            about: preset.workload().about.unwrap_or_default(),
        });
        Self { presets: shown.collect() }
    }
}

impl Report for PresetList {
    fn tables(&self) -> Vec<Table> {
        let row = |shown: &Shown| vec![shown.name.to_owned(), shown.about.clone()];
        vec![Table::new(["preset", "about"], self.presets.iter().map(row).collect())]
    }
}
