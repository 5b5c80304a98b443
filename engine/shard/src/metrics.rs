//! What a core counts about itself. One writer, plain cells; a reader on another core asks for a
//! snapshot.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use corelog_cluster::QuotaKey;
use corelog_coordinator::groups::{GroupCounts, GroupTally};
use corelog_coordinator::transactions::{TransactionCounts, TransactionTally};
use corelog_io::CoreLoad;
use corelog_log::journal::JournalFill;
use corelog_log::{CleanerCounters, LatencyHistogram};

/// Counters and latencies of one core.
#[derive(Debug, Default)]
pub struct ShardMetrics {
    produced_bytes: Cell<u64>,
    produced_records: Cell<u64>,
    produced_batches: Cell<u64>,
    fetched_bytes: Cell<u64>,
    fetches: Cell<u64>,
    requests: Cell<u64>,
    connections: Cell<u64>,
    connections_total: Cell<u64>,
    wrong_core: Cell<u64>,
    authentications_failed: Cell<u64>,
    turned_away: Cell<u64>,
    denials: Cell<u64>,
    throttles: [Cell<Throttles>; QuotaKey::ALL.len()],
    produce_latency: RefCell<LatencyHistogram>,
    fetch_latency: RefCell<LatencyHistogram>,
    queue_time: RefCell<LatencyHistogram>,
    load_time: RefCell<LatencyHistogram>,
    transactions: Cell<TransactionCounts>,
    groups: Cell<GroupCounts>,
}

fn add(cell: &Cell<u64>, amount: u64) {
    cell.set(cell.get().wrapping_add(amount));
}

impl ShardMetrics {
    pub(crate) fn produced(&self, bytes: usize, records: i32) {
        add(&self.produced_bytes, bytes as u64);
        add(&self.produced_records, u64::try_from(records).unwrap_or(0));
        add(&self.produced_batches, 1);
    }

    pub(crate) fn fetched(&self, bytes: usize) {
        add(&self.fetched_bytes, bytes as u64);
        add(&self.fetches, 1);
    }

    /// Counts a request and the time it waited before it was looked at.
    pub fn request(&self, queued: Duration) {
        add(&self.requests, 1);
        self.queue_time.borrow_mut().record(queued);
    }

    /// Counts a produce or fetch that named a partition which another core leads.
    pub fn wrong_core(&self) {
        add(&self.wrong_core, 1);
    }

    /// Counts a produce from arrival to answer.
    pub fn produce_answered(&self, latency: Duration) {
        self.produce_latency.borrow_mut().record(latency);
    }

    /// Counts a fetch from arrival to answer, its wait included.
    pub fn fetch_answered(&self, latency: Duration) {
        self.fetch_latency.borrow_mut().record(latency);
    }

    /// Counts a connection that was accepted.
    pub fn connected(&self) {
        add(&self.connections, 1);
        add(&self.connections_total, 1);
    }

    /// Counts a connection that ended.
    pub fn disconnected(&self) {
        self.connections.set(self.connections.get().saturating_sub(1));
    }

    /// Counts a TLS handshake or a login that failed.
    pub fn authentication_failed(&self) {
        add(&self.authentications_failed, 1);
    }

    /// Counts a connection that was closed as its address fails to log in too often.
    pub fn turned_away(&self) {
        add(&self.turned_away, 1);
    }

    /// Counts a right that was asked for and missing.
    pub fn denied(&self) {
        add(&self.denials, 1);
    }

    /// Counts what coordinators of transactions counted.
    pub(crate) fn transactions_counted(&self, counts: TransactionCounts) {
        let mut all = self.transactions.get();
        all.add(counts);
        self.transactions.set(all);
    }

    /// Counts what coordinators of groups counted.
    pub(crate) fn groups_counted(&self, counts: GroupCounts) {
        let mut all = self.groups.get();
        all.add(counts);
        self.groups.set(all);
    }

    /// Counts a coordinator that was loaded.
    pub(crate) fn coordinator_loaded(&self, time: Duration) {
        self.load_time.borrow_mut().record(time);
    }

