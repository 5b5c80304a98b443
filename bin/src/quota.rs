//! `corelog quota`: what users, clients and addresses are allowed.

use corelog_client::admin::{AlterQuotas, QuotaEntity, QuotaPart};
use corelog_client::blocking::Admin;
use serde::Serialize;

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, Report, Table};

/// The command line of `quota`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Shows every quota
    List(List),
    /// Sets quotas of a user, a client id, both, or an address
    #[command(after_help = KEYS)]
    Set(Set),
    /// Removes quotas
    #[command(after_help = KEYS)]
    Unset(Unset),
}

const KEYS: &str = "\
Quotas of users and client ids:
  producer_byte_rate        bytes a second that are produced
  consumer_byte_rate        bytes a second that are fetched
  request_percentage        time of requests, in percent of one thread
  controller_mutation_rate  partitions a second that are created and deleted
Quotas of addresses:
  connection_creation_rate  connections a second

Each core counts on its own, but for connections, which are counted for the broker.";

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Whose quotas.
#[derive(Debug, clap::Args)]
struct Whose {
    /// A user, by name without User:
    #[arg(long, value_name = "NAME", group = "of_user", conflicts_with = "of_ip")]
    user: Option<String>,
    /// Every user without quotas of its own
    #[arg(long, group = "of_user", conflicts_with = "of_ip")]
    user_default: bool,
    /// What clients call themselves
    #[arg(long, value_name = "NAME", group = "of_client", conflicts_with = "of_ip")]
    client_id: Option<String>,
    /// Every client id without quotas of its own
    #[arg(long, group = "of_client", conflicts_with = "of_ip")]
    client_id_default: bool,
    /// An address from which connections come
    #[arg(long, value_name = "ADDRESS", group = "of_ip")]
    ip: Option<std::net::IpAddr>,
    /// Every address without quotas of its own
    #[arg(long, group = "of_ip")]
    ip_default: bool,
}

