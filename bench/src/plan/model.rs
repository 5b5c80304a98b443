//! What one core of a broker does at a load: how busy each resource is, how long an acknowledgement
//! takes, and the highest rate. Pure: every constant comes from a profile. The formulae are in
//! docs/capacity.md.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::demand::{BATCH_HEAD_BYTES, Clients, RecordShape};
use super::distribution::{Distribution, KEPT};
use super::profile::{Append, Beside, Calibration, Disk, Profile};

mod excess;
mod frames;

use excess::{Curve, Excess};
use frames::{Frames, Work};

/// What a journal writes is a multiple of this.
const BLOCK: f64 = 4096.0;
/// The largest frame of a journal.
const FRAME_BYTES_MAX: f64 = 1_048_576.0;
/// So many latencies are drawn; a hundred of them lie beyond p99.
const DRAWS: usize = 10_000;
/// Searches end when their bounds are within a part in so many.
const HALVINGS: u32 = 20;

/// A load on one core.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Messages that are produced a second.
    pub messages_per_second: f64,
    /// What a message takes.
    pub record: RecordShape,
    /// How they are sent; producers that send to this core.
    pub clients: Clients,
    /// Connections of producers to this core.
    pub connections: f64,
    /// Partitions on this core that they send to. A request may have a batch for each of them.
    pub partitions: f64,
    /// How often each message is fetched: by consumers, and by followers on other machines.
    pub reads: f64,
    /// How many messages that other machines lead are kept here for each one produced here.
    pub copies: f64,
}

/// Something that can be used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// CPU time of the core.
    Cpu,
    /// What one core's journal and segments take, however idle CPU and disk are.
    Journal,
    /// The disk's bandwidth for durable writes.
    DiskBandwidth,
    /// Durable appends a second of the whole disk.
    DiskSyncs,
    /// The disk's space.
    DiskSpace,
    /// Memory.
    Memory,
    /// The network card, sending or receiving.
    Network,
    /// Requests that producers may have open.
    Clients,
    /// The latency that is asked for.
    Latency,
    /// Each copy of a message is on a machine of its own.
    Replication,
}

impl Resource {
    /// A few words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cpu => "CPU of the cores",
            Self::Journal => "bytes a core can journal",
            Self::DiskBandwidth => "disk bandwidth",
            Self::DiskSyncs => "disk syncs",
            Self::DiskSpace => "disk space",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Clients => "open requests of producers",
            Self::Latency => "the latency asked for",
            Self::Replication => "machines for all copies",
        }
    }
}

/// What one core does at a load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// Messages that are produced a second.
    pub messages_per_second: f64,
    /// Messages in a request.
    pub messages_per_request: f64,
    /// Produce requests a second.
    pub requests_per_second: f64,
    /// Group commits a second.
    pub frames_per_second: f64,
    /// Bytes of a group commit, padding included.
    pub frame_bytes: f64,
    /// CPU time in use, as a part of the core.
    pub cpu: f64,
    /// What one core's journal takes, as a part of the most that was measured.
    pub journal: f64,
    /// Bytes written to the disk a second.
    pub disk_bytes_per_second: f64,
    /// The same as a part of the disk's bandwidth for durable writes.
    pub disk: f64,
    /// Open requests as a part of those that producers may have open.
    pub clients: f64,
    /// Means of what a latency consists of.
    pub parts: LatencyParts,
    /// The middle of all latencies.
    pub p50_s: f64,
    /// Their 99th percentile.
    pub p99_s: f64,
}

/// Means of what a latency consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyParts {
    /// In the producer, until the batch leaves.
    pub batch_s: f64,
    /// As long as one message takes with nothing else going on.
    pub unloaded_s: f64,
    /// Until a group commit begins.
    pub frame_wait_s: f64,
    /// What its commit takes longer than one with nothing else going on.
    pub commit_s: f64,
    /// For the CPU, and what a batch takes longer there than one message.
    pub cpu_s: f64,
    /// What paced runs took longer than all of these: stalls that come with the load.
    #[serde(default)]
    pub excess_s: f64,
}

/// The highest rate and what ends it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Highest {
    /// Messages a second.
    pub messages_per_second: f64,
    /// What is used up then.
    pub limit: Resource,
}