    /// Counts a client that must wait because of a quota, and for how long.
    pub fn throttled(&self, key: QuotaKey, time: Duration) {
        let cell = &self.throttles[usize::from(key.code())];
        let Throttles { count, time: sum } = cell.get();
        cell.set(Throttles { count: count.wrapping_add(1), time: sum.saturating_add(time) });
    }

    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        MetricsSnapshot {
            produced_bytes: self.produced_bytes.get(),
            produced_records: self.produced_records.get(),
            produced_batches: self.produced_batches.get(),
            fetched_bytes: self.fetched_bytes.get(),
            fetches: self.fetches.get(),
            requests: self.requests.get(),
            connections: self.connections.get(),
            connections_total: self.connections_total.get(),
            wrong_core: self.wrong_core.get(),
            authentications_failed: self.authentications_failed.get(),
            turned_away: self.turned_away.get(),
            denials: self.denials.get(),
            throttles: self.throttles.each_ref().map(Cell::get),
            produce_latency: self.produce_latency.borrow().clone(),
            fetch_latency: self.fetch_latency.borrow().clone(),
            queue_time: self.queue_time.borrow().clone(),
            load_time: self.load_time.borrow().clone(),
            transactions: self.transactions.get(),
            groups: self.groups.get(),
            ..MetricsSnapshot::default()
        }
    }
}

/// How often and for how long clients had to wait because of a quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttles {
    /// How often.
    pub count: u64,
    /// For how long, all together.
    pub time: Duration,
}

/// All numbers of one core at one moment.
#[derive(Debug, Clone, Default)]
pub struct MetricsSnapshot {
    /// Which core.
    pub shard: u16,
    /// Bytes of record batches appended.
    pub produced_bytes: u64,
    /// Records appended.
    pub produced_records: u64,
    /// Batches appended.
    pub produced_batches: u64,
    /// Bytes of record batches returned.
    pub fetched_bytes: u64,
    /// Fetches answered.
    pub fetches: u64,
    /// Requests of any kind.
    pub requests: u64,
    /// Connections open now.
    pub connections: u64,
    /// Connections accepted.
    pub connections_total: u64,
    /// Partitions asked of the wrong core.
    pub wrong_core: u64,
    /// TLS handshakes and logins that failed.
    pub authentications_failed: u64,
    /// Connections closed as their address fails to log in too often.
    pub turned_away: u64,
    /// Rights that were asked for and missing.
    pub denials: u64,
    /// By the code of a quota, how often clients had to wait.
    pub throttles: [Throttles; QuotaKey::ALL.len()],
    /// Produce, arrival to answer.
    pub produce_latency: LatencyHistogram,
    /// Fetch, arrival to answer.
    pub fetch_latency: LatencyHistogram,
    /// From a frame's last byte to its handler.
    pub queue_time: LatencyHistogram,
    /// From the start of loading a coordinator until it serves requests.
    pub load_time: LatencyHistogram,
    /// What coordinators of transactions counted.
    pub transactions: TransactionCounts,
    /// The transactions that are coordinated.
    pub transactions_now: TransactionTally,
    /// What coordinators of groups counted.
    pub groups: GroupCounts,
    /// The groups that are coordinated.
    pub groups_now: GroupTally,
    /// Coordinators that are being loaded.
    pub coordinators_loading: u64,
    /// The most records of a partition that readers of committed records have to wait for.
    pub stable_lag_max: u64,
    /// Journal syncs.
    pub sync_latency: LatencyHistogram,
    /// Journal frames written.
    pub journal_frames: u64,
    /// Journal bytes written.
    pub journal_bytes: u64,
    /// Journal syncs.
    pub journal_syncs: u64,
    /// How full the journal is.
    pub journal_fill: JournalFill,
    /// Whether the journal stopped after a disk failure.
    pub journal_failed: bool,
    /// Partitions this core leads.
    pub partitions: u64,
    /// Bytes of the segments of all logs, that of the metadata included.
    pub log_bytes: u64,
    /// Bytes of tails in memory.
    pub tail_bytes: u64,
    /// Their bound.
    pub tail_bytes_max: u64,
    /// Bytes of request frames in memory.
    pub inflight_bytes: u64,
    /// Their bound.
    pub inflight_bytes_max: u64,
    /// Bytes of disk reads that answers keep in memory.
    pub answer_bytes: u64,
    /// Their bound.
    pub answer_bytes_max: u64,
    /// Bytes left on the disk; `u64::MAX` before they were measured.
    pub available_bytes: u64,
    /// Bytes that must be left on the disk, or writes are refused.
    pub disk_reserve_bytes: u64,
    /// What compaction has done.
    pub cleaner: CleanerCounters,
    /// How busy the core was.
    pub load: CoreLoad,
}
