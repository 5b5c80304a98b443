//! The APIs by which brokers ask share coordinators: InitializeShareGroupState,
//! ReadShareGroupState, WriteShareGroupState, DeleteShareGroupState and ReadShareGroupStateSummary
//! (KIP-932). Cores of a broker ask each other in messages of their own; these are for others.

use std::convert::identity;
use std::sync::Arc;

use corelog_cluster::ClusterImage;
use corelog_coordinator::share_states::{
    DeliveryState, StateAnswer, StateBatch, StateCall, StateReply, StateWrite, StoredState,
};
use corelog_model::{ErrorCode, LeaderEpoch, Offset, PartitionId, PartitionIndex, TopicId};
use corelog_wire::api::read_share_group_state::StateBatch as WireBatch;
use corelog_wire::api::{
    delete_share_group_state as delete, initialize_share_group_state as initialize,
    read_share_group_state as read, read_share_group_state_summary as summary,
    write_share_group_state as write,
};
use corelog_wire::{
    DeleteShareGroupStateRequest, DeleteShareGroupStateResponse, InitializeShareGroupStateRequest,
    InitializeShareGroupStateResponse, ReadShareGroupStateRequest, ReadShareGroupStateResponse,
    ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse, Text,
    WriteShareGroupStateRequest, WriteShareGroupStateResponse,
};

/// What is asked of each partition, in the order of the request; an error for what makes no sense.
pub(crate) type Asked = Vec<(PartitionId, Result<StateCall, ErrorCode>)>;

/// What became of each.
pub(crate) type Told = Vec<(PartitionId, StateReply)>;

/// A request: it asks something of partitions for a group.
pub(crate) trait StateRequest {
    /// What it is answered.
    type Response;

    /// The group.
    fn group(&self) -> Arc<str>;

    /// What it asks.
    fn asked(&self) -> Asked;

    /// The answer; topics as in the request.
    fn response(told: Told) -> Self::Response;
}

/// Refuses what is asked of partitions that nobody has.
pub(crate) fn refuse_unknown(asked: &mut Asked, image: &ClusterImage) {
    for (id, call) in asked {
        if id.index.get() < 0 {
            *call = Err(ErrorCode::InvalidRequest);
        } else if image.partition(*id).is_none() {
            *call = Err(ErrorCode::UnknownTopicOrPartition);
        }
    }
}

fn code_and_message(reply: &StateReply) -> (i16, Option<Text<'static>>) {
    match reply {
        Ok(_) => (0, None),
        Err(code) => (code.code(), Some(code.message().into())),
    }
}

/// What a reply tells of a share-partition; of one that is refused, what Kafka tells.
fn stored(reply: StateReply) -> StoredState {
    match reply {
        Ok(StateAnswer::State(stored)) => stored,
        Ok(StateAnswer::Done) | Err(_) => StoredState {
            state_epoch: 0,
            leader_epoch: LeaderEpoch(0),
            start: Offset(0),
            complete_count: -1,
            batches: Vec::new(),
        },
    }
}

/// The partitions of consecutive topics, each with what `make` makes of it.
fn by_topic<T>(told: Told, make: impl Fn(i32, StateReply) -> T) -> Vec<([u8; 16], Vec<T>)> {
    let mut topics: Vec<([u8; 16], Vec<T>)> = Vec::new();
    for (id, reply) in told {
        let partition = make(id.index.get(), reply);
        let topic = *id.topic.as_bytes();
        match topics.last_mut().filter(|(last, _)| *last == topic) {
            Some((_, partitions)) => partitions.push(partition),
            None => topics.push((topic, vec![partition])),
        }
    }
    topics
}

fn batches(from: &[WireBatch]) -> Result<Vec<StateBatch>, ErrorCode> {
    let batch = |batch: &WireBatch| {
        let state = DeliveryState::from_number(batch.delivery_state);
        Ok(StateBatch {
            first: Offset(batch.first_offset),
            last: Offset(batch.last_offset),
            state: state.ok_or(ErrorCode::InvalidRequest)?,
            delivery_count: batch.delivery_count,
        })
    };
    from.iter().map(batch).collect()
}

fn write_call(data: &write::PartitionData) -> Result<StateCall, ErrorCode> {
    Ok(StateCall::Write(StateWrite {
        state_epoch: data.state_epoch,
        leader_epoch: LeaderEpoch(data.leader_epoch),
        start: Offset(data.start_offset),
        complete_count: data.delivery_complete_count,
        batches: batches(&data.state_batches)?,
    }))
}

fn initialize_call(data: &initialize::PartitionData) -> StateCall {
    StateCall::Initialize { state_epoch: data.state_epoch, start: Offset(data.start_offset) }
}

fn read_call(data: &read::PartitionData) -> StateCall {
    StateCall::Read { leader_epoch: LeaderEpoch(data.leader_epoch) }
}

fn delete_call(_: &delete::PartitionData) -> StateCall {
    // Who asks so knows of no epoch.
    StateCall::Delete { state_epoch: i32::MAX }
}

fn summary_call(_: &summary::PartitionData) -> StateCall {
    StateCall::Summarize
}

fn read_result(partition: i32, reply: StateReply) -> read::PartitionResult<'static> {
    let (error_code, error_message) = code_and_message(&reply);
    let stored = stored(reply);
    let batch = |batch: &StateBatch| WireBatch {
        first_offset: batch.first.0,
        last_offset: batch.last.0,
        delivery_state: batch.state.number(),
        delivery_count: batch.delivery_count,
    };
    read::PartitionResult {
        partition,
        error_code,
        error_message,
        state_epoch: stored.state_epoch,
        start_offset: stored.start.0,
        state_batches: stored.batches.iter().map(batch).collect(),
    }
}

