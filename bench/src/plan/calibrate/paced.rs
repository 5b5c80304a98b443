//! Runs at a schedule of their own, at shares of what the broker took when it was asked for all:
//! they tell how much longer latencies are than the model can know, because of stalls of the
//! machine, the memory and the disk that come with the load.

use crate::plan::demand::Clients;
use crate::plan::profile::CalibrationRun;

/// The shares of the highest rate that are run.
pub(super) const PARTS: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

/// Messages of one size, sent in one way.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacedShape {
    /// The closed loop whose rate is the highest.
    pub(super) highest: &'static str,
    /// Messages of the closed loop that are as much as one of these.
    pub(super) messages_each: f64,
    /// Bytes of a message.
    pub(super) message_bytes: u32,
    /// Partitions.
    pub(super) partitions: u32,
    /// How they are sent.
    pub(super) clients: Clients,
}

/// The smallest requests and large ones, a message each so that nobody waits for a full batch: what
/// others have longer lies between them.
pub(super) const SHAPES: [PacedShape; 2] = [
    PacedShape {
        highest: super::SMALL,
        messages_each: 1.0,
        message_bytes: 256,
        partitions: 1,
        clients: Clients { producers: 8.0, linger_s: 0.0, batch_bytes: 1.0, in_flight: 5.0 },
    },
    PacedShape {
        highest: super::LARGE,
        messages_each: 4.0,
        message_bytes: 128 << 10,
        partitions: 12,
        clients: Clients { producers: 4.0, linger_s: 0.0, batch_bytes: 1.0, in_flight: 5.0 },
    },
];

/// How often each is run. The middle of each quantile counts: one run that met a stall of the
/// machine says little of the others.
pub(super) const REPEATS: u32 = 3;

/// How many different runs there are.
pub(super) const RUNS: u32 = (SHAPES.len() * PARTS.len()) as u32;

/// One of the runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paced {
    pub(super) shape: PacedShape,
    pub(super) part: f64,
    /// Messages a second.
    pub(super) rate: f64,
}

impl Paced {
    /// All runs, by the rates that closed loops reached.
    pub(super) fn all(closed: &[CalibrationRun]) -> Vec<Self> {
        let reached = |name: &str| {
            closed.iter().find(|run| run.name == name).map_or(0.0, |run| run.records_per_second)
        };
        let of = |shape: &PacedShape| {
            let (shape, highest) = (*shape, reached(shape.highest));
            PARTS.map(|part| Self { shape, part, rate: highest * part / shape.messages_each })
        };
        SHAPES.iter().flat_map(of).filter(|paced| paced.rate > 0.0).collect()
    }

    pub(super) fn name(&self) -> String {
        format!("{}, {:.0} %", self.shape.highest, self.part * 100.0)
    }

    /// The workload, as a file would have it.
    pub(super) fn text(&self) -> String {
        let PacedShape { message_bytes, partitions, clients, .. } = &self.shape;
        let Clients { producers, linger_s, batch_bytes, in_flight } = clients;
        format!(
            "[load]\nshape = 'poisson'\nrate = {:.1}\n[message]\nsize = '{message_bytes}'\n\
             [topic]\npartitions = {partitions}\n[producer]\ncount = {producers:.0}\n\
             linger_ms = {:.3}\nbatch_bytes = {batch_bytes:.0}\n\
             requests_in_flight_max = {in_flight:.0}\n",
            self.rate,
            linger_s * 1e3,
        )
    }
}
