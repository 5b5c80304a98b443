//! The figures: each runs against a fresh broker and is set against a limit measured in the same
//! run.

mod groups;
mod steady;
mod transactions;

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Arguments;
use crate::broker::Broker;
use crate::client::{
    batch, check_produced, create_topic, fetch_frame, fetched, poll_frame, produce_frame, receive,
};
use crate::limits::{
    Latencies, latencies, loopback_echo, loopback_throughput, sequential_write, write_and_sync,
};
use crate::table::Figure;

const MIB: f64 = (1 << 20) as f64;
const POLLERS: usize = 2;
const POLLED_PARTITIONS: i32 = 1000;

type Measure = fn(&mut Bench) -> io::Result<()>;

struct Bench {
    arguments: Arguments,
    run: Duration,
    figures: Vec<Figure>,
    /// Data directories so far.
    directories: usize,
}

/// Measures everything that was asked for.
pub(crate) fn run(arguments: &Arguments) -> io::Result<Vec<Figure>> {
    fs::create_dir_all(&arguments.directory)?;
    let run = Duration::from_secs(arguments.seconds);
    let mut bench =
        Bench { arguments: arguments.clone(), run, figures: Vec::new(), directories: 0 };
    let measures: [(&str, Measure); 12] = [
        ("latency", Bench::durable_latency),
        ("ingest", Bench::ingest),
        ("partitions", Bench::many_partitions),
        ("fetch", Bench::tail_fetch),
        ("saturated", Bench::saturated_sync),
        ("start", Bench::start_and_idle),
        ("restart", Bench::restart_after_kill),
        ("heartbeats", Bench::heartbeats),
        ("rebalance", Bench::rebalance),
        ("steady", Bench::steady_members),
        ("commit", Bench::offset_commit),
        ("transactions", Bench::transactions),
    ];
    for (name, measure) in measures {
        if name.contains(&arguments.only) {
            eprintln!("measuring {name} ...");
            measure(&mut bench)?;
        }
    }
    for number in 1..=bench.directories {
        fs::remove_dir_all(bench.directory(number))?;
    }
    Ok(bench.figures)
}

