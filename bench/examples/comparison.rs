//! Writes the page of a comparison with made-up numbers into `target/sample-comparison`, to look
//! at: `cargo run -p corelog-bench --example comparison`.

#![allow(clippy::print_stdout, reason = "the path is what a reader of the sample needs")]

use std::path::PathBuf;
use std::time::Duration;

use corelog_bench::compare::CompareResult;
use corelog_bench::latency::{Digits, Latency};
use corelog_bench::machine::Machine;
use corelog_bench::objective::Metric;
use corelog_bench::pages::compare_page;
use corelog_bench::report::{WriteError, write};
use corelog_bench::result::{
    FORMAT, Fairness, GeneratorUse, Latencies, LoopKind, MachineUse, Repeat, RunResult, Summary,
    TargetResult, Totals,
};
use corelog_bench::validity::{Finding, Rule, Verdict, Weight};
use corelog_bench::workload::RawWorkload;

const NEVER: &str = "9223372036854775807";

fn main() -> Result<(), WriteError> {
    let folder =
        std::env::args().nth(1).map_or(PathBuf::from("target/sample-comparison"), Into::into);
    let mut spoiled = run("kafka-fsync", 4100, kafka("1"));
    spoiled.repeats[5].verdict = not_valid();
    spoiled.verdict = Verdict::over(spoiled.repeats.iter().map(|repeat| &repeat.verdict));
    let runs = vec![run("corelog", 1900, corelog()), run("kafka", 1850, kafka(NEVER)), spoiled];
    let result = CompareResult::new(Metric::Produce(99.0), 0.1, runs);
    println!("{}", write(&compare_page(&result), &folder)?.display());
    Ok(())
}

fn run(name: &str, p99_us: u64, fairness: Fairness) -> RunResult {
    let repeats: Vec<Repeat> = (0..8).map(|round| repeat(p99_us, round)).collect();
    let workload = "name = 'kib'\nload = { shape = 'constant', rate = 10000.0, seconds = 6.0, \
                    warm_up_seconds = 3.0 }\nmessage = { size = '1024' }\n\
                    topic = { partitions = 12 }\nproducer = { batch_bytes = 16384, \
                    linger_ms = 0.0, codec = 'none' }";
    RunResult {
        format: FORMAT,
        tool: "example".to_owned(),
        started_ms: 0,
        target: TargetResult { name: name.to_owned(), bootstrap: "127.0.0.1:9092".to_owned() },
        workload: RawWorkload::parse(workload).expect("it is written above"),
        loop_kind: LoopKind::Open,
        verdict: Verdict::over(repeats.iter().map(|repeat| &repeat.verdict)),
        summary: Summary::of(&repeats),
        fairness,
        machine: Machine {
            cpu_model: "AMD EPYC 7763 64-Core Processor".to_owned(),
            cpus: 2,
            ..Machine::default()
        },
        repeats,
    }
}

fn repeat(p99_us: u64, round: u64) -> Repeat {
    let mut produce = Latency::new(Digits::Three);
    // Rounds differ by up to a seventh, not in the same order for every target.
    let scale = p99_us * (100 + (round * 5 + p99_us) % 14) / 100;
    for message in 1..=60_000_u64 {
        let rare = 60_000 / message;
        produce.record(Duration::from_micros(
            scale / 3 + scale * u64::from(rare.min(400).ilog2()) / 10,
        ));
    }
    Repeat {
        offered_per_second: Some(10_000.0),
        measured_seconds: 6.0,
        totals: Totals { acknowledged_per_second: 10_000.0, ..Totals::default() },
        latencies: Latencies { produce: produce.result(), ..Latencies::default() },
        series: Vec::new(),
        generator: GeneratorUse { load_cpus: vec![1], ..GeneratorUse::default() },
        machine: MachineUse::default(),
        broker: None,
        cpus: None,
        syncs: None,
        delivery: None,
        stall: None,
        verdict: Verdict::default(),
    }
}

fn not_valid() -> Verdict {
    let what = "the hypervisor took 7.1 % of the CPU time".to_owned();
    let finding = Finding { rule: Rule::Steal, weight: Weight::Invalid, what };
    Verdict { is_valid: false, findings: vec![finding] }
}

fn corelog() -> Fairness {
    Fairness {
        software: "corelog".to_owned(),
        nodes: 1,
        protocol: "Produce 11, Fetch 17".to_owned(),
        acks: "all".to_owned(),
        replicas: Some(1),
        version: Some("0.1.0".to_owned()),
        heap: Some("none".to_owned()),
        broker_cpus: Some("process 0-1; busy threads 0".to_owned()),
        configs: configs(&[
            ("node default.replication.factor", "1"),
            ("node message.max.bytes", "1048588"),
            ("node min.insync.replicas", "1"),
            ("topic cleanup.policy", "delete"),
            ("topic compression.type", "producer"),
            ("topic flush.messages", NEVER),
            ("topic flush.ms", NEVER),
            ("topic max.message.bytes", "1048588"),
            ("topic min.insync.replicas", "1"),
            ("topic segment.bytes", "268435456"),
        ]),
        notes: vec!["it syncs before it acknowledges, whatever flush.messages says".to_owned()],
        ..Fairness::default()
    }
}

fn kafka(flush_messages: &str) -> Fairness {
    Fairness {
        software: "Apache Kafka".to_owned(),
        version: Some("4.2.0".to_owned()),
        heap: Some("1 GiB".to_owned()),
        protocol: "Produce 13, Fetch 18".to_owned(),
        broker_cpus: Some("0".to_owned()),
        notes: Vec::new(),
        configs: configs(&[
            ("node default.replication.factor", "1"),
            ("node inter.broker.protocol.version", "4.2-IV1"),
            ("node log.flush.interval.messages", flush_messages),
            ("node message.max.bytes", "1048588"),
            ("node min.insync.replicas", "1"),
            ("node num.io.threads", "8"),
            ("topic cleanup.policy", "delete"),
            ("topic compression.type", "producer"),
            ("topic flush.messages", flush_messages),
            ("topic flush.ms", NEVER),
            ("topic max.message.bytes", "1048588"),
            ("topic min.insync.replicas", "1"),
            ("topic segment.bytes", "1073741824"),
        ]),
        ..corelog()
    }
}

fn configs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
