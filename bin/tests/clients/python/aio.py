"""An unmodified aiokafka: aio.py write|read|group|transactions BOOTSTRAP NODES."""

import asyncio
import sys

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError, ProducerFenced

import records
from records import CODECS, PARTITIONS, RECORDS

COMMAND, BOOTSTRAP, NODES = sys.argv[1], sys.argv[2], int(sys.argv[3])
NAME = "aiokafka " + aiokafka.__version__


def passed(what):
    print("PASS", NAME, what, flush=True)


async def create(admin, topic, count=PARTITIONS, configs=None):
    """The error codes of one topic."""
    new = NewTopic(topic, count, 1, topic_configs=configs or {})
    return (await admin.create_topics([new])).topic_errors[0][1]


async def produce(topic, codec, idempotent):
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        compression_type=None if codec == "none" else codec,
        acks="all",
        enable_idempotence=idempotent,
        linger_ms=20,
    )
    async with producer:
        sent = [
            await producer.send(
                topic,
                key=records.key(number),
                value=records.value(number),
                headers=records.headers(number, "aiokafka"),
                timestamp_ms=records.timestamp(number),
            )
            for number in range(RECORDS)
        ]
        results = await asyncio.wait_for(asyncio.gather(*sent), 30)
    placed = {(at.partition, at.offset): number for number, at in enumerate(results)}
    assert len(placed) == RECORDS, len(placed)
    return placed


def reader(**settings):
    return AIOKafkaConsumer(
        bootstrap_servers=BOOTSTRAP,
        group_id=None,
        auto_offset_reset="none",
        fetch_max_wait_ms=20,
        **settings,
    )


async def consume(topic):
    found = {}
    async with reader() as consumer:
        partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        while len(found) < RECORDS:
            record = await asyncio.wait_for(consumer.getone(), 30)
            place = (record.partition, record.offset)
            assert place not in found, f"{place} came twice"
            found[place] = records.check(
                topic, record.timestamp, record.key, record.value, record.headers
            )
    return found


async def check_offsets(topic, placed):
    partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    ends = {at: sum(1 for p, _ in placed if p == at.partition) for at in partitions}
    async with reader() as consumer:
        assert await consumer.beginning_offsets(partitions) == dict.fromkeys(partitions, 0)
        assert await consumer.end_offsets(partitions) == ends
        middle = dict.fromkeys(partitions, records.timestamp(RECORDS // 2))
        found = await consumer.offsets_for_times(middle)
    assert {at: place and place.offset for at, place in found.items()} == {
        at: records.first_from(placed, at.partition, RECORDS // 2) for at in partitions
    }


async def administer(admin):
    topic = "admin.aiokafka"
    assert await create(admin, topic, 2, {"retention.ms": "-1"}) == 0
    assert await create(admin, topic, 2) == 36, "TOPIC_ALREADY_EXISTS"
    size = {"max.message.bytes": "2000"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=size)])
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    values = {entry[0]: entry[1] for entry in response.resources[0][4]}
    assert values["max.message.bytes"] == "2000", values
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP) as producer:
        await producer.send_and_wait(topic, b"x" * 1000)
        try:
            await producer.send_and_wait(topic, b"x" * 3000)
            raise AssertionError("a record that is too large is taken")
        except MessageSizeTooLargeError:
            pass
    await admin.create_partitions({topic: NewPartitions(PARTITIONS)})
    (described,) = await admin.describe_topics([topic])
    assert len(described["partitions"]) == PARTITIONS, described
    await admin.delete_topics([topic])
    assert topic not in await admin.list_topics()
    passed("admin")


async def write(admin):
    nodes = (await admin.describe_cluster())["brokers"]
    assert len(nodes) == NODES, f"{len(nodes)} nodes, {NODES} cores"
    for codec, idempotent in [(codec, False) for codec in CODECS] + [("gzip", True)]:
        kind = "idempotent" if idempotent else "plain"
        topic = f"clients.aiokafka.{kind}.{codec}"
        assert await create(admin, topic) == 0
        placed = await produce(topic, codec, idempotent)
        assert await consume(topic) == placed, "what came back differs from what was acknowledged"
        await check_offsets(topic, placed)
        passed(f"writes {kind} {codec}")
    await administer(admin)


async def read(admin):
    topics = sorted(topic for topic in await admin.list_topics() if topic.startswith("clients."))
    for topic in topics:
        records.check_whole(topic, await consume(topic))
    passed(f"reads {len(topics)} topics of all clients")


