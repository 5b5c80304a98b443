//! Requests of transactions on their way to the coordinator and back.

use std::collections::BTreeMap;

use corelog_coordinator::Input;
use corelog_coordinator::RequestId;
use corelog_coordinator::input::CommitTransactionOffsets;
use corelog_coordinator::output::Reply as Answer;
use corelog_coordinator::transactions::{AddPartitions, InitProducer};
use corelog_model::control::TransactionVersion;
use corelog_model::{ErrorCode, PartitionIndex, Sequence, TopicName};
use corelog_shard::{
    EnlistMode, GROUPS_TOPIC, Shard, TransactionCoordinator, coordinator_partition,
};
use corelog_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnResult, AddPartitionsToTxnTransaction,
};
use corelog_wire::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, ApiKey, DescribeTransactionsRequest, EndTxnRequest,
    InitProducerIdResponse, ListTransactionsRequest, Message, Reader, Text, TxnOffsetCommitRequest,
    encode_response,
};

use crate::api::transactional_produce::{Begin, asks, enlist};
use crate::api::transactions::{Wanted, fenced_before, producer};
use crate::api::{group_offsets, init_producer_id, transaction_admin, transactions};
use crate::authorize::{Access, table};
use crate::dispatch::{Context, Dispatcher, RequestError, Started};
use crate::error::KafkaError;
use crate::group_requests::{answered, later};

/// The first version of AddPartitionsToTxn that brokers send, about several transactions.
const BATCHED_ADD_FROM: i16 = 4;
/// The first version of TxnOffsetCommit that adds the group to the transaction.
const ADDING_COMMIT_FROM: i16 = 5;

/// Whether requests of this API are about transactions.
pub(crate) const fn is_of_transactions(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::AddPartitionsToTxn
            | ApiKey::AddOffsetsToTxn
            | ApiKey::EndTxn
            | ApiKey::TxnOffsetCommit
            | ApiKey::DescribeTransactions
            | ApiKey::ListTransactions
    )
}

fn coordinator(shard: &Shard, id: &str) -> Result<TransactionCoordinator, ErrorCode> {
    shard.transaction_coordinator(id).map_err(|refusal| refusal.error_code())
}

/// Lets a producer speak for a transactional id.
pub(crate) async fn init(
    shard: &Shard,
    init: InitProducer,
    version: i16,
) -> InitProducerIdResponse {
    let result = match coordinator(shard, &init.transactional_id) {
        Ok(there) => there.init(init).await,
        Err(code) => Err(code),
    };
    init_producer_id::initialized(result.map_err(|code| fenced_before(code, version, 4)))
}

impl Dispatcher {
    /// Starts a request of transactions.
    pub(crate) fn start_of_transactions(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        match api {
            ApiKey::AddPartitionsToTxn => self.add_partitions_to_txn(context, reader),
            ApiKey::AddOffsetsToTxn => self.add_offsets_to_txn(context, reader),
            ApiKey::EndTxn => self.end_txn(context, reader),
            ApiKey::TxnOffsetCommit => self.txn_offset_commit(context, reader),
            ApiKey::DescribeTransactions => self.describe_transactions(context, reader),
            ApiKey::ListTransactions => self.list_transactions(context, reader),
            _ => Ok(Started::Close("it asks for an API that is not served")),
        }
    }

    fn end_txn(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = EndTxnRequest::decode(reader, version)?;
        let image = self.shard().image();
        let id = &request.transactional_id;
        if let Err(code) = context.access(&image).check(&table::END_TRANSACTION, id) {
            return answered(context, &transactions::ended(Err(code), version));
        }
        let end = transactions::end(&request, version);
        let shard = self.shard().clone();
        Ok(later(async move {
            let result = match coordinator(&shard, &end.transactional_id) {
                Ok(there) => there.end(end).await,
                Err(code) => Err(code),
            };
            encode_response(correlation_id, version, &transactions::ended(result, version))
        }))
    }

    /// The offsets of a group are kept in one partition, which is added like any other.
    fn add_offsets_to_txn(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = AddOffsetsToTxnRequest::decode(reader, version)?;
        let (id, group) = (request.transactional_id.to_string(), request.group_id.to_string());
        let image = self.shard().image();
        let access = context.access(&image);
        let allowed = access.check(&table::ADD_OFFSETS, &id);
        let allowed = allowed.and_then(|()| access.check(&table::ADD_OFFSETS_GROUP, &group));
        if let Err(code) = allowed {
            let response =
                AddOffsetsToTxnResponse { error_code: code.code(), ..Default::default() };
            return answered(context, &response);
        }
        let producer = producer(request.producer_id, request.producer_epoch);
        let shard = self.shard().clone();
        Ok(later(async move {
            let result = match (partition_of_group(&shard, &group), coordinator(&shard, &id)) {
                (_, Err(code)) | (Err(code), _) => Err(code),
                (Ok(partition), Ok(there)) => {
                    let add = AddPartitions {
                        request: RequestId(0),
                        transactional_id: id,
                        producer,
                        partitions: vec![partition],
                        version: TransactionVersion::Classic,
                    };
                    there.add_partitions(add).await
                }
            };
            let code = result.err().unwrap_or(ErrorCode::None);
            let error_code = fenced_before(code, version, 2).code();
            let response = AddOffsetsToTxnResponse { error_code, ..Default::default() };
            encode_response(correlation_id, version, &response)
        }))
    }

