//! One connection without its socket: requests become frames, arriving bytes become the replies
//! to the requests in their order. Pure: the bytes come from and go to whoever drives it.

use std::collections::VecDeque;

use corelog_wire::{
    ApiKey, EncodedFrame, Message, Reader, Request, RequestHeader, ResponseHeader, encode_request,
};

use crate::frame_buffer::FrameBuffer;
use crate::{ClientError, Endpoint};

/// What ties a reply to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationId(pub i32);

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    peer: Endpoint,
    client_id: String,
    next_correlation: i32,
    open: VecDeque<OpenRequest>,
    arriving: FrameBuffer,
}

#[derive(Debug, Clone, Copy)]
struct OpenRequest {
    correlation: i32,
    api: ApiKey,
    version: i16,
}

/// A response that has arrived whole. Decoded values borrow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    peer: Endpoint,
    correlation: CorrelationId,
    api: ApiKey,
    version: i16,
    frame: Vec<u8>,
    body_start: usize,
}

impl Session {
    /// A fresh connection to `peer`, whose frames have at most `frame_bytes_max` bytes.
    pub fn new(peer: Endpoint, client_id: &str, frame_bytes_max: usize) -> Self {
        Self {
            peer,
            client_id: client_id.to_owned(),
            next_correlation: 0,
            open: VecDeque::new(),
            arriving: FrameBuffer::new(frame_bytes_max),
        }
    }

    /// The other side.
    pub fn peer(&self) -> &Endpoint {
        &self.peer
    }

    /// The frame of a request that will be answered.
    pub fn request<'a, R: Request<'a>>(
        &mut self,
        version: i16,
        body: &R,
    ) -> Result<(CorrelationId, EncodedFrame), ClientError> {
        let (correlation, frame) = self.encode(version, body)?;
        self.open.push_back(OpenRequest { correlation, api: R::KEY, version });
        Ok((CorrelationId(correlation), frame))
    }

    /// The frame of a request without an answer: Produce with acks 0.
    pub fn notify<'a, R: Request<'a>>(
        &mut self,
        version: i16,
        body: &R,
    ) -> Result<EncodedFrame, ClientError> {
        Ok(self.encode(version, body)?.1)
    }

    fn encode<'a, R: Request<'a>>(
        &mut self,
        version: i16,
        body: &R,
    ) -> Result<(i32, EncodedFrame), ClientError> {
        let correlation = self.next_correlation;
        let header = RequestHeader::new::<R>(version, correlation, Some(&self.client_id));
        let frame = encode_request(&header, body)
            .map_err(|source| ClientError::Request { api: R::KEY, source })?;
        self.next_correlation = self.next_correlation.wrapping_add(1);
        Ok((correlation, frame))
    }

    /// Room for bytes to arrive; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        self.arriving.room()
    }

    /// Counts the first `count` bytes of the room as arrived.
    pub fn advance(&mut self, count: usize) {
        self.arriving.advance(count);
    }

    /// The reply to the oldest open request, once it has arrived whole. After an error the
    /// connection is of no more use.
    pub fn reply(&mut self) -> Result<Option<Reply>, ClientError> {
        let frame = self
            .arriving
            .take()
            .map_err(|source| ClientError::Frame { address: self.peer.clone(), source })?;
        let Some(frame) = frame else { return Ok(None) };
        let Some(open) = self.open.pop_front() else {
            let found = frame.get(4..).and_then(|body| body.first_chunk()).copied();
            let found = i32::from_be_bytes(found.unwrap_or_default());
            return Err(self.mismatch(None, found));
        };
        let OpenRequest { correlation, api, version } = open;
        let mut reader = Reader::new(&frame[4..]);
        let header = ResponseHeader::decode(&mut reader, api, version).map_err(|source| {
            ClientError::Response { address: self.peer.clone(), api, version, source }
        })?;
        if header.correlation_id != correlation {
            return Err(self.mismatch(Some(correlation), header.correlation_id));
        }
        let body_start = frame.len() - reader.remaining();
        let peer = self.peer.clone();
        let correlation = CorrelationId(correlation);
        Ok(Some(Reply { peer, correlation, api, version, frame, body_start }))
    }

    fn mismatch(&self, expected: Option<i32>, found: i32) -> ClientError {
        ClientError::Correlation { address: self.peer.clone(), expected, found }
    }

    /// How many requests wait for their reply.
    pub fn open_requests(&self) -> usize {
        self.open.len()
    }

    /// What is being waited for, as the end of a sentence that says "while ...".
    pub fn doing(&self) -> String {
        match self.open.front() {
            None => "idle".to_owned(),
            Some(open) if self.arriving.is_amid_frame() => {
                format!("sending its {} response", open.api.name())
            }
            Some(open) => format!("the {} request was open", open.api.name()),
        }
    }
}

