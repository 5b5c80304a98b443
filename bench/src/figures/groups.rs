//! Groups: heartbeats of ten thousand members by a schedule, and how soon a large classic group
//! has settled after its last member joined.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use corelog_model::ErrorCode;
use corelog_wire::api::join_group::JoinGroupRequestProtocol;
use corelog_wire::api::sync_group::SyncGroupRequestAssignment;
use corelog_wire::{
    Bytes, FindCoordinatorRequest, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, SyncGroupRequest, SyncGroupResponse, Text,
};
use rustix::event::epoll;

use super::Bench;
use crate::broker::Broker;
use crate::client::{ask, check, decode, encode, receive};
use crate::limits::{Latencies, latencies, open_files_for};
use crate::table::Figure;

const GROUPS: usize = 1000;
const MEMBERS: usize = 10;
/// As clients beat where nothing else is set (`heartbeat.interval.ms`).
const INTERVAL: Duration = Duration::from_secs(3);
const LARGE_GROUP: usize = 100;
const REBALANCES: u8 = 20;
/// Long enough for all members of all groups to have asked to join.
const INITIAL_DELAY: &str = "group.initial.rebalance.delay.ms=3000";

const FIND_VERSION: i16 = 2;
const JOIN_VERSION: i16 = 5;
const SYNC_VERSION: i16 = 3;
const HEARTBEAT_VERSION: i16 = 4;

/// One member of a classic group and its connection.
struct Member {
    stream: TcpStream,
    id: String,
}

/// A classic group whose members are driven together.
struct Group {
    name: String,
    generation: i32,
    leader: String,
    members: Vec<Member>,
}

impl Bench {
    /// Heartbeats of many members, each by its own connection, sent when they are due whatever the
    /// broker does: what waits is in the numbers.
    pub(super) fn heartbeats(&mut self) -> io::Result<()> {
        open_files_for(GROUPS * MEMBERS)?;
        let data = self.data()?;
        let broker = self.broker_with(&data, &[INITIAL_DELAY])?;
        make_offsets_topic(&mut broker.connect()?)?;
        let mut groups = Vec::with_capacity(GROUPS);
        for number in 0..GROUPS {
            groups.push(Group::connect(&broker, format!("group-{number}"), MEMBERS)?);
        }
        form(&mut groups)?;
        let cpu = broker.cpu_time()?;
        let run = self.run.max(INTERVAL * 2);
        let found = beat(&mut groups, run)?;
        let cpu = broker.cpu_time()?.saturating_sub(cpu).as_secs_f64() / run.as_secs_f64();
        let resident = broker.resident_bytes()? >> 20;
        drop(groups);
        broker.stop()?;
        let p99 = found.value_at_quantile(0.99);
        self.figures.push(Figure {
            name: "heartbeats of 1,000 groups of 10 members, p99",
            measured: format!(
                "{:.2} ms (p50 {:.2} ms, max {:.1} ms, {:.0} a second, core {:.0} % busy, \
                 {resident} MiB)",
                p99 as f64 / 1e3,
                found.value_at_quantile(0.5) as f64 / 1e3,
                found.max() as f64 / 1e3,
                found.len() as f64 / run.as_secs_f64(),
                cpu * 100.0
            ),
            against: "-".to_owned(),
            ratio: p99 as f64 / 5000.0,
            goal: "below 5 ms",
            holds: p99 < 5000,
        });
        Ok(())
    }

    /// From the last join of a large group to the last member that knows its part.
    pub(super) fn rebalance(&mut self) -> io::Result<()> {
        let data = self.data()?;
        let broker = self.broker_with(&data, &[INITIAL_DELAY])?;
        make_offsets_topic(&mut broker.connect()?)?;
        let mut groups = [Group::connect(&broker, "large".to_owned(), LARGE_GROUP)?];
        form(&mut groups)?;
        let mut found = latencies();
        for round in 1..=REBALANCES {
            let last_join = join(&mut groups, round)?;
            synchronize(&mut groups)?;
            found.saturating_record(last_join.elapsed().as_micros() as u64);
        }
        drop(groups);
        broker.stop()?;
        let longest = found.max() as f64 / 1e3;
        self.figures.push(Figure {
            name: "rebalance of a classic group of 100 members, after the last join",
            measured: format!(
                "{longest:.1} ms, the longest of {REBALANCES} (median {:.1} ms)",
                found.value_at_quantile(0.5) as f64 / 1e3
            ),
            against: "-".to_owned(),
            ratio: longest / 1e3,
            goal: "at most 1 s",
            holds: longest <= 1e3,
        });
        Ok(())
    }
}

