//! Frames, headers, requests and responses of the Kafka protocol, in every version.

use corelog_wire::frame::FRAME_PREFIX_BYTES;
use corelog_wire::{
    self as wire, APIS, ApiInfo, ApiKey, EncodeError, Message, Reader, RequestHeader, Writer,
    peek_frame_len,
};

const FRAME_BYTES_MAX: usize = 1 << 20;

macro_rules! messages {
    ($( $key:ident: $request:ident, $response:ident; )*) => {
        fn check_request(api: ApiKey, version: i16, bytes: &[u8]) {
            match api { $( ApiKey::$key => round_trip!($request, version, bytes), )* }
        }

        fn check_response(api: ApiKey, version: i16, bytes: &[u8]) {
            match api { $( ApiKey::$key => round_trip!($response, version, bytes), )* }
        }

        fn default_request(api: ApiKey, version: i16) -> Result<Vec<u8>, EncodeError> {
            match api { $( ApiKey::$key => encode(&wire::$request::default(), version), )* }
        }

        fn default_response(api: ApiKey, version: i16) -> Result<Vec<u8>, EncodeError> {
            match api { $( ApiKey::$key => encode(&wire::$response::default(), version), )* }
        }
    };
}

/// What was read can be written; that is read as the same value, in whole, and written as the same
/// bytes.
macro_rules! round_trip {
    ($message:ident, $version:ident, $bytes:ident) => {{
        if let Ok(first) = wire::$message::decode(&mut Reader::new($bytes), $version) {
            let encoded = encode(&first, $version).expect("what was read can be written");
            let mut reader = Reader::new(&encoded);
            let second = wire::$message::decode(&mut reader, $version);
            assert_eq!(reader.remaining(), 0, "bytes are left over of {first:?}");
            assert_eq!(second.as_ref(), Ok(&first), "the same value comes back");
            assert_eq!(encode(&first, $version), Ok(encoded.clone()), "and the same bytes");
        }
    }};
}

