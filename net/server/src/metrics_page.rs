//! The page that a scraper reads: what every core counted, family by family, with the core as the
//! label. docs/operations.md says what each means for an operator.

use corelog_cluster::QuotaKey;
use corelog_log::LatencyHistogram;
use corelog_shard::{MetricsSnapshot, Throttles};

use crate::metrics_text::{Format, MetricsText, Number};

/// Upper bounds of the buckets of every latency, in microseconds. Close to each other where a disk
/// and a busy core make the difference, so that quantiles are worth something.
const LATENCY_BOUNDS_US: [u64; 26] = [
    50, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000,
    20_000, 30_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 3_000_000, 5_000_000,
    10_000_000,
];

type ReadNumber = fn(&MetricsSnapshot) -> Number;
type ReadLatency = fn(&MetricsSnapshot) -> &LatencyHistogram;

/// One family and how to read it.
struct Metric<Read> {
    name: &'static str,
    help: &'static str,
    value: Read,
}

const fn metric<Read: Copy>(name: &'static str, help: &'static str, value: Read) -> Metric<Read> {
    Metric { name, help, value }
}

static COUNTERS: &[Metric<ReadNumber>] = &[
    metric("corelog_requests", "Requests of any kind.", |core| core.requests.into()),
    metric("corelog_produced_batches", "Record batches appended.", |core| {
        core.produced_batches.into()
    }),
    metric("corelog_produced_records", "Records appended.", |core| core.produced_records.into()),
    metric("corelog_produced_bytes", "Bytes of record batches appended.", |core| {
        core.produced_bytes.into()
    }),
    metric("corelog_fetches", "Fetches answered.", |core| core.fetches.into()),
    metric("corelog_fetched_bytes", "Bytes of record batches returned to consumers.", |core| {
        core.fetched_bytes.into()
    }),
    metric("corelog_wrong_core", "Partitions asked of a core that does not lead them.", |core| {
        core.wrong_core.into()
    }),
    metric("corelog_connections_accepted", "Connections accepted.", |core| {
        core.connections_total.into()
    }),
    metric("corelog_authentications_failed", "TLS handshakes and logins that failed.", |core| {
        core.authentications_failed.into()
    }),
    metric("corelog_connections_turned_away", "Those whose address fails to log in.", |core| {
        core.turned_away.into()
    }),
    metric("corelog_denials", "Rights that clients asked for and did not have.", |core| {
        core.denials.into()
    }),
    metric("corelog_journal_frames", "Group commits written to the journal.", |core| {
        core.journal_frames.into()
    }),
    metric("corelog_journal_bytes", "Bytes written to the journal, padding included.", |core| {
        core.journal_bytes.into()
    }),
    metric("corelog_journal_syncs", "Syncs of the journal.", |core| core.journal_syncs.into()),
    metric("corelog_cleaner_read_bytes", "Bytes that compaction read.", |core| {
        core.cleaner.bytes_read.into()
    }),
    metric("corelog_cleaner_written_bytes", "Bytes that compaction wrote.", |core| {
        core.cleaner.bytes_written.into()
    }),
    metric("corelog_cleaner_passes", "Logs that were compacted.", |core| {
        core.cleaner.passes.into()
    }),
    metric("corelog_transactions_committed", "Transactions committed.", |core| {
        core.transactions.committed.into()
    }),
    metric("corelog_transactions_aborted", "Transactions aborted, for any reason.", |core| {
        core.transactions.aborted.into()
    }),
    metric("corelog_transactions_timed_out", "Transactions aborted as they took long.", |core| {
        core.transactions.timed_out.into()
    }),
    metric("corelog_transactions_fenced", "Transactions ended by a new producer.", |core| {
        core.transactions.fenced.into()
    }),
    metric("corelog_transaction_markers_written", "Markers that are in partitions.", |core| {
        core.transactions.markers_written.into()
    }),
    metric("corelog_transaction_markers_refused", "Markers that were not taken.", |core| {
        core.transactions.markers_refused.into()
    }),
    metric("corelog_group_rebalances", "New generations and epochs of groups.", |core| {
        core.groups.rebalances.into()
    }),
    metric("corelog_group_offsets_committed", "Offsets that groups stored.", |core| {
        core.groups.offsets_committed.into()
    }),
    metric("corelog_group_offsets_expired", "Offsets that nobody used for long.", |core| {
        core.groups.offsets_expired.into()
    }),
    metric("corelog_busy_seconds", "Time at work, without sleeping and polling.", |core| {
        core.load.busy.as_secs_f64().into()
    }),
    metric("corelog_stall_seconds", "Sum of the delays of a timer of the core.", |core| {
        core.load.late.as_secs_f64().into()
    }),
];