#[derive(Debug, clap::Args)]
struct Set {
    /// Quotas with their values, as producer_byte_rate=1048576
    #[arg(required = true, value_name = "QUOTA=VALUE", value_parser = quota)]
    quotas: Vec<(String, f64)>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Unset {
    /// Names of quotas
    #[arg(required = true, value_name = "QUOTA")]
    quotas: Vec<String>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

fn quota(text: &str) -> Result<(String, f64), String> {
    let parsed = text.split_once('=').and_then(|(key, value)| Some((key, value.parse().ok()?)));
    let (key, value) = parsed.ok_or("write QUOTA=NUMBER, as producer_byte_rate=1048576")?;
    Ok((key.to_owned(), value))
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    match &arguments.action {
        Action::List(list) => list.run(output),
        Action::Set(set) => {
            let changes = set.quotas.iter().map(|(key, value)| (key.clone(), Some(*value)));
            alter(&set.whose, changes, &set.bootstrap, output)
        }
        Action::Unset(unset) => {
            let changes = unset.quotas.iter().map(|key| (key.clone(), None));
            alter(&unset.whose, changes, &unset.bootstrap, output)
        }
    }
}

impl Whose {
    fn entity(&self) -> Result<QuotaEntity, Failure> {
        let part = |name: Option<String>, is_default: bool| match name {
            Some(name) => Some(Some(name)),
            None => is_default.then_some(None),
        };
        let user = part(self.user.clone(), self.user_default);
        let client = part(self.client_id.clone(), self.client_id_default);
        let ip = part(self.ip.map(|ip| ip.to_string()), self.ip_default);
        let named = [(QuotaPart::User, user), (QuotaPart::ClientId, client), (QuotaPart::Ip, ip)];
        let named = named.into_iter().filter_map(|(part, name)| Some((part, name?)));
        let entity = QuotaEntity { parts: named.collect() };
        if entity.parts.is_empty() {
            let why = "nobody is named";
            let hint = "add --user, --client-id or --ip, or one of them with -default";
            return Err(Failure::new(Exit::Usage, "cannot change quotas", why, hint));
        }
        Ok(entity)
    }
}

fn alter(
    whose: &Whose,
    changes: impl Iterator<Item = (String, Option<f64>)>,
    bootstrap: &Bootstrap,
    output: &mut Output,
) -> Result<(), Failure> {
    let alter = AlterQuotas { entity: whose.entity()?, changes: changes.collect() };
    let done = Admin::new(bootstrap.connect()?).alter_quotas(&alter);
    let what = format!("cannot change the quotas of {}", alter.entity);
    done.map_err(|error| failure(what, &error))?;
    for (key, value) in &alter.changes {
        let entity = &alter.entity;
        output.line(&match value {
            Some(value) => format!("{entity}: {key} is {value}"),
            None => format!("{entity}: no {key}"),
        })?;
    }
    Ok(())
}

/// Every quota.
#[derive(Debug, Serialize)]
struct Listed {
    quotas: Vec<ListedQuota>,
}

/// One quota. A part of the entity that is absent is not in it; null is the default.
#[derive(Debug, Serialize)]
struct ListedQuota {
    entity: Vec<ListedPart>,
    quota: String,
    value: f64,
}

#[derive(Debug, Serialize)]
struct ListedPart {
    part: &'static str,
    name: Option<String>,
}

impl Report for Listed {
    fn tables(&self) -> Vec<Table> {
        let rows = self.quotas.iter().map(|listed| {
            let column = |wanted: QuotaPart| {
                let part = listed.entity.iter().find(|part| part.part == wanted.name());
                part.map_or_else(String::new, |part| {
                    part.name.clone().unwrap_or_else(|| "<default>".to_owned())
                })
            };
            let [user, client, ip] = [QuotaPart::User, QuotaPart::ClientId, QuotaPart::Ip];
            let names = [column(user), column(client), column(ip)];
            let quota = [listed.quota.clone(), listed.value.to_string()];
            names.into_iter().chain(quota).collect()
        });
        vec![Table::new(["user", "client-id", "ip", "quota", "value"], rows.collect())]
    }
}

impl List {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let quotas = Admin::new(self.bootstrap.connect()?).list_quotas();
        let quotas = quotas.map_err(|error| failure("cannot list quotas", &error))?;
        let quotas = quotas.into_iter().flat_map(|(entity, quotas)| {
            quotas.into_iter().map(move |(quota, value)| {
                let parts = entity.parts.iter();
                let parts =
                    parts.map(|(part, name)| ListedPart { part: part.name(), name: name.clone() });
                ListedQuota { entity: parts.collect(), quota, value }
            })
        });
        output.show(&Listed { quotas: quotas.collect() })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        whose: Whose,
    }

    fn entity(line: &[&str]) -> Option<String> {
        let line = [&["quota"], line].concat();
        let line = Line::try_parse_from(line).ok()?;
        line.whose.entity().ok().map(|entity| entity.to_string())
    }

    #[test]
    fn an_entity_is_what_the_flags_name() {
        let named = |line: &[&str]| entity(line).unwrap();
        assert_eq!(named(&["--user", "bob"]), "user bob");
        assert_eq!(named(&["--client-id-default"]), "client-id <default>");
        assert_eq!(named(&["--client-id", "a", "--user-default"]), "user <default>, client-id a");
        assert_eq!(named(&["--ip", "::0:1"]), "ip ::1");
        for wrong in [
            &[][..],
            &["--user", "a", "--user-default"],
            &["--ip", "::1", "--ip-default"],
            &["--ip", "::1", "--user", "a"],
            &["--ip-default", "--client-id-default"],
            &["--ip", "localhost"],
        ] {
            assert_eq!(entity(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_quota_is_a_name_and_a_number() {
        assert_eq!(quota("request_percentage=0.5"), Ok(("request_percentage".to_owned(), 0.5)));
        assert!(quota("request_percentage").is_err() && quota("a=b").is_err());
    }
}