    fn add_partitions_to_txn(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let mut request = AddPartitionsToTxnRequest::decode(reader, version)?;
        let is_batched = version >= BATCHED_ADD_FROM;
        if !is_batched {
            request.transactions = vec![AddPartitionsToTxnTransaction {
                transactional_id: request.v3_and_below_transactional_id.clone(),
                producer_id: request.v3_and_below_producer_id,
                producer_epoch: request.v3_and_below_producer_epoch,
                verify_only: false,
                topics: std::mem::take(&mut request.v3_and_below_topics),
            }];
        }
        let image = self.shard().image();
        let access = context.access(&image);
        if is_batched && let Err(code) = access.check_on_cluster(&table::ADD_PARTITIONS_AS_BROKER) {
            let response =
                AddPartitionsToTxnResponse { error_code: code.code(), ..Default::default() };
            return answered(context, &response);
        }
        // What brokers ask for they have checked themselves.
        let access = if is_batched { Access::UNLIMITED } else { access };
        let asked = request.transactions.iter().map(|one| Asked {
            id: one.transactional_id.to_string(),
            allowed: access.check(&table::ADD_PARTITIONS, &one.transactional_id),
            producer: producer(one.producer_id, one.producer_epoch),
            is_verified: one.verify_only,
            wanted: Wanted::of(&one.topics, &image, access),
        });
        let asked: Vec<Asked> = asked.collect();
        let shard = self.shard().clone();
        Ok(later(async move {
            let mut results = Vec::with_capacity(asked.len());
            for one in asked {
                let transactional_id = Text::Owned(one.id.clone());
                let topic_results = add(&shard, one, version).await;
                results.push(AddPartitionsToTxnResult { transactional_id, topic_results });
            }
            let mut response = AddPartitionsToTxnResponse::default();
            if is_batched {
                response.results_by_transaction = results;
            } else if let Some(only) = results.pop() {
                response.results_by_topic_v3_and_below = only.topic_results;
            }
            encode_response(correlation_id, version, &response)
        }))
    }
}

/// One transaction of an AddPartitionsToTxn.
struct Asked {
    id: String,
    /// Whether the client may use the id.
    allowed: Result<(), ErrorCode>,
    producer: corelog_coordinator::transactions::Producer,
    is_verified: bool,
    wanted: Wanted,
}

type TopicResults =
    Vec<corelog_wire::api::add_partitions_to_txn::AddPartitionsToTxnTopicResult<'static>>;

async fn add(shard: &Shard, asked: Asked, version: i16) -> TopicResults {
    let Asked { id, allowed, producer, is_verified, wanted } = asked;
    if let Err(code) = allowed {
        return wanted.answer(|_| code);
    }
    if let Some(refused) = wanted.refused() {
        return refused;
    }
    let there = match coordinator(shard, &id) {
        Ok(there) => there,
        Err(code) => return wanted.answer(|_| code),
    };
    let told = |code| match fenced_before(code, version, 2) {
        ErrorCode::TransactionAbortable if version < 5 => ErrorCode::InvalidTxnState,
        code => code,
    };
    if is_verified {
        return match there.verify(&id, producer, &wanted.partitions) {
            Err(code) => wanted.answer(|_| told(code)),
            Ok(results) => {
                let by_partition: BTreeMap<_, _> =
                    wanted.partitions.iter().cloned().zip(results).collect();
                wanted.answer(|partition| {
                    let result = partition.and_then(|one| by_partition.get(&one).copied());
                    result.and_then(Result::err).map_or(ErrorCode::None, told)
                })
            }
        };
    }
    let added = there.add_partitions(AddPartitions {
        request: RequestId(0),
        transactional_id: id,
        producer,
        partitions: wanted.partitions.clone(),
        version: match version {
            ..BATCHED_ADD_FROM => TransactionVersion::Classic,
            _ => TransactionVersion::EpochPerTransaction,
        },
    });
    let code = added.await.err().map_or(ErrorCode::None, told);
    wanted.answer(|_| code)
}

/// The partition in which a group is kept.
fn partition_of_group(
    shard: &Shard,
    group: &str,
) -> Result<(TopicName, PartitionIndex), ErrorCode> {
    if group.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let image = shard.image();
    let topic = image.topic_by_name(GROUPS_TOPIC).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    Ok((topic.name().clone(), coordinator_partition(group, topic.partition_count())))
}