/// The first question for a coordinator makes the topic; it is asked until it is answered.
pub(super) fn make_offsets_topic(stream: &mut TcpStream) -> io::Result<()> {
    find_coordinator(stream, "group", 0)
}

/// Asks for the coordinator of a group (0) or a transactional id (1) until there is one.
pub(super) fn find_coordinator(stream: &mut TcpStream, key: &str, key_type: i8) -> io::Result<()> {
    let request =
        FindCoordinatorRequest { key: Text::Borrowed(key), key_type, ..Default::default() };
    let mut answer = Vec::new();
    for _ in 0..200 {
        if ask(stream, &mut answer, &request, FIND_VERSION)?.error_code == 0 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(io::Error::other("there is no coordinator after ten seconds"))
}

impl Group {
    fn connect(broker: &Broker, name: String, members: usize) -> io::Result<Self> {
        let member = |_| Ok(Member { stream: broker.connect()?, id: String::new() });
        let members: io::Result<Vec<Member>> = (0..members).map(member).collect();
        Ok(Self { name, generation: -1, leader: String::new(), members: members? })
    }

    fn join_frame(&self, member: &Member, metadata: &[u8]) -> io::Result<Vec<u8>> {
        let protocol = JoinGroupRequestProtocol {
            name: Text::Borrowed("range"),
            metadata: Bytes::Borrowed(metadata),
        };
        let request = JoinGroupRequest {
            group_id: Text::Borrowed(&self.name),
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 60_000,
            member_id: Text::Borrowed(&member.id),
            protocol_type: Text::Borrowed("consumer"),
            protocols: vec![protocol],
            ..JoinGroupRequest::default()
        };
        encode(&request, JOIN_VERSION)
    }

    fn sync_frame(&self, member: &Member) -> io::Result<Vec<u8>> {
        let part = |of: &'_ Member| SyncGroupRequestAssignment {
            member_id: Text::Owned(of.id.clone()),
            assignment: Bytes::Borrowed(b"its part"),
        };
        let leads = member.id == self.leader;
        let assignments = self.members.iter().filter(|_| leads).map(part).collect();
        let request = SyncGroupRequest {
            group_id: Text::Borrowed(&self.name),
            generation_id: self.generation,
            member_id: Text::Borrowed(&member.id),
            assignments,
            ..SyncGroupRequest::default()
        };
        encode(&request, SYNC_VERSION)
    }
}

/// Gives every member its id, its first generation and its part.
fn form(groups: &mut [Group]) -> io::Result<()> {
    let mut answer = Vec::new();
    send_to_all(groups, |group, member| group.join_frame(member, &[0]))?;
    for member in groups.iter_mut().flat_map(|group| &mut group.members) {
        receive(&mut member.stream, &mut answer)?;
        let response: JoinGroupResponse<'_> = decode(&answer, JOIN_VERSION)?;
        if response.error_code != ErrorCode::MemberIdRequired.code() {
            return Err(io::Error::other(format!("a join got code {}", response.error_code)));
        }
        member.id = response.member_id.to_string();
    }
    join(groups, 0)?;
    synchronize(groups)
}

fn send_to_all(
    groups: &mut [Group],
    frame: impl Fn(&Group, &Member) -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    for group in groups {
        for place in 0..group.members.len() {
            let frame = frame(group, &group.members[place])?;
            group.members[place].stream.write_all(&frame)?;
        }
    }
    Ok(())
}

