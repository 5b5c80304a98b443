//! Writes results into a folder: JSON for programs, `.hgrm` for plotters of histograms, and a
//! report for people.

use std::fs;
use std::path::Path;

use corelog_bench::latency::LatencyResult;
use corelog_bench::pages::run_page;
use corelog_bench::report::{self, Page};
use corelog_bench::result::{Latencies, LoopKind, RunResult};
use serde::Serialize;

use crate::failure::{Exit, Failure};

type Pick = fn(&Latencies) -> &LatencyResult;

const HISTOGRAMS: [(&str, Pick); 6] = [
    ("produce", |all| &all.produce),
    ("produce-service", |all| &all.produce_service),
    ("end-to-end", |all| &all.end_to_end),
    ("fetch-tail", |all| &all.fetch_tail),
    ("fetch-catch-up", |all| &all.fetch_catch_up),
    ("lag", |all| &all.lag),
];

/// Saves a run: `NAME.json`, a histogram of each latency, all repeats together, and the report.
pub(super) fn run(folder: &Path, result: &RunResult) -> Result<(), Failure> {
    let name = name(result);
    json(folder, &name, result)?;
    for (kind, pick) in HISTOGRAMS {
        let latency = result.merged(pick);
        if latency.count() > 0 {
            write(folder, &format!("{name}.{kind}.hgrm"), latency.hgrm().as_bytes())?;
        }
    }
    page(folder, &name, &run_page(result))
}

/// Saves a report as `NAME.report/report.html`, with each of its pictures as PNG and CSV beside it.
pub(super) fn page(folder: &Path, name: &str, page: &Page) -> Result<(), Failure> {
    let folder = folder.join(format!("{name}.report"));
    report::write(page, &folder).map(drop).map_err(|error| {
        let what = format!("cannot write a report into {}", folder.display());
        Failure::new(Exit::Failed, what, error, "check --save, the space and the permissions")
    })
}

/// Saves any result as `NAME.json`.
pub(super) fn json<T: Serialize>(folder: &Path, name: &str, result: &T) -> Result<(), Failure> {
    let text = crate::output::json::document(result)?;
    write(folder, &format!("{name}.json"), text.as_bytes())
}

/// A name that tells runs apart: the workload, the target and when it began. Histograms say
/// nothing of themselves, so a closed loop is in the name.
pub(super) fn name(result: &RunResult) -> String {
    let workload = result.workload.name.as_deref().unwrap_or("custom");
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let plain = |text: &str| text.replace(|character| !is_plain(character), "_");
    let closed = match result.loop_kind {
        LoopKind::Open => "",
        LoopKind::Closed => "-closed-loop",
    };
    let (workload, target) = (plain(workload), plain(&result.target.name));
    format!("{workload}{closed}-{target}-{}", result.started_ms / 1000)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes));
    written.map_err(|error| {
        let what = format!("cannot write {}", path.display());
        Failure::new(Exit::Failed, what, error, "check --save, the space and the permissions")
    })
}
