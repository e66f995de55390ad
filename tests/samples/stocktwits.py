"""Good bodies of the source ``stocktwits``."""

from __future__ import annotations

import json
from typing import Any

from tests.samples import sample

STREAM: dict[str, Any] = {
    "response": {"status": 200},
    "symbol": {"symbol": "ACME"},
    "cursor": {"more": True, "since": 3, "max": 2},
    "messages": [
        {
            "id": 3,
            "body": "$ACME can&#39;t pay",
            "created_at": "2026-01-01T20:22:00Z",
            "user": {"id": 1, "username": "someone"},
            "symbols": [{"symbol": "ACME"}, {"symbol": "btc.x"}],
            "entities": {"sentiment": {"basic": "Bearish"}},
        },
        {"id": 2, "body": "$ACME", "created_at": "2026-01-01T20:21:00Z", "symbols": [], "entities": {"sentiment": None}},
    ],
}
ACTIVITY: dict[str, Any] = {
    "verb": "post",
    "id": "tag:firehose.stocktwits.com:note/42123857",
    "body": "$ACME up &amp; away",
    "object": {"id": "note:stocktwits:42123857", "postedTime": "2015-09-01T00:00:04Z", "summary": "$ACME"},
    "entities": {"symbols": [{"symbol": "ACME"}], "sentiment": {"basic": "Bullish"}},
}
SAMPLES = [
    sample("stocktwits", json.dumps(STREAM).encode(), url="https://api.stocktwits.com/api/2/streams/symbol/ACME.json", stream="ACME"),
    sample("stocktwits", json.dumps(ACTIVITY).encode() + b"\n" + json.dumps(ACTIVITY).encode() + b"\n", stream="firehose"),
]
