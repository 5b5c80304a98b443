//! A broker that follows a script: each request is answered by the next step, on a real socket.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use corelog_client::{ClientConfig, Endpoint};
use corelog_model::ErrorCode;
use corelog_wire::api::api_versions::ApiVersion;
use corelog_wire::api::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use corelog_wire::{
    ApiKey, ApiVersionsResponse, Message, MetadataResponse, Reader, RequestHeader, encode_response,
};

/// What the broker does with a request.
pub(crate) enum Action {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes piece by piece.
    SendPieces(Vec<Vec<u8>>),
    /// Sends these bytes and closes the connection.
    SendAndClose(Vec<u8>),
    /// Says nothing.
    Silence,
}

/// Looks at a request and decides.
pub(crate) type Step = Box<dyn FnOnce(&Asked) -> Action + Send>;

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    body: Vec<u8>,
}

impl Asked {
    /// The request.
    pub(crate) fn decode<'s, M: Message<'s>>(&'s self) -> M {
        M::decode(&mut Reader::new(&self.body), self.version).unwrap()
    }

    /// The frame of a response in the version of the request.
    pub(crate) fn answer<'r, M: Message<'r>>(&self, response: &M) -> Vec<u8> {
        encode_response(self.correlation_id, self.version, response).unwrap().head
    }
}

/// The broker. Its threads end with the test process.
pub(crate) struct Fake {
    endpoint: Endpoint,
    script: Arc<Mutex<VecDeque<Step>>>,
    asked: Arc<Mutex<Vec<(ApiKey, i16)>>>,
    metadata: Arc<Mutex<Option<MetadataResponse<'static>>>>,
}

impl Fake {
    /// A broker that offers all versions of all APIs and has no script yet.
    pub(crate) fn start() -> Self {
        Self::start_with(ApiVersion::advertised())
    }

    /// A broker that offers these versions. Without any, the script answers ApiVersions, too.
    pub(crate) fn start_with(versions: Vec<ApiVersion>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::new("127.0.0.1", listener.local_addr().unwrap().port());
        let script: Arc<Mutex<VecDeque<Step>>> = Arc::default();
        let asked: Arc<Mutex<Vec<(ApiKey, i16)>>> = Arc::default();
        let metadata: Arc<Mutex<Option<MetadataResponse<'static>>>> = Arc::default();
        let fake = Self {
            endpoint,
            script: Arc::clone(&script),
            asked: Arc::clone(&asked),
            metadata: Arc::clone(&metadata),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = Connection {
                    stream: stream.unwrap(),
                    versions: versions.clone(),
                    script: Arc::clone(&script),
                    asked: Arc::clone(&asked),
                    metadata: Arc::clone(&metadata),
                };
                std::thread::spawn(move || connection.run());
            }
        });
        fake
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Adds a step to the script.
    pub(crate) fn then(&self, step: impl FnOnce(&Asked) -> Action + Send + 'static) -> &Self {
        self.script.lock().unwrap().push_back(Box::new(step));
        self
    }

    /// From now on answers Metadata with this, outside the script.
    pub(crate) fn knows(&self, metadata: MetadataResponse<'static>) {
        *self.metadata.lock().unwrap() = Some(metadata);
    }

    /// Adds a step that checks the API and answers with `response`.
    pub(crate) fn answers<M: Message<'static> + Send + 'static>(&self, response: M) -> &Self {
        self.then(move |asked| {
            assert_eq!(asked.api, M::KEY);
            Action::Send(asked.answer(&response))
        })
    }

    /// Every request so far, without ApiVersions, and how many steps of the script are left.
    pub(crate) fn asked(&self) -> (Vec<(ApiKey, i16)>, usize) {
        (self.asked.lock().unwrap().clone(), self.script.lock().unwrap().len())
    }

    /// The APIs that were asked for, once the script is at its end.
    #[track_caller]
    pub(crate) fn finished(&self) -> Vec<ApiKey> {
        let (asked, left) = self.asked();
        assert_eq!(left, 0, "steps are left after {asked:?}");
        asked.into_iter().map(|(api, _)| api).collect()
    }
}

