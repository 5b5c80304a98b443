//! Checks that the async client and a broker understand each other, on a broker that runs already:
//!
//! ```sh
//! cargo run -p corelog-client --example conformance -- 127.0.0.1:9092 [--groups] [--transactions]
//! ```
//!
//! Topics and groups get names of their own and are deleted at the end. With `--groups` the broker
//! must serve groups of both protocols, with `--transactions` transactions.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]
#![allow(clippy::unwrap_used, reason = "a check fails by panicking, as a test does")]

mod admin;
mod groups;
mod records;
mod transactions;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use corelog_client::admin::NewTopic;
use corelog_client::{Admin, ClientConfig, Cluster, Endpoint};

/// What a check returns: all is well, or what is wrong.
type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// What every check gets.
#[derive(Clone)]
struct Bench {
    cluster: Cluster,
    admin: Admin,
    /// Part of every name, so that runs do not meet.
    run: String,
}

/// How often to look whether a node has heard of a change, with pauses of 20 ms.
const LOOKS_MAX: u32 = 1000;

impl Bench {
    /// A topic for a check.
    async fn topic(
        &self,
        name: &str,
        partitions: i32,
    ) -> Result<String, Box<dyn Error + Send + Sync>> {
        let name = format!("conformance-{}-{name}", self.run);
        let topic = NewTopic {
            name: name.clone(),
            partitions: Some(partitions),
            replication_factor: Some(1),
            configs: Vec::new(),
        };
        self.admin.create_topic(&topic).await?;
        // A node may hear of it later than the answer comes; one that never does fails the check.
        for _ in 0..LOOKS_MAX {
            if self.admin.describe_topic(&name).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(name)
    }
}

/// Fails a check with what was found and expected.
fn same<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, found: &T, expected: &T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: found {found:?}, expected {expected:?}").into())
}

macro_rules! run {
    ($bench:expr, $failed:expr, $($check:path),+ $(,)?) => { $({
        let began = Instant::now();
        let name = stringify!($check);
        match $check($bench.clone()).await {
            Ok(()) => println!("ok      {name} ({} ms)", began.elapsed().as_millis()),
            Err(error) => {
                $failed += 1;
                println!("FAILED  {name}: {error}");
            }
        }
    })+ };
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let wanted = Wanted { groups: has("--groups"), transactions: has("--transactions") };
    let Some(bootstrap) = arguments.iter().find(|argument| !argument.starts_with("--")) else {
        println!("usage: conformance HOST:PORT[,HOST:PORT...] [--groups] [--transactions]");
        return ExitCode::from(2);
    };
    match checks(bootstrap, wanted).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("{failed} checks failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Which checks run besides those that every broker passes.
struct Wanted {
    groups: bool,
    transactions: bool,
}

async fn checks(bootstrap: &str, wanted: Wanted) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let metadata_age_max = Duration::from_secs(1);
    let config = ClientConfig { metadata_age_max, ..ClientConfig::default() };
    let cluster = Cluster::connect(&Endpoint::parse_list(bootstrap)?, config).await?;
    let run = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let bench = Bench { admin: Admin::new(&cluster), cluster, run: run.to_string() };
    let mut failed = 0;
    run!(
        bench,
        failed,
        admin::topics_come_grow_and_go,
        admin::configs_are_changed_one_by_one,
        admin::records_before_an_offset_are_deleted,
        admin::what_is_not_there_is_refused,
        records::what_is_sent_is_read_with_each_codec,
        records::every_kind_of_acks_delivers,
        records::order_holds_and_memory_is_bounded,
        records::a_custom_partitioner_decides,
        records::clones_send_from_many_tasks,
        records::many_partitions_are_read_in_sessions,
        records::seek_pause_and_times,
        records::an_offset_that_is_gone_is_reset,
        records::a_dropped_poll_loses_nothing,
    );
    if wanted.groups {
        run!(
            bench,
            failed,
            groups::one_member_commits_and_goes_on,
            groups::eager_members_share,
            groups::cooperative_members_share,
            groups::the_coordinator_shares,
            groups::a_static_member_keeps_its_partitions,
            groups::a_pattern_finds_new_topics,
            groups::a_stalled_member_loses_its_partitions,
            groups::offsets_of_a_group_are_set_from_outside,
        );
    }
    if wanted.transactions {
        run!(
            bench,
            failed,
            transactions::what_is_committed_counts_and_what_is_aborted_does_not,
            transactions::transactions_without_records_end,
            transactions::a_second_producer_fences_the_first,
            transactions::a_fenced_producer_cannot_write,
            transactions::offsets_count_once_they_are_committed,
            transactions::offsets_of_a_lost_member_abort,
            transactions::many_transactions_follow_each_other,
            transactions::a_transaction_spans_nodes,
            transactions::clones_write_in_one_transaction,
            transactions::async_producers_fence_and_send_offsets,
            transactions::a_member_copies_each_record_once,
        );
    }
    let mine = format!("conformance-{}-", bench.run);
    for name in bench.admin.list_topics().await?.keys() {
        if name.starts_with(&mine) {
            bench.admin.delete_topic(name).await?;
        }
    }
    Ok(failed)
}
