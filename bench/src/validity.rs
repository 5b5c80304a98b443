//! Whether the numbers of a run may be used. A load that fell behind its own schedule, or shared
//! its machine with others, has measured itself or them. Pure: evidence in, verdict out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::latency::{Latency, QUANTILES};
use crate::ledger::DeliveryCheck;
use crate::result::{GeneratorUse, LoopKind, MachineUse, Totals};

/// From here on a value is worth a remark; from there on the run is not valid.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    remark: f64,
    invalid: f64,
}

/// How much of a latency may be the load's own lateness.
const LAG_PART: Limit = Limit { remark: 0.25, invalid: 0.5 };
/// Lateness below this is as good as a sleeping thread gets.
const LAG_MIN: Duration = Duration::from_micros(500);
/// How late the last message may be before the schedule counts as lost.
const LAG_END_MAX: Duration = Duration::from_millis(250);
/// How busy a thread of the load may be.
const THREAD_BUSY: Limit = Limit { remark: 0.7, invalid: 0.9 };
/// How much CPU time the hypervisor may take.
const STEAL: Limit = Limit { remark: 0.01, invalid: 0.05 };
/// How much CPU time others on this machine may use.
const OTHER: Limit = Limit { remark: 0.05, invalid: 0.20 };
/// By which part the frequency of a CPU at work may change, where the kernel tells it. What a CPU
/// does takes as many times longer as it runs slower. A boost comes and goes by about a third, and
/// its share in a latency is smaller; at less than half of the speed, all work takes twice as
/// long, and the run has measured two machines.
const FREQUENCY: Limit = Limit { remark: 0.1, invalid: 0.5 };
/// Shorter runs see too little of what happens seldom.
const MEASURED_MIN: Duration = Duration::from_secs(10);

/// What was found out about a run besides its latencies.
#[derive(Debug)]
pub struct Evidence<'e> {
    /// Open or closed.
    pub loop_kind: LoopKind,
    /// Length of the warm-up.
    pub warm_up: Duration,
    /// Length of the measured part.
    pub measured: Duration,
    /// Messages and bytes.
    pub totals: &'e Totals,
    /// From intended to acknowledged.
    pub produce: &'e Latency,
    /// From intended to sent.
    pub lag: &'e Latency,
    /// What the load used.
    pub generator: &'e GeneratorUse,
    /// What the machine did.
    pub machine: &'e MachineUse,
    /// Whether the broker's share of this machine is known.
    pub knows_broker: bool,
    /// Lost and repeated messages.
    pub delivery: Option<&'e DeliveryCheck>,
    /// Why a thread of the load ended early.
    pub broken: Option<&'e str>,
}

/// Whether the numbers may be used, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whether nothing speaks against using the numbers.
    pub is_valid: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Something that speaks against the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// How bad.
    pub weight: Weight,
    /// What was found, with its numbers.
    pub what: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The numbers may be used by those who know this.
    Remark,
    /// The numbers must not be used.
    Invalid,
}

/// What can speak against a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The schedule was lost.
    BehindSchedule,
    /// A good part of the latency is the load's own lateness.
    LagInLatency,
    /// A thread of the load had no CPU time left.
    BusyThread,
    /// The hypervisor ran somebody else.
    Steal,
    /// Others used this machine.
    OtherLoad,
    /// The CPUs changed their speed.
    Frequency,
    /// Messages failed.
    Failures,
    /// Messages never had an answer.
    Unanswered,
    /// Acknowledged messages were not there to read.
    Lost,
    /// Messages were there more than once.
    Repeated,
    /// Delivery could not be checked.
    Unchecked,
    /// Too short, or without warm-up.
    Short,
    /// Waiting is not in the numbers.
    ClosedLoop,
    /// Part of the load ended early.
    Broken,
    /// Nothing was measured.
    Empty,
}

impl Default for Verdict {
    fn default() -> Self {
        Self { is_valid: true, findings: Vec::new() }
    }
}

impl Verdict {
    fn add(&mut self, weight: Weight, rule: Rule, what: impl Into<String>) {
        self.is_valid &= weight == Weight::Remark;
        self.findings.push(Finding { rule, weight, what: what.into() });
    }