struct Connection {
    stream: TcpStream,
    versions: Vec<ApiVersion>,
    script: Arc<Mutex<VecDeque<Step>>>,
    asked: Arc<Mutex<Vec<(ApiKey, i16)>>>,
    metadata: Arc<Mutex<Option<MetadataResponse<'static>>>>,
}

impl Connection {
    fn run(mut self) {
        while let Some(asked) = self.read() {
            if asked.api == ApiKey::ApiVersions && !self.versions.is_empty() {
                let api_keys = self.versions.clone();
                let response = ApiVersionsResponse { api_keys, ..Default::default() };
                let _ = self.stream.write_all(&asked.answer(&response));
                continue;
            }
            let known = self.metadata.lock().unwrap().clone();
            if let (ApiKey::Metadata, Some(known)) = (asked.api, known) {
                let _ = self.stream.write_all(&asked.answer(&known));
                continue;
            }
            self.asked.lock().unwrap().push((asked.api, asked.version));
            // A client that asks for more than the script knows gets a closed connection.
            let Some(step) = self.script.lock().unwrap().pop_front() else { return };
            match step(&asked) {
                Action::Send(bytes) => drop(self.stream.write_all(&bytes)),
                Action::SendPieces(pieces) => {
                    for piece in pieces {
                        let _ = self.stream.write_all(&piece);
                        std::thread::sleep(std::time::Duration::from_millis(5));
                    }
                }
                Action::SendAndClose(bytes) => {
                    let _ = self.stream.write_all(&bytes);
                    return;
                }
                Action::Silence => {}
            }
        }
    }

    fn read(&mut self) -> Option<Asked> {
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).ok()?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(prefix)).unwrap()];
        self.stream.read_exact(&mut frame).ok()?;
        let mut reader = Reader::new(&frame);
        let header = RequestHeader::decode(&mut reader).unwrap();
        let body = frame[frame.len() - reader.remaining()..].to_vec();
        let RequestHeader { api, api_version: version, correlation_id, .. } = header;
        Some(Asked { api, version, correlation_id, body })
    }
}

/// Settings under which a test does not wait long.
pub(crate) fn config() -> ClientConfig {
    ClientConfig {
        request_timeout: std::time::Duration::from_millis(700),
        operation_timeout: std::time::Duration::from_secs(5),
        topic_timeout: std::time::Duration::from_millis(300),
        retry_pause: std::time::Duration::from_millis(5),
        ..ClientConfig::default()
    }
}

/// The id of the topic `t`.
pub(crate) const TOPIC_ID: [u8; 16] = [9; 16];

/// Metadata of nodes 1, 2, ... at these endpoints, and the topic `t` with these leaders and epochs.
pub(crate) fn metadata(nodes: &[Endpoint], leaders: &[(i32, i32)]) -> MetadataResponse<'static> {
    let broker = |(node_id, endpoint): (i32, &Endpoint)| MetadataResponseBroker {
        node_id,
        host: endpoint.host().to_owned().into(),
        port: endpoint.port().into(),
        rack: None,
    };
    let partition = |(partition_index, (leader_id, leader_epoch))| MetadataResponsePartition {
        partition_index,
        leader_id,
        leader_epoch,
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("t".into()),
        topic_id: TOPIC_ID,
        partitions: (0..).zip(leaders.iter().copied()).map(partition).collect(),
        ..Default::default()
    };
    MetadataResponse {
        brokers: (1..).zip(nodes).map(broker).collect(),
        controller_id: 1,
        topics: if leaders.is_empty() { Vec::new() } else { vec![topic] },
        ..Default::default()
    }
}

/// Metadata that says that there is no topic `t`.
pub(crate) fn no_topic(nodes: &[Endpoint]) -> MetadataResponse<'static> {
    let mut response = metadata(nodes, &[(1, 0)]);
    response.topics[0].error_code = ErrorCode::UnknownTopicOrPartition.code();
    response.topics[0].partitions.clear();
    response
}