impl Bench {
    /// A directory of its own for each broker: ext4 is slow to make files for a while where many
    /// were deleted.
    fn data(&mut self) -> io::Result<PathBuf> {
        self.directories += 1;
        let data = self.directory(self.directories);
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(data),
        }
    }

    fn directory(&self, number: usize) -> PathBuf {
        self.arguments.directory.join(format!("data-{number}"))
    }

    fn broker(&self, data: &Path) -> io::Result<Broker> {
        self.broker_with(data, &[])
    }

    fn broker_with(&self, data: &Path, settings: &[&str]) -> io::Result<Broker> {
        let cpu = self.arguments.broker_cpu;
        let mut arguments = self.arguments.clone();
        arguments.settings.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let broker = Broker::start(&arguments, data, &format!("{cpu}-{cpu}"))?;
        // The one-time preparation of the next journal file is not part of any figure.
        std::thread::sleep(Duration::from_millis(500));
        Ok(broker)
    }

    fn durable_latency(&mut self) -> io::Result<()> {
        let frame = produce_frame("t", 0, &batch(1, 1024))?;
        let echo = loopback_echo(self.arguments.broker_cpu, frame.len(), self.run / 2)?;
        let disk = write_and_sync(&self.arguments.directory, self.run / 2)?;
        let data = self.data()?;
        let broker = self.broker(&data)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", 1)?;
        let cpu = broker.cpu_time()?;
        let found = closed_loop(&mut stream, &[frame], 1, self.run)?;
        let cpu = broker.cpu_time()?.saturating_sub(cpu).as_micros() as u64 / found.requests;
        broker.stop()?;
        let limit = echo.value_at_quantile(0.5) + disk.value_at_quantile(0.5);
        let p50 = found.latencies.value_at_quantile(0.5);
        let ratio = p50 as f64 / limit as f64;
        self.figures.push(Figure {
            name: "durable produce, 1 KiB, one at a time, p50",
            measured: format!(
                "{p50} us (p99 {} us, broker's CPU {cpu} us each)",
                found.latencies.value_at_quantile(0.99)
            ),
            against: format!(
                "echo {} us + 4 KiB write and fdatasync {} us",
                echo.value_at_quantile(0.5),
                disk.value_at_quantile(0.5)
            ),
            ratio,
            goal: "at most 1.5",
            holds: ratio <= 1.5,
        });
        Ok(())
    }

    fn ingest(&mut self) -> io::Result<()> {
        let loopback = loopback_throughput(self.arguments.broker_cpu, self.run / 2)?;
        let (written, disk) = sequential_write(&self.arguments.directory, self.run / 2)?;
        let data = self.data()?;
        let broker = self.broker(&data)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", 1)?;
        let frame = produce_frame("t", 0, &batch(1000, 1024))?;
        let cpu = broker.cpu_time()?;
        let found = closed_loop(&mut stream, &[frame], 4, self.run)?;
        let cpu = broker.cpu_time()?.saturating_sub(cpu);
        broker.stop()?;
        let rate = found.bytes_per_second();
        let limit = loopback.min(disk / 2.0);
        let ratio = rate / limit;
        self.figures.push(Figure {
            name: "ingest, 1 MB requests of 1 KiB records, 4 in flight",
            measured: format!(
                "{:.0} MiB/s, {:.0} MiB per CPU second",
                rate / MIB,
                found.bytes as f64 / MIB / cpu.as_secs_f64()
            ),
            against: format!(
                "loopback {:.0} MiB/s, half of the disk's {:.0} MiB/s ({:.0} without a sync)",
                loopback / MIB,
                disk / MIB,
                written / MIB
            ),
            ratio,
            goal: "at least 0.60",
            holds: ratio >= 0.6,
        });
        Ok(())
    }

    fn many_partitions(&mut self) -> io::Result<()> {
        let rate = |bench: &mut Self, partitions: i32| -> io::Result<f64> {
            let data = bench.data()?;
            let broker = bench.broker(&data)?;
            let mut stream = broker.connect()?;
            create_topic(&mut stream, "t", partitions)?;
            let batch = batch(1, 1024);
            let frames: io::Result<Vec<_>> =
                (0..partitions).map(|index| produce_frame("t", index, &batch)).collect();
            let found = closed_loop(&mut stream, &frames?, 64, bench.run)?;
            broker.stop()?;
            Ok(found.requests as f64 / found.elapsed.as_secs_f64())
        };
        let (one, many) = (rate(self, 1)?, rate(self, 1000)?);
        let ratio = many / one;
        self.figures.push(Figure {
            name: "1,000 partitions, 64 requests of 1 KiB in flight",
            measured: format!("{many:.0} requests/s"),
            against: format!("1 partition: {one:.0} requests/s"),
            ratio,
            goal: "at least 0.70",
            holds: ratio >= 0.7,
        });
        Ok(())
    }

    fn tail_fetch(&mut self) -> io::Result<()> {
        let loopback = loopback_throughput(self.arguments.broker_cpu, self.run / 2)?;
        let data = self.data()?;
        let broker = self.broker(&data)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", 1)?;
        let frame = produce_frame("t", 0, &batch(1000, 1024))?;
        for _ in 0..48 {
            stream.write_all(&frame)?;
            let mut answer = Vec::new();
            receive(&mut stream, &mut answer)?;
            check_produced(&answer)?;
        }
        let frames: io::Result<Vec<_>> =
            (0..6).map(|part| fetch_frame("t", part * 8000, 8 << 20)).collect();
        let (frames, mut answer) = (frames?, Vec::new());
        let began = Instant::now();
        let (mut total, mut asked, mut answered) = (0, 0, 0);
        // As a consumer that reads ahead: the next answer is asked for while one is taken in.
        while began.elapsed() < self.run || answered < asked {
            while asked < answered + 2 && began.elapsed() < self.run {
                stream.write_all(&frames[asked % frames.len()])?;
                asked += 1;
            }
            receive(&mut stream, &mut answer)?;
            let (bytes, next) = fetched(&answer)?;
            let end = (answered % frames.len()) as i64 * 8000 + 8000;
            if next != Some(end) {
                return Err(io::Error::other(format!("a fetch ends at {next:?}, not at {end}")));
            }
            total += bytes;
            answered += 1;
        }
        let rate = total as f64 / began.elapsed().as_secs_f64();
        broker.stop()?;
        let ratio = rate / loopback;
        self.figures.push(Figure {
            name: "tail fetch, data in memory, one connection, 2 in flight",
            measured: format!("{:.0} MiB/s", rate / MIB),
            against: format!("loopback {:.0} MiB/s", loopback / MIB),
            ratio,
            goal: "at least 0.70",
            holds: ratio >= 0.7,
        });
        Ok(())
    }

    /// How much slower a sync is while the core never rests: the same producer, and consumers that
    /// ask for more than the core can answer. They cost no disk, so the core makes the difference.
    fn saturated_sync(&mut self) -> io::Result<()> {
        let data = self.data()?;
        let broker = self.broker(&data)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", 1)?;
        create_topic(&mut stream, "many", POLLED_PARTITIONS)?;
        let frame = [produce_frame("t", 0, &batch(1, 1024))?];
        let begin = broker.syncs()?;
        closed_loop(&mut stream, &frame, 1, self.run)?;
        let idle = broker.syncs()?;
        let is_over = AtomicBool::new(false);
        let polling = || poll_until(broker.connect()?, &is_over);
        let (busy, cpu) = std::thread::scope(|scope| -> io::Result<_> {
            let pollers: Vec<_> = (0..POLLERS).map(|_| scope.spawn(polling)).collect();
            let cpu = broker.cpu_time()?;
            let produced = closed_loop(&mut stream, &frame, 1, self.run);
            let cpu = broker.cpu_time()?.saturating_sub(cpu).as_secs_f64();
            is_over.store(true, Ordering::Relaxed);
            for poller in pollers {
                poller.join().map_err(|_| io::Error::other("a consumer panicked"))??;
            }
            produced?;
            Ok((broker.syncs()?, cpu / self.run.as_secs_f64()))
        })?;
        broker.stop()?;
        let (calm, loaded) = (quantile(&begin, &idle, 0.99), quantile(&idle, &busy, 0.99));
        let ratio = loaded / calm;
        self.figures.push(Figure {
            name: "journal sync p99, core saturated by consumers",
            measured: format!("{:.2} ms, core {:.0} % busy", loaded * 1e3, cpu * 100.0),
            against: format!("without them: {:.2} ms", calm * 1e3),
            ratio,
            goal: "at most 3",
            holds: ratio <= 3.0,
        });
        Ok(())
    }

    fn start_and_idle(&mut self) -> io::Result<()> {
        let data = self.data()?;
        let cpus = format!("{},{}", self.arguments.broker_cpu, self.arguments.load_cpu);
        let first = Broker::start(&self.arguments, &data, &cpus)?;
        let first_millis = first.started_in.as_millis();
        first.stop()?;
        let broker = Broker::start(&self.arguments, &data, &cpus)?;
        let began = Instant::now();
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", 1)?;
        let millis = (broker.started_in + began.elapsed()).as_millis();
        create_topic(&mut stream, "many", 1000)?;
        let connections: io::Result<Vec<_>> = (0..100).map(|_| broker.connect()).collect();
        std::thread::sleep(Duration::from_secs(3));
        let resident = broker.resident_bytes()? as f64 / MIB;
        let cpu = broker.cpu_time()?;
        std::thread::sleep(self.run);
        let idle =
            broker.cpu_time()?.saturating_sub(cpu).as_secs_f64() / self.run.as_secs_f64() * 100.0;
        drop(connections?);
        broker.stop()?;
        let binary = fs::metadata(&self.arguments.broker)?.len() as f64 / 1e6;
        let mut simple = |name, measured: String, value: f64, limit: f64, goal| {
            let against = "-".to_owned();
            let (ratio, holds) = (value / limit, value <= limit);
            self.figures.push(Figure { name, measured, against, ratio, goal, holds });
        };
        simple(
            "start to the first topic created, journal prepared",
            format!("{millis} ms (with the one-time preparation: ready in {first_millis} ms)"),
            millis as f64,
            100.0,
            "at most 100 ms",
        );
        simple(
            "resident memory, 2 shards, 1,000 idle partitions, 100 idle connections",
            format!("{resident:.0} MiB"),
            resident,
            64.0,
            "at most 64 MiB",
        );
        simple("CPU, the same", format!("{idle:.2} % of a core"), idle, 1.0, "at most 1 %");
        simple("binary", format!("{binary:.1} MB"), binary, 20.0, "at most 20 MB");
        Ok(())
    }

    fn restart_after_kill(&mut self) -> io::Result<()> {
        let data = self.data()?;
        let broker = self.broker(&data)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", 1000)?;
        let batch = batch(64, 1024);
        let frames: io::Result<Vec<_>> =
            (0..1000).map(|index| produce_frame("t", index, &batch)).collect();
        let frames = frames?;
        let mut sent = 0;
        while sent < 1 << 30 {
            let found = closed_loop(&mut stream, &frames, 16, Duration::from_secs(1))?;
            sent += found.bytes;
        }
        broker.kill()?;
        let restarted = self.broker(&data)?;
        let seconds = restarted.started_in.as_secs_f64();
        restarted.stop()?;
        self.figures.push(Figure {
            name: "restart after kill -9, 1,000 partitions, 1 GB written",
            measured: format!("{seconds:.2} s"),
            against: "-".to_owned(),
            ratio: seconds / 3.0,
            goal: "at most 3 s",
            holds: seconds <= 3.0,
        });
        Ok(())
    }
}

