//! DescribeTransactions and ListTransactions (KIP-664): what is known of transactional ids.

use std::time::Duration;

use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::transactions::{
    ListedTransaction, TransactionDescription, TransactionFilter, TransactionState,
};
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};
use corelog_wire::api::{describe_transactions, list_transactions};
use corelog_wire::{
    DescribeTransactionsResponse, ListTransactionsRequest, ListTransactionsResponse, Text,
};

/// Answers a DescribeTransactions.
pub fn described(
    found: Vec<(String, Result<TransactionDescription, ErrorCode>)>,
) -> DescribeTransactionsResponse<'static> {
    let states = found.into_iter().map(|(id, found)| {
        let transactional_id = Text::Owned(id);
        match found {
            Ok(description) => describe_transactions::TransactionState {
                transactional_id,
                transaction_state: Text::Borrowed(description.state.name()),
                transaction_timeout_ms: description.timeout_ms,
                transaction_start_time_ms: description.started_at.get(),
                producer_id: description.producer.0.get(),
                producer_epoch: description.producer.1.get(),
                topics: by_topic(&description.partitions),
                ..Default::default()
            },
            Err(code) => describe_transactions::TransactionState {
                error_code: code.code(),
                transactional_id,
                producer_id: ProducerId::NONE.get(),
                producer_epoch: ProducerEpoch::NONE.get(),
                ..Default::default()
            },
        }
    });
    DescribeTransactionsResponse { transaction_states: states.collect(), ..Default::default() }
}

fn by_topic(partitions: &[TopicPartition]) -> Vec<describe_transactions::TopicData<'static>> {
    let mut topics: Vec<describe_transactions::TopicData<'static>> = Vec::new();
    for (topic, index) in partitions {
        // Partitions come topic by topic.
        match topics.last_mut().filter(|last| &*last.topic == topic.as_str()) {
            Some(last) => last.partitions.push(index.get()),
            None => topics.push(describe_transactions::TopicData {
                topic: Text::Owned(topic.as_str().to_owned()),
                partitions: vec![index.get()],
            }),
        }
    }
    topics
}

/// Translates a ListTransactions, with the states that it names and nobody knows. No filter if it
/// names only such, as then nothing passes.
pub fn filter(request: &ListTransactionsRequest<'_>) -> (Option<TransactionFilter>, Vec<String>) {
    let (mut states, mut unknown) = (Vec::new(), Vec::new());
    for name in &request.state_filters {
        match TransactionState::from_name(name) {
            Some(state) => states.push(state),
            None => unknown.push(name.to_string()),
        }
    }
    let nothing_passes = states.is_empty() && !unknown.is_empty();
    let filter = TransactionFilter {
        states,
        producer_ids: request.producer_id_filters.iter().copied().map(ProducerId).collect(),
        running_longer_than: u64::try_from(request.duration_filter).ok().map(Duration::from_millis),
        pattern: request.transactional_id_pattern.as_deref().map(str::to_owned),
    };
    ((!nothing_passes).then_some(filter), unknown)
}

/// Answers a ListTransactions.
pub fn listed(
    result: Result<Vec<ListedTransaction>, ErrorCode>,
    unknown_states: Vec<String>,
) -> ListTransactionsResponse<'static> {
    let unknown_state_filters = unknown_states.into_iter().map(Text::Owned).collect();
    let (listed, code) = match result {
        Ok(listed) => (listed, ErrorCode::None),
        Err(code) => (Vec::new(), code),
    };
    let states = listed.into_iter().map(|one| list_transactions::TransactionState {
        transactional_id: Text::Owned(one.transactional_id),
        producer_id: one.producer_id.get(),
        transaction_state: Text::Borrowed(one.state.name()),
    });
    ListTransactionsResponse {
        error_code: code.code(),
        unknown_state_filters,
        transaction_states: states.collect(),
        ..Default::default()
    }
}
