//! `corelog user`: the users that log in with SCRAM. Passwords come from a file or from standard
//! input, never from the command line, which everybody on the machine can read.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use corelog_client::admin::{RemovePassword, SetPassword};
use corelog_client::blocking::Admin;
use corelog_security::scram::{Hash, ITERATIONS_DEFAULT};
use corelog_security::{Mechanism, Secret};
use serde::Serialize;

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, Report, Table};
use crate::password;

/// The command line of `user`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Sets the password of a user, new or known
    Add(Add),
    /// Shows every user and its mechanisms
    List(List),
    /// Removes the password of a user
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Name of the user
    name: String,
    /// How the user logs in: SCRAM-SHA-256 or SCRAM-SHA-512
    #[arg(long, value_name = "NAME", default_value = "SCRAM-SHA-512", value_parser = hash)]
    mechanism: Hash,
    /// How often the password is hashed, by the client at each login
    #[arg(long, value_name = "N", default_value_t = ITERATIONS_DEFAULT)]
    iterations: NonZeroU32,
    /// File whose first line is the password; - is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    password_file: PathBuf,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Remove {
    /// Name of the user
    name: String,
    /// For which mechanism: SCRAM-SHA-256 or SCRAM-SHA-512
    #[arg(long, value_name = "NAME", default_value = "SCRAM-SHA-512", value_parser = hash)]
    mechanism: Hash,
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

fn hash(text: &str) -> Result<Hash, String> {
    match text.parse() {
        Ok(Mechanism::Scram(hash)) => Ok(hash),
        _ => Err("write SCRAM-SHA-256 or SCRAM-SHA-512".to_owned()),
    }
}

impl Add {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let password = self.password()?;
        let set = SetPassword {
            user: self.name.clone(),
            hash: self.hash_and_name().0,
            password,
            iterations: self.iterations,
        };
        let what = format!("cannot set the password of {}", self.name);
        let done = Admin::new(self.bootstrap.connect()?).set_password(&set);
        done.map_err(|error| failure(what, &error))?;
        let line = format!("{} logs in with {}", self.name, self.hash_and_name().1);
        output.line(&line)
    }

    fn hash_and_name(&self) -> (Hash, &'static str) {
        (self.mechanism, Mechanism::Scram(self.mechanism).name())
    }

    fn password(&self) -> Result<Secret, Failure> {
        let read = if self.password_file == Path::new("-") {
            password::of_reader(std::io::stdin().lock())
        } else {
            password::of_file(&self.password_file)
        };
        read.map_err(|error| {
            let what = format!("cannot read the password of {}", self.name);
            let hint = "write it into a file that nobody else can read, as its first line";
            Failure::new(Exit::Usage, what, error, hint)
        })
    }
}

/// Every user.
#[derive(Debug, Serialize)]
struct Listed {
    users: Vec<ListedUser>,
}

#[derive(Debug, Serialize)]
struct ListedUser {
    user: String,
    mechanism: &'static str,
    iterations: i32,
}

impl Report for Listed {
    fn tables(&self) -> Vec<Table> {
        let rows = self.users.iter().map(|user| {
            vec![user.user.clone(), user.mechanism.to_owned(), user.iterations.to_string()]
        });
        vec![Table::new(["user", "mechanism", "iterations"], rows.collect())]
    }
}

impl List {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let users = Admin::new(self.bootstrap.connect()?).list_users();
        let users = users.map_err(|error| failure("cannot list users", &error))?;
        let users = users.into_iter().flat_map(|(user, hashes)| {
            hashes.into_iter().map(move |(hash, iterations)| ListedUser {
                user: user.clone(),
                mechanism: Mechanism::Scram(hash).name(),
                iterations,
            })
        });
        output.show(&Listed { users: users.collect() })
    }
}

impl Remove {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let remove = RemovePassword { user: self.name.clone(), hash: self.mechanism };
        let done = Admin::new(self.bootstrap.connect()?).remove_password(&remove);
        let what = format!("cannot remove the password of {}", self.name);
        done.map_err(|error| failure(what, &error))?;
        let mechanism = Mechanism::Scram(self.mechanism);
        output.line(&format!("{} does not log in with {mechanism} any more", self.name))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use corelog_security::scram::ScramKeys;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        add: Add,
    }

    #[test]
    fn a_new_user_cannot_be_told_from_nobody() {
        let add = Command::try_parse_from(["add", "carol"]).unwrap().add;
        let nobody = ScramKeys::of_nobody(add.mechanism, "carol", b"secret");
        assert_eq!(add.iterations.get(), nobody.iterations);
        assert_eq!(add.iterations, ITERATIONS_DEFAULT);
    }

    #[test]
    fn only_scram_has_users_here() {
        assert_eq!(hash("SCRAM-SHA-256"), Ok(Hash::Sha256));
        assert!(hash("PLAIN").is_err() && hash("scram-sha-256").is_err());
    }
}