async def member(group, topic, isolation="read_uncommitted"):
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=BOOTSTRAP,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level=isolation,
        fetch_max_wait_ms=20,
        max_poll_records=500,
    )
    await consumer.start()
    return consumer


async def poll(consumer):
    """What comes within a moment."""
    found = await consumer.getmany(timeout_ms=100)
    return [record for part in found.values() for record in part]


async def group(admin):
    name, topic = "clients.aiokafka.group", "clients.aiokafka.plain.none"
    numbers, shares, positions = set(), [], 0
    members = await asyncio.gather(member(name, topic), member(name, topic))
    async with asyncio.timeout(60):
        # One that came later may have to read on where the other was when it came.
        while len(numbers) < RECORDS or shares != [2, 2] or positions < RECORDS:
            for consumer in members:
                numbers.update(record.timestamp for record in await poll(consumer))
            shares = [len(consumer.assignment()) for consumer in members]
            positions = sum([await one.position(at) for one in members for at in one.assignment()])
        first, second = members
        await asyncio.gather(first.commit(), second.commit())
        await second.stop()
        while len(first.assignment()) < PARTITIONS:
            assert await poll(first) == [], "what was committed comes again"
        await first.stop()
        third = await member(name, topic)
        while len(third.assignment()) < PARTITIONS:
            assert await poll(third) == [], "what was committed comes again"
        offsets = [await third.committed(partition) for partition in third.assignment()]
        assert sum(offsets) == RECORDS, offsets
        await third.stop()
    passed("shares a topic in a group")


async def texts(topic, isolation):
    """All values of a topic."""
    found = []
    partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    # The ends of everything: a commit is answered before it shows to readers of what is committed.
    async with reader() as everything:
        ends = await everything.end_offsets(partitions)
    async with reader(isolation_level=isolation) as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        async with asyncio.timeout(60):
            while any([await consumer.position(at) < ends[at] for at in partitions]):
                found += [record.value.decode() for record in await poll(consumer)]
    return found


async def transactional():
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP, transactional_id="aiokafka", linger_ms=5
    )
    await producer.start()
    return producer


async def transactions(admin):
    """Reads, transforms and writes in transactions, of which every third is aborted."""
    count, source, target = 300, "transactions.source.aiokafka", "transactions.target.aiokafka"
    for topic in [source, target]:
        assert await create(admin, topic) == 0
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP) as plain:
        for number in range(count):
            text = str(number).encode()
            await plain.send(source, text, key=text)
    name = "transactions.aiokafka"
    consumer, producer = await asyncio.gather(member(name, source), transactional())
    done, aborted, turn = 0, 0, 0
    async with asyncio.timeout(120):
        while done < count:
            found = await consumer.getmany(timeout_ms=200, max_records=10)
            if not found:
                continue
            turn += 1
            await producer.begin_transaction()
            size = 0
            for part in found.values():
                for record in part:
                    await producer.send(target, record.value, key=record.key)
                    size += 1
            offsets = {at: part[-1].offset + 1 for at, part in found.items()}
            await producer.send_offsets_to_transaction(offsets, name)
            if turn % 3:
                await producer.commit_transaction()
                done += size
                continue
            await producer.flush()
            await producer.abort_transaction()
            aborted += size
            for at in consumer.assignment():
                consumer.seek(at, await consumer.committed(at) or 0)
    await consumer.stop()
    committed = await texts(target, "read_committed")
    assert sorted(committed, key=int) == [str(number) for number in range(count)], len(committed)
    everything = len(await texts(target, "read_uncommitted"))
    assert aborted > 0 and everything == count + aborted, (everything, aborted)
    await producer.begin_transaction()
    await producer.send_and_wait(target, b"zombie")
    second = await transactional()
    try:
        await producer.commit_transaction()
        raise AssertionError("a producer that was replaced can commit")
    except ProducerFenced:
        pass
    await producer.stop()
    async with second.transaction():
        await second.send(target, b"second")
    await second.stop()
    committed = await texts(target, "read_committed")
    assert len(committed) == count + 1 and "second" in committed, len(committed)
    passed("copies in transactions")


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    commands = {"write": write, "read": read, "group": group, "transactions": transactions}
    try:
        await commands[COMMAND](admin)
    finally:
        await admin.close()


asyncio.run(main())