    /// A value against its limit. `what` says the value.
    fn measure(&mut self, limit: Limit, value: f64, rule: Rule, what: impl FnOnce() -> String) {
        if value >= limit.invalid {
            self.add(Weight::Invalid, rule, what());
        } else if value >= limit.remark {
            self.add(Weight::Remark, rule, what());
        }
    }

    /// The verdict on several repeats: valid when each of them is. Each rule is told once, by its
    /// worst finding.
    pub fn over<'v>(verdicts: impl Iterator<Item = &'v Self>) -> Self {
        let mut all = Self::default();
        let mut findings: Vec<Finding> = Vec::new();
        for verdict in verdicts {
            all.is_valid &= verdict.is_valid;
            findings.extend(verdict.findings.iter().cloned());
        }
        findings.sort_by_key(|finding| (finding.rule, std::cmp::Reverse(finding.weight)));
        findings.dedup_by_key(|finding| finding.rule);
        all.findings = findings;
        all
    }

    /// What makes the run not valid.
    pub fn reasons(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.weight == Weight::Invalid)
    }

    /// Whether this rule made the run not valid.
    pub fn is_invalid_by(&self, rule: Rule) -> bool {
        self.reasons().any(|finding| finding.rule == rule)
    }
}

/// Judges a run.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    judge_schedule(&mut verdict, evidence);
    judge_threads(&mut verdict, evidence.generator);
    judge_machine(&mut verdict, evidence);
    judge_messages(&mut verdict, evidence);
    judge_form(&mut verdict, evidence);
    verdict
}

fn judge_schedule(verdict: &mut Verdict, evidence: &Evidence<'_>) {
    if evidence.loop_kind == LoopKind::Closed {
        return;
    }
    let GeneratorUse { lag_end_ns, unsent, no_room_seconds, .. } = *evidence.generator;
    let lag_end = Duration::from_nanos(lag_end_ns);
    if lag_end > LAG_END_MAX || unsent > 0 {
        let room = match no_room_seconds {
            seconds if seconds > 0.0 => format!(
                "; for {seconds:.2} s the target had left no room for more unanswered messages"
            ),
            _ => String::new(),
        };
        let what = format!(
            "the load fell behind its schedule: the last message was {} late, {unsent} were not \
             sent{room}",
            milliseconds(lag_end)
        );
        verdict.add(Weight::Invalid, Rule::BehindSchedule, what);
    }
    let mut worst: Option<(f64, String)> = None;
    for quantile in QUANTILES.into_iter().filter(|quantile| *quantile <= 0.999) {
        let (lag, latency) = (evidence.lag.quantile(quantile), evidence.produce.quantile(quantile));
        if lag < LAG_MIN || latency.is_zero() || !evidence.lag.supports(quantile) {
            continue;
        }
        let part = lag.as_secs_f64() / latency.as_secs_f64();
        if worst.as_ref().is_none_or(|(most, _)| part > *most) {
            let what = format!(
                "the load itself was late: {} at p{}, where the latency is {}",
                milliseconds(lag),
                (quantile * 1e6).round() / 1e4,
                milliseconds(latency)
            );
            worst = Some((part, what));
        }
    }
    if let Some((part, what)) = worst {
        verdict.measure(LAG_PART, part, Rule::LagInLatency, || what);
    }
}

fn judge_threads(verdict: &mut Verdict, generator: &GeneratorUse) {
    for (name, threads) in
        [("load", &generator.load_threads), ("reading", &generator.reader_threads)]
    {
        let busiest = threads.iter().copied().fold(0.0, f64::max);
        verdict.measure(THREAD_BUSY, busiest, Rule::BusyThread, || {
            format!("a {name} thread was busy {} of its time", percent(busiest))
        });
    }
}

fn judge_machine(verdict: &mut Verdict, evidence: &Evidence<'_>) {
    let machine = evidence.machine;
    verdict.measure(STEAL, machine.steal, Rule::Steal, || {
        format!("the hypervisor took {} of the CPU time", percent(machine.steal))
    });
    if evidence.knows_broker {
        verdict.measure(OTHER, machine.other, Rule::OtherLoad, || {
            format!("other processes used {} of the CPU time", percent(machine.other))
        });
    }
    if let (Some(min), Some(max)) = (machine.frequency_mhz_min, machine.frequency_mhz_max) {
        verdict.measure(FREQUENCY, (max - min) / max.max(1.0), Rule::Frequency, || {
            format!("a CPU at work ran at {min:.0} to {max:.0} MHz")
        });
    }
}

