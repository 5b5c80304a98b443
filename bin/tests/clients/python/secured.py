"""librdkafka at each listener: it writes and reads where it may, and stays out where it may not.

Usage: secured.py FOLDER keys, to make those that sign tokens, and then
secured.py FOLDER BROKER PLAIN SSL SASL_PLAINTEXT SASL_SSL TOKENS
FOLDER holds ca.pem, client.pem (key and certificate) and the keys; BROKER is the number of a
process; the rest are HOST:PORT.
"""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

import bearer

FOLDER = Path(sys.argv[1])
RSA, EC = bearer.Key(FOLDER, "first", "RS256"), bearer.Key(FOLDER, "second", "ES256")
if sys.argv[2] == "keys":
    bearer.publish(FOLDER / "jwks.json", [RSA, EC])
    (FOLDER / "token").write_text(EC.token("erin"))
    sys.exit()
BROKER, PLAIN, SSL, SASL_PLAINTEXT, SASL_SSL, TOKENS = sys.argv[2:]
TLS = {"ssl.ca.location": f"{FOLDER}/ca.pem"}
CERTIFICATE = {
    "ssl.certificate.location": f"{FOLDER}/client.pem",
    "ssl.key.location": f"{FOLDER}/client.pem",
}
PATIENCE = 30


def sasl(mechanism, user, password):
    return {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}


def token(signed):
    """For all it knows, librdkafka may send this token for an hour."""
    told = (signed, time.time() + 3600)
    return {**TLS, "sasl.mechanism": "OAUTHBEARER", "oauth_cb": lambda _: told}


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
    """Is told why it stays out, and does not try again at once."""
    errors = []
    config = {"bootstrap.servers": address, "security.protocol": protocol, **settings}
    config |= {"reconnect.backoff.ms": 5000, "reconnect.backoff.max.ms": 10_000}
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

def together(calls):
    """All at once, for they mostly wait."""
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(*call) for call in calls]:
            done.result()


third = bearer.Key(FOLDER, "third", "ES256")
hour_ago = int(time.time()) - 3600
wrong_tokens = {
    "token for another audience": EC.token("erin", aud="mail"),
    "token of another issuer": EC.token("erin", iss="https://elsewhere.example"),
    "token that has expired": EC.token("erin", iat=hour_ago, exp=hour_ago + 600),
    "token by a key that is not published": third.token("erin"),
}
good_tokens = {
    "token by RS256": RSA.token("erin"),
    "token by ES256": EC.token("erin", aud=["mail", "log"]),
}
wrong = {**TLS, **sasl("SCRAM-SHA-512", "carol", "wrong")}
together([
    (succeeds, "tls", SSL, "ssl", {**TLS, **CERTIFICATE}),
    (succeeds, "plain", SASL_PLAINTEXT, "sasl_plaintext", sasl("PLAIN", "alice", "wonder")),
    (succeeds, "plain in tls", SASL_SSL, "sasl_ssl", {**TLS, **sasl("PLAIN", "alice", "wonder")}),
    *(
        (succeeds, f"{name} in tls", SASL_SSL, "sasl_ssl", {**TLS, **sasl(name, "carol", "secret")})
        for name in ("SCRAM-SHA-256", "SCRAM-SHA-512")
    ),
    (fails, "wrong password", SASL_SSL, "sasl_ssl", wrong, KafkaError._AUTHENTICATION),
    (fails, "no certificate", SSL, "ssl", TLS, KafkaError._ALL_BROKERS_DOWN),
    *((succeeds, name, TOKENS, "sasl_ssl", token(signed)) for name, signed in good_tokens.items()),
    *(
        (fails, name, TOKENS, "sasl_ssl", token(signed), KafkaError._AUTHENTICATION)
        for name, signed in wrong_tokens.items()
    ),
])

# The file of keys is replaced while the broker runs: one goes, one comes, one stays.
bearer.publish(FOLDER / "jwks.json", [EC, third])
os.kill(int(BROKER), signal.SIGHUP)
succeeds("token by a new key", TOKENS, "sasl_ssl", token(third.token("erin")))
withdrawn = token(RSA.token("erin"))
together([
    (succeeds, "token by a key that stayed", TOKENS, "sasl_ssl", token(EC.token("erin"))),
    (fails, "token by a key that went", TOKENS, "sasl_ssl", withdrawn, KafkaError._AUTHENTICATION),
])
