//! `corelog acl`: rights of users, given, shown and taken. The flags are those of Kafka's
//! kafka-acls, so that what is written for one works with the other.

mod selection;

use corelog_client::admin::{CreateAcls, DeleteAcls};
use corelog_client::blocking::Admin;
use corelog_cluster::{AclOperation, PatternType, Permission, ResourceType};
use corelog_wire::api::create_acls::AclCreation;
use serde::Serialize;

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, Report, Table};
use selection::{Given, Resources, Selection};

/// The command line of `acl`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Gives rights to principals, or denies them
    Add(Add),
    /// Shows rights; all of them if nothing is chosen
    List(List),
    /// Takes rights, and denials, away
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    resources: Resources,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    resources: Resources,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    resources: Resources,
    #[command(flatten)]
    selection: Selection,
    /// Removes every ACL there is, if nothing else is chosen
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    match &arguments.action {
        Action::Add(add) => add.run(output),
        Action::List(list) => list.run(output),
        Action::Remove(remove) => remove.run(output),
    }
}

/// ACLs, each in a line.
#[derive(Debug, Serialize)]
struct Listed {
    acls: Vec<ListedAcl>,
}

#[derive(Debug, Serialize)]
struct ListedAcl {
    resource: String,
    pattern: String,
    name: String,
    principal: String,
    host: String,
    operation: String,
    permission: String,
}

impl Listed {
    fn of(acls: &[AclCreation<'_>]) -> Self {
        Self { acls: acls.iter().map(ListedAcl::of).collect() }
    }
}

impl ListedAcl {
    fn of(acl: &AclCreation<'_>) -> Self {
        Self {
            resource: shown(acl.resource_type, ResourceType::from_code),
            pattern: shown(acl.resource_pattern_type, PatternType::from_code),
            name: acl.resource_name.to_string(),
            principal: acl.principal.to_string(),
            host: acl.host.to_string(),
            operation: shown(acl.operation, AclOperation::from_code),
            permission: shown(acl.permission_type, Permission::from_code),
        }
    }
}

/// A name, or the number if a newer server has given one that has no name here.
fn shown<T: ToString>(code: i8, known: impl Fn(i8) -> Option<T>) -> String {
    known(code).map_or_else(|| code.to_string(), |known| known.to_string())
}

impl Report for Listed {
    fn tables(&self) -> Vec<Table> {
        let rows = self.acls.iter().map(|acl| {
            let ListedAcl { resource, pattern, name, principal, host, operation, permission } = acl;
            let cells = [principal, permission, operation, resource, pattern, name, host];
            cells.map(Clone::clone).to_vec()
        });
        let head = ["principal", "permission", "operation", "resource", "pattern", "name", "host"];
        vec![Table::new(head, rows.collect())]
    }
}

impl Add {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let creations = self.given.creations(&self.resources)?;
        let create = CreateAcls { creations };
        let done = Admin::new(self.bootstrap.connect()?).create_acls(&create);
        done.map_err(|error| failure("cannot add the ACLs", &error))?;
        output.show(&Listed::of(&create.creations))
    }
}

impl List {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let mut found: Vec<AclCreation<'static>> = Vec::new();
        for filter in self.selection.filters(&self.resources)? {
            let listed = admin.list_acls(&filter);
            let listed = listed.map_err(|error| failure("cannot list the ACLs", &error))?;
            for acl in listed {
                // An ACL may pass several filters.
                if !found.contains(&acl) {
                    found.push(acl);
                }
            }
        }
        output.show(&Listed::of(&found))
    }
}

impl Remove {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        if !self.all && self.resources.is_empty() && self.selection.is_empty() {
            let why = "nothing is chosen, which would remove every right there is";
            let hint = "name a resource or a principal, or write --all";
            return Err(selection::unfit("cannot remove ACLs", why, hint));
        }
        let filters = self.selection.filters(&self.resources)?;
        let deleted = Admin::new(self.bootstrap.connect()?).delete_acls(&DeleteAcls { filters });
        let deleted = deleted.map_err(|error| failure("cannot remove the ACLs", &error))?;
        output.show(&Listed::of(&deleted))
    }
}
