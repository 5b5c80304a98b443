//! The rhythm of group commits: a server that takes everybody who waits at once. Whoever comes
//! while a commit is under way waits for its end; whoever finds none begins one. Pure.

use super::super::distribution::Distribution;
use super::{BLOCK, FRAME_BYTES_MAX};

/// Frames with company begin this many usual commits apart, at most `APART_MAX_S`: the journal's
/// own rule (docs/decisions/0004-commit-pace.md).
const COMMITS_APART: f64 = 3.0;
const APART_MAX_S: f64 = 1e-3;
/// The bytes of a frame and its time settle in so many turns.
const TURNS: u32 = 30;
/// Settled is what changes by no more than this part.
const SETTLED: f64 = 1e-4;
/// Quantiles by which cycles are averaged.
const PARTS: usize = 50;

/// How commits follow each other at a load.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    /// Commits a second.
    pub(super) per_second: f64,
    /// Bytes in one, on average.
    pub(super) bytes: f64,
    /// The mean wait of a request until its commit begins.
    pub(super) mean_wait_s: f64,
    /// The part of requests that find no commit under way.
    idle: f64,
    /// Cycles that the others meet, as sums of their share, and how long they are.
    met: Vec<(f64, f64)>,
}

/// The CPU time of a core, as it bears on the rhythm: a core that is busy begins fewer commits.
pub(super) struct Work<'w> {
    /// Busy part of the core besides what each commit takes.
    pub(super) steady: f64,
    /// CPU time of a commit with so many requests.
    pub(super) each_frame: &'w dyn Fn(f64) -> f64,
}

impl Work<'_> {
    /// The shortest cycle in which the core does the work of a commit and of what comes meanwhile.
    fn cycle_s(&self, frame_requests: f64) -> f64 {
        (self.each_frame)(frame_requests) / (1.0 - self.steady).max(1e-3)
    }
}

/// A kind of cycle, by equally likely lengths.
struct Cycle {
    lengths: Vec<f64>,
    mean_s: f64,
    /// How likely nobody comes meanwhile.
    none: f64,
    /// How likely exactly one comes.
    one: f64,
}

impl Cycle {
    fn new(requests: f64, lengths: Vec<f64>) -> Self {
        let count = lengths.len() as f64;
        let over = |of: &dyn Fn(f64) -> f64| lengths.iter().map(|it| of(*it)).sum::<f64>() / count;
        Self {
            mean_s: over(&|length| length),
            none: over(&|length| (-requests * length).exp()),
            one: over(&|length| requests * length * (-requests * length).exp()),
            lengths,
        }
    }
}

impl Frames {
    /// The rhythm for so many requests and bytes a second, where a request has so many bytes and
    /// `commit` tells how long a commit of some bytes takes.
    pub(super) fn settle(
        requests: f64,
        bytes_per_second: f64,
        request_bytes: f64,
        commit: &dyn Fn(f64) -> Distribution,
        work: &Work<'_>,
    ) -> Self {
        if requests <= 0.0 {
            let bytes = request_bytes;
            return Self { per_second: 0.0, bytes, mean_wait_s: 0.0, idle: 1.0, met: Vec::new() };
        }
        let lone = commit(request_bytes.max(BLOCK));
        let alone = Cycle::new(requests, lengths(&lone, work.cycle_s(1.0)));
        let mut company_bytes = request_bytes;
        let mut found = Self::of(requests, &alone, &alone);
        for _ in 0..TURNS {
            let commit = commit(company_bytes.clamp(BLOCK, FRAME_BYTES_MAX));
            let apart = (COMMITS_APART * commit.mean_s).min(APART_MAX_S);
            let carried = (requests / found.per_second).max(1.0);
            let company = Cycle::new(requests, lengths(&commit, apart.max(work.cycle_s(carried))));
            found = Self::of(requests, &alone, &company);
            let before = company_bytes;
            company_bytes = (bytes_per_second * company.mean_s).max(request_bytes);
            let again = (requests / found.per_second).max(1.0);
            let is_settled = |now: f64, before: f64| (now / before - 1.0).abs() < SETTLED;
            if is_settled(company_bytes, before) && is_settled(again, carried) {
                break;
            }
        }
        found.bytes = (bytes_per_second / found.per_second).max(request_bytes);
        found
    }