fn summary_result(partition: i32, reply: StateReply) -> summary::PartitionResult<'static> {
    let (error_code, error_message) = code_and_message(&reply);
    let stored = stored(reply);
    summary::PartitionResult {
        partition,
        error_code,
        error_message,
        state_epoch: stored.state_epoch,
        leader_epoch: stored.leader_epoch.0,
        start_offset: stored.start.0,
        delivery_complete_count: stored.complete_count,
    }
}

macro_rules! done {
    ($api:ident) => {
        |partition, reply| {
            let (error_code, error_message) = code_and_message(&reply);
            $api::PartitionResult { partition, error_code, error_message }
        }
    };
}

macro_rules! requests {
    ($(
        $request:ident => $response:ident,
            $api:ident::$result:ident, $wrap:ident $call:ident, $tell:expr;
    )*) => {
        $(
            impl StateRequest for $request<'_> {
                type Response = $response<'static>;

                fn group(&self) -> Arc<str> {
                    Arc::from(&*self.group_id)
                }

                fn asked(&self) -> Asked {
                    let topics = self.topics.iter();
                    let partitions = topics.flat_map(|topic| {
                        let id = TopicId::from_bytes(topic.topic_id);
                        topic.partitions.iter().map(move |data| {
                            let index = PartitionIndex(data.partition);
                            (PartitionId::new(id, index), $wrap($call(data)))
                        })
                    });
                    partitions.collect()
                }

                fn response(told: Told) -> Self::Response {
                    let topics = by_topic(told, $tell).into_iter();
                    let topics = topics
                        .map(|(topic_id, partitions)| $api::$result { topic_id, partitions });
                    $response { results: topics.collect() }
                }
            }
        )*
    };
}

requests! {
    InitializeShareGroupStateRequest => InitializeShareGroupStateResponse,
        initialize::InitializeStateResult, Ok initialize_call, done!(initialize);
    ReadShareGroupStateRequest => ReadShareGroupStateResponse,
        read::ReadStateResult, Ok read_call, read_result;
    WriteShareGroupStateRequest => WriteShareGroupStateResponse,
        write::WriteStateResult, identity write_call, done!(write);
    DeleteShareGroupStateRequest => DeleteShareGroupStateResponse,
        delete::DeleteStateResult, Ok delete_call, done!(delete);
    ReadShareGroupStateSummaryRequest => ReadShareGroupStateSummaryResponse,
        summary::ReadStateSummaryResult, Ok summary_call, summary_result;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scene::received;

    fn batch(delivery_state: i8) -> WireBatch {
        WireBatch { first_offset: 5, last_offset: 6, delivery_state, delivery_count: 2 }
    }

    fn written(delivery_state: i8) -> WriteShareGroupStateRequest<'static> {
        let data = write::PartitionData {
            partition: 1,
            state_epoch: 3,
            leader_epoch: 4,
            start_offset: 5,
            delivery_complete_count: 1,
            state_batches: vec![batch(delivery_state)],
        };
        let topic = write::WriteStateData { topic_id: [7; 16], partitions: vec![data] };
        WriteShareGroupStateRequest { group_id: "g".into(), topics: vec![topic] }
    }

    fn id(topic: u8, index: i32) -> PartitionId {
        PartitionId::new(TopicId::from_bytes([topic; 16]), PartitionIndex(index))
    }

    #[test]
    fn a_write_says_what_changes() {
        let state = DeliveryState::Acknowledged;
        let batch = StateBatch { first: Offset(5), last: Offset(6), state, delivery_count: 2 };
        let write = |complete_count| StateWrite {
            state_epoch: 3,
            leader_epoch: LeaderEpoch(4),
            start: Offset(5),
            complete_count,
            batches: vec![batch],
        };
        for (version, complete_count) in [(0, -1), (1, 1)] {
            let request: WriteShareGroupStateRequest<'_> = received(&written(2), version);
            assert_eq!(&*request.group(), "g");
            let call = StateCall::Write(write(complete_count));
            assert_eq!(request.asked(), [(id(7, 1), Ok(call))]);
        }
    }

    #[test]
    fn a_state_that_is_not_stored_is_refused() {
        // Records are never stored as acquired.
        assert_eq!(written(1).asked(), [(id(7, 1), Err(ErrorCode::InvalidRequest))]);
    }

    #[test]
    fn results_stand_under_their_topics() {
        let stored = StoredState {
            state_epoch: 3,
            leader_epoch: LeaderEpoch(4),
            start: Offset(5),
            complete_count: 6,
            batches: Vec::new(),
        };
        let refused = Err(ErrorCode::NotCoordinator);
        let told = vec![
            (id(7, 1), Ok(StateAnswer::State(stored))),
            (id(7, 2), refused.clone()),
            (id(8, 0), refused),
        ];
        let response = ReadShareGroupStateSummaryRequest::response(told);
        let results: Vec<_> = response
            .results
            .iter()
            .map(|topic| {
                let result = |one: &summary::PartitionResult<'_>| {
                    (one.partition, one.error_code, one.start_offset, one.delivery_complete_count)
                };
                (topic.topic_id[0], topic.partitions.iter().map(result).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(results, [(7, vec![(1, 0, 5, 6), (2, 16, 0, -1)]), (8, vec![(0, 16, 0, -1)])]);
    }
}
