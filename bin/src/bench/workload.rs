//! The flags that describe a workload: a preset or a file, and values that lie over it.

use std::collections::BTreeMap;
use std::path::Path;

use corelog_bench::workload::{
    Preset, RawLoad, RawMessage, RawProducer, RawReader, RawTopic, RawWorkload, Workload,
};

use crate::failure::{Exit, Failure, Reason};

use super::unreadable;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Workload")]
pub(super) struct WorkloadArguments {
    /// A preset, or a TOML file of a workload
    #[arg(value_name = "WORKLOAD", default_value = "kib")]
    workload: String,
    /// Messages a second of all producers together
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// constant, poisson, bursts:MESSAGES, trace:FILE, or closed:IN_FLIGHT
    #[arg(long)]
    shape: Option<String>,
    /// Seconds that are measured
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Seconds before that
    #[arg(long, value_name = "N")]
    warm_up: Option<f64>,
    /// How often the whole is measured
    #[arg(long, value_name = "N")]
    repeats: Option<u32>,
    /// Decides everything that is left to chance
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Bytes of a value: 1024, 100..1000, or lognormal:MEDIAN:SIGMA:MAX
    #[arg(long)]
    size: Option<String>,
    /// Part of a value that a codec can squeeze out, from 0 to 1
    #[arg(long, value_name = "N")]
    compressibility: Option<f64>,
    /// none, uniform:COUNT, or zipf:COUNT:EXPONENT
    #[arg(long)]
    keys: Option<String>,
    /// Partitions of the topic
    #[arg(long, value_name = "N")]
    partitions: Option<i32>,
    /// Replicas of each partition
    #[arg(long, value_name = "N")]
    replication_factor: Option<i16>,
    /// Config of the topic
    #[arg(long = "config", value_name = "NAME=VALUE", value_parser = config)]
    configs: Vec<(String, String)>,
    /// Producers, each with connections of its own
    #[arg(long, value_name = "N")]
    producers: Option<u32>,
    /// 0, 1 or all
    #[arg(long)]
    acks: Option<String>,
    /// How long a batch waits for more messages
    #[arg(long, value_name = "N")]
    linger_ms: Option<f64>,
    /// When a batch is full
    #[arg(long, value_name = "N")]
    batch_bytes: Option<usize>,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, alias = "compression")]
    codec: Option<String>,
    /// Groups that read the newest messages, each of them everything
    #[arg(long, value_name = "GROUPS")]
    consumers: Option<u32>,
    /// Readers that share the partitions of a group
    #[arg(long, value_name = "N")]
    members: Option<u32>,
    /// Readers that begin at the first message
    #[arg(long, value_name = "N")]
    catch_up: Option<u32>,
    /// Bytes that are in the topic before the load begins
    #[arg(long, value_name = "N")]
    backlog_bytes: Option<u64>,
}

fn config(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl WorkloadArguments {
    /// The workload, checked.
    pub(super) fn check(&self) -> Result<Workload, Failure> {
        let base = self.base()?;
        let mut flags = self.flags();
        if !self.configs.is_empty() {
            // Single configs lie over those of the file, where a section would replace them.
            let mut configs = base.topic.configs.clone().unwrap_or_default();
            configs.extend(self.configs.iter().cloned());
            flags.topic.configs = Some(configs);
        }
        let read = |file: &str| std::fs::read_to_string(file).map_err(|error| error.to_string());
        Workload::check(flags.over(base), read).map_err(|problems| {
            let reasons = problems.iter().map(|problem| Reason {
                why: problem.to_string(),
                hint: "change the file or the flag; --print-workload shows all values".to_owned(),
            });
            Failure::with_reasons(Exit::Usage, "workload refused", reasons.collect())
        })
    }

    fn base(&self) -> Result<RawWorkload, Failure> {
        if let Some(preset) = Preset::named(&self.workload) {
            return Ok(preset.workload());
        }
        let path = Path::new(&self.workload);
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        let mut workload = RawWorkload::parse(&text).map_err(|error| unreadable(path, error))?;
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        workload.name = workload.name.or(name);
        Ok(workload)
    }

    fn flags(&self) -> RawWorkload {
        RawWorkload {
            name: None,
            about: None,
            load: RawLoad {
                shape: self.shape.clone(),
                rate: self.rate,
                seconds: self.seconds,
                warm_up_seconds: self.warm_up,
                repeats: self.repeats,
                seed: self.seed,
            },
            topic: RawTopic {
                partitions: self.partitions,
                replication_factor: self.replication_factor,
                spread: None,
                configs: None::<BTreeMap<_, _>>,
            },
            message: RawMessage {
                size: self.size.clone(),
                compressibility: self.compressibility,
                keys: self.keys.clone(),
            },
            producer: RawProducer {
                count: self.producers,
                acks: self.acks.clone(),
                linger_ms: self.linger_ms,
                batch_bytes: self.batch_bytes,
                codec: self.codec.clone(),
                ..RawProducer::default()
            },
            reader: RawReader {
                tail_groups: self.consumers,
                members: self.members,
                catch_up: self.catch_up,
                backlog_bytes: self.backlog_bytes,
                ..RawReader::default()
            },
        }
    }
}
