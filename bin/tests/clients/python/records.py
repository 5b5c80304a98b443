"""The records every client writes and expects: what record NUMBER is follows from its number.

The same rule stands in the programs for kafkajs and Java, so that each client reads what all the
others wrote. The timestamp says the number, which leaves key and value free to be null.
"""

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 4
RECORDS = 1000
FIRST_TIMESTAMP = 1_700_000_000_000
NO_NULL_HEADERS = ["kafka-python", "kafkajs"]


def timestamp(number):
    return FIRST_TIMESTAMP + 1000 * number


def key(number):
    return None if number % 10 == 9 else f"clé-{number}".encode()


def value(number):
    if number % 10 == 4:
        return None
    return b"" if number % 10 == 5 else f"{number}/".encode() * (1 + number % 60)


def headers(number, writer):
    """Pairs in their order. Not every client can write a header without a value."""
    if number % 3 == 0:
        return [("number", str(number).encode()), ("twice", b"a"), ("twice", b"b"), ("empty", b"")]
    if number % 3 == 1:
        return []
    return [("null", b"" if writer in NO_NULL_HEADERS else None)]


def check(topic, found_timestamp, found_key, found_value, found_headers):
    """Compares a record with the rule and returns its number."""
    number, rest = divmod(found_timestamp - FIRST_TIMESTAMP, 1000)
    writer = topic.split(".")[1]
    assert rest == 0 and 0 <= number < RECORDS, f"{topic}: timestamp {found_timestamp}"
    found = (found_key, found_value, list(found_headers or []))
    expected = (key(number), value(number), headers(number, writer))
    assert found == expected, f"{topic}: {found} is not {expected}"
    return number


def first_from(placed, partition, number):
    """The offset a partition must name for the timestamp of a record, or None past its end."""
    offsets = [at for (p, at), n in placed.items() if p == partition and n >= number]
    return min(offsets, default=None)


def check_whole(topic, found):
    """Every record is there once, and offsets have no gap; found maps (partition, offset)."""
    assert sorted(found.values()) == list(range(RECORDS)), f"{topic}: {len(found)} records"
    for partition in range(PARTITIONS):
        offsets = sorted(offset for p, offset in found if p == partition)
        assert offsets == list(range(len(offsets))), f"{topic} {partition}: a gap"