impl Reply {
    /// The message. Values borrow from this reply; bytes behind the message are an error.
    pub fn decode<'s, M: Message<'s>>(&'s self) -> Result<M, ClientError> {
        assert!(M::KEY == self.api, "a {:?} reply is read as {:?}", self.api, M::KEY);
        let (address, api, version) = (self.peer.clone(), self.api, self.version);
        let mut reader = Reader::new(self.body());
        match M::decode(&mut reader, version) {
            Ok(message) if reader.remaining() == 0 => Ok(message),
            Ok(_) => Err(ClientError::Surplus { address, api, version, count: reader.remaining() }),
            Err(source) => Err(ClientError::Response { address, api, version, source }),
        }
    }

    /// The bytes behind the header.
    pub fn body(&self) -> &[u8] {
        &self.frame[self.body_start..]
    }

    /// Who answered.
    pub fn peer(&self) -> &Endpoint {
        &self.peer
    }

    /// Which request this answers.
    pub fn correlation(&self) -> CorrelationId {
        self.correlation
    }

    /// The API of the request.
    pub fn api(&self) -> ApiKey {
        self.api
    }

    /// The version of the request, and so of the response.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// The error for a response that leaves out what was asked for.
    pub(crate) fn lacks(&self, about: impl Into<String>) -> ClientError {
        ClientError::Missing { address: self.peer.clone(), api: self.api, about: about.into() }
    }
}

#[cfg(test)]
mod tests {
    use corelog_wire::frame::FrameError;
    use corelog_wire::{
        ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataResponse, WireError,
        encode_response,
    };

    use super::*;
    use crate::versions::{Negotiation, ServerVersions};

    fn peer() -> Endpoint {
        Endpoint::new("broker", 9092)
    }

    fn session() -> Session {
        Session::new(peer(), "me", 1 << 20)
    }

    fn arrive(session: &mut Session, bytes: &[u8]) {
        session.room()[..bytes.len()].copy_from_slice(bytes);
        session.advance(bytes.len());
    }

    fn metadata(correlation: i32, controller_id: i32) -> Vec<u8> {
        let response = MetadataResponse { controller_id, ..MetadataResponse::default() };
        encode_response(correlation, 12, &response).unwrap().head
    }

    fn ask(session: &mut Session) -> CorrelationId {
        session.request(12, &MetadataRequest::default()).unwrap().0
    }