/// Why a profile says nothing about brokers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The probe did without a broker.
    #[error("the profile of {0} was made without a broker")]
    NoBroker(String),
    /// A measurement that the model needs is missing.
    #[error("the profile of {0} has no durable appends")]
    NoAppends(String),
}

/// One core of a broker on the machine of a profile.
#[derive(Debug, Clone)]
pub struct Model<'p> {
    calibration: &'p Calibration,
    disk: &'p Disk,
    alone: Vec<&'p Append>,
    beside: Vec<&'p Append>,
    excess: Excess,
}

impl<'p> Model<'p> {
    /// The model of a profile.
    pub fn new(profile: &'p Profile) -> Result<Self, ModelError> {
        let name = || profile.name.clone();
        let calibration = profile.broker.as_ref().ok_or_else(|| ModelError::NoBroker(name()))?;
        let alone = profile.disk.of_one_file(Beside::Nothing);
        let beside = profile.disk.of_one_file(Beside::Writer);
        if alone.is_empty() || beside.is_empty() {
            return Err(ModelError::NoAppends(name()));
        }
        let disk = &profile.disk;
        let mut model = Self { calibration, disk, alone, beside, excess: Excess::default() };
        model.excess = Excess::of(&model, &calibration.paced);
        Ok(model)
    }

    /// What the core does at a load; none when it cannot keep up.
    pub fn predict(&self, load: &Load) -> Option<Prediction> {
        let flow = self.settle(load).ok()?;
        // How long it takes beyond the parts depends on the share of the highest rate.
        let highest = if self.excess.is_empty() { f64::INFINITY } else { self.most(load) };
        Some(self.describe(load, &flow, load.messages_per_second / highest))
    }

    /// The highest rate of a load of this shape, and what ends it.
    pub fn highest(&self, shape: &Load) -> Highest {
        self.highest_within(shape, |load| self.settle(load).map(drop))
    }

    /// The highest rate whose p99 stays below a bound.
    pub fn highest_below(&self, shape: &Load, p99_max_s: f64) -> Highest {
        let highest = self.most(shape);
        self.highest_within(shape, |load| {
            let flow = self.settle(load)?;
            let part = load.messages_per_second / highest;
            if self.describe(load, &flow, part).p99_s <= p99_max_s {
                Ok(())
            } else {
                Err(Resource::Latency)
            }
        })
    }

    fn most(&self, shape: &Load) -> f64 {
        self.highest(shape).messages_per_second
    }