/// Lets all members join, with metadata that is new in each round, so that none of them is told
/// that nothing changed. Gives the moment of the last join.
fn join(groups: &mut [Group], round: u8) -> io::Result<Instant> {
    send_to_all(groups, |group, member| group.join_frame(member, &[round]))?;
    let last_join = Instant::now();
    let mut answer = Vec::new();
    for group in groups {
        // Only the leader is told who the members are.
        let mut known = 0;
        for member in &mut group.members {
            receive(&mut member.stream, &mut answer)?;
            let response: JoinGroupResponse<'_> = decode(&answer, JOIN_VERSION)?;
            check(response.error_code)?;
            group.generation = response.generation_id;
            group.leader = response.leader.to_string();
            known = known.max(response.members.len());
        }
        if known != group.members.len() {
            return Err(io::Error::other(format!("{known} members are in {}", group.name)));
        }
    }
    Ok(last_join)
}

fn synchronize(groups: &mut [Group]) -> io::Result<()> {
    send_to_all(groups, Group::sync_frame)?;
    let mut answer = Vec::new();
    for member in groups.iter_mut().flat_map(|group| &mut group.members) {
        receive(&mut member.stream, &mut answer)?;
        let response: SyncGroupResponse<'_> = decode(&answer, SYNC_VERSION)?;
        check(response.error_code)?;
        if response.assignment.is_empty() {
            return Err(io::Error::other("a member got no part"));
        }
    }
    Ok(())
}

/// A member that beats: the request is the same each time.
struct Beating<'g> {
    stream: &'g mut TcpStream,
    frame: Vec<u8>,
    due: Option<Instant>,
    answer: Vec<u8>,
}

impl Beating<'_> {
    fn send(&mut self, due: Instant) -> io::Result<()> {
        if self.due.is_some() {
            return Err(io::Error::other("a heartbeat is not answered for a whole interval"));
        }
        self.due = Some(due);
        self.stream.write_all(&self.frame)
    }

    /// How long the answer took since the request was due, once it is whole.
    fn receive(&mut self) -> io::Result<Option<Duration>> {
        let mut bytes = [0; 64];
        let len = self.stream.read(&mut bytes)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.answer.extend_from_slice(&bytes[..len]);
        let Some((head, body)) = self.answer.split_first_chunk() else { return Ok(None) };
        if body.len() < u32::from_be_bytes(*head) as usize {
            return Ok(None);
        }
        check(decode::<HeartbeatResponse>(body, HEARTBEAT_VERSION)?.error_code)?;
        self.answer.clear();
        let due = self.due.take().ok_or_else(|| io::Error::other("an answer to nothing"))?;
        Ok(Some(due.elapsed()))
    }
}

/// Beats for `run`, all members spread evenly over the interval.
fn beat(groups: &mut [Group], run: Duration) -> io::Result<Latencies> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut members = Vec::new();
    for group in groups.iter_mut() {
        for member in &mut group.members {
            let request = HeartbeatRequest {
                group_id: Text::Borrowed(&group.name),
                generation_id: group.generation,
                member_id: Text::Borrowed(&member.id),
                ..HeartbeatRequest::default()
            };
            let frame = encode(&request, HEARTBEAT_VERSION)?;
            member.stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(members.len() as u64);
            epoll::add(&epoll, &member.stream, data, epoll::EventFlags::IN)?;
            let answer = Vec::new();
            members.push(Beating { stream: &mut member.stream, frame, due: None, answer });
        }
    }
    // Neighbours in time are of different groups.
    let mut order: Vec<usize> = (0..members.len()).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    let pause = INTERVAL / members.len() as u32;
    let mut found = latencies();
    let mut events = Vec::with_capacity(1024);
    let (began, mut sent, mut answered) = (Instant::now(), 0_u32, 0);
    while answered < sent || began.elapsed() < run {
        let mut wait = Duration::from_secs(10);
        while began.elapsed() < run {
            let due = began + pause * sent;
            wait = due.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                break;
            }
            members[order[sent as usize % order.len()]].send(due)?;
            sent += 1;
        }
        let wait = rustix::event::Timespec {
            tv_sec: wait.as_secs() as i64,
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&wait))?;
        for event in events.drain(..) {
            if let Some(took) = members[event.data.u64() as usize].receive()? {
                found.saturating_record(took.as_micros() as u64);
                answered += 1;
            }
        }
    }
    Ok(found)
}