    /// Cycles of a frame alone and of one with company follow each other as a chain: the next has
    /// company when two or more requests came meanwhile.
    fn of(requests: f64, alone: &Cycle, company: &Cycle) -> Self {
        let many = |cycle: &Cycle| (1.0 - cycle.none - cycle.one).max(0.0);
        let back = (1.0 - many(company)).max(1e-12);
        let (ones, others) = (1.0, many(alone) / back);
        let idle_s = (ones * alone.none + others * company.none) / requests;
        let busy = [(ones, alone), (others, company)];
        let busy_s: f64 = busy.iter().map(|(weight, cycle)| weight * cycle.mean_s).sum();
        let mut met = Vec::with_capacity(2 * PARTS);
        let mut sum = 0.0;
        let mut waits = 0.0;
        // Of all requests that meet a cycle, most meet a long one.
        for (weight, cycle) in busy {
            for length in &cycle.lengths {
                let share = weight * length / cycle.lengths.len() as f64 / busy_s;
                sum += share;
                waits += share * length / 2.0;
                met.push((sum, *length));
            }
        }
        let idle = idle_s / (idle_s + busy_s);
        Self {
            per_second: (ones + others) / (idle_s + busy_s),
            bytes: 0.0,
            mean_wait_s: (1.0 - idle) * waits,
            idle,
            met,
        }
    }

    /// The wait of a request until its commit begins, drawn by a number from 0 to 1: where in
    /// which cycle it comes.
    pub(super) fn wait(&self, u: f64) -> f64 {
        if u < self.idle || self.met.is_empty() {
            return 0.0;
        }
        let within = (u - self.idle) / (1.0 - self.idle).max(1e-12);
        let at = self.met.partition_point(|cycle| cycle.0 < within).min(self.met.len() - 1);
        let before = at.checked_sub(1).map_or(0.0, |before| self.met[before].0);
        let share = (self.met[at].0 - before).max(1e-15);
        // What is left of the number says where in the cycle.
        self.met[at].1 * ((within - before) / share).clamp(0.0, 1.0)
    }
}

/// Equally likely lengths of a cycle that is not shorter than `least`.
fn lengths(commit: &Distribution, least: f64) -> Vec<f64> {
    let at = |part: usize| commit.at((part as f64 + 0.5) / PARTS as f64).max(least).max(1e-9);
    (0..PARTS).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(requests: f64, commit_s: f64) -> Frames {
        let idle = Work { steady: 0.0, each_frame: &|_| 0.0 };
        let commit = |_| Distribution::constant(commit_s);
        Frames::settle(requests, requests * 1000.0, 1000.0, &commit, &idle)
    }

    #[test]
    fn a_rare_request_is_alone_and_does_not_wait() {
        let rare = at(1.0, 100e-6);
        assert!((rare.per_second - 1.0).abs() < 1e-3 && rare.mean_wait_s < 1e-8, "{rare:?}");
        assert_eq!(rare.wait(0.5), 0.0);
    }

    #[test]
    fn many_requests_wait_half_of_the_time_between_frames() {
        let many = at(100_000.0, 100e-6);
        // Three commits apart.
        assert!((many.per_second * 300e-6 - 1.0).abs() < 1e-3, "{many:?}");
        assert!((many.mean_wait_s / 150e-6 - 1.0).abs() < 1e-3, "{many:?}");
        assert!((many.bytes / 30_000.0 - 1.0).abs() < 1e-3, "{many:?}");
    }

    #[test]
    fn frames_are_at_most_a_millisecond_apart_unless_a_commit_takes_longer() {
        assert!((at(1e5, 600e-6).per_second / 1000.0 - 1.0).abs() < 1e-3);
        assert!((at(1e5, 2e-3).per_second / 500.0 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_busy_core_begins_fewer_commits() {
        let work = Work { steady: 0.5, each_frame: &|_| 400e-6 };
        let commit = |_| Distribution::constant(100e-6);
        let busy = Frames::settle(1e5, 1e8, 1000.0, &commit, &work);
        // The work of a commit takes 400 us, and half of the time is for something else.
        assert!((busy.per_second * 800e-6 - 1.0).abs() < 1e-3, "{busy:?}");
    }

    #[test]
    fn no_request_is_lost_between_frames() {
        // What is in the frames is what came: bytes are conserved at every rate.
        for requests in [10.0, 1e3, 5e3, 2e4, 1e5] {
            let frames = at(requests, 150e-6);
            let carried = frames.per_second * frames.bytes;
            assert!(carried >= 0.999 * requests * 1000.0, "{requests}: {frames:?}");
            assert!(frames.per_second <= requests * 1.001, "{requests}: {frames:?}");
        }
    }

    #[test]
    fn the_drawn_waits_have_the_mean_of_the_formula() {
        let frames = at(5e3, 150e-6);
        let parts = (0..10_000).map(|part| (f64::from(part) + 0.5) / 1e4);
        let mean = parts.map(|u| frames.wait(u)).sum::<f64>() / 1e4;
        assert!((mean / frames.mean_wait_s - 1.0).abs() < 0.02, "{mean} {frames:?}");
    }
}
