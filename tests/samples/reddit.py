"""Good bodies of the source ``reddit``."""

from __future__ import annotations

import json
from typing import Any

from tests.samples import sample

URL = "https://oauth.reddit.com/r/investing/new?limit=100&raw_json=1"


def post(**changes: Any) -> dict[str, Any]:
    """A post of 1 January 2024, 00:00 UTC; ``changes`` go into its data."""
    data = {
        "name": "t3_aaaaaa",
        "id": "aaaaaa",
        "subreddit": "investing",
        "title": "ACME & its debts",
        "selftext": "A text.",
        "author": "[deleted]",
        "created_utc": 1704067200.0,
        "edited": False,
        "permalink": "/r/investing/comments/aaaaaa/acme/",
        "url": "https://example.org/acme",
        "score": 14,
    }
    return {"kind": "t3", "data": {**data, **changes}}


def listing(*children: Any, after: str | None = None) -> dict[str, Any]:
    """A listing of children."""
    return {"kind": "Listing", "data": {"modhash": "", "children": list(children), "after": after, "before": None}}


SAMPLES = [
    sample("reddit", json.dumps(listing(post(), post(name="t3_b", selftext=""))).encode(), url=URL, stream="investing"),
    sample("reddit", json.dumps([listing(post()), listing()]).encode(), url=URL, stream="investing"),
]
