"""librdkafka at each listener: it writes and reads where it may, and stays out where it may not.

Usage: secured.py FOLDER PLAIN SSL SASL_PLAINTEXT SASL_SSL
FOLDER holds ca.pem, client.pem (key and certificate); the rest are HOST:PORT.
"""

import sys
import time

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

FOLDER, PLAIN, SSL, SASL_PLAINTEXT, SASL_SSL = sys.argv[1:]
TLS = {"ssl.ca.location": f"{FOLDER}/ca.pem"}
CERTIFICATE = {
    "ssl.certificate.location": f"{FOLDER}/client.pem",
    "ssl.key.location": f"{FOLDER}/client.pem",
}
PATIENCE = 30


def sasl(mechanism, user, password):
    return {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}


def succeeds(name, address, protocol, settings):
    """Writes a record, and reads it as a member of a group."""
    config = {"bootstrap.servers": address, "security.protocol": protocol, **settings}
    errors = []
    producer = Producer(config)
    producer.produce("secured", name.encode(), on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(PATIENCE) == 0 and errors == [None], (name, errors)
    consumer = Consumer({**config, "group.id": name, "auto.offset.reset": "earliest"})
    consumer.subscribe(["secured"])
    found, begun = set(), time.monotonic()
    while name.encode() not in found:
        assert time.monotonic() < begun + PATIENCE, (name, found)
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            found.add(message.value())
    consumer.close()
    print(f"PASS librdkafka {name}")


def fails(name, address, protocol, settings, code):
    """Is told why it stays out."""
    errors = []
    config = {"bootstrap.servers": address, "security.protocol": protocol, **settings}
    producer = Producer({**config, "error_cb": lambda error: errors.append(error.code())})
    begun = time.monotonic()
    while code not in errors:
        assert time.monotonic() < begun + PATIENCE, (name, errors)
        producer.poll(0.5)
    print(f"PASS librdkafka {name}")


admin = AdminClient({"bootstrap.servers": PLAIN})
for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
    user = UserScramCredentialUpsertion("carol", ScramCredentialInfo(mechanism, 8192), b"secret")
    for done in admin.alter_user_scram_credentials([user]).values():
        done.result(PATIENCE)

succeeds("tls", SSL, "ssl", {**TLS, **CERTIFICATE})
succeeds("plain", SASL_PLAINTEXT, "sasl_plaintext", sasl("PLAIN", "alice", "wonder"))
succeeds("plain in tls", SASL_SSL, "sasl_ssl", {**TLS, **sasl("PLAIN", "alice", "wonder")})
for name in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
    succeeds(f"{name} in tls", SASL_SSL, "sasl_ssl", {**TLS, **sasl(name, "carol", "secret")})
wrong = {**TLS, **sasl("SCRAM-SHA-512", "carol", "wrong")}
fails("wrong password", SASL_SSL, "sasl_ssl", wrong, KafkaError._AUTHENTICATION)
fails("no certificate", SSL, "ssl", TLS, KafkaError._ALL_BROKERS_DOWN)
