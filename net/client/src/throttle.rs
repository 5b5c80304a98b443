//! For how long a server wants a client to wait (KIP-219). It answers at once, says the time, and
//! does not read the connection until then; a client that sends all the same only has requests that
//! take long. Before the versions below a server waited first and answered then.

use std::time::Duration;

use corelog_wire::{
    ApiKey, CreateDelegationTokenResponse, DescribeDelegationTokenResponse,
    ExpireDelegationTokenResponse, ProduceResponse, RenewDelegationTokenResponse,
};

use crate::Reply;

/// The first version of each API in which the client is to wait; those that are not here are
/// younger than the rule.
const FIRST_VERSIONS: &[(ApiKey, i16)] = &[
    (ApiKey::Produce, 6),
    (ApiKey::Fetch, 8),
    (ApiKey::ListOffsets, 3),
    (ApiKey::Metadata, 6),
    (ApiKey::OffsetCommit, 4),
    (ApiKey::OffsetFetch, 4),
    (ApiKey::FindCoordinator, 2),
    (ApiKey::JoinGroup, 3),
    (ApiKey::Heartbeat, 2),
    (ApiKey::LeaveGroup, 2),
    (ApiKey::SyncGroup, 2),
    (ApiKey::DescribeGroups, 2),
    (ApiKey::ListGroups, 2),
    (ApiKey::CreateTopics, 3),
    (ApiKey::DeleteTopics, 2),
    (ApiKey::DeleteRecords, 1),
    (ApiKey::InitProducerId, 1),
    (ApiKey::OffsetForLeaderEpoch, 2),
    (ApiKey::AddPartitionsToTxn, 1),
    (ApiKey::AddOffsetsToTxn, 1),
    (ApiKey::EndTxn, 1),
    (ApiKey::TxnOffsetCommit, 1),
    (ApiKey::DescribeAcls, 1),
    (ApiKey::CreateAcls, 1),
    (ApiKey::DeleteAcls, 1),
    (ApiKey::DescribeConfigs, 2),
    (ApiKey::AlterConfigs, 1),
    (ApiKey::AlterReplicaLogDirs, 1),
    (ApiKey::DescribeLogDirs, 1),
    (ApiKey::CreatePartitions, 1),
    (ApiKey::DeleteGroups, 1),
];

/// Nobody waits for longer, whatever a server says: a connection is rarely kept idle that long.
const TIME_MAX: Duration = Duration::from_secs(600);

/// Answers that have no such time; that of ApiVersions comes before anybody is known.
const NEVER: &[ApiKey] = &[
    ApiKey::ApiVersions,
    ApiKey::SaslHandshake,
    ApiKey::SaslAuthenticate,
    ApiKey::WriteTxnMarkers,
    ApiKey::DescribeQuorum,
    ApiKey::InitializeShareGroupState,
    ApiKey::ReadShareGroupState,
    ApiKey::WriteShareGroupState,
    ApiKey::DeleteShareGroupState,
    ApiKey::ReadShareGroupStateSummary,
];

