"""An unmodified confluent-kafka (librdkafka) against a running broker: bootstrap address, node count."""

import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec

BOOTSTRAP, NODES = sys.argv[1], int(sys.argv[2])
NAME = "confluent-kafka " + confluent_kafka.__version__
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 4
RECORDS = 2000


def expected(codec, number):
    key = f"{codec}-{number}".encode()
    return key, key * (1 + number % 40)


def wait(futures):
    for name, future in futures.items():
        future.result(timeout=20)


def produce(topic, codec, idempotent):
    placed, errors = {}, []

    def delivered(error, message):
        if error is not None:
            errors.append(error)
        else:
            placed[(message.partition(), message.offset())] = (message.key(), message.value())

    producer = Producer({
        "bootstrap.servers": BOOTSTRAP,
        "compression.codec": codec,
        "enable.idempotence": idempotent,
        "acks": "all",
        "linger.ms": 5,
    })
    for number in range(RECORDS):
        key, value = expected(codec, number)
        producer.produce(topic, value, key, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(30) == 0, "records are left over"
    assert not errors, errors[0]
    assert len(placed) == RECORDS, len(placed)
    return placed


def consume(topic, count):
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.id": "unused",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "check.crcs": True,
    })
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found, deadline = {}, time.time() + 30
    while len(found) < count:
        assert time.time() < deadline, f"{len(found)} of {count} records came"
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        place = (message.partition(), message.offset())
        assert place not in found, f"{place} came twice"
        found[place] = (message.key(), message.value())
    consumer.close()
    return found


def main():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    nodes = admin.list_topics(timeout=10).brokers
    assert len(nodes) == NODES, f"{len(nodes)} nodes, {NODES} cores"
    topic = "confluent"
    wait(admin.create_topics([NewTopic(topic, PARTITIONS, 1, config={"retention.ms": "-1"})]))
    configs = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)])
    for future in configs.values():
        assert future.result(timeout=20)["retention.ms"].value == "-1"
    begun = int(time.time() * 1000)
    placed = {}
    for codec in CODECS:
        placed.update(produce(topic, codec, False))
        print("PASS", NAME, "produce", codec, flush=True)
    placed.update(produce(topic, "lz4", True))
    print("PASS", NAME, "idempotent produce", flush=True)
    assert consume(topic, len(placed)) == placed, "what came back differs"
    print("PASS", NAME, "consume", flush=True)
    at = TopicPartition(topic, 0)
    count = sum(1 for partition, _ in placed if partition == 0)
    for spec, offset in [
        (OffsetSpec.earliest(), 0),
        (OffsetSpec.latest(), count),
        (OffsetSpec.for_timestamp(begun), 0),
    ]:
        result = admin.list_offsets({at: spec})[at].result(timeout=20)
        assert result.offset == offset, (spec, result.offset, offset)
    print("PASS", NAME, "offsets", flush=True)
    wait(admin.delete_topics([topic]))
    deadline = time.time() + 20
    while topic in admin.list_topics(timeout=10).topics:
        assert time.time() < deadline, "the topic stays"
        time.sleep(0.1)
    print("PASS", NAME, "admin", flush=True)


main()