messages! {
    Produce: ProduceRequest, ProduceResponse;
    Fetch: FetchRequest, FetchResponse;
    ListOffsets: ListOffsetsRequest, ListOffsetsResponse;
    Metadata: MetadataRequest, MetadataResponse;
    OffsetCommit: OffsetCommitRequest, OffsetCommitResponse;
    OffsetFetch: OffsetFetchRequest, OffsetFetchResponse;
    FindCoordinator: FindCoordinatorRequest, FindCoordinatorResponse;
    JoinGroup: JoinGroupRequest, JoinGroupResponse;
    Heartbeat: HeartbeatRequest, HeartbeatResponse;
    LeaveGroup: LeaveGroupRequest, LeaveGroupResponse;
    SyncGroup: SyncGroupRequest, SyncGroupResponse;
    DescribeGroups: DescribeGroupsRequest, DescribeGroupsResponse;
    ListGroups: ListGroupsRequest, ListGroupsResponse;
    SaslHandshake: SaslHandshakeRequest, SaslHandshakeResponse;
    ApiVersions: ApiVersionsRequest, ApiVersionsResponse;
    CreateTopics: CreateTopicsRequest, CreateTopicsResponse;
    DeleteTopics: DeleteTopicsRequest, DeleteTopicsResponse;
    DeleteRecords: DeleteRecordsRequest, DeleteRecordsResponse;
    InitProducerId: InitProducerIdRequest, InitProducerIdResponse;
    OffsetForLeaderEpoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    AddPartitionsToTxn: AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
    AddOffsetsToTxn: AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
    EndTxn: EndTxnRequest, EndTxnResponse;
    WriteTxnMarkers: WriteTxnMarkersRequest, WriteTxnMarkersResponse;
    TxnOffsetCommit: TxnOffsetCommitRequest, TxnOffsetCommitResponse;
    DescribeAcls: DescribeAclsRequest, DescribeAclsResponse;
    CreateAcls: CreateAclsRequest, CreateAclsResponse;
    DeleteAcls: DeleteAclsRequest, DeleteAclsResponse;
    DescribeConfigs: DescribeConfigsRequest, DescribeConfigsResponse;
    AlterConfigs: AlterConfigsRequest, AlterConfigsResponse;
    AlterReplicaLogDirs: AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
    DescribeLogDirs: DescribeLogDirsRequest, DescribeLogDirsResponse;
    SaslAuthenticate: SaslAuthenticateRequest, SaslAuthenticateResponse;
    CreatePartitions: CreatePartitionsRequest, CreatePartitionsResponse;
    CreateDelegationToken: CreateDelegationTokenRequest, CreateDelegationTokenResponse;
    RenewDelegationToken: RenewDelegationTokenRequest, RenewDelegationTokenResponse;
    ExpireDelegationToken: ExpireDelegationTokenRequest, ExpireDelegationTokenResponse;
    DescribeDelegationToken: DescribeDelegationTokenRequest, DescribeDelegationTokenResponse;
    DeleteGroups: DeleteGroupsRequest, DeleteGroupsResponse;
    ElectLeaders: ElectLeadersRequest, ElectLeadersResponse;
    IncrementalAlterConfigs: IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    AlterPartitionReassignments:
        AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
    ListPartitionReassignments:
        ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
    OffsetDelete: OffsetDeleteRequest, OffsetDeleteResponse;
    DescribeClientQuotas: DescribeClientQuotasRequest, DescribeClientQuotasResponse;
    AlterClientQuotas: AlterClientQuotasRequest, AlterClientQuotasResponse;
    DescribeUserScramCredentials:
        DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
    AlterUserScramCredentials: AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse;
    DescribeQuorum: DescribeQuorumRequest, DescribeQuorumResponse;
    UpdateFeatures: UpdateFeaturesRequest, UpdateFeaturesResponse;
    DescribeCluster: DescribeClusterRequest, DescribeClusterResponse;
    DescribeProducers: DescribeProducersRequest, DescribeProducersResponse;
    DescribeTransactions: DescribeTransactionsRequest, DescribeTransactionsResponse;
    ListTransactions: ListTransactionsRequest, ListTransactionsResponse;
    ConsumerGroupHeartbeat: ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe: ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
    ListConfigResources: ListConfigResourcesRequest, ListConfigResourcesResponse;
    DescribeTopicPartitions: DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    ShareGroupHeartbeat: ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse;
    ShareGroupDescribe: ShareGroupDescribeRequest, ShareGroupDescribeResponse;
    ShareFetch: ShareFetchRequest, ShareFetchResponse;
    ShareAcknowledge: ShareAcknowledgeRequest, ShareAcknowledgeResponse;
    InitializeShareGroupState: InitializeShareGroupStateRequest, InitializeShareGroupStateResponse;
    ReadShareGroupState: ReadShareGroupStateRequest, ReadShareGroupStateResponse;
    WriteShareGroupState: WriteShareGroupStateRequest, WriteShareGroupStateResponse;
    DeleteShareGroupState: DeleteShareGroupStateRequest, DeleteShareGroupStateResponse;
    ReadShareGroupStateSummary:
        ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse;
    DescribeShareGroupOffsets: DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse;
    AlterShareGroupOffsets: AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse;
    DeleteShareGroupOffsets: DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse;
}

fn encode<'a, M: Message<'a>>(message: &M, version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version);
    writer.finish().map(|frame| frame.head)
}

/// The bytes of a connection: frames, each with a header and a body.
pub fn frame(mut stream: &[u8]) {
    loop {
        let Ok(Some(len)) = peek_frame_len(stream, FRAME_BYTES_MAX) else { return };
        assert!(len <= FRAME_BYTES_MAX, "a length above the limit is refused: {len}");
        let behind = &stream[FRAME_PREFIX_BYTES..];
        let body = &behind[..len.min(behind.len())];
        let mut reader = Reader::new(body);
        if let Ok(header) = RequestHeader::decode(&mut reader) {
            let rest = &body[body.len() - reader.remaining()..];
            if header.api.info().decodes(header.api_version) {
                check_request(header.api, header.api_version, rest);
            }
        }
        stream = &behind[body.len()..];
    }
}

