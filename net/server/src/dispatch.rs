//! From a frame to a started request: header, version, handler. Unknown APIs and versions are
//! answered as Kafka does: ApiVersions in version 0, everything else by closing the connection.

use std::cell::RefCell;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use corelog_cluster::{Change, ClusterImage};
use corelog_io::{Instant, now, timeout};
use corelog_model::TopicId;
use corelog_security::Principal;
use corelog_security::exchange::Proof;
use corelog_shard::Shard;
use corelog_wire::frame::EncodedFrame;
use corelog_wire::{
    ApiKey, ApiVersionsRequest, DeleteRecordsRequest, DescribeProducersRequest, EncodeError,
    FetchRequest, ListOffsetsRequest, Message, MetadataRequest, OffsetForLeaderEpochRequest,
    ProduceRequest, Reader, RequestHeader, WireError, WriteTxnMarkersRequest, encode_response,
};

use crate::api::fetch::{Fetch, FetchServer};
use crate::api::produce::Produce;
use crate::api::write_txn_markers::Markers;
use crate::api::{ApiSettings, Ending, api_versions, describe_producers, list_offsets, metadata};
use crate::authorize::{Access, Guard, table};
use crate::connection::PendingReply;
use crate::fetch_session::SessionCache;
use crate::frame::Frame;
use crate::group_requests::is_of_groups;
use crate::quota::{Account, Charge, Quotas, RequestTime};
use crate::reply::Reply;
use crate::share_requests::is_of_shares;
use crate::share_session::ShareSessions;
use crate::transaction_requests::is_of_transactions;

/// What became of a frame.
pub(crate) enum Started {
    /// The answer is there.
    Ready(Box<Reply>),
    /// An answer will come.
    Reply(PendingReply),
    /// An answer will come, and then the connection ends.
    LastReply(PendingReply),
    /// There is none: a produce with acks 0.
    NoReply,
    /// The connection must end.
    Close(&'static str),
}

/// Starts requests on one core.
pub(crate) struct Dispatcher {
    pub(crate) shard: Shard,
    pub(crate) settings: Rc<ApiSettings>,
    sessions: Rc<RefCell<SessionCache>>,
    share_sessions: Rc<RefCell<ShareSessions>>,
    quotas: Rc<Quotas>,
    guard: Option<Rc<Guard>>,
    fetch_bytes_max: usize,
    /// By which requests come; nodes are named with its address.
    listener: Rc<str>,
}

/// What the listeners of a core share.
pub(crate) struct CoreState {
    settings: Rc<ApiSettings>,
    sessions: Rc<RefCell<SessionCache>>,
    share_sessions: Rc<RefCell<ShareSessions>>,
    quotas: Rc<Quotas>,
    guard: Option<Rc<Guard>>,
    fetch_bytes_max: usize,
}

impl CoreState {
    /// What is shared on the core of `shard`.
    pub(crate) fn new(
        shard: &Shard,
        settings: ApiSettings,
        sessions_max: usize,
        fetch_bytes_max: usize,
    ) -> Self {
        let sessions = SessionCache::new(sessions_max, corelog_io::random_u64());
        let sessions = Rc::new(RefCell::new(sessions));
        let share_sessions = ShareSessions::new(settings.share_sessions_max);
        let share_sessions = Rc::new(RefCell::new(share_sessions));
        let quotas = Rc::default();
        let authorizer = settings.authorizer.clone();
        let guard = authorizer.map(|authorizer| Rc::new(Guard::new(authorizer, shard.clone())));
        let settings = Rc::new(settings);
        Self { settings, sessions, share_sessions, quotas, guard, fetch_bytes_max }
    }
}

/// Who sent a request, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) peer: IpAddr,
    /// Whom authorization asks about.
    pub(crate) principal: Rc<Principal>,
    /// By what it has shown that it is that, if it has.
    pub(crate) proof: Option<Proof>,
    /// For how long it must wait.
    pub(crate) account: Rc<Account>,
}

/// One request: its header and where it came from.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) arrived: Instant,
    origin: &'a Origin,
    guard: Option<&'a Guard>,
}

impl<'a> Context<'a> {
    /// What whoever sent the request may do, as `image` has it.
    pub(crate) fn access(self, image: &'a ClusterImage) -> Access<'a> {
        Access::of(self.origin, self.guard, image)
    }

    /// Who sent the request.
    pub(crate) fn principal(self) -> &'a Principal {
        &self.origin.principal
    }

    /// By what that is shown, if it is.
    pub(crate) fn proof(self) -> Option<Proof> {
        self.origin.proof
    }
}

