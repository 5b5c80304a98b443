//! `corelog config`: shows and changes the configs of topics, brokers and groups while they run.

use corelog_client::admin::{AlterMode, ConfigChange, Resource};
use corelog_client::blocking::Admin;
use corelog_model::NodeId;

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

use self::report::{Altered, Described};

mod report;

/// The command line of `config`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Shows values and where they come from
    Describe(Describe),
    /// Sets configs, all or none
    Set(Set),
    /// Lets the defaults of configs hold again, all or none
    Unset(Unset),
}

/// What has the configs.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Entity {
    /// A topic
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// The broker of a node
    #[arg(long, value_name = "NODE")]
    broker: Option<i32>,
    /// All brokers that set nothing themselves
    #[arg(long)]
    broker_default: bool,
    /// A consumer group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Describe {
    #[command(flatten)]
    entity: Entity,
    /// Only these configs
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Shows configs that nobody has set, too; --json and names always do
    #[arg(long)]
    all: bool,
    /// Shows every value there is and what the configs do
    #[arg(long)]
    details: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Set {
    #[command(flatten)]
    entity: Entity,
    /// The configs and their values
    #[arg(required = true, value_name = "NAME=VALUE", value_parser = pair)]
    configs: Vec<(String, String)>,
    /// Only checks whether it could be done
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Unset {
    #[command(flatten)]
    entity: Entity,
    /// The configs
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Only checks whether it could be done
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    match &arguments.action {
        Action::Describe(describe) => describe.run(output),
        Action::Set(set) => {
            let changes = set.configs.iter();
            let changes = changes.map(|(name, value)| (name, ConfigChange::Set(value.clone())));
            alter(&set.entity, changes, set.validate_only, &set.bootstrap, output)
        }
        Action::Unset(unset) => {
            let changes = unset.names.iter().map(|name| (name, ConfigChange::Unset));
            alter(&unset.entity, changes, unset.validate_only, &unset.bootstrap, output)
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a config is written NAME=VALUE".to_owned()),
    }
}

impl Entity {
    /// The command line has exactly one of them.
    fn resource(&self) -> Resource {
        let topic = self.topic.clone().map(Resource::Topic);
        let broker = self.broker.map(|node| Resource::Broker(NodeId(node)));
        let group = self.group.clone().map(Resource::Group);
        topic.or(broker).or(group).unwrap_or(Resource::AllBrokers)
    }
}

impl Describe {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let resource = self.entity.resource();
        let configs = Admin::new(self.bootstrap.connect()?).describe_configs(&resource);
        let configs = configs.map_err(|error| failure("cannot describe configs", &error))?;
        if let Some(name) = missing(&self.names, &configs) {
            let why = format!("there is no config {name}");
            let hint = "without names the command shows all that there are, with --all";
            return Err(Failure::new(
                crate::failure::Exit::Failed,
                "cannot describe configs",
                why,
                hint,
            ));
        }
        let described = Described::new(&configs, &self.names);
        output.show(&described.showing(self.all, self.details))
    }
}

/// The first name that no config has.
fn missing<'n>(
    names: &'n [String],
    configs: &[corelog_client::admin::ConfigEntry],
) -> Option<&'n String> {
    names.iter().find(|name| configs.iter().all(|config| config.name != **name))
}

fn alter<'n>(
    entity: &Entity,
    changes: impl Iterator<Item = (&'n String, ConfigChange)>,
    validate_only: bool,
    bootstrap: &Bootstrap,
    output: &mut Output,
) -> Result<(), Failure> {
    let changes: Vec<_> = changes.map(|(name, change)| (name.clone(), change)).collect();
    let mode = if validate_only { AlterMode::ValidateOnly } else { AlterMode::Apply };
    let altered =
        Admin::new(bootstrap.connect()?).alter_configs(&entity.resource(), &changes, mode);
    altered.map_err(|error| failure("cannot change configs", &error))?;
    output.show(&Altered::new(&changes, mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_cut_at_its_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(["a", "=b", ""].iter().all(|text| pair(text).is_err()));
    }
}
