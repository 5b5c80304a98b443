"""An unmodified confluent-kafka (librdkafka): confluent.py write|read|group|transactions BOOTSTRAP NODES."""

import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
    OffsetSpec,
)

import records
from records import CODECS, PARTITIONS, RECORDS

COMMAND, BOOTSTRAP, NODES = sys.argv[1], sys.argv[2], int(sys.argv[3])
NAME = "confluent-kafka " + confluent_kafka.__version__
FENCED = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})


def passed(what):
    print("PASS", NAME, what, flush=True)


def only(futures):
    """The result of a call about one thing."""
    (future,) = futures.values()
    return future.result(timeout=20)


def refused(code, futures):
    try:
        only(futures)
    except KafkaException as error:
        assert error.args[0].code() == code, error
    else:
        raise AssertionError(f"{code} was expected")


def produce(topic, codec, idempotent):
    placed, errors = {}, []

    def delivered(number):
        def keep(error, message):
            if error is not None:
                errors.append(error)
            else:
                placed[(message.partition(), message.offset())] = number
        return keep

    producer = Producer({
        "bootstrap.servers": BOOTSTRAP,
        "compression.codec": codec,
        "enable.idempotence": idempotent,
        "acks": "all",
        "linger.ms": 20,
    })
    for number in range(RECORDS):
        producer.produce(
            topic,
            records.value(number),
            records.key(number),
            headers=records.headers(number, "confluent"),
            timestamp=records.timestamp(number),
            on_delivery=delivered(number),
        )
        producer.poll(0)
    assert producer.flush(30) == 0, "records are left over"
    assert not errors, errors[0]
    assert len(placed) == RECORDS, len(placed)
    return placed


def consume(topic):
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.id": "unused",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "check.crcs": True,
    })
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found, deadline = {}, time.time() + 30
    while len(found) < RECORDS:
        assert time.time() < deadline, f"{len(found)} of {RECORDS} records came"
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        place = (message.partition(), message.offset())
        assert place not in found, f"{place} came twice"
        at = message.timestamp()[1]
        found[place] = records.check(topic, at, message.key(), message.value(), message.headers())
    consumer.close()
    return found


def check_offsets(topic, placed):
    for partition in range(PARTITIONS):
        at = TopicPartition(topic, partition)
        count = sum(1 for p, _ in placed if p == partition)
        middle = records.first_from(placed, partition, RECORDS // 2)
        for spec, offset in [
            (OffsetSpec.earliest(), 0),
            (OffsetSpec.latest(), count),
            (OffsetSpec.for_timestamp(records.timestamp(RECORDS // 2)), middle),
            (OffsetSpec.for_timestamp(records.timestamp(RECORDS)), -1),
        ]:
            result = only(ADMIN.list_offsets({at: spec}))
            assert result.offset == offset, (spec, result.offset, offset)


def config(topic, name):
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return only(ADMIN.describe_configs([resource]))[name].value


def administer():
    topic = "admin.confluent"
    only(ADMIN.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "-1"})]))
    refused(KafkaError.TOPIC_ALREADY_EXISTS, ADMIN.create_topics([NewTopic(topic, 2, 1)]))
    refused(KafkaError.TOPIC_EXCEPTION, ADMIN.create_topics([NewTopic("no/topic", 2, 1)]))
    assert config(topic, "retention.ms") == "-1"
    change = ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[change])
    only(ADMIN.incremental_alter_configs([resource]))
    assert (config(topic, "max.message.bytes"), config(topic, "retention.ms")) == ("2000", "-1")
    only(ADMIN.create_partitions([NewPartitions(topic, PARTITIONS)]))
    refused(KafkaError.INVALID_PARTITIONS, ADMIN.create_partitions([NewPartitions(topic, 1)]))
    assert len(ADMIN.list_topics(timeout=10).topics[topic].partitions) == PARTITIONS
    outcomes = []
    keep = lambda error, message: outcomes.append(error)
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    for size in [1000, 3000]:
        producer.produce(topic, b"x" * size, partition=3, on_delivery=keep)
        producer.flush(20)
    assert outcomes[0] is None and outcomes[1].code() == KafkaError.MSG_SIZE_TOO_LARGE, outcomes
    low = only(ADMIN.delete_records([TopicPartition(topic, 3, 1)])).low_watermark
    assert low == 1, low
    assert only(ADMIN.list_offsets({TopicPartition(topic, 3): OffsetSpec.earliest()})).offset == 1
    only(ADMIN.delete_topics([topic]))
    refused(KafkaError.UNKNOWN_TOPIC_OR_PART, ADMIN.delete_topics([topic]))
    assert topic not in ADMIN.list_topics(timeout=10).topics
    passed("admin")


def write():
    nodes = ADMIN.list_topics(timeout=10).brokers
    assert len(nodes) == NODES, f"{len(nodes)} nodes, {NODES} cores"
    for codec, idempotent in [(codec, False) for codec in CODECS] + [("lz4", True)]:
        kind = "idempotent" if idempotent else "plain"
        topic = f"clients.confluent.{kind}.{codec}"
        only(ADMIN.create_topics([NewTopic(topic, PARTITIONS, 1)]))
        placed = produce(topic, codec, idempotent)
        assert consume(topic) == placed, "what came back differs from what was acknowledged"
        check_offsets(topic, placed)
        passed(f"writes {kind} {codec}")
    administer()


