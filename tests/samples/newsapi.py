"""Good bodies of the source ``newsapi``."""

from __future__ import annotations

import json
from typing import Any

from tests.samples import sample

URL = "https://newsapi.org/v2/everything?q=acme&language=en&sortBy=publishedAt&pageSize=100"
ARTICLES: dict[str, Any] = {
    "status": "ok",
    "totalResults": 2,
    "articles": [
        {
            "source": {"id": None, "name": "A Wire"},
            "author": None,
            "title": "ACME misses a payment - A Wire",
            "description": "It did.",
            "url": "https://example.org/1",
            "urlToImage": None,
            "publishedAt": "2026-01-01T02:39:31Z",
            "content": "It did, and more… [+1234 chars]",
        },
        {
            "source": None,
            "title": "A second one",
            "description": None,
            "url": "https://example.org/2",
            "publishedAt": "2026-01-01T02:39:31Z",
        },
    ],
}
SAMPLES = [sample("newsapi", json.dumps(ARTICLES).encode(), url=URL, stream="acme")]
