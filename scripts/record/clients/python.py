"""Sends the visit with one of the two Python SDKs: python.py <module> <url> <write key> <visit.json>"""

import json
import sys
from datetime import datetime
from importlib import import_module

module, url, write_key, visit = sys.argv[1:]
client = import_module(module + ".client").Client(
    write_key, host=url, gzip=True, upload_size=4, upload_interval=0.2
)

with open(visit, encoding="utf-8") as file:
    calls = json.load(file)

for call in calls:
    send = getattr(client, call.pop("type"))
    named = {
        "userId": "user_id",
        "anonymousId": "anonymous_id",
        "groupId": "group_id",
        "previousId": "previous_id",
    }
    call["timestamp"] = datetime.fromisoformat(call["timestamp"])
    send(**{named.get(key, key): value for key, value in call.items()})

# Numbers that JSON has not, and one that no 64 bits hold: Python's json writes all of them.
client.track(
    user_id="ada",
    event="Odd Numbers",
    properties={"ratio": float("nan"), "most": float("inf"), "least": float("-inf"), "views": 2**70},
    timestamp=datetime.fromisoformat("2026-11-20T10:15:38.000Z"),
)
client.shutdown()