fn judge_messages(verdict: &mut Verdict, evidence: &Evidence<'_>) {
    let totals = evidence.totals;
    if evidence.produce.count() == 0 {
        verdict.add(Weight::Invalid, Rule::Empty, "no message was acknowledged");
    }
    if totals.failed > 0 {
        let why = totals.first_error.as_deref().unwrap_or("unknown");
        let what = format!("{} messages failed, first: {why}", totals.failed);
        verdict.add(Weight::Invalid, Rule::Failures, what);
    }
    if totals.unanswered > 0 {
        let what = format!("{} messages had no answer in the end", totals.unanswered);
        verdict.add(Weight::Invalid, Rule::Unanswered, what);
    }
    if let Some(why) = evidence.broken {
        verdict.add(Weight::Invalid, Rule::Broken, format!("part of the load ended early: {why}"));
    }
    let Some(delivery) = evidence.delivery else { return };
    match &delivery.inconclusive {
        Some(why) => {
            let what = format!("delivery was not checked: {why}");
            verdict.add(Weight::Remark, Rule::Unchecked, what);
        }
        None if delivery.lost > 0 => {
            let what = format!("{} acknowledged messages were never read", delivery.lost);
            verdict.add(Weight::Invalid, Rule::Lost, what);
        }
        None => {}
    }
    if delivery.repeated > 0 {
        let what = format!("{} messages were read again", delivery.repeated);
        verdict.add(Weight::Invalid, Rule::Repeated, what);
    }
}

