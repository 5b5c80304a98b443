//! From a workload and the profile of a machine to the number of such machines: what each resource
//! of a broker is asked for, which one binds first, and what each further step brings. Pure.
//!
//! A broker of today has no replicas on other machines. Copies are counted by arithmetic: their
//! bytes are received, appended and written like those of producers, and sent like those of
//! consumers.

use serde::{Deserialize, Serialize};

use super::demand::Demand;
use super::model::{Load, Model, ModelError, Prediction, Resource};
use super::profile::{Beside, Calibration, Profile};

/// More brokers are not looked at.
const BROKERS_MAX: u32 = 10_000;
/// Brokers beyond those that are needed whose use is told.
const STEPS: u32 = 4;
/// Searches end when their bounds are within a part in so many.
const HALVINGS: u32 = 20;

/// What one broker is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Cores like the one that was measured.
    pub cores: u32,
    /// Disks like the one that was measured, striped.
    pub disks: u32,
    /// Bytes of one disk.
    pub disk_bytes: f64,
    /// Memory.
    pub memory_bytes: f64,
    /// Network, each direction; none when nothing is known about it.
    pub network_bytes_per_second: Option<f64>,
}

/// What is asked of one resource of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Which.
    pub resource: Resource,
    /// What is asked for, in the resource's own unit.
    pub asked: f64,
    /// What there is.
    pub there: f64,
    /// The first as a part of the second.
    pub part: f64,
}

/// What so many brokers carry.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherStep {
    /// Brokers.
    pub brokers: u32,
    /// The most messages a second, with the head-room that is asked for.
    pub messages_per_second: f64,
    /// What ends it.
    pub binding: Resource,
    /// How much more than one broker fewer.
    pub gained_per_second: f64,
}

/// How many machines of a kind a workload needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizing {
    /// The profile's name.
    pub name: String,
    /// What one broker is made of.
    pub hardware: Hardware,
    /// How many; none when no number is enough, and `needs` say why.
    pub brokers: Option<u32>,
    /// Cores that each of them uses.
    pub cores_used: u32,
    /// What each resource is asked for when the machines that may be lost are lost; the one that
    /// binds first comes first.
    pub needs: Vec<Need>,
    /// What one core does meanwhile; none when it cannot keep up.
    pub core: Option<Prediction>,
    /// Bytes of all copies at the end of the retention.
    pub stored_bytes: f64,
    /// What further brokers bring.
    pub steps: Vec<FurtherStep>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

impl Hardware {
    /// The machine that was measured, with one disk.
    pub fn of(profile: &Profile) -> Self {
        let network = &profile.network;
        let measured = network.peer.as_ref().map(|_| network.bytes_per_second.value);
        Self {
            cores: u32::try_from(profile.machine.cpus).unwrap_or(u32::MAX).max(1),
            disks: 1,
            disk_bytes: profile.place.total_bytes as f64,
            memory_bytes: profile.machine.memory_bytes as f64,
            network_bytes_per_second: measured.or(network.link_bytes_per_second),
        }
    }
}

/// Sizes one kind of machine for a workload.
pub fn size(profile: &Profile, hardware: &Hardware, demand: &Demand) -> Result<Sizing, ModelError> {
    let model = Model::new(profile)?;
    let calibration = profile.broker.as_ref().expect("the model has a broker");
    let plan = Planner { profile, calibration, model, hardware, demand };
    let rate = demand.grown_messages_per_second();
    let brokers = plan.fewest(rate);
    let shown = brokers.unwrap_or(BROKERS_MAX);
    let cores_used = plan.fewest_cores(rate, shown);
    let core = plan.model.predict(&plan.core_load(rate, shown, cores_used));
    Ok(Sizing {
        name: profile.name.clone(),
        hardware: hardware.clone(),
        brokers,
        cores_used,
        needs: plan.needs(rate, shown),
        core,
        stored_bytes: plan.stored_bytes(rate),
        steps: brokers.map_or_else(Vec::new, |brokers| plan.steps(brokers)),
        notes: plan.notes(),
    })
}

struct Planner<'p> {
    profile: &'p Profile,
    calibration: &'p Calibration,
    model: Model<'p>,
    hardware: &'p Hardware,
    demand: &'p Demand,
}

