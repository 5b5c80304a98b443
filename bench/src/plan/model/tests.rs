//! Claims about the model: limits, growth with the load, and points that are known by formula.

use super::*;
use crate::plan::demand::tests::demand;
use crate::plan::distribution::Measured;
use crate::plan::profile::tests::profile;

fn one_by_one() -> Clients {
    Clients { producers: 1000.0, linger_s: 0.0, batch_bytes: 1.0, in_flight: 5.0 }
}

fn load(rate: f64, clients: Clients) -> Load {
    Load {
        messages_per_second: rate,
        record: demand().record(),
        clients,
        connections: clients.producers,
        partitions: 1.0,
        reads: 0.0,
        copies: 0.0,
    }
}

#[test]
fn a_rare_message_takes_as_long_as_with_nothing_else_going_on() {
    let profile = profile();
    let found = Model::new(&profile).unwrap().predict(&load(1.0, one_by_one())).unwrap();
    assert!((found.p50_s / 250e-6 - 1.0).abs() < 0.01 && found.p99_s < 300e-6, "{found:?}");
    assert!((found.messages_per_request, found.frame_bytes) == (1.0, 4096.0), "{found:?}");
}

#[test]
fn everything_grows_with_the_load_until_it_cannot_be_carried() {
    let profile = profile();
    let model = Model::new(&profile).unwrap();
    for clients in
        [one_by_one(), Clients::default(), Clients { linger_s: 0.0, ..Clients::default() }]
    {
        let highest = model.highest(&load(0.0, clients)).messages_per_second;
        let mut before: Option<Prediction> = None;
        for part in [0.1, 0.25, 0.5, 0.75, 0.9, 0.99] {
            let now = model.predict(&load(highest * part, clients)).unwrap();
            if let Some(before) = &before {
                assert!(before.cpu <= now.cpu * 1.001, "{before:?} {now:?}");
                assert!(before.disk < now.disk && before.journal < now.journal);
                let waits = |of: &Prediction| of.parts.frame_wait_s + of.parts.cpu_s;
                assert!(waits(before) <= waits(&now) * 1.01, "{before:?} {now:?}");
            }
            before = Some(now);
        }
        assert_eq!(model.predict(&load(highest * 1.01, clients)), None, "{clients:?}");
    }
}

#[test]
fn requests_one_by_one_use_up_the_cpu() {
    let profile = profile();
    let model = Model::new(&profile).unwrap();
    let highest = model.highest(&load(0.0, one_by_one()));
    assert_eq!(highest.limit, Resource::Cpu);
    // 20 us a request, 0.1 us a record, 1.1 kB at 0.5 ns; commits become rare when it is busy.
    let each = 20e-6 + 0.1e-6 + 1094.0 * 0.5e-9;
    assert!(highest.messages_per_second < 1.0 / each, "{highest:?}");
    assert!(highest.messages_per_second > 0.9 / each, "{highest:?}");
}

#[test]
fn large_batches_use_up_the_journal() {
    let profile = profile();
    let model = Model::new(&profile).unwrap();
    let large = Clients { batch_bytes: 1e6, ..Clients::default() };
    let highest = model.highest(&load(0.0, large));
    assert_eq!(highest.limit, Resource::Journal);
    let bytes = highest.messages_per_second * demand().record().bytes;
    assert!((bytes / 400e6 - 1.0).abs() < 0.01, "{highest:?}");
}

#[test]
fn a_slow_disk_is_used_up_before_the_journal() {
    let mut profile = profile();
    profile.disk.durable_bytes_per_second = Measured::exact(100e6);
    let model = Model::new(&profile).unwrap();
    let large = Clients { batch_bytes: 1e6, ..Clients::default() };
    let highest = model.highest(&load(0.0, large));
    assert_eq!(highest.limit, Resource::DiskBandwidth);
    // Each byte is written to the journal and to a segment.
    let bytes = highest.messages_per_second * demand().record().bytes;
    assert!((bytes / 50e6 - 1.0).abs() < 0.05, "{highest:?}");
}

#[test]
fn few_open_requests_are_the_limit_by_littles_law() {
    let profile = profile();
    let model = Model::new(&profile).unwrap();
    let few = Clients { producers: 1.0, in_flight: 1.0, ..one_by_one() };
    let highest = model.highest(&load(0.0, few));
    assert_eq!(highest.limit, Resource::Clients);
    // One at a time, 250 us and more each.
    assert!((2000.0..4000.0).contains(&highest.messages_per_second), "{highest:?}");
    let at = model.predict(&load(highest.messages_per_second, few)).unwrap();
    assert!((at.clients - 1.0).abs() < 0.01, "{at:?}");
}

#[test]
fn the_wait_for_the_cpu_is_that_of_a_queue_with_even_service() {
    let profile = profile();
    let model = Model::new(&profile).unwrap();
    let load = load(20e3, one_by_one());
    let flow = model.flow(&load, 1.0);
    // M/D/1: rho * s / (2 * (1 - rho)).
    let expected = flow.steady * flow.each_s / (2.0 * (1.0 - flow.steady));
    let parts = (0..100_000).map(|part| (f64::from(part) + 0.5) / 1e5);
    let mean = parts.map(|u| flow.cpu_wait(u)).sum::<f64>() / 1e5;
    assert!((mean / expected - 1.0).abs() < 0.01, "{mean} {expected}");
}

#[test]
fn lingering_fills_batches_and_costs_latency() {
    let profile = profile();
    let model = Model::new(&profile).unwrap();
    let found = model.predict(&load(16e3, Clients::default())).unwrap();
    // 2,000 a second each: ten come within 5 ms after the first one.
    assert!((found.messages_per_request - 11.0).abs() < 1e-6, "{found:?}");
    assert!(found.p99_s > 5e-3 && found.parts.batch_s > 2.4e-3, "{found:?}");
}

#[test]
fn an_objective_allows_less_than_everything() {
    let profile = profile();
    let model = Model::new(&profile).unwrap();
    let shape = load(0.0, one_by_one());
    let (all, below) = (model.highest(&shape), model.highest_below(&shape, 800e-6));
    assert!(below.messages_per_second < all.messages_per_second, "{below:?} {all:?}");
    let at = load(below.messages_per_second, one_by_one());
    assert!(model.predict(&at).unwrap().p99_s <= 800e-6);
    assert!(model.highest_below(&shape, 1e-6).messages_per_second < 1.0);
}

#[test]
fn readers_and_copies_cost_cpu_time_and_disk() {
    let profile = profile();
    let model = Model::new(&profile).unwrap();
    let alone = load(10e3, Clients::default());
    let read = Load { reads: 3.0, ..alone };
    let copied = Load { copies: 2.0, ..alone };
    let of = |load: &Load| model.predict(load).unwrap();
    assert!(of(&read).cpu > of(&alone).cpu && of(&copied).cpu > of(&alone).cpu);
    assert!(of(&copied).disk_bytes_per_second > of(&alone).disk_bytes_per_second + 40e6);
}

#[test]
fn a_profile_without_a_broker_is_refused() {
    let mut profile = profile();
    profile.broker = None;
    let refused = Model::new(&profile).unwrap_err().to_string();
    assert_eq!(refused, "the profile of host was made without a broker");
}