/// Who sent a request that is answered later, where it matters.
pub(crate) struct Sender(Option<(Origin, Rc<Guard>)>);

impl Sender {
    /// What the sender may do by now.
    pub(crate) fn access<'a>(&'a self, image: &'a ClusterImage) -> Access<'a> {
        let Some((origin, guard)) = &self.0 else { return Access::UNLIMITED };
        Access::of(origin, Some(guard), image)
    }
}

impl Dispatcher {
    /// Starts requests that come by the listener of this name.
    pub(crate) fn new(shard: Shard, core: &CoreState, listener: &str) -> Self {
        Self {
            shard,
            settings: Rc::clone(&core.settings),
            sessions: Rc::clone(&core.sessions),
            share_sessions: Rc::clone(&core.share_sessions),
            quotas: Rc::clone(&core.quotas),
            guard: core.guard.clone(),
            fetch_bytes_max: core.fetch_bytes_max,
            listener: listener.into(),
        }
    }

    /// The name of the listener.
    pub(crate) fn listener(&self) -> &str {
        &self.listener
    }

    pub(crate) fn shard(&self) -> &Shard {
        &self.shard
    }

    pub(crate) fn share_sessions(&self) -> &Rc<RefCell<ShareSessions>> {
        &self.share_sessions
    }

    /// Bytes of records in an answer at most.
    pub(crate) fn fetch_bytes_max(&self) -> usize {
        self.fetch_bytes_max
    }

    /// Who sent the request, for as long as it takes.
    pub(crate) fn sender(&self, context: Context<'_>) -> Sender {
        let guard = self.guard.as_ref();
        Sender(guard.map(|guard| (context.origin.clone(), Rc::clone(guard))))
    }

    pub(crate) fn settings(&self) -> &ApiSettings {
        &self.settings
    }

    /// Starts the request of a frame. Requests of one connection start in the order they came.
    pub(crate) async fn start(&self, frame: &Frame, origin: &Origin) -> Started {
        self.shard.metrics().request(frame.arrived.elapsed());
        let mut reader = Reader::new(frame.bytes());
        let header = match RequestHeader::decode(&mut reader) {
            Ok(header) => header,
            Err(error) => {
                tracing::debug!(%error, "a request header cannot be read");
                return Started::Close("its request header cannot be read");
            }
        };
        let context = Context {
            version: header.api_version,
            correlation_id: header.correlation_id,
            arrived: frame.arrived,
            origin,
            guard: self.guard.as_deref(),
        };
        let charge = self.charge(&header, origin);
        // In one place: each connection has room for this, also when it is idle.
        let serving = pin!(self.serve(&header, context, reader, (origin, charge.as_ref())));
        let Some(charge) = &charge else { return serving.await };
        if header.api == ApiKey::Produce {
            charge.produced(frame.bytes().len(), now());
        }
        let started = charge.working(serving).await;
        self.settle(Rc::clone(charge), started)
    }

    /// What the request uses up; `None` where nothing limits its client.
    fn charge(&self, header: &RequestHeader<'_>, origin: &Origin) -> Option<Rc<Charge>> {
        let quotas = self.shard.client_quotas()?;
        let user = origin.principal.name();
        let client_id = header.client_id.as_deref().unwrap_or_default();
        let time = match header.api {
            ApiKey::WriteTxnMarkers => RequestTime::Free,
            _ => RequestTime::Counts,
        };
        Charge::begin(&self.quotas, &origin.account, &quotas, (user, client_id), time)
    }

    /// Has an answer say for how long its client must wait.
    fn settle(&self, charge: Rc<Charge>, started: Started) -> Started {
        let told = |charge: Rc<Charge>, pending: PendingReply| -> PendingReply {
            let shard = self.shard.clone();
            Box::pin(async move {
                let mut reply = charge.working(pending).await?;
                if let Some(time) = throttle_time(&shard, &charge) {
                    reply.set_throttle_time(time);
                }
                Some(reply)
            })
        };
        match started {
            Started::Ready(mut reply) => {
                if let Some(time) = throttle_time(&self.shard, &charge) {
                    reply.set_throttle_time(time);
                }
                Started::Ready(reply)
            }
            Started::Reply(pending) => Started::Reply(told(charge, pending)),
            Started::LastReply(pending) => Started::LastReply(told(charge, pending)),
            Started::NoReply => {
                throttle_time(&self.shard, &charge);
                Started::NoReply
            }
            Started::Close(why) => Started::Close(why),
        }
    }