    #[test]
    fn replies_come_in_the_order_of_the_requests() {
        let mut session = session();
        let asked = [ask(&mut session), ask(&mut session)];
        let bytes = [metadata(0, 10), metadata(1, 11)].concat();
        arrive(&mut session, &bytes[..bytes.len() - 1]);
        let first = session.reply().unwrap().unwrap();
        assert_eq!(first.decode::<MetadataResponse<'_>>().unwrap().controller_id, 10);
        assert_eq!(session.reply(), Ok(None));
        assert_eq!(session.doing(), "sending its Metadata response");
        arrive(&mut session, &bytes[bytes.len() - 1..]);
        let second = session.reply().unwrap().unwrap();
        assert_eq!(second.decode::<MetadataResponse<'_>>().unwrap().controller_id, 11);
        assert_eq!([first.correlation(), second.correlation()], asked);
        assert_eq!((session.open_requests(), session.doing()), (0, "idle".to_owned()));
    }

    #[test]
    fn a_reply_out_of_order_is_refused() {
        let mut session = session();
        ask(&mut session);
        ask(&mut session);
        arrive(&mut session, &metadata(1, 0));
        let error = ClientError::Correlation { address: peer(), expected: Some(0), found: 1 };
        assert_eq!(session.reply(), Err(error));
    }

    #[test]
    fn a_reply_that_nobody_asked_for_is_refused() {
        let mut session = session();
        arrive(&mut session, &metadata(7, 0));
        let error = ClientError::Correlation { address: peer(), expected: None, found: 7 };
        assert_eq!(session.reply(), Err(error));
    }

    #[test]
    fn a_hostile_length_is_refused() {
        let mut session = session();
        ask(&mut session);
        arrive(&mut session, &i32::MAX.to_be_bytes());
        let source = FrameError::TooLong { len: i32::MAX as usize, max: 1 << 20 };
        assert_eq!(session.reply(), Err(ClientError::Frame { address: peer(), source }));
    }

    #[test]
    fn a_body_that_is_cut_or_too_long_is_refused() {
        let body = metadata(0, 0);
        let mut short = body.clone();
        short.truncate(body.len() - 3);
        let len = short.len() as i32 - 4;
        short[..4].copy_from_slice(&len.to_be_bytes());
        let mut long = body;
        long.extend_from_slice(&[0; 2]);
        let len = long.len() as i32 - 4;
        long[..4].copy_from_slice(&len.to_be_bytes());
        let decode = |bytes: &[u8]| {
            let mut session = session();
            ask(&mut session);
            arrive(&mut session, bytes);
            let reply = session.reply().unwrap().unwrap();
            reply.decode::<MetadataResponse<'_>>().map(|_| ()).unwrap_err()
        };
        let (address, api, version) = (peer(), ApiKey::Metadata, 12);
        let error = decode(&short);
        assert!(
            matches!(&error, ClientError::Response { source: WireError::Truncated { .. }, .. }),
            "{error}"
        );
        assert_eq!(decode(&long), ClientError::Surplus { address, api, version, count: 2 });
    }

    fn negotiate(asked: i16, answered: i16, response: &ApiVersionsResponse<'_>) -> Negotiation {
        let mut session = session();
        session.request(asked, &ApiVersionsRequest::default()).unwrap();
        arrive(&mut session, &encode_response(0, answered, response).unwrap().head);
        ServerVersions::negotiate(&session.reply().unwrap().unwrap()).unwrap()
    }

    #[test]
    fn an_unknown_version_of_the_negotiation_falls_back_to_0() {
        let refusal = ApiVersionsResponse::unsupported_version();
        assert_eq!(negotiate(3, 0, &refusal), Negotiation::AskAgain { version: 0 });
        let api_keys = vec![corelog_wire::api::api_versions::ApiVersion {
            api_key: 3,
            min_version: 0,
            max_version: 5,
        }];
        let answer = ApiVersionsResponse { api_keys, ..ApiVersionsResponse::default() };
        let done = Negotiation::Done(ServerVersions::new([(3, (0, 5))]));
        assert_eq!(negotiate(0, 0, &answer), done);
        assert_eq!(negotiate(3, 3, &answer), done);
    }

    #[test]
    fn a_server_that_refuses_even_version_0_is_an_error() {
        let mut session = session();
        session.request(0, &ApiVersionsRequest::default()).unwrap();
        let refusal = ApiVersionsResponse::unsupported_version();
        arrive(&mut session, &encode_response(0, 0, &refusal).unwrap().head);
        let error = ServerVersions::negotiate(&session.reply().unwrap().unwrap()).unwrap_err();
        assert_eq!(error.code(), Some(corelog_model::ErrorCode::UnsupportedVersion));
    }
}
