"""Leaves an open transaction in partition 0 of a topic: hanging.py killed|unknown BOOTSTRAP TOPIC.

killed: librdkafka is killed within one that may last a quarter of an hour.
unknown: a batch comes for which no coordinator was asked, to which TOPIC's leader must agree. No
client does that nowadays, so kafka-python makes the batch and the request is written here.
"""

import os
import signal
import socket
import struct
import sys
import time

from confluent_kafka import Producer
from kafka.record.default_records import DefaultRecordBatchBuilder

COMMAND, BOOTSTRAP, TOPIC = sys.argv[1:]
UNKNOWN_PRODUCER = 77_777


def killed():
    producer = Producer({
        "bootstrap.servers": BOOTSTRAP,
        "transactional.id": "killed",
        "transaction.timeout.ms": 900_000,
    })
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(TOPIC, value="of one that was killed", partition=0)
    assert producer.flush(30) == 0
    os.kill(os.getpid(), signal.SIGKILL)


def text(given):
    return struct.pack(">h", len(given)) + given.encode()


def unknown():
    builder = DefaultRecordBatchBuilder(2, 0, True, UNKNOWN_PRODUCER, 3, 0, 1000)
    a_minute_ago = int(1000 * time.time()) - 60_000
    builder.append(0, timestamp=a_minute_ago, key=None, value=b"of nobody", headers=[])
    batch = bytes(builder.build())
    # Produce, version 3: of one topic one partition.
    request = struct.pack(">hhi", 0, 3, 1) + text("hanging") + text("nobody")
    request += struct.pack(">hii", -1, 30_000, 1) + text(TOPIC)
    request += struct.pack(">iii", 1, 0, len(batch)) + batch
    host, port = BOOTSTRAP.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.makefile("rb")
        (length,) = struct.unpack(">i", answer.read(4))
        answer = answer.read(length)
    # Behind its number, the topic and the index of the partition.
    at = 4 + 4 + len(text(TOPIC)) + 4 + 4
    error, offset = struct.unpack_from(">hq", answer, at)
    assert error == 0, error
    print(offset)


{"killed": killed, "unknown": unknown}[COMMAND]()