def read():
    topics = sorted(t for t in ADMIN.list_topics(timeout=10).topics if t.startswith("clients."))
    for topic in topics:
        records.check_whole(topic, consume(topic))
    passed(f"reads {len(topics)} topics of all clients")


def member(group, protocol):
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.protocol": protocol,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 20,
    })
    consumer.subscribe(["clients.confluent.plain.none"])
    return consumer


def share(protocol):
    name = f"clients.confluent.{protocol}"
    numbers, shares, until = set(), [], time.monotonic() + 60
    members = [member(name, protocol), member(name, protocol)]
    positions = 0
    # One that came later may have to read on where the other was when it came.
    while len(numbers) < RECORDS or shares != [2, 2] or positions < RECORDS:
        assert time.monotonic() < until, f"{len(numbers)} records, partitions: {shares}"
        for consumer in members:
            for message in consumer.consume(500, timeout=0.05):
                assert message.error() is None, message.error()
                numbers.add(message.timestamp()[1])
        shares = [len(consumer.assignment()) for consumer in members]
        places = [at for one in members for at in one.position(one.assignment())]
        positions = sum(max(at.offset, 0) for at in places)
    for consumer in members:
        consumer.commit(asynchronous=False)
    members.pop().close()
    while len(members[0].assignment()) < PARTITIONS:
        assert time.monotonic() < until, "the partitions of one that left are not taken over"
        assert members[0].poll(0.05) is None, "what was committed comes again"
    members.pop().close()
    last = member(name, protocol)
    while len(last.assignment()) < PARTITIONS:
        assert time.monotonic() < until, "one member alone does not get everything"
        assert last.poll(0.05) is None, "what was committed comes again"
    offsets = [found.offset for found in last.committed(last.assignment(), timeout=20)]
    assert sum(offsets) == RECORDS, offsets
    last.close()
    only(ADMIN.delete_consumer_groups([name]))
    passed(f"shares a topic in a {protocol} group")


def group():
    for protocol in ["classic", "consumer"]:
        share(protocol)


def transactional(name):
    producer = Producer({
        "bootstrap.servers": BOOTSTRAP,
        "transactional.id": name,
        "linger.ms": 5,
    })
    producer.init_transactions(30)
    return producer


def texts(topic, isolation, count):
    """All values of a topic, once there are so many or a minute has passed: a commit is answered
    before it shows to readers of what is committed."""
    until = time.monotonic() + 60
    while len(found := values(topic, isolation)) < count and time.monotonic() < until:
        pass
    return found


def values(topic, isolation):
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.id": "none",
        "isolation.level": isolation,
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 20,
    })
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found, ended, until = [], set(), time.monotonic() + 60
    while len(ended) < PARTITIONS:
        assert time.monotonic() < until, f"{topic} does not end"
        for message in consumer.consume(500, timeout=0.5):
            if message.error() is None:
                found.append(message.value().decode())
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                ended.add(message.partition())
    consumer.close()
    return found


def transactions():
    """Reads, transforms and writes in transactions, of which every third is aborted."""
    count, source, target = 300, "transactions.source.confluent", "transactions.target.confluent"
    for topic in [source, target]:
        only(ADMIN.create_topics([NewTopic(topic, PARTITIONS, 1)]))
    plain = Producer({"bootstrap.servers": BOOTSTRAP})
    for number in range(count):
        plain.produce(source, key=str(number), value=str(number))
    assert plain.flush(20) == 0
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.id": "transactions.confluent",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 20,
    })
    consumer.subscribe([source])
    producer = transactional("confluent")
    done, aborted, turn, until = 0, 0, 0, time.monotonic() + 120
    while done < count:
        assert time.monotonic() < until, f"{done} records in two minutes"
        messages = consumer.consume(10, timeout=0.2)
        if not messages:
            continue
        turn += 1
        producer.begin_transaction()
        for message in messages:
            assert message.error() is None, message.error()
            producer.produce(target, key=message.key(), value=message.value())
        places = consumer.position(consumer.assignment())
        known = [place for place in places if place.offset >= 0]
        producer.send_offsets_to_transaction(known, consumer.consumer_group_metadata(), 30)
        if turn % 3:
            producer.commit_transaction(30)
            done += len(messages)
            continue
        producer.flush(20)
        producer.abort_transaction(30)
        aborted += len(messages)
        for place in consumer.committed(consumer.assignment(), timeout=20):
            consumer.seek(TopicPartition(source, place.partition, max(place.offset, 0)))
    consumer.close()
    committed = texts(target, "read_committed", count)
    assert sorted(committed, key=int) == [str(number) for number in range(count)], len(committed)
    everything = len(texts(target, "read_uncommitted", count + aborted))
    assert aborted > 0 and everything == count + aborted, (everything, aborted)
    producer.begin_transaction()
    producer.produce(target, value="zombie")
    producer.flush(20)
    second = transactional("confluent")
    try:
        producer.commit_transaction(30)
        raise AssertionError("a producer that was replaced can commit")
    except KafkaException as error:
        assert error.args[0].fatal() or error.args[0].code() in FENCED, error
    second.begin_transaction()
    second.produce(target, value="second")
    second.commit_transaction(30)
    committed = texts(target, "read_committed", count + 1)
    assert len(committed) == count + 1 and "second" in committed, len(committed)
    passed("copies in transactions")


COMMANDS = {"write": write, "read": read, "group": group, "transactions": transactions}
COMMANDS[COMMAND]()