    fn highest_within(
        &self,
        shape: &Load,
        holds: impl Fn(&Load) -> Result<(), Resource>,
    ) -> Highest {
        let at = |rate: f64| Load { messages_per_second: rate, ..*shape };
        let each = shape.record.bytes * (1.0 + shape.copies);
        let most = self.calibration.bytes_per_second_max.value / each;
        let (mut low, mut high) = (0.0, most.max(1.0));
        let mut limit = match holds(&at(high)) {
            Ok(()) => return Highest { messages_per_second: high, limit: Resource::Journal },
            Err(limit) => limit,
        };
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            match holds(&at(middle)) {
                Ok(()) => low = middle,
                Err(found) => (high, limit) = (middle, found),
            }
        }
        Highest { messages_per_second: low, limit }
    }

    /// How many messages requests have at a load, and what follows from it.
    fn settle(&self, load: &Load) -> Result<Flow, Resource> {
        let journal = self.journal_part(load);
        if journal > 1.0 {
            return Err(Resource::Journal);
        }
        let clients = &load.clients;
        let each = load.messages_per_second / clients.producers;
        let batch = clients.batch_messages_max(&load.record);
        let lingering = (1.0 + each * clients.linger_s).min(batch);
        // Open requests are those of Little's law; when there are too many, requests grow instead.
        let full = batch * load.partitions.max(1.0);
        let is_enough =
            |flow: &Flow| flow.steady < 1.0 && flow.open_requests() <= clients.open_max();
        let first = self.flow(load, lingering);
        if is_enough(&first) {
            return self.within_disk(first);
        }
        let last = self.flow(load, full);
        if !is_enough(&last) {
            // Where most of what is open waits for the CPU, more clients would not help.
            let is_cpu = last.steady >= 1.0
                || last.cpu > 0.99
                || last.open_requests() > 2.0 * last.open_without_cpu();
            return Err(if is_cpu { Resource::Cpu } else { Resource::Clients });
        }
        let (mut low, mut high) = (lingering, full);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if is_enough(&self.flow(load, middle)) { high = middle } else { low = middle }
        }
        self.within_disk(self.flow(load, high))
    }

    fn within_disk(&self, flow: Flow) -> Result<Flow, Resource> {
        let part = flow.disk_bytes_per_second / self.disk.durable_bytes_per_second.value;
        if part <= 1.0 { Ok(flow) } else { Err(Resource::DiskBandwidth) }
    }

    /// Everything that is appended, as a part of the most that one core takes.
    fn journal_part(&self, load: &Load) -> f64 {
        load.appended_bytes_per_second() / self.calibration.bytes_per_second_max.value
    }

    /// What follows from a number of messages in a batch.
    fn flow(&self, load: &Load, messages: f64) -> Flow {
        let requests = load.messages_per_second / messages;
        let batches = (messages / load.clients.batch_messages_max(&load.record)).max(1.0);
        let batch_bytes = messages * load.record.bytes + batches * BATCH_HEAD_BYTES;
        let copied = load.messages_per_second * load.record.bytes * load.copies;
        let bytes = requests * batch_bytes + copied;
        let quiet = self.quiet_part(bytes);
        let cost = &self.calibration.cost;
        // What grows with the bytes, and what each commit takes however much is in it.
        let steady = requests * (cost.request_s + messages * cost.record_s)
            + load.reads * requests * batch_bytes * cost.fetched_byte_s
            + requests * batch_bytes * cost.byte_s
            + copied * (cost.byte_s + cost.record_s / load.record.bytes);
        let turns = |frame_requests: f64| occupied(frame_requests, load.connections);
        // A reader that is up to date fetches once for each commit, or each request if it is rare.
        let each_frame = |frame_requests: f64| {
            cost.frame_s
                + turns(frame_requests) * cost.turn_s
                + load.reads * frame_requests.min(1.0) * cost.fetch_s
        };
        let work = Work { steady, each_frame: &each_frame };
        let commit = |bytes: f64| self.commit(bytes, quiet);
        let frames = Frames::settle(requests, bytes, batch_bytes, &commit, &work);
        let frame_requests = requests / frames.per_second.max(1e-9);
        let cpu = steady + frames.per_second * each_frame(frame_requests);
        let each_s = if requests > 0.0 { steady / requests } else { 0.0 };
        Flow {
            messages,
            requests,
            disk_bytes_per_second: bytes + frames.per_second * padded(frames.bytes),
            // What each commit takes is in the rhythm of commits; the rest is a queue.
            cpu_wait_s: if steady < 1.0 {
                steady * each_s / (2.0 * (1.0 - steady))
            } else {
                f64::MAX
            },
            unloaded_s: self.unloaded(cpu).mean_s,
            batch_cpu_s: (messages - 1.0) * (cost.record_s + load.record.bytes * cost.byte_s),
            // The other connections of a commit have their turn before or after this one.
            turns_s: (turns(frame_requests) - 1.0).max(0.0) * cost.turn_s,
            each_s,
            steady,
            cpu: cpu.min(1.0),
            quiet,
            frames,
        }
    }

    /// The latency of one message, between that of a core that sleeps most of the time and that of
    /// one that is awake.
    fn unloaded(&self, cpu: f64) -> Distribution {
        let (asleep, awake) = (self.calibration.unloaded_cpu, self.calibration.awake_cpu);
        let part = if asleep < awake { (cpu - asleep) / (awake - asleep) } else { 0.0 };
        self.calibration.unloaded.towards(&self.calibration.awake, part.clamp(0.0, 1.0))
    }

    /// The part of commits that meet no segment write on the disk.
    fn quiet_part(&self, bytes_per_second: f64) -> f64 {
        let measured = self.beside[0].beside_bytes_per_second;
        if measured > 0.0 { (1.0 - bytes_per_second / measured).clamp(0.0, 1.0) } else { 1.0 }
    }

    /// The time of a commit of so many bytes: what it takes the broker with the smallest one, and
    /// what the disk takes longer for so many bytes and beside so many segment writes.
    fn commit(&self, bytes: f64, quiet: f64) -> Distribution {
        let smallest = &self.alone[0].latency;
        let disk = between(&self.alone, bytes).towards(&between(&self.beside, bytes), 1.0 - quiet);
        self.calibration
            .unloaded_sync
            .longer_by(|part| (disk.at(part) - smallest.at(part)).max(0.0))
    }

    /// What follows from a flow at a share of the highest rate.
    fn describe(&self, load: &Load, flow: &Flow, part: f64) -> Prediction {
        let excess = self.excess.at(part, flow.messages * load.record.bytes);
        let latencies = self.draw(load, flow).sorted().longer_by(&excess);
        let disk = &self.disk.durable_bytes_per_second;
        Prediction {
            messages_per_second: load.messages_per_second,
            messages_per_request: flow.messages,
            requests_per_second: flow.requests,
            frames_per_second: flow.frames.per_second,
            frame_bytes: padded(flow.frames.bytes),
            cpu: flow.cpu,
            journal: self.journal_part(load),
            disk_bytes_per_second: flow.disk_bytes_per_second,
            disk: flow.disk_bytes_per_second / disk.value,
            clients: flow.open_requests() / load.clients.open_max(),
            parts: latencies.parts,
            p50_s: latencies.at(0.5),
            p99_s: latencies.at(0.99),
        }
    }

    /// Draws latencies as sums of independent parts. The seed is always the same, so that equal
    /// questions have equal answers and a higher load never looks better by chance.
    fn draw(&self, load: &Load, flow: &Flow) -> Drawn {
        let mut random = Rng::with_seed(1);
        let commit = self.commit(flow.frames.bytes, flow.quiet);
        let usual = &self.calibration.unloaded_sync;
        let unloaded = self.unloaded(flow.cpu);
        let window = flow.batch_window_s(load);
        let mut drawn = Drawn { sums: Vec::with_capacity(DRAWS), parts: LatencyParts::default() };
        for _ in 0..DRAWS {
            let [batch, own, wait, cpu, turn] = [(); 5].map(|()| random.f64());
            // The first message of a batch waits all the time, the others a part of it.
            let batch_s =
                window * (batch * flow.messages / (flow.messages - 1.0).max(1e-9)).min(1.0);
            let unloaded_s = unloaded.at(own);
            let commit_s = (commit.at(own) - usual.at(own)).max(0.0);
            let frame_wait_s = flow.frames.wait(wait);
            let cpu_s = flow.cpu_wait(cpu) + turn * flow.turns_s + flow.batch_cpu_s;
            let one = LatencyParts {
                batch_s,
                unloaded_s,
                frame_wait_s,
                commit_s,
                cpu_s,
                ..LatencyParts::default()
            };
            drawn.sums.push(one.sum());
            drawn.parts.add(&one);
        }
        drawn.parts.divide(DRAWS as f64);
        drawn
    }
}

