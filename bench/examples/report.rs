//! Writes sample reports with made-up numbers into `target/sample-report`, one folder for each
//! grade, to look at: `cargo run -p corelog-bench --example report`.

#![allow(clippy::print_stdout, reason = "the paths are what a reader of the samples needs")]

use std::path::PathBuf;

use corelog_bench::report::{
    Axis, Bar, Bars, Chart, Column, Grade, Item, KeyNumber, Limit, Mark, Page, Section, Series,
    Span, Style, Table, Unit, Verdict, WriteError, write,
};

fn main() -> Result<(), WriteError> {
    let folder = std::env::args().nth(1).map_or(PathBuf::from("target/sample-report"), Into::into);
    for (name, page) in [("good", good()), ("bad", bad()), ("invalid", invalid())] {
        println!("{}", write(&page, &folder.join(name))?.display());
    }
    Ok(())
}

fn good() -> Page {
    Page {
        title: "corelog against Kafka: durable produce, 1 KiB messages".into(),
        verdict: Verdict {
            grade: Grade::Good,
            answer: None,
            headline: "corelog holds p99.9 below 10 ms up to 180 k msg/s on one core; Kafka with \
                       flush.messages=1 up to 41 k msg/s."
                .into(),
            numbers: vec![
                key("2.31 ms", "p99.9 of durable produce at 100 k msg/s"),
                key("4.39\u{d7}", "the load of Kafka within the objective (4.1 to 4.6, 5 runs)"),
                key("184 MB/s", "highest load within the objective"),
            ],
        },
        facts: facts(),
        sections: vec![
            Section {
                title: "Latency".into(),
                text: "Open load: every message has the time at which it was to be sent, and its \
                       latency begins there, whether or not the client was late.\n\nBoth brokers \
                       sync before they acknowledge."
                    .into(),
                items: vec![
                    Item::Chart(percentiles()),
                    Item::Chart(time_series()),
                    Item::Chart(offered_load()),
                    Item::Table(percentile_table()),
                ],
            },
            Section {
                title: "Comparison".into(),
                text: String::new(),
                items: vec![
                    Item::Bars(ratios()),
                    Item::Note(
                        "Kafka ran with a heap of 1 GB; a larger heap changed p99.9 by less than \
                         3 %."
                            .into(),
                    ),
                ],
            },
            Section {
                title: "Where the time goes".into(),
                text: String::new(),
                items: vec![Item::Chart(predicted()), Item::Chart(cpu()), Item::Chart(journal())],
            },
        ],
    }
}

fn bad() -> Page {
    let mut page = good();
    page.title = "corelog: many stalls, many series, very long names <script>".into();
    page.verdict = Verdict {
        grade: Grade::Bad,
        answer: None,
        headline: "p99.9 is 48.2 ms at 100 k msg/s, above the objective of 10 ms.".into(),
        numbers: vec![key("48.2 ms", "p99.9 of durable produce at 100 k msg/s")],
    };
    let mut stalls = time_series();
    stalls.title = "Thirty stalls, of which not all have room for a label".into();
    stalls.marks = (0..30)
        .map(|index| {
            let from = 8.0 + f64::from(index) * 19.5;
            mark(Span::Range(from, from + 1.5), &format!("stall of {} ms", 90 + index))
        })
        .collect();
    let many = (0..24).map(|core| {
        let level = 20.0 + f64::from(core) * 3.0;
        let points = (0..120).map(|second| (f64::from(second), level + noise(second, core) * 4.0));
        Series::new(
            &format!("core {core} with a name that is longer"),
            Style::Line,
            points.collect(),
        )
    });
    let cores = Chart::new("24 cores", elapsed(), percent(), many.collect());
    let empty = Chart::new("Nothing was measured", elapsed(), latency(), Vec::new());
    let points = vec![(30.0, 0.0021)];
    let one = vec![Series::new("one point", Style::Line, points)];
    let one = Chart::new("One measurement", elapsed(), latency(), one);
    let items = [stalls, cores, empty, one].map(Item::Chart);
    page.sections = vec![Section {
        title: "Edges".into(),
        text: "Text is never <b>markup</b> & never breaks the page.".into(),
        items: items.into(),
    }];
    page
}

