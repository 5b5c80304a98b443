//! `corelog topic`: creates, shows, grows, moves and deletes topics.

use corelog_client::admin::{NewTopic, Resource};
use corelog_client::blocking::Admin;
use corelog_client::{ClientError, TopicPartition, offsets::Moment};

use crate::advice::{advice_on, failure};
use crate::bootstrap::Bootstrap;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

use self::health::Health;
use self::reassign::{Reassign, Reassignments};
use self::report::{Changed, Created, Described, Listed};

mod health;
mod reassign;
mod report;

/// The command line of `topic`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Creates a topic
    Create(Create),
    /// Shows every topic
    List(List),
    /// Shows the partitions and configs of a topic
    Describe(Describe),
    /// Deletes topics and their data
    Delete(Delete),
    /// Gives a topic more partitions
    AddPartitions(AddPartitions),
    /// Moves partitions to other nodes while they are written and read
    Reassign(Reassign),
    /// Shows the partitions that are on their way to other nodes
    Reassignments(Reassignments),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Name of the topic
    name: String,
    /// Number of partitions [default: num.partitions of the server]
    #[arg(long, value_name = "N")]
    partitions: Option<i32>,
    /// Number of replicas [default: default.replication.factor of the server]
    #[arg(long, value_name = "N")]
    replication_factor: Option<i16>,
    /// A config of the topic; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = config)]
    config: Vec<(String, String)>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Describe {
    /// Name of the topic
    name: String,
    /// Shows configs that nobody has set, too; --json always does
    #[arg(long)]
    all_configs: bool,
    /// Shows how the partitions do; fails if anything is wrong
    #[arg(long, conflicts_with = "all_configs")]
    health: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// Names of the topics
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct AddPartitions {
    /// Name of the topic
    name: String,
    /// How many partitions it shall have in all
    #[arg(long, value_name = "N")]
    to: i32,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    match &arguments.action {
        Action::Create(create) => create.run(output),
        Action::List(list) => list.run(output),
        Action::Describe(describe) => describe.run(output),
        Action::Delete(delete) => delete.run(output),
        Action::AddPartitions(add) => add.run(output),
        Action::Reassign(reassign) => reassign.run(output),
        Action::Reassignments(list) => list.run(output),
    }
}

fn config(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a config is written KEY=VALUE".to_owned()),
    }
}

impl Create {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let topic = NewTopic {
            name: self.name.clone(),
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            configs: self.config.clone(),
        };
        let created = Admin::new(self.bootstrap.connect()?).create_topic(&topic);
        let what = || format!("cannot create topic {}", self.name);
        let created = created.map_err(|error| failure(what(), &error))?;
        output.show(&Created::new(&self.name, &created))
    }
}

impl List {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let topics = Admin::new(self.bootstrap.connect()?).list_topics();
        let topics = topics.map_err(|error| failure("cannot list topics", &error))?;
        output.show(&Listed::new(&topics))
    }
}

impl Describe {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let what = || format!("cannot describe topic {}", self.name);
        if self.health {
            let health = Health::ask(&mut admin, &self.name);
            let health = health.map_err(|error| failure(what(), &error))?;
            output.show(&health)?;
            return health.verdict();
        }
        let described = self.describe(&mut admin);
        output.show(&described.map_err(|error| failure(what(), &error))?)
    }

    fn describe(&self, admin: &mut Admin) -> Result<Described, ClientError> {
        let topic = admin.describe_topic(&self.name)?;
        let configs = match admin.describe_configs(&Resource::Topic(self.name.clone())) {
            // A server without the API has nothing to tell.
            Err(ClientError::Version { .. }) => Vec::new(),
            configs => configs?,
        };
        // A partition without a leader has nobody to ask.
        let led = topic.partitions.iter().filter(|(_, partition)| partition.leader.is_some());
        let led: Vec<TopicPartition> =
            led.map(|(number, _)| TopicPartition::new(&self.name, *number)).collect();
        let cluster = admin.cluster();
        let mut ask = |moment: Moment| {
            cluster.list_offsets(&led.iter().map(|at| (at.clone(), moment)).collect())
        };
        let (beginnings, ends) = (ask(Moment::Beginning)?, ask(Moment::End)?);
        let described = Described::new(&self.name, &topic, &configs, &beginnings, &ends);
        Ok(if self.all_configs { described.with_all_configs() } else { described })
    }
}

impl Delete {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let (deleted, outcome) = Failure::of_each(
            &self.names,
            "cannot delete topics",
            |name| admin.delete_topic(name),
            |error| advice_on(error).to_owned(),
        );
        if !deleted.is_empty() {
            output.show(&Changed::deleted(deleted))?;
        }
        outcome
    }
}

impl AddPartitions {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let grown = Admin::new(self.bootstrap.connect()?).add_partitions(&self.name, self.to);
        let what = || format!("cannot add partitions to topic {}", self.name);
        grown.map_err(|error| failure(what(), &error))?;
        output.show(&Changed::grown(&self.name, self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_cut_at_its_first_equals_sign() {
        assert_eq!(config("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(config("a="), Ok(("a".to_owned(), String::new())));
        for text in ["a", "=b", ""] {
            assert!(config(text).is_err(), "{text}");
        }
    }
}