impl Planner<'_> {
    /// How much of a resource may be used.
    fn part_max(&self) -> f64 {
        1.0 - self.demand.head_room
    }

    fn brokers_min(&self) -> u32 {
        self.demand.replication.max(self.demand.machines_lost + 1)
    }

    /// The smallest number of brokers that is enough.
    fn fewest(&self, rate: f64) -> Option<u32> {
        let (mut low, mut high) = (self.brokers_min(), BROKERS_MAX);
        if !self.holds(rate, high) {
            return None;
        }
        while low < high {
            let middle = u32::midpoint(low, high);
            if self.holds(rate, middle) { high = middle } else { low = middle + 1 }
        }
        Some(low)
    }

    fn holds(&self, rate: f64, brokers: u32) -> bool {
        self.needs(rate, brokers).iter().all(|need| need.resource.has_room(need, self.part_max()))
    }

    /// Brokers that are left when those that may be lost are lost.
    fn left(&self, brokers: u32) -> f64 {
        f64::from(brokers.saturating_sub(self.demand.machines_lost).max(1))
    }

    /// What one core of so many brokers is asked for.
    fn core_load(&self, rate: f64, brokers: u32, cores: u32) -> Load {
        let all = self.left(brokers) * f64::from(cores);
        let copies = f64::from(self.demand.replication - 1);
        let mut clients = self.demand.clients;
        clients.producers = self.demand.batches_open() / all;
        Load {
            messages_per_second: rate / all,
            record: self.demand.record(),
            clients,
            connections: self.demand.clients.producers,
            partitions: (self.demand.partitions / all).max(1.0),
            reads: self.demand.fan_out + copies,
            copies,
        }
    }

    /// The most that one core carries within the latency that is asked for, and what ends it.
    fn core_highest(&self, brokers: u32, cores: u32) -> (f64, Resource) {
        let shape = self.core_load(0.0, brokers, cores);
        let highest = match self.demand.p99_max_s {
            None => self.model.highest(&shape),
            Some(p99_max_s) => self.model.highest_below(&shape, p99_max_s),
        };
        (highest.messages_per_second, highest.limit)
    }

    fn fewest_cores(&self, rate: f64, brokers: u32) -> u32 {
        let is_enough = |cores: &u32| {
            let asked = self.core_load(rate, brokers, *cores).messages_per_second;
            asked <= self.core_highest(brokers, *cores).0 * self.part_max()
        };
        (1..self.hardware.cores).find(is_enough).unwrap_or(self.hardware.cores)
    }

    fn stored_bytes(&self, rate: f64) -> f64 {
        let demand = self.demand;
        let copies = f64::from(demand.replication);
        rate * demand.average_part * demand.record().bytes * copies * demand.retention_s
    }

    /// What each resource of a broker is asked for, the one that binds first in front.
    fn needs(&self, rate: f64, brokers: u32) -> Vec<Need> {
        let (left, hardware, demand) = (self.left(brokers), self.hardware, self.demand);
        let cores = hardware.cores;
        let need = |resource, asked: f64, there: f64| {
            let part = if asked <= 0.0 { 0.0 } else { asked / there.max(1e-9) };
            Need { resource, asked, there, part }
        };
        let load = self.core_load(rate, brokers, cores);
        let (highest, limit) = self.core_highest(brokers, cores);
        let disks = f64::from(hardware.disks);
        let appended = rate / left * load.record.bytes * f64::from(demand.replication);
        let sent = rate / left * load.record.bytes * load.reads;
        let mut needs = vec![
            need(limit, load.messages_per_second * f64::from(cores), highest * f64::from(cores)),
            need(Resource::DiskSpace, self.stored_bytes(rate) / left, hardware.disk_bytes * disks),
            need(Resource::Memory, self.memory_bytes(left), hardware.memory_bytes),
            need(Resource::Replication, f64::from(demand.replication), f64::from(brokers)),
        ];
        if let Some(core) = self.model.predict(&load) {
            let all = f64::from(cores);
            let bandwidth = self.profile.disk.durable_bytes_per_second.value * disks;
            needs.push(need(Resource::DiskBandwidth, core.disk_bytes_per_second * all, bandwidth));
            let syncs = self.syncs_per_second() * disks;
            needs.push(need(Resource::DiskSyncs, core.frames_per_second * all, syncs));
        }
        if let Some(network) = hardware.network_bytes_per_second {
            needs.push(need(Resource::Network, appended.max(sent), network));
        }
        needs.sort_by(|one, other| other.part.total_cmp(&one.part));
        needs
    }

    /// The most durable appends a second of the disk, of all files together.
    fn syncs_per_second(&self) -> f64 {
        let appends = &self.profile.disk.appends;
        let alone = appends.iter().filter(|append| append.beside == Beside::Nothing);
        alone.map(|append| append.per_second.value).fold(0.0, f64::max)
    }

    /// What a broker without work takes, what each core takes at its busiest, and partitions.
    fn memory_bytes(&self, left: f64) -> f64 {
        let idle = self.calibration.idle_resident_bytes as f64;
        let busy = self.calibration.runs.iter().map(|run| run.resident_bytes as f64);
        let core = (busy.fold(idle, f64::max) - idle) * f64::from(self.hardware.cores);
        let copies = self.demand.partitions * f64::from(self.demand.replication);
        idle + core + copies / left * self.calibration.partition_bytes
    }

    fn steps(&self, brokers: u32) -> Vec<FurtherStep> {
        let mut steps: Vec<FurtherStep> = Vec::new();
        for brokers in brokers..=brokers + STEPS {
            let messages_per_second = self.highest_rate(brokers);
            // A hair beyond shows what ends it.
            let beyond = self.needs(messages_per_second * 1.001 + 1.0, brokers);
            let full = beyond.iter().find(|need| !need.resource.has_room(need, self.part_max()));
            let before = steps.last().map_or(0.0, |step| step.messages_per_second);
            steps.push(FurtherStep {
                brokers,
                messages_per_second,
                binding: full.or(beyond.first()).map_or(Resource::Cpu, |need| need.resource),
                gained_per_second: if before > 0.0 { messages_per_second - before } else { 0.0 },
            });
        }
        steps
    }

    fn highest_rate(&self, brokers: u32) -> f64 {
        let mut high = self.demand.grown_messages_per_second().max(1.0);
        while self.holds(high, brokers) && high < 1e12 {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if self.holds(middle, brokers) { low = middle } else { high = middle }
        }
        low
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.demand.replication > 1 {
            notes.push(
                "corelog runs as a single broker today: copies on other machines are counted by \
                 arithmetic (their bytes in network, journal, disk and CPU), not measured"
                    .to_owned(),
            );
        }
        if self.hardware.network_bytes_per_second.is_none() {
            notes.push(
                "the network is not judged: the profile knows loopback only; measure with plan \
                 probe --peer, or say --network 10Gbit"
                    .to_owned(),
            );
        }
        if self.hardware.cores > 1 {
            notes.push(
                "one core was measured; several are counted as so many of it, with the disk's \
                 bandwidth and syncs shared"
                    .to_owned(),
            );
        }
        let invalid = self.calibration.runs.iter().filter(|run| !run.not_valid.is_empty());
        for run in invalid {
            let why = run.not_valid.join("; ");
            notes.push(format!("the calibration run {:?} is not valid: {why}", run.name));
        }
        notes
    }
}