fn invalid() -> Page {
    let mut page = good();
    page.verdict = Verdict {
        grade: Grade::Invalid,
        answer: None,
        headline: "The client was late for 12 % of the messages: it was the limit, not the broker."
            .into(),
        numbers: Vec::new(),
    };
    page.sections.truncate(1);
    page
}

fn facts() -> Vec<(String, String)> {
    let facts = [
        ("Broker", "corelog 0.1.0 (4113416) / Kafka 4.1.0"),
        ("acks", "all"),
        ("Flush", "before each acknowledgement, both"),
        ("Replication", "1"),
        ("Batches", "16 KiB, linger 1 ms"),
        ("Message", "1 KiB, random bytes"),
        ("Broker CPUs", "0"),
        ("Client CPUs", "1"),
        ("Heap", "none / 1 GB"),
        ("Disk", "NVMe, ext4, write cache off"),
        ("Machine", "2 cores, 8 GB, Linux 6.18"),
        ("Runs", "5 of 60 s after 10 s of warm-up"),
    ];
    facts.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn percentiles() -> Chart {
    let curve = |name: &str, base: f64, growth: f64| {
        let nines = (0..=50).map(|tenth| f64::from(tenth) / 10.0);
        let mut points: Vec<(f64, f64)> = nines
            .map(|nines| (100.0 - 100.0 * 10f64.powf(-nines), base * growth.powf(nines * nines)))
            .collect();
        let (_, last) = points[points.len() - 1];
        points.push((100.0, last * 1.3));
        Series::new(name, Style::Steps, points)
    };
    let series = vec![
        curve("corelog", 0.000_4, 1.13),
        curve("Kafka, sync each batch", 0.002_1, 1.15),
        curve("Kafka, no sync", 0.000_9, 1.2),
    ];
    let mut chart = Chart::new(
        "corelog stays below 10 ms up to the maximum; Kafka does not",
        Axis::percentiles(),
        latency(),
        series,
    );
    chart.limits = vec![limit(0.01, "objective: 10 ms")];
    chart
}

fn time_series() -> Chart {
    let curve = |name: &str, base: f64, seed: u32| {
        let points = (0..6_000).map(|tick| {
            let stalled = [(1_400, 1_430), (3_900, 3_980)];
            let is_stalled = stalled.iter().any(|(from, to)| (*from..*to).contains(&tick));
            let factor = if is_stalled { 30.0 } else { 1.0 };
            let value = base * factor * (1.0 + noise(tick, seed).powi(4) * 3.0);
            (f64::from(tick) / 10.0, value)
        });
        Series::new(name, Style::Line, points.collect())
    };
    let series = vec![curve("p99", 0.001_6, 1), curve("p50", 0.000_5, 2)];
    let mut chart = Chart::new("Two stalls in ten minutes", elapsed(), latency(), series);
    chart.marks = vec![
        mark(Span::Range(140.0, 143.0), "stall of 3 s: disk sync"),
        mark(Span::Range(390.0, 398.0), "stall of 8 s: disk sync"),
        mark(Span::At(300.0), "leader moved"),
    ];
    chart.limits = vec![limit(0.01, "objective: 10 ms")];
    chart
}

fn offered_load() -> Chart {
    let curve = |name: &str, loads: &[u32], full: f64, base: f64| {
        let point = |load: &u32| {
            let load = f64::from(*load) * 1e3;
            (load, base / (1.0 - (load / full).min(0.998)))
        };
        Series::new(name, Style::Line, loads.iter().map(point).collect())
    };
    let series = vec![
        curve("corelog", &[5, 10, 20, 40, 80, 120, 160, 180, 200], 203e3, 0.000_7),
        curve("Kafka", &[5, 10, 20, 30, 40, 45], 46e3, 0.002_4),
    ];
    let load = Axis::linear("Offered load", Unit::Messages);
    let mut chart = Chart::new("p99.9 against offered load", load, latency(), series);
    chart.limits = vec![limit(0.01, "objective: 10 ms")];
    chart
}

fn ratios() -> Bars {
    Bars {
        title: "corelog against Kafka, same machine, same durability".into(),
        label: "Kafka = 1".into(),
        unit: Unit::Ratio,
        bars: vec![
            Bar::new("load within the objective", 4.39, Some((4.1, 4.6))),
            Bar::new("throughput, 100 partitions", 2.02, Some((1.7, 2.5))),
            Bar::new("tail fetch, MB/s", 0.93, Some((0.88, 1.04))),
            Bar::new("restart after kill", 3.1, None),
        ],
        limits: vec![limit(1.0, "as Kafka")],
    }
}

fn predicted() -> Chart {
    let ends = vec![(1e-4, 1e-4), (1e-1, 1e-1)];
    let measured = |spread: f64, seed: u32| {
        let points = (0..40).map(|index| {
            let predicted = 2e-4 * 1.14f64.powi(index);
            (predicted, predicted * (1.0 + (noise(index as u32, seed) - 0.4) * spread))
        });
        points.collect()
    };
    let series = vec![
        Series::new("as predicted", Style::Guide, ends),
        Series::new("1 KiB", Style::Dots, measured(0.4, 5)),
        Series::new("16 KiB", Style::Dots, measured(1.2, 6)),
    ];
    let x = Axis::log("Predicted p99", Unit::Seconds);
    let y = Axis::log("Measured p99", Unit::Seconds);
    Chart::new("The model predicts small batches well and large ones too low", x, y, series)
}

fn cpu() -> Chart {
    let core = |name: &str, level: f64, seed: u32| {
        let points = (0..60).map(|second| (f64::from(second), level + noise(second, seed) * 9.0));
        Series::new(name, Style::Steps, points.collect())
    };
    let series = vec![core("core 0: broker", 71.0, 3), core("core 1: client", 38.0, 4)];
    let mut chart = Chart::new("CPU of each core", elapsed(), percent(), series);
    chart.limits = vec![limit(100.0, "all of a core")];
    chart
}

fn journal() -> Chart {
    let points = (0..600).map(|tick| {
        let slow = if tick % 97 == 0 { 9.0 } else { 1.0 };
        (f64::from(tick) / 10.0, 45e-6 * slow * (1.0 + noise(tick, 9)))
    });
    let series = vec![Series::new("write and sync", Style::Dots, points.collect())];
    Chart::new("Latency of journal syncs", elapsed(), latency(), series)
}

fn percentile_table() -> Table {
    let rows = [
        ["corelog", "408 us", "1.24 ms", "2.31 ms", "7.9 ms"],
        ["Kafka, sync each batch", "2.15 ms", "6.5 ms", "11.8 ms", "83 ms"],
    ];
    let number = |name: &str| Column::Number(name.into());
    Table {
        title: "Durable produce at 40 k msg/s".into(),
        columns: vec![
            Column::Text("Broker".into()),
            number("p50"),
            number("p99"),
            number("p99.9"),
            number("max"),
        ],
        rows: rows.map(|row| row.map(str::to_owned).to_vec()).to_vec(),
    }
}

fn elapsed() -> Axis {
    Axis::linear("Time", Unit::Elapsed)
}

fn latency() -> Axis {
    Axis::log("Latency", Unit::Seconds)
}

fn percent() -> Axis {
    Axis::linear("CPU", Unit::Percent)
}

fn key(value: &str, label: &str) -> KeyNumber {
    KeyNumber { value: value.into(), label: label.into() }
}

fn mark(span: Span, label: &str) -> Mark {
    Mark { span, label: label.into() }
}

fn limit(value: f64, label: &str) -> Limit {
    Limit { value, label: label.into() }
}

/// Between 0 and 1, the same for the same index and seed.
fn noise(index: u32, seed: u32) -> f64 {
    let mixed = (u64::from(index) << 20 | u64::from(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 40) as f64 / f64::from(1 << 24)
}
