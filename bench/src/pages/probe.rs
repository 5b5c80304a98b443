//! The page of a profile: what the machine can do for a log.

use crate::plan::distribution::Measured;
use crate::plan::profile::{Append, Beside, PacedRun, Profile};
use crate::report::{
    Axis, Bar, Bars, Chart, Column, Grade, Item, KeyNumber, Page, Section, Series, Style, Table,
    Unit, Verdict,
};

/// Steal from which on a profile is not to be relied on; validity has the same for runs.
const STEAL_MAX: f64 = 0.05;

/// The page of a profile.
pub fn probe_page(profile: &Profile) -> Page {
    let (place, machine) = (&profile.place, &profile.machine);
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "not told".to_owned());
    let mut sections = vec![appends(profile), bandwidth(profile)];
    if profile.broker.is_some() {
        sections.push(broker(profile));
    }
    Page {
        title: format!("{}: what it can do for a log", profile.name),
        verdict: verdict(profile),
        facts: vec![
            fact("CPUs", format!("{} x {}", machine.cpus, machine.cpu_model)),
            fact("Memory", Unit::Bytes.format(machine.memory_bytes as f64)),
            fact("Kernel", machine.kernel.clone()),
            fact("File system", format!("{} ({})", place.file_system, place.options)),
            fact("Device", told(&place.device)),
            fact("Write cache", told(&place.write_cache)),
            fact("Scheduler", told(&place.scheduler)),
            fact("Steal", Unit::Percent.format(profile.steal * 100.0)),
        ],
        sections,
    }
}

fn verdict(profile: &Profile) -> Verdict {
    let small = profile.disk.of_one_file(Beside::Nothing);
    let p99 = small.first().map_or(0.0, |append| append.latency.p99.value);
    let durable = profile.disk.durable_bytes_per_second.value;
    let invalid = profile.broker.iter().flat_map(|broker| &broker.runs);
    let invalid = invalid.filter(|run| !run.not_valid.is_empty()).count();
    let (grade, doubt) = match (profile.steal > STEAL_MAX, invalid) {
        (true, _) => (Grade::Invalid, " The hypervisor took CPU time: measure again."),
        (false, 0) => (Grade::Good, ""),
        (false, _) => (Grade::Mixed, " Some runs on the broker are not valid, see below."),
    };
    let headline = format!(
        "A durable append of 4 KiB takes {} at p99, and {} can be made durable.{doubt}",
        Unit::Seconds.format(p99),
        Unit::Throughput.format(durable)
    );
    let number = |value: String, label: &str| KeyNumber { value, label: label.to_owned() };
    let mut numbers = vec![
        number(Unit::Seconds.format(p99), "durable append, p99"),
        number(Unit::Throughput.format(durable), "durable writes"),
    ];
    if let Some(broker) = &profile.broker {
        let most = broker.bytes_per_second_max.value;
        numbers.push(number(Unit::Throughput.format(most), "one core of a broker takes"));
        let p99 = broker.unloaded.p99.value;
        numbers.push(number(Unit::Seconds.format(p99), "produce, unloaded, p99"));
    }
    Verdict { grade, answer: None, headline, numbers }
}

fn appends(profile: &Profile) -> Section {
    let of = |beside: Beside, quantile: f64| {
        let found = profile.disk.of_one_file(beside);
        let point = |append: &&Append| (append.bytes as f64, append.latency.at(quantile).max(1e-9));
        found.iter().map(point).collect::<Vec<_>>()
    };
    let series = vec![
        Series::new("p50 alone", Style::Line, of(Beside::Nothing, 0.5)),
        Series::new("p99 alone", Style::Line, of(Beside::Nothing, 0.99)),
        Series::new("p50 beside a writer", Style::Line, of(Beside::Writer, 0.5)),
        Series::new("p99 beside a writer", Style::Line, of(Beside::Writer, 0.99)),
    ];
    let chart = Chart::new(
        "A durable append by its size",
        Axis::log("Bytes", Unit::Bytes),
        Axis::log("Latency", Unit::Seconds),
        series,
    );
    let row = |append: &Append| {
        let beside = match append.beside {
            Beside::Nothing => "nothing",
            Beside::Reader => "a reader",
            Beside::Writer => "a writer",
        };
        let latency = &append.latency;
        vec![
            Unit::Bytes.format(append.bytes as f64),
            append.files.to_string(),
            beside.to_owned(),
            Unit::Count.format(append.per_second.value),
            Unit::Seconds.format(latency.p50.value),
            Unit::Seconds.format(latency.p99.value),
            format!("\u{b1}{:.0} %", latency.p99.error() * 100.0),
            Unit::Seconds.format(latency.at(1.0)),
        ]
    };
    let number = |name: &str| Column::Number(name.to_owned());
    let columns = vec![
        number("append"),
        number("files"),
        Column::Text("beside".to_owned()),
        number("a second"),
        number("p50"),
        number("p99"),
        number("error of p99"),
        number("max"),
    ];
    let rows = profile.disk.appends.iter().map(row).collect();
    let table = Table { title: "Durable appends".to_owned(), columns, rows };
    Section {
        title: "Durable appends".to_owned(),
        text: "Direct writes on files that were written before, as a journal's are: up to 64 KiB \
               one write that is durable by itself, above that a write and a sync."
            .to_owned(),
        items: vec![Item::Chart(chart), Item::Table(table)],
    }
}