impl Dispatcher {
    /// Offsets are stored in a transaction that goes on, as its coordinator says. It is asked after
    /// the token was taken that a marker voids.
    fn txn_offset_commit(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let request = TxnOffsetCommitRequest::decode(reader, version)?;
        let id = request.transactional_id.to_string();
        let group = request.group_id.to_string();
        let producer = producer(request.producer_id, request.producer_epoch);
        let plain = transactions::plain_commit(&request);
        let image = self.shard().image();
        let access = context.access(&image);
        let topics = (access, &table::COMMIT_IN_TRANSACTION_TOPIC);
        let epoch_from = group_offsets::EPOCH_FROM;
        let (places, input) = group_offsets::commit(&plain, epoch_from, &image, topics);
        let allowed = access.check(&table::COMMIT_IN_TRANSACTION, &id);
        let allowed =
            allowed.and_then(|()| access.check(&table::COMMIT_IN_TRANSACTION_GROUP, &group));
        if let Err(code) = allowed {
            let refused = group_offsets::refused_commit(places, code);
            return answered(context, &transactions::committed(refused));
        }
        let input = move |request| match input(request) {
            Input::CommitOffsets(commit) => {
                Input::CommitTransactionOffsets(CommitTransactionOffsets { producer, commit })
            }
            other => other,
        };
        let shard = self.shard().clone();
        Ok(later(async move {
            let committed = commit(&shard, (&id, producer), &group, version, input).await;
            let response = match committed {
                Ok(results) => group_offsets::committed(places, &results),
                Err(code) => group_offsets::uncommitted(places, code),
            };
            encode_response(correlation_id, version, &transactions::committed(response))
        }))
    }

    fn describe_transactions(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = DescribeTransactionsRequest::decode(reader, context.version)?;
        let image = self.shard().image();
        let access = context.access(&image);
        let found = request.transactional_ids.iter().map(|id| {
            let found = access.check(&table::DESCRIBE_TRANSACTIONS, id);
            let found = found.and_then(|()| coordinator(self.shard(), id));
            let mut found = found.and_then(|there| there.describe(id));
            if let Ok(description) = &mut found {
                let right = &table::DESCRIBE_TRANSACTIONS_TOPIC;
                description.partitions.retain(|(topic, _)| access.may_see(right, topic.as_str()));
            }
            (id.to_string(), found)
        });
        answered(context, &transaction_admin::described(found.collect()))
    }

    /// Only the transactions of this core: a client asks every node.
    fn list_transactions(
        &self,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Started, RequestError> {
        let request = ListTransactionsRequest::decode(reader, context.version)?;
        let (filter, unknown) = transaction_admin::filter(&request);
        let mut result = Ok(Vec::new());
        if let Some(filter) = filter {
            for coordinator in self.shard().transaction_coordinators() {
                match (coordinator.list(&filter), &mut result) {
                    (Ok(listed), Ok(all)) => all.extend(listed),
                    (Err(code), _) => result = Err(code),
                    (Ok(_), Err(_)) => {}
                }
            }
        }
        let image = self.shard().image();
        let access = context.access(&image);
        if let Ok(all) = &mut result {
            all.retain(|one| access.may_see(&table::LIST_TRANSACTIONS, &one.transactional_id));
        }
        answered(context, &transaction_admin::listed(result, unknown))
    }
}

async fn commit(
    shard: &Shard,
    (id, producer): (&str, corelog_coordinator::transactions::Producer),
    group: &str,
    version: i16,
    input: impl FnOnce(RequestId) -> Input,
) -> Result<Vec<corelog_coordinator::output::PartitionResult>, ErrorCode> {
    if group.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let there = shard.group_coordinator(group).map_err(|refusal| refusal.error_code())?;
    let log = &there.partition().log;
    let mode = if version >= ADDING_COMMIT_FROM {
        EnlistMode::Add(TransactionVersion::EpochPerTransaction)
    } else {
        EnlistMode::Verify
    };
    let mut token = None;
    if !log.has_open_transaction(producer.0, producer.1) && asks(shard, mode) {
        let begin = Begin { partition: there.partition().clone(), first: Sequence::NONE };
        let enlisted = enlist(shard, (id, producer), &[begin], mode).await;
        for (_, enlisted) in enlisted {
            let told = |code| transactions::told_committer(code, version);
            token = Some(enlisted.map_err(told)?);
        }
    }
    match there.ask_in_transaction(token, input).await {
        Some(Answer::CommitOffsets(results)) => Ok(results),
        Some(other) => unreachable!("each request has its own kind of answer, not {other:?}"),
        None => Err(ErrorCode::CoordinatorNotAvailable),
    }
}