/// The first two bytes choose the API and the version.
fn choose(input: &[u8]) -> Option<(&'static ApiInfo, i16, &[u8])> {
    let ([api, version], body) = input.split_first_chunk()?;
    let api = &APIS[usize::from(*api) % APIS.len()];
    let versions = api.max - api.min + 1;
    Some((api, api.min + i16::from(*version) % versions, body))
}

/// The body of a request.
pub fn request(input: &[u8]) {
    if let Some((api, version, body)) = choose(input) {
        check_request(api.key, version, body);
    }
}

/// The body of a response: clients read what any broker sends.
pub fn response(input: &[u8]) {
    if let Some((api, version, body)) = choose(input) {
        check_response(api.key, version, body);
    }
}

pub(crate) mod seeds {
    use corelog_wire::api::{fetch, metadata, produce};
    use corelog_wire::{FetchRequest, MetadataRequest, ProduceRequest, Records, encode_request};

    use super::{
        APIS, ApiKey, EncodeError, RequestHeader, default_request, default_response, encode,
    };

    type Encode = fn(ApiKey, i16) -> Result<Vec<u8>, EncodeError>;

    /// Every message in every version, as its defaults make it.
    fn defaults(body: Encode) -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for (number, api) in (0..).zip(APIS) {
            for version in api.min..=api.max {
                let Ok(body) = body(api.key, version) else { continue };
                let mut seed = vec![number, (version - api.min) as u8];
                seed.extend(body);
                seeds.push(seed);
            }
        }
        seeds
    }

    fn produce() -> ProduceRequest<'static> {
        let partition =
            produce::PartitionProduceData { index: 3, records: Records::Bytes(b"a batch") };
        let topic = produce::TopicProduceData {
            name: "orders".into(),
            partition_data: vec![partition],
            ..produce::TopicProduceData::default()
        };
        ProduceRequest { acks: -1, timeout_ms: 9, topic_data: vec![topic], transactional_id: None }
    }

    fn fetch() -> FetchRequest<'static> {
        let partition = fetch::FetchPartition { fetch_offset: 70, ..Default::default() };
        let topic = fetch::FetchTopic {
            topic: "orders".into(),
            partitions: vec![partition],
            ..fetch::FetchTopic::default()
        };
        FetchRequest { max_wait_ms: 500, topics: vec![topic], ..FetchRequest::default() }
    }

    fn metadata() -> MetadataRequest<'static> {
        let topic = metadata::MetadataRequestTopic {
            name: Some("orders".into()),
            ..metadata::MetadataRequestTopic::default()
        };
        MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
    }

    /// Requests with something inside, in every version that can say it.
    fn filled() -> Vec<(ApiKey, i16, Vec<u8>)> {
        let mut bodies = Vec::new();
        for (api, body) in [
            (ApiKey::Produce, (|version| encode(&produce(), version)) as fn(i16) -> _),
            (ApiKey::Fetch, |version| encode(&fetch(), version)),
            (ApiKey::Metadata, |version| encode(&metadata(), version)),
        ] {
            let versions = api.info().min..=api.info().max;
            bodies.extend(versions.filter_map(|version| Some((api, version, body(version).ok()?))));
        }
        bodies
    }

    pub(crate) fn frame() -> Vec<Vec<u8>> {
        let framed = |request: Result<corelog_wire::EncodedFrame, EncodeError>| {
            request.expect("the seeds can be written").head
        };
        let header = |version| RequestHeader::new::<ProduceRequest<'_>>(version, 7, Some("me"));
        let mut seeds: Vec<_> =
            [3, 9, 12].map(|version| framed(encode_request(&header(version), &produce()))).into();
        let header = RequestHeader::new::<MetadataRequest<'_>>(12, 7, None);
        seeds.push(framed(encode_request(&header, &metadata())));
        seeds.push(seeds.concat());
        seeds
    }

    pub(crate) fn request() -> Vec<Vec<u8>> {
        let number = |api| APIS.iter().position(|row| row.key == api).expect("each API has a row");
        let mut seeds = defaults(default_request);
        for (api, version, body) in filled() {
            let mut seed = vec![number(api) as u8, (version - api.info().min) as u8];
            seed.extend(body);
            seeds.push(seed);
        }
        seeds
    }

    pub(crate) fn response() -> Vec<Vec<u8>> {
        defaults(default_response)
    }
}