fn bandwidth(profile: &Profile) -> Section {
    let disk = &profile.disk;
    let bar = |name: &str, rate: &Measured| Bar::new(name, rate.value, Some((rate.low, rate.high)));
    let bars = Bars {
        title: "Bandwidth of the disk".to_owned(),
        label: "bytes a second".to_owned(),
        unit: Unit::Throughput,
        bars: vec![
            bar("write", &disk.write_bytes_per_second),
            bar("durable write", &disk.durable_bytes_per_second),
            bar("read", &disk.read_bytes_per_second),
            bar("mixed, writing", &disk.mixed_write_bytes_per_second),
            bar("mixed, reading", &disk.mixed_read_bytes_per_second),
        ],
        limits: Vec::new(),
    };
    let mut items = vec![Item::Bars(bars)];
    if let Some(why) = &disk.polled.not_measured {
        items.push(Item::Note(format!("Polled reads are not measured: {why}.")));
    }
    if profile.network.peer.is_none() {
        let rate = Unit::Throughput.format(profile.network.bytes_per_second.value);
        items.push(Item::Note(format!(
            "The network was not measured, only loopback ({rate}): --peer measures it."
        )));
    }
    Section { title: "Bandwidth".to_owned(), text: String::new(), items }
}

fn broker(profile: &Profile) -> Section {
    let Some(broker) = &profile.broker else {
        return Section { title: String::new(), text: String::new(), items: Vec::new() };
    };
    let bar = |name: &str, of: &dyn Fn(&crate::plan::profile::CalibrationRun) -> f64| {
        let runs = broker.runs.iter();
        let bars = runs.map(|run| Bar::new(&format!("{}, {name}", run.name), of(run), None));
        bars.collect::<Vec<_>>()
    };
    let measured = bar("measured", &|run| run.cpu * 100.0);
    let fitted = bar("by the costs", &|run| run.cpu_fitted * 100.0);
    let pairs = measured.into_iter().zip(fitted).flat_map(|(one, other)| [one, other]);
    let bars = Bars {
        title: "CPU of one core in the calibration runs".to_owned(),
        label: "CPU".to_owned(),
        unit: Unit::Percent,
        bars: pairs.collect(),
        limits: Vec::new(),
    };
    let mut items = vec![Item::Bars(bars)];
    if !broker.paced.is_empty() {
        items.push(Item::Chart(latency_by_load(&broker.paced)));
    }
    for run in broker.runs.iter().filter(|run| !run.not_valid.is_empty()) {
        items.push(Item::Note(format!("{} is not valid: {}", run.name, run.not_valid.join("; "))));
    }
    let error = broker.cost_error * 100.0;
    Section {
        title: "A broker with one core".to_owned(),
        text: format!(
            "Costs of requests, batches, commits, records and bytes were fitted to these runs. \
             The run that fits worst is off by {error:.0} %."
        ),
        items,
    }
}

/// What paced runs measured, a line for each size of messages and percentile.
fn latency_by_load(paced: &[PacedRun]) -> Chart {
    let lines = paced.chunk_by(PacedRun::has_shape_of).flat_map(|runs| {
        [("p50", 0.5), ("p99", 0.99)].map(|(percentile, quantile)| {
            let bytes = Unit::Bytes.format(runs[0].message_bytes);
            let point = |run: &PacedRun| (run.part * 100.0, run.latency.at(quantile).max(1e-9));
            let points = runs.iter().map(point).collect();
            Series::new(&format!("{percentile}, messages of {bytes}"), Style::Line, points)
        })
    });
    Chart::new(
        "Latency by share of the highest rate",
        Axis::linear("Share of the highest rate", Unit::Percent),
        Axis::log("Latency", Unit::Seconds),
        lines.collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::demand::Clients;
    use crate::plan::distribution::Distribution;
    use crate::plan::profile::CalibrationRun;
    use crate::plan::profile::tests::profile;

    #[test]
    fn a_profile_is_drawn_with_its_numbers_on_top() {
        let mut profile = profile();
        let run = CalibrationRun { name: "one".to_owned(), cpu: 0.5, ..CalibrationRun::default() };
        let broker = profile.broker.as_mut().unwrap();
        broker.runs.push(run);
        broker.paced = [0.2, 0.8]
            .map(|part| PacedRun {
                name: "one".to_owned(),
                part,
                messages_per_second: 100.0,
                message_bytes: 256.0,
                partitions: 1.0,
                clients: Clients::default(),
                latency: Distribution::constant(part),
            })
            .to_vec();
        let page = probe_page(&profile);
        assert!(page.html().unwrap().contains("p99, messages of 256 B"));
        assert_eq!((page.verdict.grade, page.verdict.numbers.len()), (Grade::Good, 4));
    }

    #[test]
    fn a_profile_that_the_hypervisor_disturbed_is_not_valid() {
        let mut profile = profile();
        profile.steal = 0.1;
        profile.broker = None;
        let page = probe_page(&profile);
        page.html().unwrap();
        assert_eq!(page.verdict.grade, Grade::Invalid);
    }
}