/// For how long nothing shall be sent after this reply, if the server says so.
pub(crate) fn throttle_time(reply: &Reply) -> Option<Duration> {
    let (api, version) = (reply.api(), reply.version());
    let first = FIRST_VERSIONS.iter().find(|(key, _)| *key == api);
    if NEVER.contains(&api) || first.is_some_and(|(_, first)| version < *first) {
        return None;
    }
    let number = |bytes: &[u8]| bytes.first_chunk().copied().map(i32::from_be_bytes);
    let time_ms = match api {
        // Behind all that has no fixed length.
        ApiKey::Produce => Some(reply.decode::<ProduceResponse<'_>>().ok()?.throttle_time_ms),
        ApiKey::CreateDelegationToken => {
            Some(reply.decode::<CreateDelegationTokenResponse<'_>>().ok()?.throttle_time_ms)
        }
        ApiKey::DescribeDelegationToken => {
            Some(reply.decode::<DescribeDelegationTokenResponse<'_>>().ok()?.throttle_time_ms)
        }
        ApiKey::RenewDelegationToken => {
            Some(reply.decode::<RenewDelegationTokenResponse>().ok()?.throttle_time_ms)
        }
        ApiKey::ExpireDelegationToken => {
            Some(reply.decode::<ExpireDelegationTokenResponse>().ok()?.throttle_time_ms)
        }
        // Behind the error.
        ApiKey::OffsetDelete => number(reply.body().get(2..)?),
        _ => number(reply.body()),
    };
    let time_ms = u64::try_from(time_ms?).ok().filter(|time_ms| *time_ms > 0)?;
    Some(Duration::from_millis(time_ms).min(TIME_MAX))
}

#[cfg(test)]
mod tests {
    use corelog_wire::api::produce::{PartitionProduceResponse, TopicProduceResponse};
    use corelog_wire::{
        CreateDelegationTokenRequest, DescribeClientQuotasRequest, DescribeClientQuotasResponse,
        DescribeDelegationTokenRequest, ExpireDelegationTokenRequest, FetchRequest, FetchResponse,
        HeartbeatRequest, HeartbeatResponse, Message, OffsetDeleteRequest, OffsetDeleteResponse,
        ProduceRequest, RenewDelegationTokenRequest, Request, WriteTxnMarkersRequest,
        WriteTxnMarkersResponse, encode_response,
    };

    use super::*;
    use crate::Endpoint;
    use crate::session::Session;

    /// What is understood of this answer, if the server writes 1234 where there is room for it.
    fn told<'a, Q: Request<'a>>(version: i16, request: &Q, answer: &impl Message<'a>) -> u64 {
        let mut session = Session::new(Endpoint::new("broker", 9092), "me", 1 << 20);
        session.request(version, request).unwrap();
        let mut frame = encode_response(0, version, answer).unwrap();
        frame.set_throttle_time(1234);
        session.room()[..frame.head.len()].copy_from_slice(&frame.head);
        session.advance(frame.head.len());
        let reply = session.reply().unwrap().unwrap();
        throttle_time(&reply).map_or(0, |time| time.as_millis() as u64)
    }

    #[test]
    fn the_time_is_found_wherever_it_stands() {
        let fetch = FetchRequest::default();
        assert_eq!(told(12, &fetch, &FetchResponse::default()), 1234);
        assert_eq!(told(8, &fetch, &FetchResponse::default()), 1234);
        assert_eq!(told(7, &fetch, &FetchResponse::default()), 0, "the server has waited");
        let partitions = vec![PartitionProduceResponse::default(); 2];
        let topic = TopicProduceResponse { partition_responses: partitions, ..Default::default() };
        let produced = ProduceResponse { responses: vec![topic], ..Default::default() };
        for version in [6, 8, 9, 13] {
            assert_eq!(told(version, &ProduceRequest::default(), &produced), 1234, "{version}");
        }
        assert_eq!(told(5, &ProduceRequest::default(), &produced), 0);
        let deleted = OffsetDeleteResponse { error_code: 1, ..Default::default() };
        assert_eq!(told(0, &OffsetDeleteRequest::default(), &deleted), 1234);
        assert_eq!(told(1, &HeartbeatRequest::default(), &HeartbeatResponse::default()), 0);
        assert_eq!(told(2, &HeartbeatRequest::default(), &HeartbeatResponse::default()), 1234);
        let quotas = DescribeClientQuotasRequest::default();
        assert_eq!(told(1, &quotas, &DescribeClientQuotasResponse::default()), 1234);
        let token = CreateDelegationTokenRequest::default();
        let refused = CreateDelegationTokenResponse { error_code: 64, ..Default::default() };
        assert_eq!(told(3, &token, &refused), 1234);
        let token = DescribeDelegationTokenRequest::default();
        let refused = DescribeDelegationTokenResponse { error_code: 64, ..Default::default() };
        assert_eq!(told(3, &token, &refused), 1234);
        let token = RenewDelegationTokenRequest::default();
        let refused = RenewDelegationTokenResponse { error_code: 64, ..Default::default() };
        assert_eq!(told(2, &token, &refused), 1234);
        let token = ExpireDelegationTokenRequest::default();
        let refused = ExpireDelegationTokenResponse { error_code: 64, ..Default::default() };
        assert_eq!(told(2, &token, &refused), 1234);
        let markers = WriteTxnMarkersRequest::default();
        assert_eq!(told(1, &markers, &WriteTxnMarkersResponse::default()), 0);
    }
}
