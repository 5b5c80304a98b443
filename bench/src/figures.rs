//! The figures: each runs against a fresh broker and is set against a limit measured in the same
//! run.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Arguments;
use crate::broker::Broker;
use crate::client::{
    batch, check_produced, create_topic, fetch_frame, fetched, produce_frame, receive,
};
use crate::limits::{
    Latencies, latencies, loopback_echo, loopback_throughput, sequential_write, write_and_sync,
};
use crate::report::Figure;

const MIB: f64 = (1 << 20) as f64;

type Measure = fn(&mut Bench) -> io::Result<()>;

struct Bench {
    arguments: Arguments,
    run: Duration,
    figures: Vec<Figure>,
}

/// Measures everything that was asked for.
pub(crate) fn run(arguments: &Arguments) -> io::Result<Vec<Figure>> {
    fs::create_dir_all(&arguments.directory)?;
    let run = Duration::from_secs(arguments.seconds);
    let mut bench = Bench { arguments: arguments.clone(), run, figures: Vec::new() };
    let measures: [(&str, Measure); 6] = [
        ("latency", Bench::durable_latency),
        ("ingest", Bench::ingest),
        ("partitions", Bench::many_partitions),
        ("fetch", Bench::tail_fetch),
        ("start", Bench::start_and_idle),
        ("restart", Bench::restart_after_kill),
    ];
    for (name, measure) in measures {
        if name.contains(&arguments.only) {
            eprintln!("measuring {name} ...");
            measure(&mut bench)?;
        }
    }
    Ok(bench.figures)
}

impl Bench {
    fn data(&self) -> io::Result<PathBuf> {
        let data = self.arguments.directory.join("data");
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(data),
        }
    }

    fn broker(&self, data: &Path) -> io::Result<Broker> {
        let cpu = self.arguments.broker_cpu;
        let broker = Broker::start(&self.arguments, data, &format!("{cpu}-{cpu}"))?;
        // The one-time preparation of the next journal file is not part of any figure.
        std::thread::sleep(Duration::from_millis(500));
        Ok(broker)
    }

    fn durable_latency(&mut self) -> io::Result<()> {
        let frame = produce_frame("t", 0, &batch(1, 1024))?;
        let echo = loopback_echo(self.arguments.broker_cpu, frame.len(), self.run / 2)?;
        let disk = write_and_sync(&self.arguments.directory, self.run / 2)?;
        let broker = self.broker(&self.data()?)?;
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
        let disk = sequential_write(&self.arguments.directory, self.run / 2)?;
        let broker = self.broker(&self.data()?)?;
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
                "loopback {:.0} MiB/s, half of the disk's {:.0} MiB/s",
                loopback / MIB,
                disk / MIB
            ),
            ratio,
            goal: "at least 0.60",
            holds: ratio >= 0.6,
        });
        Ok(())
    }

    fn many_partitions(&mut self) -> io::Result<()> {
        let rate = |bench: &Self, partitions: i32| -> io::Result<f64> {
            let broker = bench.broker(&bench.data()?)?;
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
        let broker = self.broker(&self.data()?)?;
        let mut stream = broker.connect()?;
        create_topic(&mut stream, "t", 1)?;
        let frame = produce_frame("t", 0, &batch(1000, 1024))?;
        for _ in 0..48 {
            stream.write_all(&frame)?;
            let mut answer = Vec::new();
            receive(&mut stream, &mut answer)?;
            check_produced(&answer)?;
        }
        let began = Instant::now();
        let (mut total, mut offset, mut answer) = (0, 0, Vec::new());
        while began.elapsed() < self.run {
            stream.write_all(&fetch_frame("t", offset, 8 << 20)?)?;
            receive(&mut stream, &mut answer)?;
            let (bytes, next) = fetched(&answer)?;
            total += bytes;
            offset = next.filter(|next| *next < 47_000).unwrap_or(0);
        }
        let rate = total as f64 / began.elapsed().as_secs_f64();
        broker.stop()?;
        let ratio = rate / loopback;
        self.figures.push(Figure {
            name: "tail fetch, data in memory, one connection",
            measured: format!("{:.0} MiB/s", rate / MIB),
            against: format!("loopback {:.0} MiB/s", loopback / MIB),
            ratio,
            goal: "at least 0.70",
            holds: ratio >= 0.7,
        });
        Ok(())
    }

    fn start_and_idle(&mut self) -> io::Result<()> {
        let data = self.data()?;
        let cpus = format!("{},{}", self.arguments.broker_cpu, self.arguments.load_cpu);
        Broker::start(&self.arguments, &data, &cpus)?.stop()?;
        let data = self.data()?;
        let broker = Broker::start(&self.arguments, &data, &cpus)?;
        let millis = broker.started_in.as_millis();
        std::thread::sleep(Duration::from_secs(2));
        let resident = broker.resident_bytes()? as f64 / MIB;
        let cpu = broker.cpu_time()?;
        std::thread::sleep(self.run);
        let idle =
            broker.cpu_time()?.saturating_sub(cpu).as_secs_f64() / self.run.as_secs_f64() * 100.0;
        broker.stop()?;
        let binary = fs::metadata(&self.arguments.broker)?.len() as f64 / 1e6;
        let mut simple = |name, measured: String, value: f64, limit: f64, goal| {
            let against = "-".to_owned();
            let (ratio, holds) = (value / limit, value <= limit);
            self.figures.push(Figure { name, measured, against, ratio, goal, holds });
        };
        simple(
            "start with an empty directory to the ready line",
            format!("{millis} ms"),
            millis as f64,
            100.0,
            "at most 100 ms",
        );
        simple(
            "resident memory when idle, 2 shards",
            format!("{resident:.0} MiB"),
            resident,
            64.0,
            "at most 64 MiB",
        );
        simple(
            "CPU when idle, 2 shards",
            format!("{idle:.2} % of a core"),
            idle,
            1.0,
            "at most 1 %",
        );
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
