//! Samples of the APIs by which the leaders of partitions and the coordinators of groups ask share
//! coordinators.

use corelog_wire::api::{
    delete_share_group_state as delete, initialize_share_group_state as initialize,
    read_share_group_state as read, read_share_group_state_summary as summary,
    write_share_group_state as write,
};
use corelog_wire::*;

use super::{some, text, uuid};

fn batch(first_offset: i64) -> read::StateBatch {
    read::StateBatch { first_offset, last_offset: 1 << 40, delivery_state: 2, delivery_count: 5 }
}

pub(crate) fn initialize_share_group_state_request(
    _: i16,
) -> InitializeShareGroupStateRequest<'static> {
    let partition =
        |partition| initialize::PartitionData { partition, state_epoch: 3, start_offset: 1 << 33 };
    let topic = |topic_id, partitions| initialize::InitializeStateData { topic_id, partitions };
    InitializeShareGroupStateRequest {
        group_id: text("group-1"),
        topics: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn initialize_share_group_state_response(
    _: i16,
) -> InitializeShareGroupStateResponse<'static> {
    let partition = |partition| initialize::PartitionResult {
        partition,
        error_code: 4,
        error_message: some("message-1"),
    };
    let topic = |topic_id, partitions| initialize::InitializeStateResult { topic_id, partitions };
    InitializeShareGroupStateResponse {
        results: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn read_share_group_state_request(_: i16) -> ReadShareGroupStateRequest<'static> {
    let partition = |partition| read::PartitionData { partition, leader_epoch: 3 };
    let topic = |topic_id, partitions| read::ReadStateData { topic_id, partitions };
    ReadShareGroupStateRequest {
        group_id: text("group-1"),
        topics: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn read_share_group_state_response(_: i16) -> ReadShareGroupStateResponse<'static> {
    let partition = |partition| read::PartitionResult {
        partition,
        error_code: 4,
        error_message: some("message-1"),
        state_epoch: 5,
        start_offset: 1 << 33,
        state_batches: vec![batch(7), batch(8)],
    };
    let topic = |topic_id, partitions| read::ReadStateResult { topic_id, partitions };
    ReadShareGroupStateResponse {
        results: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn write_share_group_state_request(
    version: i16,
) -> WriteShareGroupStateRequest<'static> {
    let partition = |partition| write::PartitionData {
        partition,
        state_epoch: 3,
        leader_epoch: 4,
        start_offset: 1 << 33,
        delivery_complete_count: if version >= 1 { 6 } else { -1 },
        state_batches: vec![batch(7), batch(8)],
    };
    let topic = |topic_id, partitions| write::WriteStateData { topic_id, partitions };
    WriteShareGroupStateRequest {
        group_id: text("group-1"),
        topics: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn write_share_group_state_response(_: i16) -> WriteShareGroupStateResponse<'static> {
    let partition = |partition| write::PartitionResult {
        partition,
        error_code: 4,
        error_message: some("message-1"),
    };
    let topic = |topic_id, partitions| write::WriteStateResult { topic_id, partitions };
    WriteShareGroupStateResponse {
        results: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn delete_share_group_state_request(_: i16) -> DeleteShareGroupStateRequest<'static> {
    let partition = |partition| delete::PartitionData { partition };
    let topic = |topic_id, partitions| delete::DeleteStateData { topic_id, partitions };
    DeleteShareGroupStateRequest {
        group_id: text("group-1"),
        topics: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn delete_share_group_state_response(_: i16) -> DeleteShareGroupStateResponse<'static> {
    let partition = |partition| delete::PartitionResult {
        partition,
        error_code: 4,
        error_message: some("message-1"),
    };
    let topic = |topic_id, partitions| delete::DeleteStateResult { topic_id, partitions };
    DeleteShareGroupStateResponse {
        results: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn read_share_group_state_summary_request(
    _: i16,
) -> ReadShareGroupStateSummaryRequest<'static> {
    let partition = |partition| summary::PartitionData { partition, leader_epoch: 3 };
    let topic = |topic_id, partitions| summary::ReadStateSummaryData { topic_id, partitions };
    ReadShareGroupStateSummaryRequest {
        group_id: text("group-1"),
        topics: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}

pub(crate) fn read_share_group_state_summary_response(
    version: i16,
) -> ReadShareGroupStateSummaryResponse<'static> {
    let partition = |partition| summary::PartitionResult {
        partition,
        error_code: 4,
        error_message: some("message-1"),
        state_epoch: 5,
        leader_epoch: 6,
        start_offset: 1 << 33,
        delivery_complete_count: if version >= 1 { 7 } else { -1 },
    };
    let topic = |topic_id, partitions| summary::ReadStateSummaryResult { topic_id, partitions };
    ReadShareGroupStateSummaryResponse {
        results: vec![
            topic(uuid(1), vec![partition(1), partition(2)]),
            topic(uuid(101), Vec::new()),
        ],
    }
}