/// Polls with two requests in flight until told to stop.
fn poll_until(mut stream: TcpStream, is_over: &AtomicBool) -> io::Result<()> {
    let (frame, mut answer) = (poll_frame("many", POLLED_PARTITIONS)?, Vec::new());
    stream.write_all(&frame)?;
    while !is_over.load(Ordering::Relaxed) {
        stream.write_all(&frame)?;
        receive(&mut stream, &mut answer)?;
    }
    receive(&mut stream, &mut answer)
}

/// The quantile `q` of what happened between two readings, in seconds: as everybody who reads
/// buckets does, evenly within its bucket.
fn quantile(before: &[(f64, u64)], after: &[(f64, u64)], q: f64) -> f64 {
    let counts: Vec<(f64, u64)> =
        before.iter().zip(after).map(|(old, new)| (new.0, new.1 - old.1)).collect();
    let total = counts.last().map_or(0, |last| last.1);
    let wanted = (total as f64 * q).ceil() as u64;
    let Some(at) = counts.iter().position(|bucket| bucket.1 >= wanted) else {
        return f64::INFINITY;
    };
    let (low, below) = if at == 0 { (0.0, 0) } else { counts[at - 1] };
    let (high, within) = (counts[at].0, counts[at].1 - below);
    low + (high - low) * (wanted - below) as f64 / within.max(1) as f64
}