static GAUGES: &[Metric<ReadNumber>] = &[
    metric("corelog_connections", "Connections open now.", |core| core.connections.into()),
    metric("corelog_partitions", "Partitions that the core leads.", |core| core.partitions.into()),
    metric("corelog_log_bytes", "Bytes of all segments.", |core| core.log_bytes.into()),
    metric("corelog_tail_bytes", "Memory of the newest records.", |core| core.tail_bytes.into()),
    metric("corelog_tail_bytes_max", "Bound on the memory of the newest records.", |core| {
        core.tail_bytes_max.into()
    }),
    metric("corelog_inflight_bytes", "Memory of large requests in work.", |core| {
        core.inflight_bytes.into()
    }),
    metric("corelog_inflight_bytes_max", "Bound on the memory of requests in work.", |core| {
        core.inflight_bytes_max.into()
    }),
    metric("corelog_answer_bytes", "Memory of disk reads that answers keep.", |core| {
        core.answer_bytes.into()
    }),
    metric("corelog_answer_bytes_max", "Bound on the memory that answers keep.", |core| {
        core.answer_bytes_max.into()
    }),
    metric("corelog_journal_files_used", "Journal files that segments do not cover.", |core| {
        core.journal_fill.used.into()
    }),
    metric("corelog_journal_files_max", "Journal files at most; then writes wait.", |core| {
        core.journal_fill.files_max.into()
    }),
    metric("corelog_journal_file_size_bytes", "Bytes of one journal file.", |core| {
        core.journal_fill.file_bytes.into()
    }),
    metric("corelog_journal_failed", "1 when the disk failed and writes are refused.", |core| {
        u32::from(core.journal_failed).into()
    }),
    metric(
        "corelog_cleaner_last_pass_seconds",
        "Time the last compaction of a log took.",
        |core| (core.cleaner.last_pass_ms as f64 / 1_000.0).into(),
    ),
    metric(
        "corelog_cleaner_last_run_timestamp_seconds",
        "Time of the last look for logs to compact, 0 before the first one.",
        |core| (core.cleaner.last_run.map_or(0, |time| time.0) as f64 / 1_000.0).into(),
    ),
    metric("corelog_cleaner_dirty_ratio_max", "Largest uncompacted share of a log.", |core| {
        (core.cleaner.dirty_ppm_max as f64 / 1e6).into()
    }),
    metric("corelog_cleaner_uncleanable", "Logs whose compaction failed.", |core| {
        core.cleaner.uncleanable.into()
    }),
    metric("corelog_transactional_ids", "Transactional ids that are known.", |core| {
        core.transactions_now.ids.into()
    }),
    metric("corelog_transactions_open", "Transactions whose outcome is not decided.", |core| {
        core.transactions_now.open.into()
    }),
    metric("corelog_transactions_ending", "Transactions whose markers are under way.", |core| {
        core.transactions_now.ending.into()
    }),
    metric("corelog_transactions_stuck", "Those that another coordinator has to end.", |core| {
        core.transactions_now.stuck.into()
    }),
    metric("corelog_transaction_oldest_open_seconds", "Age of the oldest open one.", |core| {
        core.transactions_now.oldest_open.as_secs_f64().into()
    }),
    metric(
        "corelog_last_stable_offset_lag_max",
        "Most offsets of a partition that readers of committed records wait for.",
        |core| core.stable_lag_max.into(),
    ),
    metric("corelog_coordinators_loading", "Coordinators that do not serve yet.", |core| {
        core.coordinators_loading.into()
    }),
    metric("corelog_disk_available_bytes", "Bytes left on the disk, NaN if unknown.", |core| {
        match core.available_bytes {
            u64::MAX => f64::NAN.into(),
            known => known.into(),
        }
    }),
    metric("corelog_disk_reserve_bytes", "Free bytes below which writes are refused.", |core| {
        core.disk_reserve_bytes.into()
    }),
    metric("corelog_stall_longest_seconds", "Longest delay of that timer since start.", |core| {
        core.load.late_max.as_secs_f64().into()
    }),
];

