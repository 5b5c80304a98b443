"""Prints the fixtures of kio.txt: messages in versions that the Rust oracle lacks.

    pip install kio==0.6.5 && python kio_fixtures.py > kio.txt
"""

import io
from datetime import timedelta
from importlib import import_module
from uuid import UUID

from kio.serial import entity_writer
from kio.schema.errors import ErrorCode


def milliseconds(value):
    return timedelta(milliseconds=value)


def topic_id(first):
    """A uuid whose bytes all differ."""
    return UUID(bytes=bytes(range(first, first + 16)))


def emit(name, version, entity):
    buffer = io.BytesIO()
    entity_writer(type(entity))(buffer, entity)
    print(name, version, buffer.getvalue().hex())


def list_offsets(version):
    request = import_module(f"kio.schema.list_offsets.v{version}.request")
    response = import_module(f"kio.schema.list_offsets.v{version}.response")
    asked = [
        request.ListOffsetsPartition(partition_index=3, current_leader_epoch=4, timestamp=-1),
        request.ListOffsetsPartition(partition_index=6, timestamp=1 << 40),
    ]
    topics = (
        request.ListOffsetsTopic(name="topic-1", partitions=tuple(asked)),
        request.ListOffsetsTopic(name="topic-2", partitions=()),
    )
    sample = request.ListOffsetsRequest(
        replica_id=1, isolation_level=2, topics=topics, timeout=milliseconds(9)
    )
    emit("ListOffsetsRequest", version, sample)
    found = [
        response.ListOffsetsPartitionResponse(
            partition_index=index, error_code=ErrorCode(2), timestamp=3, offset=4, leader_epoch=5
        )
        for index in (1, 7)
    ]
    topics = (
        response.ListOffsetsTopicResponse(name="topic-1", partitions=tuple(found)),
        response.ListOffsetsTopicResponse(name="topic-2", partitions=()),
    )
    sample = response.ListOffsetsResponse(throttle_time=milliseconds(6), topics=topics)
    emit("ListOffsetsResponse", version, sample)


def init_producer_id(version):
    request = import_module(f"kio.schema.init_producer_id.v{version}.request")
    sample = request.InitProducerIdRequest(
        transactional_id="transaction-1",
        transaction_timeout=milliseconds(1),
        producer_id=2,
        producer_epoch=3,
        enable2_pc=True,
        keep_prepared_txn=True,
    )
    emit("InitProducerIdRequest", version, sample)


def offset_commit(version):
    request = import_module(f"kio.schema.offset_commit.v{version}.request")
    partitions = (
        request.OffsetCommitRequestPartition(
            partition_index=3,
            committed_offset=4,
            committed_leader_epoch=5,
            committed_metadata="committed-metadata-1",
        ),
        request.OffsetCommitRequestPartition(
            partition_index=6,
            committed_offset=7,
            committed_leader_epoch=8,
            committed_metadata=None,
        ),
    )
    sample = request.OffsetCommitRequest(
        group_id="group-1",
        generation_id_or_member_epoch=1,
        member_id="member-id-1",
        group_instance_id="group-instance-id-1",
        topics=(
            request.OffsetCommitRequestTopic(topic_id=topic_id(1), partitions=partitions),
            request.OffsetCommitRequestTopic(topic_id=topic_id(101), partitions=()),
        ),
    )
    emit("OffsetCommitRequest", version, sample)


def offset_fetch(version):
    request = import_module(f"kio.schema.offset_fetch.v{version}.request")
    topics = (
        request.OffsetFetchRequestTopics(topic_id=topic_id(1), partition_indexes=(4, 5)),
        request.OffsetFetchRequestTopics(topic_id=topic_id(101), partition_indexes=()),
    )
    groups = (
        request.OffsetFetchRequestGroup(
            group_id="group-2", member_id="member-id-1", member_epoch=3, topics=topics
        ),
        request.OffsetFetchRequestGroup(
            group_id="group-3", member_id=None, member_epoch=6, topics=None
        ),
    )
    sample = request.OffsetFetchRequest(groups=groups, require_stable=True)
    emit("OffsetFetchRequest", version, sample)


list_offsets(11)
offset_commit(10)
offset_fetch(10)
init_producer_id(6)
