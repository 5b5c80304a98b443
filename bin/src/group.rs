//! `corelog group`: shows groups of consumers and how far they are behind, moves their offsets, and
//! deletes them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use corelog_client::admin::GroupDescription;
use corelog_client::blocking::Admin;
use corelog_client::group::CommittedOffset;
use corelog_client::offsets::Moment;
use corelog_client::{ClientError, TopicPartition, Topics};
use corelog_model::{ErrorCode, Offset, Timestamp};

use crate::advice::{advice_on, failure};
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::Output;

use self::destination::{Destination, Place, Selection};
use self::report::{Deleted, Described, Listed, Reset};
use self::share::DescribedShare;

mod destination;
mod report;
mod share;
mod time;

/// The states of a group without members, in Kafka's words.
const EMPTY: &str = "Empty";
const DEAD: &str = "Dead";

/// The command line of `group`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Shows every group
    List(List),
    /// Shows the members of a group, its offsets, how far it is behind, and of how many partitions
    /// that is not known
    Describe(Describe),
    /// Sets the offsets of a group without members
    ResetOffsets(ResetOffsets),
    /// Deletes groups without members, and their offsets
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Describe {
    /// Name of the group
    name: String,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct ResetOffsets {
    /// Name of the group; with --topic, it may be a new one
    name: String,
    /// Where to: earliest, latest, current (with --topic, the end where there is no offset yet), an
    /// offset, +N or -N records from where the group is, @ and a time in milliseconds since 1970,
    /// a time such as 2026-11-29T08:30:00 (UTC, or with an offset such as +01:00), or P1DT12H for
    /// that long ago; an offset stays within what a partition holds
    #[arg(long, value_name = "WHERE", allow_hyphen_values = true)]
    to: Destination,
    /// A topic, or some of its partitions; may be repeated [default: all that have an offset]
    #[arg(long, value_name = "TOPIC[:N,N]")]
    topic: Vec<Selection>,
    /// Shows what would be, and changes nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// Names of the groups
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    match &arguments.action {
        Action::List(list) => list.run(output),
        Action::Describe(describe) => describe.run(output),
        Action::ResetOffsets(reset) => reset.run(output),
        Action::Delete(delete) => delete.run(output),
    }
}

/// A group; none if there is none of that name.
fn described(admin: &mut Admin, name: &str) -> Result<Option<GroupDescription>, ClientError> {
    match admin.describe_group(name) {
        Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => Ok(None),
        // An older server calls dead what it does not know.
        described => Ok(Some(described?).filter(|group| group.state != DEAD)),
    }
}

/// The offset of a moment in each partition; those of topics that are no more, and those without
/// a leader, are left out.
fn offsets_of(
    admin: &mut Admin,
    partitions: &BTreeSet<TopicPartition>,
    moment: Moment,
) -> Result<BTreeMap<TopicPartition, Option<Offset>>, ClientError> {
    let cluster = admin.cluster();
    let led = partitions.iter().filter(|at| cluster.metadata().leader(at).is_some());
    let led = led.map(|at| (at.clone(), moment)).collect();
    cluster.list_offsets(&led)
}

/// Makes the topics of partitions known, as far as there are such.
fn look_up(admin: &mut Admin, partitions: &BTreeSet<TopicPartition>) -> Result<(), ClientError> {
    let names: BTreeSet<&str> = partitions.iter().map(|at| at.topic.as_ref()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    admin.cluster().with_retries(|cluster| cluster.refresh(Topics::Named(&names)))
}

impl List {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let groups = Admin::new(self.bootstrap.connect()?).list_groups();
        let groups = groups.map_err(|error| failure("cannot list groups", &error))?;
        output.show(&Listed::new(groups))
    }
}

impl Describe {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let what = format!("cannot describe group {}", self.name);
        let fails = |error| failure(&what, &error);
        if let Some(described) = self.describe(&mut admin).map_err(fails)? {
            return output.show(&described);
        }
        let Some(described) = self.describe_share(&mut admin).map_err(fails)? else {
            let why = format!("there is no group {}", self.name);
            return Err(Failure::new(Exit::Failed, what, why, "corelog group list shows them"));
        };
        output.show(&described)
    }

    fn describe(&self, admin: &mut Admin) -> Result<Option<Described>, ClientError> {
        let Some(group) = described(admin, &self.name)? else { return Ok(None) };
        let committed = admin.group_offsets(&self.name)?;
        let assigned = group.members.iter().flat_map(|member| member.assigned.iter());
        let partitions = committed.keys().chain(assigned).cloned().collect();
        look_up(admin, &partitions)?;
        let ends = offsets_of(admin, &partitions, Moment::End)?;
        Ok(Some(Described::new(&group, &committed, &ends)))
    }

    fn describe_share(&self, admin: &mut Admin) -> Result<Option<DescribedShare>, ClientError> {
        let Some(group) = admin.describe_share_group(&self.name)? else { return Ok(None) };
        let offsets = admin.share_group_offsets(&self.name)?;
        Ok(Some(DescribedShare::new(&group, &offsets)))
    }
}