static LATENCIES: &[Metric<ReadLatency>] = &[
    metric("corelog_produce_seconds", "Produce, from the last byte to the answer.", |core| {
        &core.produce_latency
    }),
    metric("corelog_fetch_seconds", "Fetch, to the answer, its wait included.", |core| {
        &core.fetch_latency
    }),
    metric("corelog_queue_seconds", "From a request's last byte to its handler.", |core| {
        &core.queue_time
    }),
    metric("corelog_journal_sync_seconds", "Syncs of the journal.", |core| &core.sync_latency),
    metric("corelog_coordinator_load_seconds", "Loading of a coordinator.", |core| &core.load_time),
];

/// The page. Each core has its snapshot, or none if it does not answer.
pub(crate) fn metrics_page(cores: &[Option<MetricsSnapshot>], format: Format) -> String {
    let mut text = MetricsText::new(format);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    text.gauge("corelog_build_info", "The version that runs.").add(&version, 1_u64);
    let numbers: Vec<String> = (0..cores.len()).map(|number| number.to_string()).collect();
    let mut up = text.gauge("corelog_core_up", "1 when the core answers, 0 when it does not.");
    for (number, core) in numbers.iter().zip(cores) {
        up.add(&[("core", number)], u32::from(core.is_some()));
    }
    let answered = || {
        let cores = numbers.iter().zip(cores);
        cores.filter_map(|(number, core)| Some(([("core", number.as_str())], core.as_ref()?)))
    };
    for Metric { name, help, value } in COUNTERS {
        let mut family = text.counter(name, help);
        for (core, snapshot) in answered() {
            family.add(&core, value(snapshot));
        }
    }
    for Metric { name, help, value } in GAUGES {
        let mut family = text.gauge(name, help);
        for (core, snapshot) in answered() {
            family.add(&core, value(snapshot));
        }
    }
    let mut groups = text.gauge("corelog_groups", "Groups, by their protocol and state.");
    for ([(_, core)], snapshot) in answered() {
        for ((kind, state), count) in &snapshot.groups_now {
            let labels = [("core", core), ("protocol", kind.name()), ("state", state.name())];
            groups.add(&labels, *count);
        }
    }
    for Metric { name, help, value } in LATENCIES {
        let mut family = text.histogram(name, help);
        for (core, snapshot) in answered() {
            let latency = value(snapshot);
            let sum = latency.sum_us() as f64 / 1e6;
            family.add(&core, &buckets(latency), latency.count(), sum);
        }
    }
    let answered: Vec<_> = answered().collect();
    throttles(&mut text, &answered);
    text.finish()
}

/// How often and for how long clients had to wait, by quota.
fn throttles(text: &mut MetricsText, cores: &[([(&str, &str); 1], &MetricsSnapshot)]) {
    let mut each = |name, help, value: fn(&Throttles) -> Number| {
        let mut family = text.counter(name, help);
        for ([core], snapshot) in cores {
            for key in QuotaKey::ALL {
                let throttles = &snapshot.throttles[usize::from(key.code())];
                family.add(&[*core, ("quota", key.name())], value(throttles));
            }
        }
    };
    each("corelog_throttles", "Requests and connections over a quota.", |it| it.count.into());
    each("corelog_throttled_seconds", "Time that clients were told to wait.", |it| {
        it.time.as_secs_f64().into()
    });
}