fn judge_form(verdict: &mut Verdict, evidence: &Evidence<'_>) {
    if evidence.measured < MEASURED_MIN {
        let seconds = evidence.measured.as_secs_f64();
        let what = format!("only {seconds:.1} s were measured: what happens seldom is not in them");
        verdict.add(Weight::Remark, Rule::Short, what);
    }
    if evidence.warm_up.is_zero() {
        let what = "there was no warm-up: opening files and caches is in the numbers";
        verdict.add(Weight::Remark, Rule::Short, what);
    }
    if evidence.loop_kind == LoopKind::Closed {
        let what = "a closed loop: what would have waited is in no number";
        verdict.add(Weight::Remark, Rule::ClosedLoop, what);
    }
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Digits;

    fn of_micros(values: &[(u64, u64)]) -> Latency {
        let mut latency = Latency::new(Digits::Three);
        for (value, count) in values {
            (0..*count).for_each(|_| latency.record(Duration::from_micros(*value)));
        }
        latency
    }

    struct Case {
        totals: Totals,
        produce: Latency,
        lag: Latency,
        generator: GeneratorUse,
        machine: MachineUse,
        delivery: DeliveryCheck,
        loop_kind: LoopKind,
        measured: Duration,
    }

    /// A run that nothing speaks against.
    fn good() -> Case {
        Case {
            totals: Totals { sent: 10_000, acknowledged: 10_000, ..Totals::default() },
            produce: of_micros(&[(2000, 9900), (9000, 100)]),
            lag: of_micros(&[(60, 9900), (300, 100)]),
            generator: GeneratorUse { load_threads: vec![0.2], ..GeneratorUse::default() },
            machine: MachineUse::default(),
            delivery: DeliveryCheck { groups: 1, acknowledged: 10_000, ..Default::default() },
            loop_kind: LoopKind::Open,
            measured: Duration::from_secs(30),
        }
    }

    fn verdict(case: &Case) -> Verdict {
        judge(&Evidence {
            loop_kind: case.loop_kind,
            warm_up: Duration::from_secs(5),
            measured: case.measured,
            totals: &case.totals,
            produce: &case.produce,
            lag: &case.lag,
            generator: &case.generator,
            machine: &case.machine,
            knows_broker: true,
            delivery: Some(&case.delivery),
            broken: None,
        })
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Case), expected: &[(Rule, Weight)]) {
        let mut case = good();
        change(&mut case);
        let verdict = verdict(&case);
        let found: Vec<_> = verdict.findings.iter().map(|one| (one.rule, one.weight)).collect();
        assert_eq!(found, expected, "{verdict:?}");
        assert_eq!(verdict.is_valid, expected.iter().all(|(_, weight)| *weight == Weight::Remark));
    }

    #[test]
    fn a_quiet_run_is_valid() {
        check(|_| {}, &[]);
    }

    #[test]
    fn a_load_that_fell_behind_its_schedule_is_not_valid() {
        let invalid = [(Rule::BehindSchedule, Weight::Invalid)];
        check(|case| case.generator.lag_end_ns = 300_000_000, &invalid);
        check(|case| case.generator.unsent = 1, &invalid);
        check(|case| case.generator.lag_end_ns = 200_000_000, &[]);
    }

    #[test]
    fn latency_that_is_mostly_the_loads_own_lateness_is_not_valid() {
        let at = |micros| move |case: &mut Case| case.lag = of_micros(&[(60, 9900), (micros, 100)]);
        check(at(8000), &[(Rule::LagInLatency, Weight::Invalid)]);
        check(at(3000), &[(Rule::LagInLatency, Weight::Remark)]);
        check(at(1000), &[]);
        // Microseconds of a sleeping thread do not count, however fast the target is.
        check(
            |case| (case.lag, case.produce) = (of_micros(&[(90, 100)]), of_micros(&[(95, 100)])),
            &[],
        );
    }

    #[test]
    fn a_machine_that_was_busy_with_others_is_told() {
        check(|case| case.machine.steal = 0.02, &[(Rule::Steal, Weight::Remark)]);
        check(|case| case.machine.steal = 0.06, &[(Rule::Steal, Weight::Invalid)]);
        check(|case| case.machine.other = 0.3, &[(Rule::OtherLoad, Weight::Invalid)]);
        let slowed_to = |mhz| {
            move |case: &mut Case| {
                case.machine.frequency_mhz_min = Some(mhz);
                case.machine.frequency_mhz_max = Some(3000.0);
            }
        };
        check(slowed_to(2900.0), &[]);
        check(slowed_to(2000.0), &[(Rule::Frequency, Weight::Remark)]);
        check(slowed_to(1400.0), &[(Rule::Frequency, Weight::Invalid)]);
        check(
            |case| case.generator.load_threads = vec![0.1, 0.95],
            &[(Rule::BusyThread, Weight::Invalid)],
        );
    }

    #[test]
    fn messages_that_failed_or_went_astray_are_not_valid() {
        check(|case| case.totals.failed = 1, &[(Rule::Failures, Weight::Invalid)]);
        check(|case| case.totals.unanswered = 1, &[(Rule::Unanswered, Weight::Invalid)]);
        check(|case| case.delivery.lost = 1, &[(Rule::Lost, Weight::Invalid)]);
        check(|case| case.delivery.repeated = 1, &[(Rule::Repeated, Weight::Invalid)]);
        check(|case| case.produce = of_micros(&[]), &[(Rule::Empty, Weight::Invalid)]);
    }

    #[test]
    fn a_closed_loop_says_so_and_has_no_schedule_to_miss() {
        check(
            |case| {
                case.loop_kind = LoopKind::Closed;
                case.generator.lag_end_ns = 1 << 40;
            },
            &[(Rule::ClosedLoop, Weight::Remark)],
        );
        check(|case| case.measured = Duration::from_secs(3), &[(Rule::Short, Weight::Remark)]);
    }

    #[test]
    fn one_repeat_that_is_not_valid_spoils_all_and_each_rule_is_told_once() {
        let mut bad = good();
        bad.machine.steal = 0.5;
        let mut fair = good();
        fair.machine.steal = 0.02;
        let verdicts = [verdict(&fair), verdict(&bad), verdict(&good())];
        let all = Verdict::over(verdicts.iter());
        assert!(!all.is_valid && all.is_invalid_by(Rule::Steal));
        assert_eq!(all.findings.len(), 1);
    }
}
