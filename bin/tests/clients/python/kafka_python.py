"""An unmodified kafka-python: kafka_python.py write|read|group|transactions BOOTSTRAP NODES."""

import sys
import threading
import time

import kafka
from kafka import (
    KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition,
)
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import (
    InvalidPartitionsError, InvalidProducerEpochError, MessageSizeTooLargeError,
    ProducerFencedError, TopicAlreadyExistsError, UnknownTopicOrPartitionError,
)

import records
from records import CODECS, PARTITIONS, RECORDS

COMMAND, BOOTSTRAP, NODES = sys.argv[1], sys.argv[2], int(sys.argv[3])
# A poll that ends before an answer of the group has come may lose the assignment for good.
PATIENCE_MS = 5000
NAME = "kafka-python " + kafka.__version__
ADMIN = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def passed(what):
    print("PASS", NAME, what, flush=True)


def refused(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


def produce(topic, codec, idempotent):
    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        compression_type=None if codec == "none" else codec,
        acks="all",
        enable_idempotence=idempotent,
        linger_ms=20,
    )
    sent = [
        producer.send(
            topic,
            key=records.key(number),
            value=records.value(number),
            headers=records.headers(number, "kafka-python"),
            timestamp_ms=records.timestamp(number),
        )
        for number in range(RECORDS)
    ]
    producer.flush(timeout=30)
    results = [future.get(timeout=20) for future in sent]
    producer.close()
    placed = {(at.partition, at.offset): number for number, at in enumerate(results)}
    assert len(placed) == RECORDS, len(placed)
    return placed


def consumer():
    return KafkaConsumer(
        bootstrap_servers=BOOTSTRAP,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        consumer_timeout_ms=10000,
    )


def consume(topic):
    reader = consumer()
    reader.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
    reader.seek_to_beginning()
    found = {}
    for record in reader:
        place = (record.partition, record.offset)
        assert place not in found, f"{place} came twice"
        found[place] = records.check(
            topic, record.timestamp, record.key, record.value, record.headers
        )
        if len(found) == RECORDS:
            break
    reader.close()
    return found


def check_offsets(topic, placed):
    reader = consumer()
    partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    ends = {at: sum(1 for p, _ in placed if p == at.partition) for at in partitions}
    assert reader.beginning_offsets(partitions) == dict.fromkeys(partitions, 0)
    assert reader.end_offsets(partitions) == ends
    middle = reader.offsets_for_times(dict.fromkeys(partitions, records.timestamp(RECORDS // 2)))
    found = {at: place and place.offset for at, place in middle.items()}
    assert found == {
        at: records.first_from(placed, at.partition, RECORDS // 2) for at in partitions
    }
    past = reader.offsets_for_times(dict.fromkeys(partitions, records.timestamp(RECORDS)))
    assert past == dict.fromkeys(partitions), past
    reader.close()


def administer():
    topic = "admin.kafka-python"
    new = NewTopic(topic, 2, 1, topic_configs={"retention.ms": "-1"})
    create = lambda: ADMIN.create_topics([new])
    create()
    refused(TopicAlreadyExistsError, create)
    size = {"max.message.bytes": "2000"}
    ADMIN.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=size)])
    set_here = ADMIN.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    values = {name: entry["value"] for name, entry in set_here["topic"][topic].items()}
    assert values == {"retention.ms": "-1"} | size, values
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    producer.send(topic, b"x" * 1000).get(timeout=20)
    refused(MessageSizeTooLargeError, lambda: producer.send(topic, b"x" * 3000).get(timeout=20))
    producer.close()
    ADMIN.create_partitions({topic: NewPartitions(PARTITIONS)})
    refused(InvalidPartitionsError, lambda: ADMIN.create_partitions({topic: NewPartitions(1)}))
    (found,) = ADMIN.describe_topics([topic])
    assert len(found["partitions"]) == PARTITIONS, found
    ADMIN.delete_topics([topic])
    refused(UnknownTopicOrPartitionError, lambda: ADMIN.delete_topics([topic]))
    assert topic not in ADMIN.list_topics()
    passed("admin")


def write():
    nodes = ADMIN.describe_cluster()["brokers"]
    assert len(nodes) == NODES, f"{len(nodes)} nodes, {NODES} cores"
    for codec, idempotent in [(codec, False) for codec in CODECS] + [("gzip", True)]:
        kind = "idempotent" if idempotent else "plain"
        topic = f"clients.kafka-python.{kind}.{codec}"
        ADMIN.create_topics([NewTopic(topic, PARTITIONS, 1)])
        placed = produce(topic, codec, idempotent)
        assert consume(topic) == placed, "what came back differs from what was acknowledged"
        check_offsets(topic, placed)
        passed(f"writes {kind} {codec}")
    administer()


def read():
    topics = sorted(topic for topic in ADMIN.list_topics() if topic.startswith("clients."))
    for topic in topics:
        records.check_whole(topic, consume(topic))
    passed(f"reads {len(topics)} topics of all clients")


class Member(threading.Thread):
    """A member that reads until it is told to leave, and commits before it does."""

    def __init__(self, group):
        super().__init__(daemon=True)
        self.consumer = KafkaConsumer(
            "clients.kafka-python.plain.none",
            bootstrap_servers=BOOTSTRAP,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=20,
        )
        self.numbers, self.share, self.leaves = set(), 0, threading.Event()
        self.start()

    def run(self):
        while not self.leaves.is_set():
            for found in self.consumer.poll(timeout_ms=100).values():
                self.numbers.update(record.timestamp for record in found)
                self.consumer.commit()
            self.share = len(self.consumer.assignment())
        self.consumer.close()

    def leave(self):
        self.leaves.set()
        self.join(60)
        assert not self.is_alive(), "a member does not leave"


def group():
    name, until = "clients.kafka-python.group", time.monotonic() + 60

    def wait(what, holds):
        while not holds():
            shares = [(member.share, len(member.numbers)) for member in members]
            assert time.monotonic() < until, f"{what}: partitions and records are {shares}"
            time.sleep(0.05)

    members = [Member(name), Member(name)]
    first, second = members
    wait("two members share", lambda: first.share == second.share == 2)
    wait("they read all", lambda: len(first.numbers | second.numbers) == RECORDS)
    second.leave()
    wait("one takes over", lambda: first.share == PARTITIONS)
    first.leave()
    offsets = ADMIN.list_group_offsets(name)[name]
    assert sum(found.offset for found in offsets.values()) == RECORDS, offsets
    members = [Member(name)]
    (third,) = members
    wait("one gets everything", lambda: third.share == PARTITIONS)
    third.leave()
    assert third.numbers == set(), "what was committed comes again"
    passed("shares a topic in a group")


def transactional():
    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP, transactional_id="kafka-python", linger_ms=5
    )
    producer.init_transactions()
    return producer