/// Appends of so many bytes, on a line between the sizes that were measured.
fn between(appends: &[&Append], bytes: f64) -> Distribution {
    let after = appends.partition_point(|append| (append.bytes as f64) < bytes);
    match (after.checked_sub(1).map(|at| appends[at]), appends.get(after)) {
        (None, Some(first)) => first.latency.clone(),
        (Some(last), None) => last.latency.clone(),
        (Some(one), Some(other)) => {
            let (low, high) = (one.bytes as f64, other.bytes as f64);
            one.latency.towards(&other.latency, (bytes - low) / (high - low))
        }
        (None, None) => Distribution::default(),
    }
}

struct Drawn {
    sums: Vec<f64>,
    parts: LatencyParts,
}

impl Drawn {
    fn sorted(mut self) -> Self {
        self.sums.sort_by(f64::total_cmp);
        self
    }

    /// The latency that the part `quantile` of all does not exceed; they are sorted.
    fn at(&self, quantile: f64) -> f64 {
        self.sums[((DRAWS - 1) as f64 * quantile).round() as usize]
    }

    /// Longer by what is said for each quantile; a longer one never becomes shorter than others.
    fn longer_by(mut self, excess: &Curve) -> Self {
        let mut before = 0.0_f64;
        let mut added = 0.0;
        for (number, sum) in self.sums.iter_mut().enumerate() {
            let longer = *sum + between_quantiles(excess, number as f64 / (DRAWS - 1) as f64);
            before = before.max(longer);
            added += before - *sum;
            *sum = before;
        }
        self.parts.excess_s = added / DRAWS as f64;
        self
    }
}

