//! `corelog cluster`: what a cluster consists of and how it does.

use corelog_client::blocking::Admin;

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::Output;

use self::metrics::MetricsUrl;
use self::status::Status;

mod metrics;
mod status;

/// Where a server offers its metrics by default.
const METRICS_URL: &str = "http://127.0.0.1:9644/metrics";

/// The command line of `cluster`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Shows nodes, their partitions, and what is not well
    Status(StatusArguments),
}

#[derive(Debug, clap::Args)]
struct StatusArguments {
    /// Shows the metrics of a server as well
    #[arg(
        long,
        value_name = "URL",
        num_args = 0..=1,
        default_missing_value = METRICS_URL
    )]
    metrics: Option<MetricsUrl>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    let Action::Status(status) = &arguments.action;
    let what = "cannot show the status of the cluster";
    let mut admin = Admin::new(status.bootstrap.connect()?);
    let cluster = admin.describe_cluster().map_err(|error| failure(what, &error))?;
    let topics = admin.list_topics().map_err(|error| failure(what, &error))?;
    let samples = match &status.metrics {
        None => Vec::new(),
        Some(url) => url.fetch().map_err(|error| {
            let hint = "check --metrics, and that the server has its metrics listener there";
            Failure::new(Exit::Unreachable, format!("cannot read metrics of {url}"), error, hint)
        })?,
    };
    output.show(&Status::new(&cluster, &topics, samples))
}