struct Found {
    latencies: Latencies,
    requests: u64,
    bytes: u64,
    elapsed: Duration,
}

impl Found {
    fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.elapsed.as_secs_f64()
    }
}

/// Sends frames in turn with `in_flight` of them under way, for `run`, and waits for every answer.
/// A closed loop: it shows what the broker can do, not what a schedule would suffer.
fn closed_loop(
    stream: &mut TcpStream,
    frames: &[Vec<u8>],
    in_flight: usize,
    run: Duration,
) -> io::Result<Found> {
    let mut found =
        Found { latencies: latencies(), requests: 0, bytes: 0, elapsed: Duration::ZERO };
    let mut sent = VecDeque::with_capacity(in_flight);
    let mut answer = Vec::new();
    let mut next = 0;
    let began = Instant::now();
    loop {
        let is_over = began.elapsed() >= run;
        while sent.len() < in_flight && !is_over {
            let frame = &frames[next % frames.len()];
            next += 1;
            sent.push_back((Instant::now(), frame.len()));
            stream.write_all(frame)?;
        }
        let Some((at, len)) = sent.pop_front() else { break };
        receive(stream, &mut answer)?;
        check_produced(&answer)?;
        found.latencies.saturating_record(at.elapsed().as_micros() as u64);
        found.requests += 1;
        found.bytes += len as u64;
    }
    found.elapsed = began.elapsed();
    Ok(found)
}
