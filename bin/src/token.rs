//! `corelog token`: delegation tokens, with which others log in as a user. What proves a token is
//! shown once, when it is made; afterwards tokens are named by their ids.

use corelog_client::admin::{CreateToken, DelegationToken, ExpireToken, RenewToken};
use corelog_client::blocking::Admin;
use serde::Serialize;

use crate::advice::failure;
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, Report, Table};

/// The command line of `token`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes a token and shows it, with its password
    Create(Create),
    /// Shows the tokens that you may see, without their passwords
    List(List),
    /// Lets a token count for longer
    Renew(Change),
    /// Lets a token end, at once or later
    Expire(Change),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Name of the user as whom the token logs in, if not the one that asks
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// Name of a user who may renew the token; may be given several times
    #[arg(long = "renewer", value_name = "USER")]
    renewers: Vec<String>,
    /// How long the token lives at most, in milliseconds; as long as the server allows by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    lifetime_ms: Option<i64>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Change {
    /// Id of the token, as `token list` shows it
    id: String,
    /// In how many milliseconds it ends; by default a renewed token counts as long as the server
    /// allows, and one that expires ends at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    period_ms: Option<i64>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    match &arguments.action {
        Action::Create(create) => create.run(output),
        Action::List(list) => list.run(output),
        Action::Renew(renew) => renew.renew(output),
        Action::Expire(expire) => expire.expire(output),
    }
}

/// A token that was made.
#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    token: ListedToken,
    password: String,
}

impl Report for Made {
    fn tables(&self) -> Vec<Table> {
        let row = vec![self.token.id.clone(), self.password.clone()];
        vec![
            Table::new(["id (username)", "password (secret)"], vec![row]),
            table(std::slice::from_ref(&self.token)),
        ]
    }
}

impl Create {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let create = CreateToken {
            owner: self.owner.clone(),
            renewers: self.renewers.clone(),
            lifetime_ms: self.lifetime_ms,
        };
        let token = Admin::new(self.bootstrap.connect()?).create_token(&create);
        let token = token.map_err(|error| failure("cannot make a delegation token", &error))?;
        let password = token.proof.password().reveal().to_owned();
        output.show(&Made { token: ListedToken::of(token), password })
    }
}

/// The tokens that the client may see.
#[derive(Serialize)]
struct Listed {
    tokens: Vec<ListedToken>,
}

#[derive(Serialize)]
struct ListedToken {
    id: String,
    owner: String,
    requester: String,
    renewers: Vec<String>,
    issued_ms: i64,
    expires_ms: i64,
    ends_ms: i64,
}

impl ListedToken {
    fn of(token: DelegationToken) -> Self {
        let DelegationToken {
            id, owner, requester, renewers, issued_ms, expires_ms, ends_ms, ..
        } = token;
        Self { id, owner, requester, renewers, issued_ms, expires_ms, ends_ms }
    }
}

fn table(tokens: &[ListedToken]) -> Table {
    let rows = tokens.iter().map(|token| {
        let times = [token.issued_ms, token.expires_ms, token.ends_ms].map(|it| it.to_string());
        let names = [token.id.clone(), token.owner.clone(), token.requester.clone()];
        [&names[..], &[token.renewers.join(" ")], &times].concat()
    });
    let heads = ["id", "owner", "requester", "renewers", "issued ms", "expires ms", "ends ms"];
    Table::new(heads, rows.collect())
}

impl Report for Listed {
    fn tables(&self) -> Vec<Table> {
        vec![table(&self.tokens)]
    }
}

impl List {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let tokens = list(&mut Admin::new(self.bootstrap.connect()?))?;
        output.show(&Listed { tokens: tokens.into_iter().map(ListedToken::of).collect() })
    }
}

fn list(admin: &mut Admin) -> Result<Vec<DelegationToken>, Failure> {
    admin.list_tokens().map_err(|error| failure("cannot list delegation tokens", &error))
}

impl Change {
    /// The token itself: its id alone proves nothing, and what does is not for a command line.
    fn find(&self, what: &str, admin: &mut Admin) -> Result<DelegationToken, Failure> {
        let found = list(admin)?.into_iter().find(|token| token.id == self.id);
        found.ok_or_else(|| {
            let why = "there is no such token, or you may not see it";
            Failure::new(Exit::Failed, what, why, "corelog token list shows what there is")
        })
    }

    fn renew(&self, output: &mut Output) -> Result<(), Failure> {
        let what = format!("cannot renew the delegation token {}", self.id);
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let proof = self.find(&what, &mut admin)?.proof;
        let renewed = admin.renew_token(&RenewToken { proof, period_ms: self.period_ms });
        let expires_ms = renewed.map_err(|error| failure(what, &error))?;
        output.line(&format!("{} expires at {expires_ms} ms since 1970", self.id))
    }

    fn expire(&self, output: &mut Output) -> Result<(), Failure> {
        let what = format!("cannot end the delegation token {}", self.id);
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let proof = self.find(&what, &mut admin)?.proof;
        let ended = admin.expire_token(&ExpireToken { proof, period_ms: self.period_ms });
        let expires_ms = ended.map_err(|error| failure(what, &error))?;
        match self.period_ms {
            Some(_) => output.line(&format!("{} expires at {expires_ms} ms since 1970", self.id)),
            None => output.line(&format!("{} is gone", self.id)),
        }
    }
}