def texts(topic, isolation):
    """All values of a topic."""
    found, until = [], time.monotonic() + 60
    reader = KafkaConsumer(
        bootstrap_servers=BOOTSTRAP, isolation_level=isolation, fetch_max_wait_ms=20
    )
    partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    reader.assign(partitions)
    reader.seek_to_beginning()
    # The ends of everything: a commit is answered before it shows to readers of what is committed.
    everything = KafkaConsumer(bootstrap_servers=BOOTSTRAP)
    ends = everything.end_offsets(partitions)
    everything.close()
    while any(reader.position(at) < ends[at] for at in partitions):
        assert time.monotonic() < until, f"{topic} does not end"
        for part in reader.poll(timeout_ms=100).values():
            found += [record.value.decode() for record in part]
    reader.close()
    return found


def transactions():
    """Reads, transforms and writes in transactions, of which every third is aborted."""
    count = 300
    source, target = "transactions.source.kafka-python", "transactions.target.kafka-python"
    ADMIN.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in [source, target]])
    plain = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for number in range(count):
        text = str(number).encode()
        plain.send(source, key=text, value=text)
    plain.close()
    consumer = KafkaConsumer(
        source,
        bootstrap_servers=BOOTSTRAP,
        group_id="transactions.kafka-python",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=20,
        max_poll_records=10,
    )
    producer = transactional()
    done, aborted, turn, until = 0, 0, 0, time.monotonic() + 120
    while done < count:
        assert time.monotonic() < until, f"{done} records in two minutes"
        found = consumer.poll(timeout_ms=PATIENCE_MS)
        if not found:
            continue
        turn += 1
        size = sum(len(part) for part in found.values())
        producer.begin_transaction()
        for record in (record for part in found.values() for record in part):
            producer.send(target, key=record.key, value=record.value)
        offsets = {at: OffsetAndMetadata(part[-1].offset + 1, "", -1) for at, part in found.items()}
        producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
        if turn % 3:
            producer.commit_transaction()
            done += size
            continue
        producer.flush()
        producer.abort_transaction()
        aborted += size
        for at in consumer.assignment():
            consumer.seek(at, consumer.committed(at) or 0)
    consumer.close()
    committed = texts(target, "read_committed")
    assert sorted(committed, key=int) == [str(number) for number in range(count)], len(committed)
    everything = len(texts(target, "read_uncommitted"))
    assert aborted > 0 and everything == count + aborted, (everything, aborted)
    fence(producer, target)
    committed = texts(target, "read_committed")
    assert len(committed) == count + 1 and "second" in committed, len(committed)
    passed("copies in transactions")


def fence(first, target):
    """A second producer with the same id ends what the first one has begun."""
    first.begin_transaction()
    first.send(target, b"zombie").get(timeout=20)
    second = transactional()
    try:
        first.commit_transaction()
        raise AssertionError("a producer that was replaced can commit")
    except (ProducerFencedError, InvalidProducerEpochError):
        pass
    second.begin_transaction()
    second.send(target, b"second")
    second.commit_transaction()
    second.close()
    first.close(timeout=0)


COMMANDS = {"write": write, "read": read, "group": group, "transactions": transactions}
COMMANDS[COMMAND]()
ADMIN.close()