impl Resource {
    /// Whether enough of it stays free. Numbers of machines need no head-room.
    fn has_room(self, need: &Need, part_max: f64) -> bool {
        match self {
            Self::Replication => need.part <= 1.0,
            Self::Cpu
            | Self::Journal
            | Self::DiskBandwidth
            | Self::DiskSyncs
            | Self::DiskSpace
            | Self::Memory
            | Self::Network
            | Self::Clients
            | Self::Latency => need.part <= part_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::demand::Clients;
    use crate::plan::demand::tests::demand;
    use crate::plan::profile::tests::profile;

    /// Sizes what `change` makes of a demand and a machine that have room for each other.
    fn sizing(change: impl FnOnce(&mut Demand, &mut Hardware)) -> Sizing {
        let profile = profile();
        let mut hardware = Hardware::of(&profile);
        let mut demand = demand();
        demand.retention_s = 3600.0;
        demand.clients.batch_bytes = 1e6;
        demand.clients.producers = 100.0;
        change(&mut demand, &mut hardware);
        size(&profile, &hardware, &demand).unwrap()
    }

    #[track_caller]
    fn check(
        change: impl FnOnce(&mut Demand, &mut Hardware),
        brokers: u32,
        binding: Resource,
    ) -> Sizing {
        let found = sizing(change);
        let first = found.needs.iter().find(|need| need.resource != Resource::Replication);
        assert_eq!((found.brokers, first.unwrap().resource), (Some(brokers), binding), "{found:?}");
        found
    }

    #[test]
    fn a_small_workload_needs_a_machine_for_each_copy() {
        let found = check(|demand, _| demand.messages_per_second = 100.0, 3, Resource::DiskSyncs);
        assert_eq!((found.needs[0].resource, found.cores_used), (Resource::Replication, 1));
    }

    #[test]
    fn long_retention_is_bound_by_disk_space() {
        // 50,000 messages of 1,033 bytes, 3 copies, 7 days: 94 TB on disks of 2 TB, 1 machine lost.
        let found = check(|demand, _| demand.retention_s = 604_800.0, 48, Resource::DiskSpace);
        assert!((found.stored_bytes / 93.7e12 - 1.0).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn small_requests_are_bound_by_the_cpu() {
        let one_by_one =
            Clients { producers: 1e6, batch_bytes: 1.0, linger_s: 0.0, in_flight: 5.0 };
        let found = sizing(|demand, hardware| {
            demand.clients = one_by_one;
            demand.messages_per_second = 1e6;
            demand.partitions = 1.0;
            hardware.network_bytes_per_second = Some(1e12);
            hardware.disks = 10;
        });
        assert_eq!(found.needs[0].resource, Resource::Cpu, "{found:?}");
        assert!(found.brokers.unwrap() > 3 && found.cores_used > 4, "{found:?}");
    }

    #[test]
    fn fan_out_is_bound_by_the_network() {
        // 50 groups and 2 followers read 1,033 bytes 300,000 times a second from 1.25 GB/s cards.
        let found = sizing(|demand, _| {
            demand.messages_per_second = 300e3;
            demand.fan_out = 50.0;
        });
        assert_eq!(found.needs[0].resource, Resource::Network, "{found:?}");
        let expected = (300e3 * found.needs[0].there.recip() * 1033.0 * 52.0).ceil() + 1.0;
        assert!((f64::from(found.brokers.unwrap()) - expected).abs() <= 1.0, "{found:?}");
    }

    #[test]
    fn many_partitions_are_bound_by_memory() {
        let found = sizing(|demand, hardware| {
            demand.partitions = 1e6;
            hardware.memory_bytes = 1e9;
        });
        assert_eq!(found.needs[0].resource, Resource::Memory, "{found:?}");
    }

    #[test]
    fn machines_that_may_be_lost_are_added() {
        let with = |lost: u32| {
            let found = sizing(|demand, _| {
                demand.retention_s = 604_800.0;
                demand.machines_lost = lost;
            });
            found.brokers.unwrap()
        };
        assert_eq!((with(1), with(2), with(5)), (with(0) + 1, with(0) + 2, with(0) + 5));
    }

    #[test]
    fn head_room_and_growth_ask_for_more() {
        let with = |head_room: f64, growth: f64| {
            let found = sizing(|demand, _| {
                demand.retention_s = 604_800.0;
                (demand.head_room, demand.growth_per_year) = (head_room, growth);
            });
            f64::from(found.brokers.unwrap())
        };
        assert!((with(0.5, 0.0) / with(0.0, 0.0) - 2.0).abs() < 0.05);
        assert!((with(0.0, 1.0) / with(0.0, 0.0) - 2.0).abs() < 0.05);
    }

    #[test]
    fn each_further_broker_carries_more() {
        let found = sizing(|demand, _| demand.retention_s = 604_800.0);
        assert_eq!(found.steps.len(), 5);
        assert!(found.steps[0].messages_per_second >= 50e3, "{:?}", found.steps);
        assert!(found.steps[1..].iter().all(|step| step.gained_per_second > 500.0));
        assert!(found.steps.iter().all(|step| step.binding == Resource::DiskSpace));
    }

    #[test]
    fn an_objective_below_the_unloaded_latency_cannot_be_met() {
        let found = sizing(|demand, _| demand.p99_max_s = Some(100e-6));
        assert_eq!(
            (found.brokers, found.needs[0].resource),
            (None, Resource::Latency),
            "{found:?}"
        );
    }

    #[test]
    fn copies_and_an_unknown_network_are_told() {
        let found = sizing(|_, hardware| hardware.network_bytes_per_second = None);
        let notes = found.notes.join("\n");
        assert!(notes.contains("single broker today") && notes.contains("network is not judged"));
    }
}
