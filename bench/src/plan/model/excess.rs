//! What latencies are longer than the parts that the model knows: stalls of the machine, of memory
//! and of the disk that come with the load. Paced runs measured it; between them it lies on lines.

use super::{Load, Model};
use crate::plan::demand::RecordShape;
use crate::plan::distribution::KEPT;
use crate::plan::profile::PacedRun;

/// Seconds at each of the kept quantiles.
pub(super) type Curve = [f64; KEPT.len()];

/// What was measured on top of a prediction; nothing in profiles without paced runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Excess {
    /// By the bytes of a request, which grow.
    shapes: Vec<ShapeExcess>,
}

/// The same for requests of one size.
#[derive(Debug, Clone)]
struct ShapeExcess {
    request_bytes: f64,
    /// Share of the highest rate, which grows, and what was measured there.
    levels: Vec<(f64, Curve)>,
}

impl Excess {
    /// Takes what a model without any says from what was measured.
    pub(super) fn of(model: &Model<'_>, paced: &[PacedRun]) -> Self {
        let shapes =
            paced.chunk_by(PacedRun::has_shape_of).filter_map(|runs| ShapeExcess::of(model, runs));
        let mut shapes: Vec<_> = shapes.collect();
        shapes.sort_by(|one, other| one.request_bytes.total_cmp(&other.request_bytes));
        Self { shapes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// At a share of the highest rate, for requests of a size: between the sizes that were
    /// measured by their logarithm, outside of them as at the nearest.
    pub(super) fn at(&self, part: f64, request_bytes: f64) -> Curve {
        let after = self.shapes.partition_point(|shape| shape.request_bytes < request_bytes);
        match (after.checked_sub(1).map(|at| &self.shapes[at]), self.shapes.get(after)) {
            (None, None) => Curve::default(),
            (None, Some(one)) | (Some(one), None) => one.at(part),
            (Some(one), Some(other)) => {
                let (low, high) = (one.request_bytes.ln(), other.request_bytes.ln());
                towards(&one.at(part), &other.at(part), (request_bytes.ln() - low) / (high - low))
            }
        }
    }
}

impl ShapeExcess {
    fn of(model: &Model<'_>, runs: &[PacedRun]) -> Option<Self> {
        let mut levels = Vec::new();
        let mut request_bytes = 0.0;
        for run in runs {
            let load = load(run);
            let Ok(flow) = model.settle(&load) else { continue };
            let highest = model.highest(&load).messages_per_second;
            let known = model.draw(&load, &flow).sorted();
            let more = KEPT.map(|part| run.latency.at(part) - known.at(part));
            levels.push((run.messages_per_second / highest, more));
            request_bytes += flow.messages * load.record.bytes;
        }
        request_bytes /= levels.len().max(1) as f64;
        levels.sort_by(|one, other| one.0.total_cmp(&other.0));
        for quantile in 0..KEPT.len() {
            let mut values: Vec<f64> = levels.iter().map(|level| level.1[quantile]).collect();
            never_falling(&mut values);
            for (level, value) in levels.iter_mut().zip(values) {
                level.1[quantile] = value;
            }
        }
        (!levels.is_empty()).then_some(Self { request_bytes, levels })
    }

    /// From nothing at no load through the levels, and on along the last line.
    fn at(&self, part: f64) -> Curve {
        let none = (0.0, Curve::default());
        let after = self.levels.partition_point(|level| level.0 < part);
        let after = after.min(self.levels.len() - 1);
        let before = after.checked_sub(1).map_or(&none, |at| &self.levels[at]);
        let after = &self.levels[after];
        towards(&before.1, &after.1, (part - before.0) / (after.0 - before.0).max(1e-9))
    }
}

fn load(run: &PacedRun) -> Load {
    Load {
        messages_per_second: run.messages_per_second,
        record: RecordShape::uncompressed(run.message_bytes),
        clients: run.clients,
        connections: run.clients.producers,
        partitions: run.partitions,
        reads: 0.0,
        copies: 0.0,
    }
}

fn towards(one: &Curve, other: &Curve, part: f64) -> Curve {
    std::array::from_fn(|at| one[at] + part * (other[at] - one[at]))
}

/// The nearest sequence that never falls (isotonic regression by pooling): a run that met fewer
/// stalls than one with less load says something of both.
fn never_falling(values: &mut [f64]) {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for &value in &*values {
        let mut pool = (value, 1);
        while let Some(&(mean, count)) = pools.last().filter(|(mean, _)| *mean > pool.0) {
            pools.pop();
            let all = count + pool.1;
            pool = ((mean * count as f64 + pool.0 * pool.1 as f64) / all as f64, all);
        }
        pools.push(pool);
    }
    let pooled = pools.iter().flat_map(|&(mean, count)| std::iter::repeat_n(mean, count));
    for (value, pooled) in values.iter_mut().zip(pooled) {
        *value = pooled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_fall_are_pooled() {
        let check = |mut values: Vec<f64>, expected: &[f64]| {
            never_falling(&mut values);
            assert_eq!(values, expected);
        };
        check(vec![1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]);
        check(vec![1.0, 4.0, 2.0, 5.0], &[1.0, 3.0, 3.0, 5.0]);
        check(vec![6.0, 3.0, 0.0], &[3.0, 3.0, 3.0]);
        check(vec![], &[]);
    }

    #[test]
    fn between_levels_and_sizes_lie_lines() {
        let shape = |request_bytes, level: f64| ShapeExcess {
            request_bytes,
            levels: vec![(0.25, [level; KEPT.len()]), (0.75, [3.0 * level; KEPT.len()])],
        };
        let excess = Excess { shapes: vec![shape(100.0, 1.0), shape(10_000.0, 2.0)] };
        let at = |part, bytes| excess.at(part, bytes)[0];
        assert_eq!((at(0.0, 100.0), at(0.125, 1.0), at(0.25, 100.0)), (0.0, 0.5, 1.0));
        assert_eq!((at(0.5, 100.0), at(0.5, 1e9)), (2.0, 4.0));
        assert!((at(0.5, 1000.0) - 3.0).abs() < 1e-9 && (at(1.0, 100.0) - 4.0).abs() < 1e-9);
        assert_eq!(Excess::default().at(0.5, 1.0), Curve::default());
    }
}
