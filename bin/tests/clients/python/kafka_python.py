"""An unmodified kafka-python against a running broker: bootstrap address, node count."""

import sys
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

BOOTSTRAP, NODES = sys.argv[1], int(sys.argv[2])
NAME = "kafka-python " + kafka.__version__
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
TOPIC = "kafka-python"
PARTITIONS = 4
RECORDS = 500


def produce(codec, idempotent):
    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        compression_type=codec,
        acks="all",
        enable_idempotence=idempotent,
        linger_ms=5,
    )
    sent = []
    for number in range(RECORDS):
        key = f"{codec}-{number}".encode()
        value = key * (1 + number % 40)
        sent.append((key, value, producer.send(TOPIC, key=key, value=value)))
    producer.flush(timeout=30)
    placed = {}
    for key, value, future in sent:
        metadata = future.get(timeout=20)
        placed[(metadata.partition, metadata.offset)] = (key, value)
    producer.close()
    assert len(placed) == RECORDS, len(placed)
    return placed


def main():
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    nodes = admin.describe_cluster()["brokers"]
    assert len(nodes) == NODES, f"{len(nodes)} nodes, {NODES} cores"
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    begun = int(time.time() * 1000)
    placed = {}
    for codec in CODECS:
        placed.update(produce(codec, False))
        print("PASS", NAME, "produce", codec, flush=True)
    placed.update(produce("gzip", True))
    print("PASS", NAME, "idempotent produce", flush=True)
    consumer = KafkaConsumer(
        bootstrap_servers=BOOTSTRAP,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        consumer_timeout_ms=10000,
    )
    partitions = [TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    found = {}
    for record in consumer:
        found[(record.partition, record.offset)] = (record.key, record.value)
        if len(found) == len(placed):
            break
    assert found == placed, f"{len(found)} records of {len(placed)}, or they differ"
    print("PASS", NAME, "consume", flush=True)
    ends = {at: sum(1 for p, _ in placed if p == at.partition) for at in partitions}
    assert consumer.end_offsets(partitions) == ends
    times = consumer.offsets_for_times({at: begun for at in partitions})
    assert all(times[at].offset == 0 for at in partitions), times
    print("PASS", NAME, "offsets", flush=True)
    consumer.close()
    admin.delete_topics([TOPIC])
    deadline = time.time() + 20
    while TOPIC in admin.list_topics():
        assert time.time() < deadline, "the topic stays"
        time.sleep(0.1)
    print("PASS", NAME, "admin", flush=True)
    admin.close()


main()
