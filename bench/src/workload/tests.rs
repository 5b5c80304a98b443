//! Claims about checking a workload.

use super::*;

fn check(text: &str) -> Result<Workload, Vec<Problem>> {
    let read = |file: &str| match file {
        "recorded" => Ok("0 100\n2 200\n".to_owned()),
        file => Err(format!("no file {file}")),
    };
    Workload::check(RawWorkload::parse(text).unwrap(), read)
}

/// The keys that are refused.
fn refused(text: &str) -> Vec<&'static str> {
    check(text).unwrap_err().iter().map(|problem| problem.key).collect()
}

#[test]
fn the_defaults_and_every_preset_are_valid() {
    assert!(check("").is_ok());
    for preset in presets() {
        let workload = Workload::check(preset.workload(), |_| Err(String::new()));
        let workload = workload.unwrap_or_else(|problems| panic!("{}: {problems:?}", preset.name));
        assert_eq!(workload.name, preset.name);
        assert!(!workload.about.is_empty(), "{} says what it stands for", preset.name);
    }
}

#[test]
fn a_checked_workload_keeps_everything_it_was_made_from() {
    let workload = check("[load]\nrate = 5.0\n").unwrap();
    let again = RawWorkload::parse(&workload.typed.to_toml()).unwrap();
    assert_eq!(Workload::check(again, |_| Err(String::new())), Ok(workload));
}

#[test]
fn the_short_texts_are_understood() {
    let message = |size: &str, keys: &str| {
        let workload = check(&format!("[message]\nsize = '{size}'\nkeys = '{keys}'\n")).unwrap();
        (workload.sizes, workload.keys)
    };
    assert_eq!(message("1KiB", "none"), (Sizes::Fixed { bytes: 1024 }, Keys::None));
    let uniform = Sizes::Uniform { bytes_min: 100, bytes_max: 2 << 20 };
    assert_eq!(message("100..2MiB", "uniform:7"), (uniform, Keys::Uniform { count: 7 }));
    let long = Sizes::Lognormal { bytes_median: 200.0, sigma: 1.5, bytes_max: 65536 };
    let zipf = Keys::Zipf { count: 1000, exponent: 0.99 };
    assert_eq!(message("lognormal:200:1.5:64KiB", "zipf:1000:0.99"), (long, zipf));
}

#[test]
fn shapes_become_modes() {
    let mode = |shape: &str| {
        let text = format!("[load]\nshape = '{shape}'\nrate = 9.0\nwarm_up_seconds = 0.5\n");
        check(&text).map(|it| it.load.mode)
    };
    let bursts = Shape::Bursts { messages: 50 };
    assert_eq!(mode("bursts:50"), Ok(Mode::Open { shape: bursts, rate: 9.0 }));
    assert_eq!(mode("closed:4"), Ok(Mode::Closed { in_flight: 4 }));
    let Ok(Mode::Open { shape: Shape::Trace(trace), rate }) = mode("trace:recorded") else {
        panic!("a trace is an open loop")
    };
    assert_eq!((trace.count(), rate), (2, 1.0));
    for shape in ["", "closed", "closed:0", "bursts:x", "constant:1", "trace:", "trace:gone"] {
        assert!(mode(shape).is_err(), "{shape:?}");
    }
}

#[test]
fn a_trace_is_measured_no_longer_than_it_is() {
    let trace = |warm_up: f64| {
        let text = format!("[load]\nshape = 'trace:recorded'\nwarm_up_seconds = {warm_up:?}\n");
        check(&text).map(|it| it.load.measured)
    };
    assert_eq!(trace(0.5), Ok(Duration::from_millis(1500)));
    assert_eq!(trace(2.0).unwrap_err()[0].key, "load.shape");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = "[load]\nrate = 0.0\n[topic]\npartitions = 0\n[producer]\nacks = '2'\n";
    assert_eq!(refused(text), ["load.rate", "topic.partitions", "producer.acks"]);
}

#[test]
fn a_value_has_room_for_its_stamp() {
    assert_eq!(refused("[message]\nsize = '31'\n"), ["message.size"]);
    assert_eq!(refused("[message]\nsize = '10..100'\n"), ["message.size"]);
    assert!(check("[message]\nsize = '32'\n").is_ok());
}

#[test]
fn sections_must_fit_each_other() {
    let large = "[message]\nsize = '1MiB'\n[producer]\nmemory_bytes_max = 100000\n";
    assert_eq!(refused(large), ["producer.memory_bytes_max"]);
    let compacted = "[topic.configs]\n'cleanup.policy' = 'compact'\n";
    assert_eq!(refused(&format!("{compacted}[message]\nkeys = 'none'\n")), ["message.keys"]);
    assert!(check(&format!("{compacted}[message]\nkeys = 'uniform:10'\n")).is_ok());
}

#[test]
fn only_who_waits_for_all_is_idempotent() {
    let of = |acks: &str| {
        check(&format!("[producer]\nacks = '{acks}'\n")).unwrap().producer.is_idempotent
    };
    assert_eq!([of("all"), of("1"), of("0")], [true, false, false]);
}

#[test]
fn another_rate_is_kept_in_what_is_typed() {
    let workload = check("").unwrap().with_rate(77.0);
    assert!(matches!(workload.load.mode, Mode::Open { rate: 77.0, .. }));
    assert_eq!(workload.typed.load.rate, Some(77.0));
}