/// A value of a curve, on a line between the quantiles it is known at.
fn between_quantiles(curve: &Curve, quantile: f64) -> f64 {
    let after = KEPT.partition_point(|kept| *kept < quantile).clamp(1, KEPT.len() - 1);
    let part = (quantile - KEPT[after - 1]) / (KEPT[after] - KEPT[after - 1]);
    curve[after - 1] + part * (curve[after] - curve[after - 1])
}

/// What follows from a load and a number of messages in a batch.
struct Flow {
    messages: f64,
    requests: f64,
    disk_bytes_per_second: f64,
    cpu: f64,
    /// The part of the CPU that is no commit's, and what a request takes of it.
    steady: f64,
    each_s: f64,
    cpu_wait_s: f64,
    batch_cpu_s: f64,
    turns_s: f64,
    unloaded_s: f64,
    quiet: f64,
    frames: Frames,
}

impl Flow {
    /// Little's law: how many requests are open.
    fn open_requests(&self) -> f64 {
        self.open_without_cpu() + self.requests * self.cpu_wait_s.min(1e6)
    }

    /// The same, if nobody waited for the CPU.
    fn open_without_cpu(&self) -> f64 {
        let turns = self.turns_s / 2.0;
        let wait = self.frames.mean_wait_s + turns + self.batch_cpu_s;
        self.requests * (self.unloaded_s + wait)
    }

    /// From the first message of a batch to its departure.
    fn batch_window_s(&self, load: &Load) -> f64 {
        let clients = &load.clients;
        let each = (load.messages_per_second / clients.producers).max(1e-9);
        let lingering = 1.0 + each * clients.linger_s;
        let full = clients.batch_messages_max(&load.record);
        if self.messages > lingering.min(full) * (1.0 + 1e-6) {
            // It waits for an earlier request to be answered.
            return self.messages / each;
        }
        if lingering <= full { clients.linger_s } else { (self.messages - 1.0) / each }
    }

    /// The wait for the CPU that the part `u` of all requests does not exceed: nothing for those
    /// that find it idle, exponential for the others.
    fn cpu_wait(&self, u: f64) -> f64 {
        if u <= 1.0 - self.steady || self.steady <= 0.0 {
            return 0.0;
        }
        let mean = self.each_s / (2.0 * (1.0 - self.steady));
        -mean * ((1.0 - u) / self.steady).max(1e-12).ln()
    }
}

impl Load {
    /// Bytes of batches that go into the journal.
    fn appended_bytes_per_second(&self) -> f64 {
        self.messages_per_second * self.record.bytes * (1.0 + self.copies)
    }
}

impl Clients {
    /// Requests that all producers together may have open.
    fn open_max(&self) -> f64 {
        self.producers * self.in_flight
    }
}

impl LatencyParts {
    fn sum(&self) -> f64 {
        self.batch_s + self.unloaded_s + self.frame_wait_s + self.commit_s + self.cpu_s
    }

    fn add(&mut self, other: &Self) {
        self.batch_s += other.batch_s;
        self.unloaded_s += other.unloaded_s;
        self.frame_wait_s += other.frame_wait_s;
        self.commit_s += other.commit_s;
        self.cpu_s += other.cpu_s;
    }

    fn divide(&mut self, by: f64) {
        for part in [
            &mut self.batch_s,
            &mut self.unloaded_s,
            &mut self.frame_wait_s,
            &mut self.commit_s,
            &mut self.cpu_s,
        ] {
            *part /= by;
        }
    }
}

/// How many of some connections have one of so many requests, when each is as likely as the other.
fn occupied(requests: f64, connections: f64) -> f64 {
    (connections * (1.0 - (-requests / connections).exp())).clamp(0.0, requests)
}

/// To whole blocks.
fn padded(bytes: f64) -> f64 {
    (bytes / BLOCK).ceil() * BLOCK
}

#[cfg(test)]
mod tests;