impl ResetOffsets {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let what = || format!("cannot reset offsets of group {}", self.name);
        let fails = |error: ClientError| failure(what(), &error);
        let refused = |why: String, hint: &str| Failure::new(Exit::Failed, what(), why, hint);
        let group = described(&mut admin, &self.name).map_err(fails)?;
        if let Some(group) = group.as_ref().filter(|group| group.state != EMPTY) {
            let why = format!("it is {} and has {} members", group.state, group.members.len());
            return Err(refused(why, "stop them; corelog group describe shows who they are"));
        }
        let before = admin.group_offsets(&self.name).map_err(fails)?;
        let partitions = self.partitions(&mut admin, &before).map_err(fails)?;
        let after = self.destinations(&mut admin, &partitions, &before).map_err(fails)?;
        let (after, missing) = after;
        if let Some(at) = missing {
            let hint = "write --to earliest, latest, or an offset; + and - count from where it is";
            return Err(refused(format!("it has no offset in {at}"), hint));
        }
        if after.is_empty() {
            return Err(match group {
                None => refused(
                    format!("there is no group {}", self.name),
                    "corelog group list shows them; with --topic, a new one gets offsets",
                ),
                Some(_) => refused(
                    "it has no offsets in topics that are there".to_owned(),
                    "say which ones it shall have with --topic",
                ),
            });
        }
        let reset = Reset::done(&self.name, &before, &after);
        if self.dry_run {
            return output.show(&reset.only_shown());
        }
        let stored =
            |offset: Offset| CommittedOffset { offset, leader_epoch: None, metadata: None };
        let offsets = after.into_iter().map(|(at, offset)| (at, stored(offset))).collect();
        admin.set_group_offsets(&self.name, &offsets).map_err(fails)?;
        output.show(&reset)
    }

    /// The partitions whose offsets are to be set; their topics are known then.
    fn partitions(
        &self,
        admin: &mut Admin,
        before: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<BTreeSet<TopicPartition>, ClientError> {
        if self.topic.is_empty() {
            let partitions = before.keys().cloned().collect();
            look_up(admin, &partitions)?;
            return Ok(partitions);
        }
        let mut partitions = BTreeSet::new();
        for selection in &self.topic {
            partitions.extend(selection.of(&admin.describe_topic(&selection.topic)?)?);
        }
        Ok(partitions)
    }

    /// The offset of each partition that is there, and one for which there is none to count from.
    fn destinations(
        &self,
        admin: &mut Admin,
        partitions: &BTreeSet<TopicPartition>,
        before: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(BTreeMap<TopicPartition, Offset>, Option<TopicPartition>), ClientError> {
        let metadata = admin.cluster().metadata();
        let there = partitions.iter().filter(|at| metadata.partition(at).is_some());
        let partitions: BTreeSet<TopicPartition> = there.cloned().collect();
        // All or nothing: a partition without a leader would be left behind.
        partitions.iter().try_for_each(|at| metadata.require_leader(at).map(drop))?;
        let beginnings = offsets_of(admin, &partitions, Moment::Beginning)?;
        let ends = offsets_of(admin, &partitions, Moment::End)?;
        let found = match self.to.moment(now()) {
            Some(moment) => offsets_of(admin, &partitions, moment)?,
            None => BTreeMap::new(),
        };
        let (mut after, mut missing) = (BTreeMap::new(), None);
        for at in partitions {
            let of = |offsets: &BTreeMap<_, Option<Offset>>| offsets.get(&at).copied().flatten();
            let (Some(beginning), Some(end)) = (of(&beginnings), of(&ends)) else { continue };
            let committed = before.get(&at).map(|stored| stored.offset);
            match self.to.within(&Place { beginning, end, found: of(&found), committed }) {
                Some(offset) => {
                    after.insert(at, offset);
                }
                None => missing = Some(at),
            }
        }
        Ok((after, missing))
    }
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

impl Delete {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let mut admin = Admin::new(self.bootstrap.connect()?);
        let (deleted, outcome) = Failure::of_each(
            &self.names,
            "cannot delete groups",
            |name| admin.delete_group(name),
            |error| advice_on(error).to_owned(),
        );
        if !deleted.is_empty() {
            output.show(&Deleted::new(deleted))?;
        }
        outcome
    }
}