    async fn serve(
        &self,
        header: &RequestHeader<'_>,
        context: Context<'_>,
        mut reader: Reader<'_>,
        (origin, charge): (&Origin, Option<&Rc<Charge>>),
    ) -> Started {
        if header.api == ApiKey::ApiVersions {
            return answer_api_versions(context, &mut reader);
        }
        if !header.api.info().serves(header.api_version) {
            return Started::Close("it asks for a version that is not served");
        }
        // What is asked for less often than records are moved is boxed: each connection would have
        // room for it.
        let started = match header.api {
            ApiKey::Produce => self.start_produce(context, &mut reader).await,
            ApiKey::Fetch => self.start_fetch(context, &mut reader, charge),
            ApiKey::WriteTxnMarkers => Box::pin(self.start_markers(context, &mut reader)).await,
            api if is_of_groups(api) => {
                let client_id = header.client_id.as_deref().unwrap_or_default();
                Box::pin(self.start_of_groups(api, context, &mut reader, (client_id, origin.peer)))
                    .await
            }
            api if is_of_shares(api) => {
                let client_id = header.client_id.as_deref().unwrap_or_default();
                Box::pin(self.start_of_shares(api, context, &mut reader, (client_id, origin.peer)))
                    .await
            }
            api if is_of_transactions(api) => self.start_of_transactions(api, context, &mut reader),
            api => Box::pin(self.start_other(api, context, &mut reader, charge)).await,
        };
        started.unwrap_or_else(|error| {
            let (api, version, principal) = (header.api, header.api_version, &origin.principal);
            tracing::debug!(%error, ?api, version, %principal, "bad request");
            Started::Close("its request cannot be read")
        })
    }

    async fn start_produce(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = ProduceRequest::decode(reader, context.version)?;
        let wants_answer = request.acks != 0;
        // Where rights do not count, not even the image is taken.
        let image = context.guard.map(|_| self.shard.image());
        let access = image.as_deref().map_or(Access::UNLIMITED, |image| context.access(image));
        let produce = Produce::begin(&self.shard, &request, context.version, access).await;
        if !wants_answer {
            let refused = produce.has_refusals();
            let why = "a produce with acks 0 was refused";
            return Ok(if refused { Started::Close(why) } else { Started::NoReply });
        }
        let (shard, listener) = (self.shard.clone(), Rc::clone(&self.listener));
        let Context { version, correlation_id, arrived, .. } = context;
        Ok(Started::Reply(Box::pin(async move {
            let response = produce.acknowledge(&shard, &listener).await;
            shard.metrics().produce_answered(arrived.elapsed());
            finish(encode_response(correlation_id, version, &response))
        })))
    }

    fn start_fetch(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
        charge: Option<&Rc<Charge>>,
    ) -> Result<Started, RequestError> {
        let request = FetchRequest::decode(reader, context.version)?;
        let charge = charge.cloned();
        let quota_bytes_max = charge.as_ref().map_or(usize::MAX, |charge| charge.fetch_bytes_max());
        let bytes_max = self.fetch_bytes_max.min(quota_bytes_max);
        let fetch = Fetch::parse(&request, context.version, bytes_max);
        let (shard, sessions) = (self.shard.clone(), Rc::clone(&self.sessions));
        let listener = Rc::clone(&self.listener);
        let Context { correlation_id, arrived, .. } = context;
        let sender = self.sender(context);
        Ok(Started::Reply(Box::pin(async move {
            // Where rights do not count, not even the image is taken.
            let image = sender.0.as_ref().map(|_| shard.image());
            let access = image.as_deref().map_or(Access::UNLIMITED, |image| sender.access(image));
            let (sessions, listener) = (&sessions, &*listener);
            let server = FetchServer { shard: &shard, sessions, listener, access };
            let reply = fetch.answer(server, correlation_id, charge.as_deref()).await;
            shard.metrics().fetch_answered(arrived.elapsed());
            reply.map_err(|error| log_encode_error(&error)).ok()
        })))
    }

    async fn start_markers(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = WriteTxnMarkersRequest::decode(reader, version)?;
        let image = self.shard.image();
        let access = context.access(&image);
        let is_allowed = access.may_quietly_on_cluster(&table::WRITE_MARKERS)
            || access.may_on_cluster(&table::WRITE_MARKERS_AS_BROKER);
        let markers = if is_allowed {
            Markers::begin(&self.shard, &request).await
        } else {
            Markers::refused(&request, table::WRITE_MARKERS.refusal())
        };
        Ok(Started::Reply(Box::pin(async move {
            let response = markers.answer().await;
            finish(encode_response(correlation_id, version, &response))
        })))
    }

