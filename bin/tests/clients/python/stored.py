"""What the clients' batches look like on disk, once the broker stopped: stored.py CORELOG DATA.

Topics come on standard input, as `corelog topic list --json` prints them. A topic's name says how
its batches must be stored: clients.WRITER.KIND.CODEC. A client that turned compression or
idempotence off on its own, because it took the broker for an old one, fails here.
"""

import collections
import json
import subprocess
import sys

CORELOG, DATA = sys.argv[1:]
# librdkafka sends a batch as it is if compression makes it no smaller, which happens to small ones.
SMALL_RECORDS = 10

topics = {topic["topic_id"]: topic["topic"] for topic in json.load(sys.stdin)["topics"]}
dump = subprocess.run(
    [CORELOG, "log", "dump", "--json", "--batches", DATA], check=True, capture_output=True
)
name, records = None, collections.Counter()
for line in dump.stdout.splitlines():
    entry = json.loads(line)
    if "segment" in entry:
        folder = entry["segment"].split("/")[-2]
        name = topics.get(folder.rsplit("-", 1)[0], "")
    elif name.startswith("clients."):
        _, writer, kind, codec = name.split(".")
        assert entry["intact"], entry
        assert (entry["producer_id"] >= 0) == (kind == "idempotent"), (name, entry)
        assert entry["codec"] == codec or entry["records"] < SMALL_RECORDS, (name, entry)
        records[name] += entry["records"]
expected = {name: 1000 for name in topics.values() if name.startswith("clients.")}
assert expected and records == expected, (records, expected)
print(f"PASS {len(records)} topics are stored with the codec and the kind of producer they name")
