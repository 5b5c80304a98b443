"""Prints the fixtures of kio.txt: messages in versions that the Rust oracle lacks.

    pip install kio==0.6.5 && python kio_fixtures.py > kio.txt
"""

import io
from datetime import timedelta
from importlib import import_module

from kio.serial import entity_writer
from kio.schema.errors import ErrorCode


def milliseconds(value):
    return timedelta(milliseconds=value)


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


list_offsets(11)
init_producer_id(6)
