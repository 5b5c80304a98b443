//! One connection: negotiation, order, and servers that misbehave.

use std::time::{Duration, Instant};

use corelog_client::ClientError;
use corelog_client::blocking::Connection;
use corelog_wire::frame::FrameError;
use corelog_wire::{
    ApiKey, ApiVersionsResponse, DescribeClusterResponse, MetadataRequest, MetadataResponse,
    encode_response,
};

use crate::fake::{Action, Asked, Fake, config, metadata};

fn open(fake: &Fake) -> Connection {
    Connection::open(&fake.endpoint(), &config()).unwrap()
}

/// What a call gets when the server does this with it.
fn call(step: impl FnOnce(&Asked) -> Action + Send + 'static) -> Result<(), ClientError> {
    let fake = Fake::start();
    fake.then(step);
    let reply = open(&fake).call(&MetadataRequest::default())?;
    reply.decode::<MetadataResponse<'_>>().map(|_| ())
}

#[test]
fn a_server_that_knows_only_version_0_of_the_negotiation_is_understood() {
    let fake = Fake::start_with(Vec::new());
    fake.then(|asked| {
        let refusal = ApiVersionsResponse::unsupported_version();
        Action::Send(encode_response(asked.correlation_id, 0, &refusal).unwrap().head)
    });
    let api_keys = vec![corelog_wire::api::api_versions::ApiVersion {
        api_key: 3,
        min_version: 0,
        max_version: 4,
    }];
    fake.answers(ApiVersionsResponse { api_keys, ..Default::default() });
    let connection = open(&fake);
    assert_eq!(connection.version(ApiKey::Metadata), Ok(4));
    assert!(matches!(connection.version(ApiKey::Fetch), Err(ClientError::Version { .. })));
    let (asked, left) = fake.asked();
    assert_eq!((asked, left), (vec![(ApiKey::ApiVersions, 3), (ApiKey::ApiVersions, 0)], 0));
}

#[test]
fn requests_are_pipelined_and_replies_come_in_order() {
    let fake = Fake::start();
    // Nothing is answered before the third request is there.
    fake.then(|_| Action::Silence).then(|_| Action::Silence).then(|asked| {
        let response = |correlation_id| {
            let response = metadata(&[], &[(correlation_id, 0)]);
            encode_response(correlation_id, asked.version, &response).unwrap().head
        };
        let last = asked.correlation_id;
        Action::Send([last - 2, last - 1, last].map(response).concat())
    });
    let mut connection = open(&fake);
    let version = connection.version(ApiKey::Metadata).unwrap();
    let request = MetadataRequest::default();
    let asked = [(); 3].map(|()| connection.send(version, &request, &[]).unwrap());
    assert_eq!(connection.open_requests(), 3);
    for correlation in asked {
        let reply = connection.receive().unwrap();
        let response: MetadataResponse<'_> = reply.decode().unwrap();
        let named = response.topics[0].partitions[0].leader_id;
        assert_eq!((reply.correlation(), named), (correlation, correlation.0));
    }
    assert!(connection.is_alive());
}

#[test]
fn a_reply_that_arrives_in_pieces_is_put_together() {
    let fake = Fake::start();
    fake.then(|asked| {
        let bytes = asked.answer(&metadata(&[], &vec![(1, 0); 20_000]));
        assert!(bytes.len() > 300_000);
        Action::SendPieces(
            [&bytes[..3], &bytes[3..100_000], &bytes[100_000..]].map(Vec::from).into(),
        )
    });
    let reply = open(&fake).call(&MetadataRequest::default()).unwrap();
    let response: MetadataResponse<'_> = reply.decode().unwrap();
    assert_eq!(response.topics[0].partitions.len(), 20_000);
}

#[test]
fn a_truncated_frame_is_a_closed_connection() {
    let error = call(|asked| {
        let mut bytes = asked.answer(&metadata(&[], &[(1, 0)]));
        bytes.truncate(bytes.len() - 1);
        Action::SendAndClose(bytes)
    })
    .unwrap_err();
    let ClientError::Closed { doing, .. } = &error else { panic!("{error:?}") };
    assert_eq!(doing, "sending its Metadata response");
    assert!(error.ends_connection() && error.is_retriable());
}

#[test]
fn a_hostile_length_is_refused() {
    for (len, source) in [
        (i32::MAX, FrameError::TooLong { len: i32::MAX as usize, max: 128 * 1024 * 1024 }),
        (-1, FrameError::Negative(-1)),
    ] {
        let error = call(move |_| Action::Send(len.to_be_bytes().to_vec())).unwrap_err();
        let ClientError::Frame { source: found, .. } = error else { panic!("{error:?}") };
        assert_eq!(found, source);
    }
}

#[test]
fn the_reply_to_another_request_is_refused() {
    let error = call(|asked| {
        let other = asked.correlation_id + 1;
        let response = MetadataResponse::default();
        Action::Send(encode_response(other, asked.version, &response).unwrap().head)
    });
    assert!(matches!(error, Err(ClientError::Correlation { .. })), "{error:?}");
}

#[test]
fn a_reply_of_another_api_is_refused() {
    let error = call(|asked| {
        let response = DescribeClusterResponse { cluster_id: "x".into(), ..Default::default() };
        Action::Send(encode_response(asked.correlation_id, 0, &response).unwrap().head)
    });
    let is_refused =
        matches!(error, Err(ClientError::Response { .. } | ClientError::Surplus { .. }));
    assert!(is_refused, "{error:?}");
}

#[test]
fn silence_is_a_timeout() {
    let begun = Instant::now();
    let error = call(|_| Action::Silence).unwrap_err();
    let ClientError::TimedOut { after_ms, doing, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*after_ms, doing.as_str()), (700, "the Metadata request was open"));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_server_that_trickles_cannot_hold_the_client_beyond_its_time() {
    let fake = Fake::start();
    fake.then(|_| Action::Send(vec![0, 0, 1]));
    let begun = Instant::now();
    let error = open(&fake).call(&MetadataRequest::default()).unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn nobody_listening_is_an_error_that_names_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let endpoint = corelog_client::Endpoint::new("127.0.0.1", port);
    let error = Connection::open(&endpoint, &config()).unwrap_err();
    assert!(error.is_unreachable() && error.is_retriable());
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[test]
fn a_connection_sends_nothing_while_the_server_wants_it_to_wait() {
    let fake = Fake::start();
    // Longer than a request may take.
    let wait = Duration::from_secs(1);
    let begun = Instant::now();
    fake.answers(MetadataResponse { throttle_time_ms: 1_000, ..Default::default() });
    fake.then(move |asked| {
        assert!(begun.elapsed() >= wait, "it was asked after {:?}", begun.elapsed());
        Action::Send(asked.answer(&MetadataResponse::default()))
    });
    let mut connection = Connection::open(&fake.endpoint(), &config()).unwrap();
    for _ in 0..2 {
        connection.call_in(12, &MetadataRequest::default()).unwrap();
    }
    assert_eq!(fake.finished(), [ApiKey::Metadata; 2]);
}