/// Upper bounds in seconds, each with what lies between it and the bound before.
fn buckets(latency: &LatencyHistogram) -> Vec<(f64, u64)> {
    let mut below = 0;
    let buckets = LATENCY_BOUNDS_US.map(|bound| {
        let at_most = latency.count_at_most(bound);
        let bucket = (bound as f64 / 1e6, at_most - below);
        below = at_most;
        bucket
    });
    buckets.to_vec()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lines_of<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
        page.lines().filter(|line| line.starts_with(name)).collect()
    }

    #[test]
    fn a_core_that_does_not_answer_is_down_and_counts_nothing() {
        let up = MetricsSnapshot { wrong_core: 7, ..MetricsSnapshot::default() };
        let page = metrics_page(&[None, Some(up)], Format::Prometheus);
        let expected = [r#"corelog_core_up{core="0"} 0"#, r#"corelog_core_up{core="1"} 1"#];
        assert_eq!(lines_of(&page, "corelog_core_up"), expected);
        let expected = [r#"corelog_wrong_core_total{core="1"} 7"#];
        assert_eq!(lines_of(&page, "corelog_wrong_core_total"), expected);
    }

    #[test]
    fn groups_are_counted_by_protocol_and_state() {
        use corelog_coordinator::group_state::GroupState;
        use corelog_coordinator::groups::GroupKind;
        let groups_now = [
            ((GroupKind::Classic, GroupState::Empty), 3),
            ((GroupKind::Consumer, GroupState::Stable), 1),
        ];
        let snapshot =
            MetricsSnapshot { groups_now: groups_now.into(), ..MetricsSnapshot::default() };
        let page = metrics_page(&[Some(snapshot)], Format::Prometheus);
        let expected = [
            r#"corelog_groups{core="0",protocol="classic",state="Empty"} 3"#,
            r#"corelog_groups{core="0",protocol="consumer",state="Stable"} 1"#,
        ];
        assert_eq!(lines_of(&page, "corelog_groups{"), expected);
    }

    #[test]
    fn throttles_are_told_by_quota() {
        let mut snapshot = MetricsSnapshot::default();
        let throttles = Throttles { count: 3, time: Duration::from_millis(1_500) };
        snapshot.throttles[usize::from(QuotaKey::ConsumerByteRate.code())] = throttles;
        let page = metrics_page(&[Some(snapshot)], Format::Prometheus);
        let label = r#"{core="0",quota="consumer_byte_rate"}"#;
        for (name, value) in [("corelog_throttles", "3"), ("corelog_throttled_seconds", "1.5")] {
            let line = format!("{name}_total{label} {value}");
            assert!(page.lines().any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn latencies_fall_into_buckets_of_seconds() {
        let mut snapshot = MetricsSnapshot::default();
        for micros in [80, 200, 201, 3_000, 20_000_000] {
            snapshot.sync_latency.record(Duration::from_micros(micros));
        }
        let page = metrics_page(&[Some(snapshot)], Format::Prometheus);
        let lines = lines_of(&page, "corelog_journal_sync_seconds");
        let label = r#"core="0""#;
        for (bound, count) in [("0.0001", 1), ("0.0002", 2), ("0.002", 3), ("0.005", 4)] {
            let line =
                format!(r#"corelog_journal_sync_seconds_bucket{{{label},le="{bound}"}} {count}"#);
            assert!(lines.contains(&line.as_str()), "{line} in {lines:?}");
        }
        let ends = [("10.0", 4), ("+Inf", 5)].map(|(bound, count)| {
            format!(r#"corelog_journal_sync_seconds_bucket{{{label},le="{bound}"}} {count}"#)
        });
        let sums = [
            format!("corelog_journal_sync_seconds_sum{{{label}}} 20.003481"),
            format!("corelog_journal_sync_seconds_count{{{label}}} 5"),
        ];
        assert_eq!(lines[lines.len() - 4..], [&ends[..], &sums[..]].concat());
    }

    #[test]
    fn free_space_that_nobody_has_measured_is_no_number() {
        let snapshot = MetricsSnapshot { available_bytes: u64::MAX, ..MetricsSnapshot::default() };
        let page = metrics_page(&[Some(snapshot)], Format::Prometheus);
        let expected = [r#"corelog_disk_available_bytes{core="0"} NaN"#];
        assert_eq!(lines_of(&page, "corelog_disk_available_bytes{"), expected);
    }

    #[test]
    fn the_page_is_valid_in_both_formats_with_no_core_at_all() {
        assert!(metrics_page(&[], Format::OpenMetrics).ends_with("# EOF\n"));
        let page = metrics_page(&[], Format::Prometheus);
        let samples: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(samples, [format!("corelog_build_info{{version=\"{version}\"}} 1")]);
    }
}