    async fn start_other(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
        charge: Option<&Rc<Charge>>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let shard = &self.shard;
        let image = shard.image();
        let access = context.access(&image);
        let frame = match api {
            ApiKey::Metadata => {
                let request = MetadataRequest::decode(reader, version)?;
                self.metadata(&request, context).await?
            }
            ApiKey::ListOffsets => {
                let request = ListOffsetsRequest::decode(reader, version)?;
                let response = list_offsets::list_offsets(shard, &request, access).await;
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::OffsetForLeaderEpoch => {
                let request = OffsetForLeaderEpochRequest::decode(reader, version)?;
                let response = list_offsets::offset_for_leader_epoch(shard, &request, access);
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DeleteRecords => {
                let request = DeleteRecordsRequest::decode(reader, version)?;
                let response = list_offsets::delete_records(shard, &request, access).await;
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::DescribeProducers => {
                let request = DescribeProducersRequest::decode(reader, version)?;
                let response = describe_producers::describe_producers(shard, &request, access);
                encode_response(correlation_id, version, &response)?
            }
            other => match self.describe(other, context, reader)? {
                Some(frame) => frame,
                None => match self.change(other, context, reader, charge).await? {
                    Some(frame) => frame,
                    None => return Ok(Started::Close("it asks for an API that is not served")),
                },
            },
        };
        Ok(Started::Ready(Box::new(Reply::new(frame))))
    }

    async fn metadata(
        &self,
        request: &MetadataRequest<'_>,
        context: Context<'_>,
    ) -> Result<EncodedFrame, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let image = self.shard.image();
        let access = context.access(&image);
        let to_create =
            metadata::topics_to_create(request, version, &image, &self.settings, access);
        let (names, refused) = to_create;
        let mut errors = std::collections::BTreeMap::new();
        if !names.is_empty() {
            let change = metadata::creation(&names, new_topic_id);
            let ending = self.ask(change, AUTO_CREATE_TIME_MAX).await?;
            errors = metadata::creation_errors(names, ending);
        }
        let refusal = table::METADATA_CREATE.refusal();
        errors.extend(refused.into_iter().map(|name| (name, refusal)));
        let image = self.shard.image();
        let view = (&*image, context.access(&image));
        let response = metadata::respond(request, version, view, &self.listener, &errors);
        Ok(encode_response(correlation_id, version, &response)?)
    }

    /// Asks the controller and waits as long as the client does.
    pub(crate) async fn ask(
        &self,
        change: Change,
        wait_max: Duration,
    ) -> Result<Ending, RequestError> {
        match timeout(wait_max, self.shard.control().change(change)).await {
            Ok(Ok(outcome)) => Ok(Ending::Decided(outcome)),
            Ok(Err(_)) => Err(RequestError::Stopping),
            Err(_) => Ok(Ending::TimedOut),
        }
    }
}

/// For how long a client must wait after its request.
fn throttle_time(shard: &Shard, charge: &Charge) -> Option<Duration> {
    let (key, time) = charge.settle(now())?;
    shard.metrics().throttled(key, time);
    Some(time)
}

/// How long a request waits for a topic that it creates by the way.
pub(crate) const AUTO_CREATE_TIME_MAX: Duration = Duration::from_secs(5);

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// It does not parse.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Its answer does not fit the format.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The broker stops.
    #[error("the broker is stopping")]
    Stopping,
}

/// A topic id as Kafka draws them: random, and none that is reserved or begins with a dash.
pub(crate) fn new_topic_id() -> TopicId {
    loop {
        let id = TopicId::from_bytes(*uuid::Uuid::new_v4().as_bytes());
        if !id.is_reserved() {
            return id;
        }
    }
}

fn answer_api_versions(context: Context<'_>, reader: &mut Reader<'_>) -> Started {
    let asked = context.version;
    let request = if ApiKey::ApiVersions.info().serves(asked) {
        ApiVersionsRequest::decode(reader, asked).ok()
    } else {
        None
    };
    let response = api_versions::respond(request.as_ref(), asked);
    let version = api_versions::response_version(asked);
    let frame = encode_response(context.correlation_id, version, &response);
    Started::Reply(Box::pin(std::future::ready(finish(frame))))
}

pub(crate) fn finish(frame: Result<EncodedFrame, EncodeError>) -> Option<Reply> {
    frame.map(Reply::new).map_err(|error| log_encode_error(&error)).ok()
}

pub(crate) fn log_encode_error(error: &EncodeError) {
    tracing::error!(%error, "an answer cannot be encoded");
}
