//! Claims about `corelog bench`, made against a real broker. The machine of a test is seldom quiet,
//! so whether a run is valid is no claim here.

use std::time::Duration;

use corelog_bench::result::{LoopKind, RunResult};

use crate::server::Server;

const SHORT: [&str; 4] = ["--seconds", "2", "--warm-up", "0.5"];

/// Runs a load and gives its result, which may be not valid.
#[track_caller]
fn measure(server: &Server, arguments: &[&str]) -> RunResult {
    let arguments = [&["bench", "run", "--json", "--quiet"], arguments].concat();
    let output = server.run(&arguments, "");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 6)), "{arguments:?}: {errors}");
    RunResult::parse(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

#[test]
fn every_message_is_counted_from_its_schedule_to_its_reader() {
    let server = Server::start();
    let load = ["small", "--shape", "constant", "--rate", "500", "--consumers", "2"];
    let result = measure(&server, &[&load[..], &SHORT].concat());
    let [repeat] = result.repeats.as_slice() else { panic!("{:?}", result.repeats) };
    assert_eq!(result.loop_kind, LoopKind::Open);
    assert_eq!(repeat.totals.sent, 1000, "the schedule decides how many");
    assert_eq!((repeat.totals.acknowledged, repeat.totals.failed), (1000, 0));
    assert_eq!(repeat.totals.received, 2000, "each group reads everything");
    let delivery = repeat.delivery.as_ref().unwrap();
    assert_eq!((delivery.groups, delivery.lost, delivery.repeated), (2, 0, 0));
    assert_eq!(delivery.acknowledged, 1250, "the warm-up is checked, too");
    let latencies = &repeat.latencies;
    for latency in [&latencies.produce, &latencies.produce_service, &latencies.lag] {
        assert_eq!(latency.count, 1000);
    }
    assert_eq!(latencies.end_to_end.count, 2000);
    assert!(latencies.produce_service.max_ns <= latencies.produce.max_ns);
    assert_eq!(repeat.series.iter().map(|second| second.counts.sent).sum::<u64>(), 1250);
    assert_eq!(result.fairness.software, "corelog");
    // The topic is gone.
    assert_eq!(server.json(&["topic", "list", "--json"])["topics"], serde_json::json!([]));
}

#[test]
fn a_broker_that_stands_still_is_in_the_numbers_where_it_belongs() {
    let server = Server::start();
    let pid = server.pid().to_string();
    let load = ["kib", "--shape", "constant", "--rate", "400", "--seconds", "6"];
    let stall = ["--warm-up", "0.5", "--broker-pid", &pid, "--demo-stall", "1"];
    let result = measure(&server, &[&load[..], &stall].concat());
    let repeat = &result.repeats[0];
    let stall = repeat.stall.as_ref().unwrap();
    assert!(stall.is_shown, "{stall:?}");
    assert!((stall.percentile - 100.0 * (1.0 - 0.5 / 6.0)).abs() < 1.0, "{stall:?}");
    // The load went on sending meanwhile: it was the broker that was late.
    assert_eq!(repeat.totals.sent, 2400);
    assert!(Duration::from_nanos(stall.max_ns) >= Duration::from_millis(900), "{stall:?}");
    let broker = repeat.broker.as_ref().unwrap();
    assert!(broker.resident_bytes > 0 && broker.cpu_seconds > 0.0, "{broker:?}");
    let cpus = repeat.cpus.as_ref().unwrap();
    assert!(cpus.moments.len() >= 5 && !cpus.cpus.is_empty(), "{cpus:?}");
    // The process tells what the protocol does not.
    let fairness = &result.fairness;
    assert_eq!(fairness.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(fairness.heap.as_deref(), Some("none"));
}

#[test]
fn a_closed_loop_says_so_in_every_output() {
    let server = Server::start();
    let load = ["one-at-a-time", "--seconds", "0.5", "--warm-up", "0.1"];
    let result = measure(&server, &load);
    assert_eq!(result.loop_kind, LoopKind::Closed);
    let produce = &result.repeats[0].latencies.produce;
    // One message is always open, so that their latencies fill the time.
    let filled = produce.mean_ns * produce.count as f64 / 0.5e9;
    assert!(filled > 0.5, "{filled}: {} messages", produce.count);
    assert_eq!(result.repeats[0].offered_per_second, None);
    let text = server.run(&[&["bench", "run", "--quiet"], &load[..]].concat(), "");
    assert!(String::from_utf8_lossy(&text.stdout).contains("CLOSED LOOP"));
}

#[test]
fn readers_catch_up_on_a_backlog_while_the_load_runs() {
    let server = Server::start();
    let load = ["catch-up", "--rate", "200", "--backlog-bytes", "4000000"];
    let result = measure(&server, &[&load[..], &SHORT].concat());
    let repeat = &result.repeats[0];
    assert!(repeat.totals.caught_up_bytes > 4_000_000, "{:?}", repeat.totals);
    assert!(repeat.latencies.fetch_catch_up.count > 0);
    assert_eq!(repeat.delivery.as_ref().unwrap().lost, 0);
}

#[test]
fn a_sweep_ends_with_a_rate_and_its_points() {
    let server = Server::start();
    let sweep = ["bench", "sweep", "kib", "--json", "--quiet", "--rate", "50"];
    let bounds = ["--rate-max", "100", "--objective", "max < 60s", "--points-max", "6"];
    let short = ["--seconds", "0.5", "--warm-up", "0.1", "--partitions", "1"];
    let output = server.run(&[&sweep[..], &bounds, &short].concat(), "");
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let points = result["points"].as_array().unwrap();
    assert!(!points.is_empty() && points.len() <= 6, "{points:?}");
    assert_eq!(result["objective"], "max < 60s");
}

#[test]
fn a_server_compared_with_itself_is_not_worse_by_tenfold() {
    let server = Server::start();
    let (one, two) = (format!("a={}", server.address()), format!("b={}", server.address()));
    let compare = ["bench", "compare", "kib", "--json", "--quiet", "--target", &one];
    let other = ["--target", &two, "--pairs", "6", "--metric", "rate", "--threshold", "900"];
    let short = ["--seconds", "0.3", "--warm-up", "0.1", "--rate", "200"];
    let output = server.run(&[&compare[..], &other, &short].concat(), "");
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let runs = result["runs"].as_array().unwrap();
    assert!(runs.iter().all(|run| run["repeats"].as_array().unwrap().len() == 6));
    assert!(matches!(output.status.code(), Some(0 | 6)), "{:?}", output.status);
}

#[test]
fn results_are_saved_for_programs_and_plotters() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let save = ["kib", "--save", folder.path().to_str().unwrap(), "--rate", "200"];
    measure(&server, &[&save[..], &SHORT].concat());
    let mut ends: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.split_once('.').unwrap().1.rsplit('-').next().unwrap().to_owned())
        .collect();
    ends.sort_unstable();
    assert!(ends.iter().any(|end| end.ends_with("json")), "{ends:?}");
    assert!(ends.iter().filter(|end| end.ends_with("hgrm")).count() >= 4, "{ends:?}");
}

#[test]
fn what_cannot_be_measured_is_refused_with_advice() {
    let server = Server::start();
    let check = |arguments: &[&str], code: i32, part: &str| {
        let output = server.run(&[&["bench"], arguments].concat(), "");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    };
    check(&["run", "kib", "--rate", "0"], 2, "load.rate");
    check(&["run", "nowhere.toml"], 2, "corelog bench presets");
    check(&["run", "kib", "--load-cpus", "60000"], 2, "CPU 60000");
    check(&["run", "kib", "--broker-pid", "999999999"], 2, "no process");
    check(&["sweep", "one-at-a-time"], 2, "closed loop");
    check(&["compare", "--target", "a=127.0.0.1:1"], 2, "one target");
    check(&["run", "kib", "--bootstrap", "127.0.0.1:1"], 3, "127.0.0.1:1");
}
