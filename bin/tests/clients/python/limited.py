"""librdkafka as a user whose rights are given by somebody else's tool.

Usage: limited.py refused|allowed HOST:PORT
"""

import sys
import time

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

EXPECTED, ADDRESS = sys.argv[1:]
CONFIG = {
    "bootstrap.servers": ADDRESS,
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "alice",
    "sasl.password": "wonder",
}
PATIENCE = 30


def until(what, look):
    begun = time.monotonic()
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < begun + PATIENCE, what


def written():
    """The code of the delivery of a record, none if it was delivered."""
    codes = []
    producer = Producer(CONFIG)

    def told(error, _):
        codes.append(error.code() if error else None)

    producer.produce("limited", b"v", on_delivery=told)
    assert producer.flush(PATIENCE) == 0
    return codes[0]


def read():
    """The first record or error as a member of a group."""
    consumer = Consumer({**CONFIG, "group.id": "limited", "auto.offset.reset": "earliest"})
    consumer.subscribe(["limited"])
    message = until("neither a record nor an error", lambda: consumer.poll(0.5))
    consumer.close()
    return message.error().code() if message.error() else message.value()


topics = AdminClient(CONFIG).list_topics(timeout=PATIENCE).topics
if EXPECTED == "refused":
    assert "limited" not in topics, topics
    assert written() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    refusals = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
    assert read() in refusals
    print("PASS librdkafka may neither see nor write nor read before it has a right")
else:
    assert "limited" in topics, topics
    assert written() is None
    assert read() == b"v"
    print("PASS librdkafka writes and reads with the rights of a producer and a consumer")
