//! The command line: what every command shares, and which command runs.

use clap::{Parser, Subcommand};

use crate::failure::{Exit, Failure};
use crate::logging::{self, Level};
use crate::output::{Format, Output};
use crate::{
    acl, bench, cluster, config, consume, group, log, plan, produce, quota, serve, token, topic,
    transaction, user,
};

/// A commit log for Linux servers that speaks the Kafka protocol.
#[derive(Debug, Parser)]
#[command(name = "corelog", version, after_help = exit_codes())]
pub struct Cli {
    /// Prints results, and the error if there is one, as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Logs what helps to find a fault, on standard error; CORELOG_LOG chooses finer
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, one folder each.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a broker
    Serve(serve::Arguments),
    /// Creates, shows, grows, moves and deletes topics
    Topic(topic::Arguments),
    /// Sends lines as records
    Produce(produce::Arguments),
    /// Prints the records of a topic
    Consume(consume::Arguments),
    /// Shows groups of consumers, moves their offsets, and deletes them
    Group(group::Arguments),
    /// Shows transactions, finds those that hang, and aborts them
    Transaction(transaction::Arguments),
    /// Shows and changes configs while everything runs
    Config(config::Arguments),
    /// Sets, shows and removes the passwords of users
    User(user::Arguments),
    /// Makes, shows, renews and ends tokens with which others log in as a user
    Token(token::Arguments),
    /// Gives, shows and takes the rights of users
    Acl(acl::Arguments),
    /// Sets, shows and removes what clients are allowed
    Quota(quota::Arguments),
    /// Shows what a cluster consists of and how it does
    Cluster(cluster::Arguments),
    /// Reads segment files without a server
    Log(log::Arguments),
    /// Measures any broker that speaks the Kafka protocol
    Bench(Box<bench::Arguments>),
    /// Measures a machine for a log, and says how many of them a workload needs
    Plan(Box<plan::Arguments>),
}

impl Cli {
    /// Runs the command. Results go to standard output.
    pub fn run(&self) -> Result<(), Failure> {
        logging::start(if self.verbose { Level::Verbose } else { Level::Normal })?;
        let format = if self.json { Format::Json } else { Format::of_stdout() };
        let mut output = Output::stdout(format);
        match &self.command {
            Command::Serve(arguments) => serve::run(arguments, &mut output),
            Command::Topic(arguments) => topic::run(arguments, &mut output),
            Command::Produce(arguments) => produce::run(arguments, &mut output),
            Command::Consume(arguments) => consume::run(arguments, &mut output),
            Command::Group(arguments) => group::run(arguments, &mut output),
            Command::Transaction(arguments) => transaction::run(arguments, &mut output),
            Command::Config(arguments) => config::run(arguments, &mut output),
            Command::User(arguments) => user::run(arguments, &mut output),
            Command::Token(arguments) => token::run(arguments, &mut output),
            Command::Acl(arguments) => acl::run(arguments, &mut output),
            Command::Quota(arguments) => quota::run(arguments, &mut output),
            Command::Cluster(arguments) => cluster::run(arguments, &mut output),
            Command::Log(arguments) => log::run(arguments, &mut output),
            Command::Bench(arguments) => bench::run(arguments, &mut output),
            Command::Plan(arguments) => plan::run(arguments, &mut output),
        }
    }
}

fn exit_codes() -> String {
    let lines = Exit::ALL.map(|exit| format!("  {:>3}  {}", exit.code(), exit.meaning()));
    format!("Exit codes:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_documents_every_exit_code() {
        let help = Cli::command().render_help().to_string();
        for exit in Exit::ALL {
            let line = format!("{:>3}  {}", exit.code(), exit.meaning());
            assert!(help.contains(&line), "{line:?} is missing in {help}");
        }
    }

    #[test]
    fn global_flags_work_behind_the_command() {
        let cli = Cli::try_parse_from(["corelog", "serve", "--print-config", "--json", "-v"]);
        let cli = cli.unwrap();
        assert!(cli.json && cli.verbose);
    }
}
